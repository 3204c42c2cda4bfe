//! The part of the decision that is about leaving: when it begins, what withdraws it, and when something may be undone.

use std::collections::BTreeMap;

use super::checks::Look;
use crate::{
    About, Cause, Decision, Fact, Onboarding, Set, Subject, SubscriptionStatus,
    event::{AccessCheckRequested, DiskReturnRequested, LeavingDue, SetRemovalRequested},
    finding::{Finding, KeyIs},
    grace::Rung,
    leaving::{Approval, GivenBack, Leaving, Plan, Removed, SetIs, Sweep, Undo, Why},
};

impl Onboarding {
    /// How it leaves or has left.
    #[must_use]
    pub fn leaving(&self) -> Option<&Leaving> {
        self.leaving.as_ref()
    }

    /// Whether there is something to undo: a set, or a key that was proven and is claimed. Where there is nothing, the end
    /// of the subscription is the end.
    #[must_use]
    pub fn has_something_to_leave(&self) -> bool {
        self.set != Set::None || self.key.is_some()
    }

    /// Whether it leaves, and nothing was undone yet.
    #[must_use]
    pub fn is_held(&self) -> bool {
        self.leaving.as_ref().is_some_and(Leaving::is_held)
    }

    pub(super) fn leaving_asked(&self, cause: Cause, fact: Fact, reason: String) -> Option<Decision> {
        if self.leaving.is_some() || !self.has_something_to_leave() {
            return None;
        }
        let mut decision = self.next(cause, fact, &About::Leaving);
        self.begin_leaving(&mut decision, Why::VendorAsks { reason });
        Some(decision)
    }

    /// The vendor withdraws what the vendor or the ladder began. What ended with the subscription begins again only with
    /// the subscription.
    pub(super) fn stays(&self, cause: Cause, fact: Fact) -> Option<Decision> {
        if !self.is_held() || self.purchase.status == SubscriptionStatus::Unsubscribed {
            return None;
        }
        let mut decision = self.next(cause, fact, &About::Leaving);
        self.withdraw_leaving(&mut decision);
        Some(decision)
    }

    /// A person approves the plan that this entry has, and no other.
    pub(super) fn leaving_approved(
        &self,
        cause: Cause,
        fact: Fact,
        who: String,
        plan: u64,
    ) -> Option<Decision> {
        let leaving = self.leaving.as_ref().filter(|leaving| leaving.is_held())?;
        if leaving.approval.is_some() || leaving.plan.as_ref()?.entry != plan {
            return None;
        }
        let mut decision = self.next(cause, fact, &About::Leaving);
        decision.onboarding.blockers.remove(&Subject::Leaving);
        let approval = Approval { who: Some(who), at: decision.cause.now };
        decision.leaving()?.approval = Some(approval);
        decision.send("", None, LeavingDue {});
        Some(decision)
    }

    /// What uses the set was looked at. It is the plan; and when the hold is over and the plan approved, undoing begins.
    pub(super) fn leaving_swept(
        &self,
        cause: Cause,
        fact: Fact,
        sweep: Sweep,
        by_policy: bool,
    ) -> Option<Decision> {
        let leaving = self.leaving.as_ref().filter(|leaving| leaving.is_held())?;
        if self.set == Set::None && sweep.set_is == SetIs::NotThere {
            return Some(self.nothing_to_undo(cause, fact));
        }
        let is_due = cause.now >= leaving.hold_until && self.grace.frozen.is_none();
        let is_approved = by_policy || leaving.is_approved_for(&sweep);
        let is_known = leaving.plan.as_ref().is_some_and(|plan| plan.sweep.is_same_as(&sweep));
        let held_up = self.held_up_by(&sweep);
        let blocks = match held_up {
            Some(finding) => Some(finding),
            None if is_due && !is_approved => Some(Finding::LeavingNotApproved),
            None => None,
        };
        let begins = is_due && is_approved && blocks.is_none();
        let blocker = self.blockers.get(&Subject::Leaving).map(|known| &known.finding);
        if is_known && !begins && blocker == blocks.as_ref() {
            return None;
        }
        let mut decision = self.next(cause, fact, &About::Leaving);
        let (entry, now) = (decision.onboarding.number, decision.cause.now);
        match blocks {
            Some(finding) => decision.block(Subject::Leaving, finding, 0),
            None => {
                decision.onboarding.blockers.remove(&Subject::Leaving);
            }
        }
        let changed = decision.leaving()?;
        if !is_known {
            if !leaving.is_approved_for(&sweep) {
                changed.approval = None;
            }
            changed.plan = Some(Plan { entry, sweep: sweep.clone() });
        }
        if begins {
            changed.approval.get_or_insert(Approval { who: None, at: now });
            let disks = sweep.given_back().map(|user| (user.id.clone(), GivenBack::Waits)).collect();
            changed.undo = Some(Undo { since: now, disks, set: Removed::Waits, access: None });
            decision.send_undo();
        }
        Some(decision)
    }

