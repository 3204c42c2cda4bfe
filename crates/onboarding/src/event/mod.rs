//! What travels on the queues: CloudEvents 1.0 in JSON, one struct a kind (`kinds`).
//!
//! The id of an event derives from the event that caused it, its kind and its target. A step that runs twice
//! therefore publishes the same ids, and Service Bus's duplicate detection drops the second copy.
//! Envelope: CloudEvents 1.0 JSON format; `traceparent` is its distributed tracing extension; `attempt`, `replayedat` and
//! `resumed` are our own. A kind's version is the last part of its type: a kind grows by optional fields, and what cannot
//! grow so gets a `.v2` beside it (docs/CONTRIBUTING.md).

mod alarm;
mod announced;
mod envelope;
mod kinds;

pub use alarm::{Alarm, AlarmCause};
pub(crate) use announced::{Announced, Details};
pub use announced::{Announcement, TOPIC};
pub use envelope::*;
pub use kinds::*;
