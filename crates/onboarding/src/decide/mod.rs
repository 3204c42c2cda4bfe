//! The decision: a pure function of the onboarding and of what was learnt.
//!
//! Handlers ask the outside world and bring a [`Fact`]; [`Onboarding::decide`] says what is so from now on and what is
//! to be sent. A fact that is no news changes nothing, whatever the order or the number of times it comes; so does one
//! that cannot be acted on now. A fact that contradicts what the onboarding is bound to is a [`Contradiction`].

mod announce;
mod checks;
mod disks;
mod found;
mod grace;
mod keys;
mod leaving;
mod machines;
mod outage;
mod preflight;
mod replacement;
mod rotation;
mod set;
mod standstill;
mod undo;
mod watch;
mod windows;

pub use standstill::{Asked, RESTARTS};
pub use watch::Sight;

use azure_ids::TenantId;
use std::collections::BTreeMap;
use time::OffsetDateTime;

use crate::{
    About, Cause, Consent, Contradiction, Decision, Fact, NotNow, Onboarding, OnboardingId, Purchase, Set,
    Stage, Subject, SubscriptionStatus, blocker::Blockers, finding::Finding, grace::Grace, leaving::Why,
    outage::Outage, plan::NoPlan, taken::Taken,
};

/// A decision, or `None` for no news.
type Decided = Result<Option<Decision>, NoPlan>;

impl Onboarding {
    /// Opens an onboarding: its first journal entry.
    #[must_use]
    pub fn open(
        id: OnboardingId,
        tenant: TenantId,
        region: azure_ids::Region,
        purchase: Purchase,
        cause: Cause,
    ) -> Decision {
        let mut taken = Taken::default();
        taken.take(cause.event.clone(), 1, cause.now, 0);
        let onboarding = Self {
            id,
            number: 1,
            tenant,
            region,
            purchase,
            changed_at: None,
            opened_at: cause.now,
            consent: Consent::Pending,
            key: None,
            candidate: None,
            replacement: None,
            set: Set::None,
            rotation: None,
            reminder: None,
            disks: BTreeMap::new(),
            dropped: BTreeMap::new(),
            activated_at: None,
            blockers: Blockers::default(),
            set_failures: 0,
            stood_since: None,
            restarts: 0,
            grace: Grace::default(),
            leaving: None,
            window: None,
            outage: Outage::default(),
            taken,
        };
        let mut decision = Decision { onboarding, fact: Fact::Opened { tenant }, cause, messages: vec![] };
        if decision.onboarding.stage() != Stage::Ended {
            decision.block(Subject::Consent, Finding::ConsentMissing { tenant }, 0);
        }
        decision
    }

    /// Decides what is so from now on. `None`: the fact is no news, or nothing can be done about it now.
    ///
    /// # Errors
    /// When the fact contradicts what the onboarding is bound to.
    pub fn decide(&self, cause: Cause, fact: Fact) -> Result<Option<Decision>, Contradiction> {
        let runs_a_machine_again =
            self.owes_power() && matches!(fact, Fact::Machine { .. } | Fact::WindowDue);
        if self.stage() == Stage::Ended && !runs_a_machine_again {
            // Ended is final: what it used is given back, and late events change nothing.
            return Ok(None);
        }
        if self.leaving.is_some() && !runs_a_machine_again && !self.counts_while_leaving(&fact) {
            return Ok(None);
        }
        match self.decide_in_force(cause, fact) {
            Ok(decided) => Ok(decided.map(|mut decision| {
                self.recover_from_leaving(&mut decision);
                self.keep_ladder(&mut decision);
                self.keep_window(&mut decision);
                self.keep_outage(&mut decision);
                decision.announced_from(self)
            })),
            Err(NoPlan::NotNow(
                NotNow::NoProvenKey
                | NotNow::Suspended
                | NotNow::ServiceSuspended
                | NotNow::Leaving
                | NotNow::Ended,
            )) => Ok(None),
            Err(NoPlan::Contradiction(contradiction)) => Err(contradiction),
        }
    }

