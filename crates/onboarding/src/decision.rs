//! What is so from now on, and what is to be sent: the only thing that a journal takes.

use azure_ids::{KeyUrl, TenantId};
use std::time::Duration;
use time::OffsetDateTime;

use crate::{
    Fact, Onboarding,
    event::{Event, EventData, EventId, Outgoing},
    finding::{Blocker, Code, Finding},
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

    pub(crate) fn blocked_by(mut self, finding: Finding) -> Self {
        let (number, now) = (self.state.number, self.cause.now);
        let since = match &self.state.blocker {
            Some(blocker) if blocker.finding.code == finding.code => blocker.since,
            _ => now,
        };
        // Only somebody's handing in a key can help here; to look by ourselves would find nothing new.
        let next_check = (finding.code != Code::KeyNotShared).then(|| now + self.cause.first_check);
        self.state.blocker = Some(Blocker { finding, since, checks: 0, entry: number, next_check });
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
