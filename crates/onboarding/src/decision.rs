//! What is so from now on, and what is to be sent: the only thing that a journal takes.

use std::time::Duration;
use time::OffsetDateTime;

use crate::{
    Fact, Onboarding, Subject,
    blocker::Blocker,
    event::{Event, EventData, EventId, Outgoing},
    finding::Finding,
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
    /// How long nothing is undone of an onboarding that is to leave.
    pub hold: Duration,
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
    pub(crate) onboarding: Onboarding,
    pub(crate) fact: Fact,
    pub(crate) cause: Cause,
    pub(crate) messages: Vec<Outgoing>,
}

impl Decision {
    /// What is so from now on.
    #[must_use]
    pub fn onboarding(&self) -> &Onboarding {
        &self.onboarding
    }

    /// What was learnt.
    #[must_use]
    pub fn fact(&self) -> &Fact {
        &self.fact
    }

    /// What is to be sent.
    #[must_use]
    pub fn messages(&self) -> &[Outgoing] {
        &self.messages
    }

    /// Sends this too, now or later.
    pub(crate) fn send<D: EventData>(&mut self, target: &str, after: Option<Duration>, data: D) {
        let event = self.event(target, data);
        self.messages.push(event.to_message(after.map(|after| self.cause.now + after)));
    }

    /// Sends this too: it takes up again what had stopped.
    pub(crate) fn send_resumed<D: EventData>(&mut self, target: &str, data: D) {
        let mut event = self.event(target, data);
        event.resumed = true;
        self.messages.push(event.to_message(None));
    }

    fn event<D: EventData>(&self, target: &str, data: D) -> Event<D> {
        let id = self.cause.event.derive(D::KIND, target);
        let mut event = Event::new(id, self.cause.function, self.onboarding.id, self.cause.now, data);
        event.traceparent.clone_from(&self.cause.traceparent);
        event
    }

    /// Waits on somebody from now on. The same finding again keeps since when, and how often it was looked at.
    pub(crate) fn block(&mut self, subject: Subject, finding: Finding, checks: u32) {
        let (entry, now) = (self.onboarding.number, self.cause.now);
        let (since, checks) = match self.onboarding.blockers.get(&subject) {
            Some(known) if known.finding.code() == finding.code() => (known.since, known.checks.max(checks)),
            _ => (now, checks),
        };
        // What is watched is looked at all the time.
        let is_checked = finding.code().is_looked_at_again() && !self.onboarding.is_watched_for(&subject);
        let next_check = is_checked.then(|| now + self.cause.wait_before_check(checks));
        self.onboarding.blockers.set(subject, Blocker { finding, since, checks, entry, next_check });
    }
}