    fn decide_in_force(&self, cause: Cause, fact: Fact) -> Decided {
        match fact.clone() {
            Fact::Opened { .. } => Ok(None),
            Fact::ConsentProven { service_principal } => {
                Ok(self.consent_proven(cause, fact, service_principal))
            }
            Fact::KeyProven { proof } => self.key_proven(cause, fact, proof),
            Fact::Found { about, finding, token_of } => Ok(self.found(cause, fact, about, finding, token_of)),
            Fact::StepRefused { function, reason, about } => {
                Ok(self.step_refused(cause, fact, &function, reason, about))
            }
            Fact::StepDone { function, about } => Ok(self.step_done(cause, fact, &function, &about)),
            Fact::CheckDue { entry } => Ok(self.check_due(cause, fact, entry)),
            Fact::OperatorAsked => Ok(self.operator_asked(cause, fact)),
            Fact::StandsStill { entry } => Ok(self.stands_still(cause, fact, entry)),
            Fact::OldEvent => Ok(self.old_event(cause, fact)),
            Fact::Preflight { unfit } => self.preflight(cause, fact, &unfit),
            Fact::SetRequested { set, operation, look_after_ms } => {
                self.set_requested(cause, fact, set, operation, look_after_ms)
            }
            Fact::SetReady { set, disks } => self.set_ready(cause, fact, set, &disks),
            Fact::KeyLooked { newest, set } => Ok(self.key_looked(cause, fact, &newest, set.as_deref())),
            Fact::ReplacementAsked { proof, by } => self.replacement_asked(cause, fact, *proof, by),
            Fact::ReplacementAccepted { operation, look_after_ms } => {
                Ok(self.replacement_accepted(cause, fact, operation, look_after_ms))
            }
            Fact::KeyReplaced { set } => Ok(self.key_replaced(cause, fact, &set)),
            Fact::ReplacementFailed { finding } => Ok(self.replacement_failed(cause, fact, finding)),
            Fact::CandidateWithdrawn { key } => Ok(self.candidate_withdrawn(cause, fact, &key)),
            Fact::SetFailed { finding } => Ok(self.set_failed(cause, fact, finding)),
            Fact::SetGone { set, in_use } => Ok(self.set_gone(cause, fact, set, in_use)),
            Fact::DiskRequested { disk, look_after_ms } => {
                self.disk_requested(cause, fact, disk, look_after_ms)
            }
            Fact::DiskEncrypted { disk, set } => self.disk_encrypted(cause, fact, disk, &set),
            Fact::DiskDropped { disk, why } => self.disk_dropped(cause, fact, disk, why),
            Fact::Activated => self.activated(cause, fact),
            Fact::Subscription { status } => Ok(self.subscription_is(cause, fact, status, None)),
            Fact::SubscriptionChanged { status, at } => {
                Ok(self.subscription_is(cause, fact, status, Some(at)))
            }
            Fact::RungAnnounced { rung, due } => Ok(self.rung_announced(cause, fact, rung, due)),
            Fact::RungWithdrawn { rung } => Ok(self.rung_withdrawn(cause, fact, rung)),
            Fact::RungTaken { rung, machines } => Ok(self.rung_taken(cause, fact, rung, &machines)),
            Fact::MachinesDue => Ok(self.machines_due(cause, fact)),
            Fact::Machine { machine, step } => Ok(self.machine(cause, fact, machine, step)),
            Fact::WindowPlanned { window } => Ok(self.window_planned(cause, fact, &window)),
            Fact::WindowDue => Ok(self.window_due(cause, fact)),
            Fact::Frozen { reason } => Ok(self.frozen(cause, fact, reason)),
            Fact::Unfrozen => Ok(self.unfrozen(cause, fact)),
            Fact::MarkedAsTest => Ok(self.marked_as_test(cause, fact)),
            Fact::DrillStarted { drill } => Ok(self.drill_started(cause, fact, drill)),
            Fact::LeavingAsked { reason } => Ok(self.leaving_asked(cause, fact, reason)),
            Fact::Stays => Ok(self.stays(cause, fact)),
            Fact::LeavingApproved { who, plan } => Ok(self.leaving_approved(cause, fact, who, plan)),
            Fact::LeavingSwept { sweep, by_policy } => Ok(self.leaving_swept(cause, fact, sweep, by_policy)),
            Fact::DiskReturn { disk, step } => Ok(self.disk_return(cause, fact, disk, step)),
            Fact::SetRemoval { step } => Ok(self.set_removal(cause, fact, step)),
            Fact::AccessChecked { seen, give_up_at } => {
                Ok(self.access_checked(cause, fact, seen, give_up_at))
            }
            Fact::LettersChosen { letters, next } => Ok(self.letters_chosen(cause, fact, letters, next)),
            Fact::LettersReplayed { .. } => Ok(self.letters_replayed(cause, fact)),
        }
    }

