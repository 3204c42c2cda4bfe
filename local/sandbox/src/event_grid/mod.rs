//! Event Grid: what happens to the keys of a vault, told to a webhook.
//!
//! Event types: Microsoft Learn, "Azure Key Vault as Event Grid source". Nothing is told when a key is disabled or
//! deleted, a role removed, a firewall changed or a service principal deleted: there are no such events. Only versions
//! made after the subscription are told of ("Monitoring Key Vault with Event Grid"), their expiry included.
//!
//! Delivery: "Event Grid message delivery and retry". At least once, in no promised order, on the documented schedule
//! by the sandbox's own clock; moving the clock forward brings the next attempt. Our guess: no randomness is added to
//! the schedule, and nothing is skipped when an endpoint keeps failing.

mod delivery;
mod handshake;
mod observer;

pub(crate) use delivery::{next_due, take_note, watch};
pub(crate) use handshake::{confirm, shake_hands};
pub(crate) use observer::begin_to_watch;
