//! Entries as they are stored, format 1: types of their own, so that the domain can change and old entries stay readable.
//!
//! Golden files (`tests/golden/v1`) hold every fact, every finding and every state as this format writes them. A field
//! may be added if it has a default; everything else (a new variant, another meaning) is format 2, beside this one
//! (docs/CONTRIBUTING.md and decision 10).

mod fact;
mod finding;
mod grace;
mod leaving;
mod mirror;
mod outage;
mod replacement;
mod rotation;
mod state;
mod told;
mod told_finding;
mod told_leaving;
mod window;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::{
    OnboardingId,
    event::{EventId, Outgoing},
};
pub(crate) use fact::FactV1;
pub(crate) use state::StateV1;
pub use told::Chapter;
#[cfg(test)]
pub(crate) use {
    fact::AboutV1,
    finding::{FindingV1, PolicyV1, SetUpFaultV1},
    grace::{MachineStateV1, MachineStepV1, RungV1},
    leaving::{
        AccessSeenV1, AccessV1, GivenBackV1, RemovalStepV1, RemovedV1, ReturnStepV1, SetIsV1, UserKindV1,
        WhyV1,
    },
    state::{ConsentV1, DiskStateV1, DropReasonV1, SetV1, SubjectV1, SubscriptionStatusV1},
    window::{PhaseV1, ProgressV1},
};

/// The number of this format.
pub(crate) const FORMAT: u32 = 1;

/// One entry.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct EntryV1 {
    /// Always [`FORMAT`].
    pub(crate) format: u32,
    /// 1 for the first.
    pub(crate) number: u64,
    /// The onboarding.
    pub(crate) onboarding: OnboardingId,
    /// When the step decided.
    #[serde(with = "time::serde::rfc3339")]
    pub(crate) at: OffsetDateTime,
    /// The function that ran.
    pub(crate) function: String,
    /// The event that it ran on.
    pub(crate) event: EventId,
    /// What it learnt.
    pub(crate) fact: FactV1,
    /// What it published.
    pub(crate) messages: Vec<OutgoingV1>,
    /// SHA-256 of the bytes of the entry before, in hexadecimal; absent in the first.
    pub(crate) previous: Option<String>,
    /// What is so from then on.
    pub(crate) state: StateV1,
}

/// A message, exactly as it is sent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct OutgoingV1 {
    queue: String,
    message_id: String,
    #[serde(default, with = "time::serde::rfc3339::option", skip_serializing_if = "Option::is_none")]
    due: Option<OffsetDateTime>,
    event: serde_json::Value,
}

impl From<Outgoing> for OutgoingV1 {
    fn from(outgoing: Outgoing) -> Self {
        let Outgoing { queue, message_id, due, event } = outgoing;
        Self { queue, message_id, due, event }
    }
}

impl From<OutgoingV1> for Outgoing {
    fn from(stored: OutgoingV1) -> Self {
        let OutgoingV1 { queue, message_id, due, event } = stored;
        Self { queue, message_id, due, event }
    }
}
