//! What is so from now on, and what is to be sent: the only thing that a journal takes.

use azure_ids::{ArmId, KeyUrl, TenantId};
use std::time::Duration;
use time::OffsetDateTime;

use crate::{
    Fact, Onboarding,
    event::{Event, EventData, EventId, Outgoing},
    finding::{Blocker, Finding},
};

/// Who asks for the decision, and when: everything that ids and times derive from.
#[derive(Debug, Clone)]
pub struct Cause {
    /// The event that the step runs on.
    pub event: EventId,
    /// The function that runs.
    pub function: &'static str,
    /// The time now.
    pub now: OffsetDateTime,
    /// The trace context to hand on.
    pub traceparent: Option<String>,
    /// The wait before the first check of a blocker; it doubles up to [`LONGEST_CHECK`].
    pub first_check: Duration,
    /// How long a refusal after a change counts as still spreading. What a check takes up again is as old as this, so
    /// that its step looks once and does not wait for anything to spread.
    pub spreading: Duration,
}

impl Cause {
    /// The wait before the next check, after so many that found nothing new.
    pub(crate) fn wait_before_check(&self, checks: u32) -> Duration {
        self.first_check.saturating_mul(1 << checks.min(20)).min(LONGEST_CHECK)
    }
}

/// The longest wait between two checks of the same blocker.
pub const LONGEST_CHECK: Duration = Duration::from_secs(6 * 3600);

/// What is so from now on, and what is to be sent. Only decisions can be appended to a journal.
#[derive(Debug, Clone)]
pub struct Decision {
    pub(crate) state: Onboarding,
    pub(crate) fact: Fact,
    pub(crate) cause: Cause,
    pub(crate) messages: Vec<Outgoing>,
}

impl Decision {
    /// The state from now on.
    #[must_use]
    pub fn state(&self) -> &Onboarding {
        &self.state
    }

    /// What is to be sent.
    #[must_use]
    pub fn messages(&self) -> &[Outgoing] {
        &self.messages
    }

    /// Sends this too.
    pub(crate) fn and<D: EventData>(mut self, target: &str, after: Option<Duration>, data: D) -> Self {
        let id = self.cause.event.derive(D::KIND, target);
        self.send_as(id, self.cause.now, after, data);
        self
    }

    pub(crate) fn send_as<D: EventData>(
        &mut self,
        id: EventId,
        time: OffsetDateTime,
        after: Option<Duration>,
        data: D,
    ) {
        let mut event = Event::new(id, self.cause.function, self.state.id, time, data);
        event.traceparent.clone_from(&self.cause.traceparent);
        self.messages.push(event.to_message(after.map(|after| self.cause.now + after)));
    }

    /// The time of what is taken up again: old enough that nothing counts as spreading any more, so that the step looks
    /// once and then waits.
    pub(crate) fn taken_up_at(&self) -> OffsetDateTime {
        self.cause.now - self.cause.spreading
    }

    /// Waits on somebody from now on. The same finding again keeps since when, and how often it was looked at.
    pub(crate) fn blocked_by(mut self, finding: Finding, disk: Option<ArmId>, checks: u32) -> Self {
        let (number, now) = (self.state.number, self.cause.now);
        let (since, checks) = match &self.state.blocker {
            Some(known) if known.finding.code == finding.code && known.disk == disk => {
                (known.since, known.checks.max(checks))
            }
            _ => (now, checks),
        };
        let next_check =
            finding.code.is_looked_at_again().then(|| now + self.cause.wait_before_check(checks));
        self.state.blocker = Some(Blocker { finding, disk, since, checks, entry: number, next_check });
        self
    }
}

/// Everything needed to make the disk encryption set; only a proven key of the bound tenant leads to one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProvisionPlan {
    pub(crate) tenant: TenantId,
    pub(crate) key: KeyUrl,
    pub(crate) name: String,
}

impl ProvisionPlan {
    /// The customer's tenant.
    #[must_use]
    pub fn tenant(&self) -> TenantId {
        self.tenant
    }

    /// The key, with the version that was proven.
    #[must_use]
    pub fn key(&self) -> &KeyUrl {
        &self.key
    }

    /// The set's name: always the same for the same onboarding.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}
