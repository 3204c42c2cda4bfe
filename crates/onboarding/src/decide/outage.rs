//! The part of the decision that is about outages: when one begins and ends for an onboarding, and what of its dead letters
//! is sent again then.

use std::time::Duration;

use time::OffsetDateTime;

use crate::{
    About, Cause, Decision, Fact, Onboarding, Stage,
    event::ReplayDue,
    outage::{Outage, PAUSE_BETWEEN_LETTERS, Place, Replay},
};

impl Onboarding {
    /// What is sent again after the last outage, or is to be looked for.
    #[must_use]
    pub fn replay(&self) -> Option<&Replay> {
        self.outage.replay.as_ref()
    }

    /// A replay of which nothing was heard since this time, although something is left to do: its message was lost. One
    /// whose first look was lost is not known by this; what it would have found is a refused step, which names the vendor.
    #[must_use]
    pub fn lost_replay(&self, before: OffsetDateTime) -> Option<&Replay> {
        self.replay().filter(|replay| replay.entry != replay.recovery && replay.at < before)
    }

    /// What every decision means for an outage: whether it begins, or is over.
    pub(super) fn keep_outage(&self, decision: &mut Decision) {
        // Whoever leaves has nothing sent again.
        if decision.onboarding.stage() == Stage::Ended || decision.onboarding.leaving.is_some() {
            decision.onboarding.outage = Outage::default();
            return;
        }
        if let Some(since) = began(decision) {
            let outage = &mut decision.onboarding.outage;
            // What was not sent again by then died before this outage, and waits for its end.
            let before = outage.replay.take().map(|replay| replay.since);
            outage.since = outage.since.into_iter().chain(before).chain([since]).min();
            return;
        }
        let is_over = shows_an_answer(&decision.fact)
            && (!decision.onboarding.is_watched() || decision.onboarding.key_works());
        let Some(since) = decision.onboarding.outage.since.filter(|_| is_over) else { return };
        let (entry, now) = (decision.onboarding.number, decision.cause.now);
        let next = Some(Place::default());
        let replay = Replay { recovery: entry, entry, at: now, since, until: now, letters: vec![], next };
        decision.onboarding.outage = Outage { since: None, replay: Some(replay) };
        decision.send("", None, ReplayDue { entry });
    }

    /// These are sent again next; written down before it is done. That there are none at all is no news.
    pub(super) fn letters_chosen(
        &self,
        cause: Cause,
        fact: Fact,
        letters: Vec<String>,
        next: Option<Place>,
    ) -> Option<Decision> {
        let replay = self.replay()?;
        let there_are_none = letters.is_empty() && next.is_none() && replay.entry == replay.recovery;
        let is_looked_for = replay.letters.is_empty() && replay.next.is_some();
        (is_looked_for && !there_are_none)
            .then(|| self.replay_is(cause, fact, Replay { letters, next, ..replay.clone() }, None))
    }

    /// They were sent again.
    pub(super) fn letters_replayed(&self, cause: Cause, fact: Fact) -> Option<Decision> {
        let replay = self.replay().filter(|replay| !replay.letters.is_empty())?;
        let rest = Replay { letters: vec![], ..replay.clone() };
        Some(self.replay_is(cause, fact, rest, Some(PAUSE_BETWEEN_LETTERS)))
    }

    fn replay_is(&self, cause: Cause, fact: Fact, replay: Replay, after: Option<Duration>) -> Decision {
        let mut decision = self.next(cause, fact, &About::Consent);
        let (entry, at) = (decision.onboarding.number, decision.cause.now);
        let is_over = replay.letters.is_empty() && replay.next.is_none();
        decision.onboarding.outage.replay = (!is_over).then_some(Replay { entry, at, ..replay });
        if !is_over {
            decision.send("", after, ReplayDue { entry });
        }
        decision
    }
}

/// Since when something is out, when this decision says that something is.
fn began(decision: &Decision) -> Option<OffsetDateTime> {
    let onboarding = &decision.onboarding;
    let is_wrong = onboarding.is_watched() && !onboarding.key_works();
    let wrong = onboarding.wrong_with_key().filter(|_| is_wrong).map(|blocker| blocker.since);
    let refused = match &decision.fact {
        Fact::StepRefused { reason, .. } => reason.is_of_outage().then_some(decision.cause.now),
        _ => None,
    };
    wrong.into_iter().chain(refused).min()
}

/// Whether a fact shows that what is asked for this onboarding answers again. When something else is still out, what is
/// sent again dies once more, and waits for the next such fact.
fn shows_an_answer(fact: &Fact) -> bool {
    match fact {
        Fact::ConsentProven { .. }
        | Fact::KeyProven { .. }
        | Fact::StepDone { .. }
        | Fact::Preflight { .. }
        | Fact::SetRequested { .. }
        | Fact::SetReady { .. }
        | Fact::SetGone { .. }
        | Fact::KeyLooked { .. }
        | Fact::DiskRequested { .. }
        | Fact::DiskEncrypted { .. }
        | Fact::DiskDropped { .. }
        | Fact::Activated
        | Fact::Subscription { .. }
        | Fact::SubscriptionChanged { .. }
        | Fact::ReplacementAsked { .. }
        | Fact::ReplacementAccepted { .. }
        | Fact::KeyReplaced { .. }
        | Fact::LeavingSwept { .. }
        | Fact::DiskReturn { .. }
        | Fact::SetRemoval { .. }
        | Fact::Machine { .. } => true,
        Fact::Opened { .. }
        | Fact::Found { .. }
        | Fact::StepRefused { .. }
        | Fact::CheckDue { .. }
        | Fact::OperatorAsked
        | Fact::StandsStill { .. }
        | Fact::OldEvent
        | Fact::SetFailed { .. }
        | Fact::ReplacementFailed { .. }
        | Fact::CandidateWithdrawn { .. }
        | Fact::WindowPlanned { .. }
        | Fact::WindowDue
        | Fact::LeavingAsked { .. }
        | Fact::Stays
        | Fact::LeavingApproved { .. }
        | Fact::AccessChecked { .. }
        | Fact::RungAnnounced { .. }
        | Fact::RungWithdrawn { .. }
        | Fact::RungTaken { .. }
        | Fact::MachinesDue
        | Fact::Frozen { .. }
        | Fact::Unfrozen
        | Fact::MarkedAsTest
        | Fact::DrillStarted { .. }
        | Fact::LettersChosen { .. }
        | Fact::LettersReplayed { .. } => false,
    }
}