    /// There never was a set: only the claim of the key ends, and that holds no data and needs nobody's approval.
    fn nothing_to_undo(&self, cause: Cause, fact: Fact) -> Decision {
        let mut decision = self.next(cause, fact, &About::Leaving);
        let at = decision.cause.now;
        decision.onboarding.candidate = None;
        decision.onboarding.blockers.clear();
        if let Some(leaving) = decision.leaving() {
            leaving.undo =
                Some(Undo { since: at, disks: BTreeMap::new(), set: Removed::Gone { at }, access: None });
        }
        decision.send("", None, AccessCheckRequested {});
        decision
    }

    /// Nothing is undone before the hold is over. What was found wrong counts no more, except what is wrong with the key:
    /// the disks are still encrypted with it.
    pub(super) fn begin_leaving(&self, decision: &mut Decision, why: Why) {
        let (since, hold) = (decision.cause.now, decision.cause.hold);
        let hold_until = since + hold;
        let leaving = Leaving { why, since, hold_until, plan: None, approval: None, undo: None };
        let onboarding = &mut decision.onboarding;
        onboarding.blockers.retain(|subject, _| self.is_watched_for(subject));
        if let Some(ladder) = &mut onboarding.grace.ladder {
            ladder.announced = None;
        }
        onboarding.leaving = Some(leaving);
        decision.send("", None, LeavingDue {});
    }

    /// Everything is as before, and goes on where it stood.
    pub(super) fn withdraw_leaving(&self, decision: &mut Decision) {
        let onboarding = &mut decision.onboarding;
        onboarding.leaving = None;
        onboarding.blockers.remove(&Subject::Leaving);
        if let Some(ladder) = &mut onboarding.grace.ladder {
            // It would be announced again, and taken after its whole notice.
            ladder.taken.remove(&Rung::Offboard);
        }
        let looks = onboarding.stands_at();
        self.take_up(decision, looks);
    }

    /// The key works again: what the ladder began is withdrawn, as long as nothing was undone.
    pub(super) fn recover_from_leaving(&self, decision: &mut Decision) {
        let began_with_ladder =
            decision.onboarding.leaving.as_ref().is_some_and(|leaving| leaving.why == Why::KeyRevoked);
        let works = matches!(decision.fact, Fact::KeyProven { .. })
            && decision.onboarding.key_is() == KeyIs::NotMeant;
        if began_with_ladder && works && decision.onboarding.is_held() {
            self.withdraw_leaving(decision);
        }
    }

    /// Whether this fact says something to an onboarding that leaves: the chain does not go on, and of the key only what
    /// is seen as long as a set uses it.
    pub(super) fn counts_while_leaving(&self, fact: &Fact) -> bool {
        match fact {
            Fact::Opened { .. }
            | Fact::ConsentProven { .. }
            | Fact::Preflight { .. }
            | Fact::SetRequested { .. }
            | Fact::SetReady { .. }
            | Fact::SetFailed { .. }
            | Fact::SetGone { .. }
            | Fact::DiskRequested { .. }
            | Fact::DiskEncrypted { .. }
            | Fact::DiskDropped { .. }
            | Fact::Activated
            | Fact::RungAnnounced { .. }
            | Fact::RungWithdrawn { .. }
            | Fact::RungTaken { .. }
            | Fact::DrillStarted { .. }
            | Fact::ReplacementAsked { .. }
            | Fact::ReplacementAccepted { .. }
            | Fact::CandidateWithdrawn { .. }
            | Fact::WindowPlanned { .. }
            | Fact::LettersChosen { .. }
            | Fact::LettersReplayed { .. } => false,
            Fact::KeyProven { proof } => {
                let used = self.key.as_ref().filter(|_| self.set != Set::None);
                used.is_some_and(|used| used.version.is_same_key(&proof.version))
            }
            Fact::Found { about, .. } => match about {
                About::Consent | About::Key(_) | About::Rotation => self.set != Set::None,
                About::Set | About::Disk(_) | About::Machine(_) | About::Billing => false,
                About::Leaving => true,
            },
            Fact::KeyLooked { .. } => self.set != Set::None,
            _ => true,
        }
    }

    /// Where leaving stands: what takes it on. During the hold, only a reminder does.
    pub(super) fn leaving_stands_at(&self, leaving: &Leaving) -> Vec<Look> {
        let Some(undo) = &leaving.undo else { return vec![Look::Leaving] };
        let pending: Vec<Look> = undo.pending_disks().cloned().map(Look::DiskReturn).collect();
        match undo.set {
            _ if !pending.is_empty() => pending,
            Removed::Waits | Removed::Requested => vec![Look::SetRemoval],
            Removed::Gone { .. } => vec![Look::Access],
        }
    }
}

impl Decision {
    pub(super) fn leaving(&mut self) -> Option<&mut Leaving> {
        self.onboarding.leaving.as_mut()
    }

    pub(super) fn undo(&mut self) -> Option<&mut Undo> {
        self.leaving()?.undo.as_mut()
    }

    /// Has the disks given back; and when there are none any more, the set removed.
    pub(super) fn send_undo(&mut self) {
        let undo = self.onboarding.leaving.as_ref().and_then(|leaving| leaving.undo.as_ref());
        let disks: Vec<_> = undo.into_iter().flat_map(Undo::pending_disks).cloned().collect();
        if disks.is_empty() {
            self.send("", None, SetRemovalRequested {});
        }
        for disk in disks {
            self.send(disk.clone().as_str(), None, DiskReturnRequested { disk });
        }
    }
}