    /// The next entry, before anything in it is changed: a function that gets on is not refused any more, and a window is as
    /// far as the time says.
    fn next(&self, cause: Cause, fact: Fact, about: &About) -> Decision {
        let mut onboarding = self.clone();
        onboarding.number += 1;
        (onboarding.stood_since, onboarding.restarts) = (None, 0);
        onboarding.taken.take(cause.event.clone(), onboarding.number, cause.now, onboarding.disks.len());
        onboarding.blockers.remove(&Subject::step(cause.function, about));
        if let Some(window) = &mut onboarding.window {
            window.phase = window.phase_at(cause.now);
        }
        Decision { onboarding, fact, cause, messages: vec![] }
    }

    fn activated(&self, cause: Cause, fact: Fact) -> Decided {
        if self.activated_at.is_some() {
            return Ok(None);
        }
        self.activation_plan()?;
        let mut decision = self.next(cause, fact, &About::Billing);
        decision.onboarding.blockers.remove(&Subject::Billing);
        decision.onboarding.activated_at = Some(decision.cause.now);
        decision.onboarding.purchase.status = SubscriptionStatus::Subscribed;
        Ok(Some(decision))
    }

    fn subscription_is(
        &self,
        cause: Cause,
        fact: Fact,
        status: SubscriptionStatus,
        changed_at: Option<OffsetDateTime>,
    ) -> Option<Decision> {
        // By a clock that is ahead of ours: what happens from now on until then would all be overtaken.
        let changed_at = changed_at.map(|at| at.min(cause.now));
        if self.purchase.status == status && changed_at <= self.changed_at {
            return None;
        }
        let was_suspended = self.purchase.status == SubscriptionStatus::Suspended;
        let mut decision = self.next(cause, fact, &About::Billing);
        decision.onboarding.purchase.status = status;
        decision.onboarding.changed_at = self.changed_at.max(changed_at);
        let held = self.leaving.as_ref().filter(|leaving| leaving.is_held());
        if held.is_some_and(|leaving| leaving.why == Why::Unsubscribed)
            && status != SubscriptionStatus::Unsubscribed
        {
            self.withdraw_leaving(&mut decision);
            return Some(decision);
        }
        match status {
            SubscriptionStatus::Unsubscribed if self.leaving.is_some() => {}
            SubscriptionStatus::Unsubscribed if self.has_something_to_leave() => {
                self.begin_leaving(&mut decision, Why::Unsubscribed);
            }
            SubscriptionStatus::Unsubscribed => decision.onboarding.blockers.clear(),
            SubscriptionStatus::Suspended => {}
            SubscriptionStatus::PendingFulfillmentStart | SubscriptionStatus::Subscribed => {
                if was_suspended && self.activated_at.is_none() && self.leaving.is_none() {
                    self.take_up(&mut decision, self.stands_at());
                }
            }
        }
        Some(decision)
    }
}

#[cfg(test)]
mod tests;
