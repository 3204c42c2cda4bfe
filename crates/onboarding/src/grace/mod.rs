//! The grace ladder: what is done, step by step, while a customer's key is revoked.
//!
//! A rung is announced before it is taken, and taken only after the notice. Here is what is remembered of it and what the
//! vendor set; [`Onboarding::next_move`](crate::Onboarding::next_move) says what is next and when, and the decision refuses
//! what was not announced. The time counts from the confirmed revocation. Time in which the key cannot be looked at does not count:
//! an outage neither advances the ladder nor starts it anew.

mod ladder;
mod machine;
mod rules;
mod rung;

use std::{collections::BTreeMap, time::Duration};

use azure_ids::ArmId;
use time::OffsetDateTime;

pub use ladder::{Announced, Ladder};
pub use machine::{HeldBy, HeldMachine, MachineState, MachineStep, Power};
pub use rules::{GracePolicy, GraceRules};
pub use rung::Rung;

/// What is so of one onboarding's ladder, and of what may stop it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Grace {
    /// The ladder, from a confirmed revocation until the key works again.
    pub ladder: Option<Ladder>,
    /// The machines that are being stopped, are stopped, or are being started again, by the ladder or in a window.
    pub machines: BTreeMap<ArmId, HeldMachine>,
    /// Set while the vendor's operator keeps the ladder from moving.
    pub frozen: Option<Freeze>,
    /// Whether the vendor's operator marked it as a test: only then a revocation may be rehearsed.
    pub is_test: bool,
    /// The rehearsal under way.
    pub drill: Option<Drill>,
}

/// The vendor's operator keeps the ladder from moving.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Freeze {
    /// Since when.
    pub since: OffsetDateTime,
    /// Why, in the operator's words.
    pub reason: Option<String>,
}

/// A rehearsed revocation: until its end, looks at the key answer that it is disabled. Nobody calls the vault for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Drill {
    /// When it began.
    pub since: OffsetDateTime,
    /// When looks ask the vault again.
    pub until: OffsetDateTime,
    /// The time between two rungs, in place of the settings' times.
    pub pace: Duration,
}

impl Drill {
    /// Whether looks at the key answer that it is disabled.
    #[must_use]
    pub fn pretends_at(&self, now: OffsetDateTime) -> bool {
        now < self.until
    }
}

impl Grace {
    /// Whether nothing is to be said or kept of it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// A rehearsal is over after its end, once neither a ladder nor a machine is left of it.
    pub(crate) fn drop_drill_at(&mut self, now: OffsetDateTime) {
        if self.ladder.is_none() && self.machines.is_empty() {
            self.drill = self.drill.filter(|drill| drill.pretends_at(now));
        }
    }

    /// Whether this rung was taken.
    #[must_use]
    pub fn has_taken(&self, rung: Rung) -> bool {
        self.ladder.as_ref().is_some_and(|ladder| ladder.taken.contains_key(&rung))
    }
}
