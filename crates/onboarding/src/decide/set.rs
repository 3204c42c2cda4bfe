//! The part of the decision that is about the disk encryption set.

use std::{collections::BTreeSet, time::Duration};

use azure_ids::ArmId;

use super::{Decided, checks::Look};
use crate::{
    About, Cause, Contradiction, Decision, DiskState, Fact, Onboarding, Set, Subject,
    event::{ActivationRequested, DiskEncryptionRequested, ProvisionStarted},
    finding::{Code, Finding},
};

impl Onboarding {
    pub(super) fn set_requested(
        &self,
        cause: Cause,
        fact: Fact,
        set: ArmId,
        operation: Option<String>,
        look_after_ms: u64,
    ) -> Decided {
        let plan = self.provision_plan()?;
        if !set.name().eq_ignore_ascii_case(plan.name()) {
            return Err(Contradiction::AnotherSet.into());
        }
        if self.set != Set::None {
            return Ok(None);
        }
        let mut decision = self.next(cause, fact, &About::Set);
        decision.onboarding.blockers.remove(&Subject::Set);
        decision.onboarding.set = Set::Requested { set: set.clone(), operation };
        decision.send("", Some(Duration::from_millis(look_after_ms)), ProvisionStarted { set });
        Ok(Some(decision))
    }

    pub(super) fn set_ready(&self, cause: Cause, fact: Fact, set: ArmId, disks: &[ArmId]) -> Decided {
        let plan = self.provision_plan()?;
        if !set.name().eq_ignore_ascii_case(plan.name()) {
            return Err(Contradiction::AnotherSet.into());
        }
        let new: Vec<&ArmId> = disks.iter().filter(|disk| !self.disks.contains_key(*disk)).collect();
        let no_disks = self.disks.is_empty() && new.is_empty();
        let finding = no_disks.then_some(Finding::NoDisks {
            tenant: self.tenant,
            subscription: Some(self.purchase.subscription),
        });
        let known = self.blockers.get(&Subject::Set).map(|known| &known.finding);
        // Of the disks that were there when the last was encrypted, one may have been dropped since.
        let is_done = new.is_empty() && self.stands_at() == BTreeSet::from([Look::Activation]);
        let goes_on = is_done && !self.dropped.is_empty() && !self.waits_for_somebody(&Look::Activation);
        if matches!(self.set, Set::Ready { .. }) && new.is_empty() && known == finding.as_ref() && !goes_on {
            return Ok(None);
        }
        let mut decision = self.next(cause, fact, &About::Set);
        decision.onboarding.set = Set::Ready { set };
        // Its disks waited for the set to come back: their messages are done with.
        let came_back = !self.disks.is_empty() && self.waits_for_set();
        if came_back {
            let waiting = decision.onboarding.stands_at();
            self.take_up(&mut decision, waiting);
        }
        match finding {
            Some(finding) => decision.block(Subject::Set, finding, 0),
            None => {
                decision.onboarding.blockers.remove(&Subject::Set);
            }
        }
        // What the preflight found of a disk that is not this customer's any more is nobody's turn.
        decision.onboarding.blockers.retain(|subject, _| match subject {
            Subject::Disk { disk } => self.disks.contains_key(disk) || disks.contains(disk),
            _ => true,
        });
        for disk in new {
            decision.onboarding.dropped.remove(disk);
            decision.onboarding.disks.insert(disk.clone(), DiskState::Found);
            decision.send(disk.as_str(), None, DiskEncryptionRequested { disk: disk.clone() });
        }
        if goes_on && !came_back {
            decision.send("", None, ActivationRequested {});
        }
        Ok(Some(decision))
    }

    /// The set was deleted. Azure deletes none that a disk uses, so it is made again: the check probes the key first.
    pub(super) fn set_gone(&self, cause: Cause, fact: Fact, set: ArmId, in_use: bool) -> Option<Decision> {
        match &self.set {
            Set::Requested { set: known, .. } | Set::Ready { set: known } if *known == set => {}
            Set::None | Set::Requested { .. } | Set::Ready { .. } => return None,
        }
        let finding = Finding::SetDeleted { set };
        // A set that was in service is not made again unasked: whose disks it protected has to be found out.
        let is_made_again = !in_use && self.activated_at.is_none();
        let is_known = self.blockers.get(&Subject::Set).is_some_and(|known| known.finding == finding);
        if is_known && !is_made_again {
            return None;
        }
        let mut decision = self.next(cause, fact, &About::Set);
        if is_made_again {
            let onboarding = &mut decision.onboarding;
            onboarding.set = Set::None;
            onboarding.rotation = None;
            onboarding.withdraw_proof();
            onboarding.set_failures = self.set_failures.saturating_add(1);
            onboarding.disks.values_mut().for_each(|state| *state = DiskState::Found);
            onboarding.blockers.retain(|subject, _| !matches!(subject, Subject::Disk { .. }));
        }
        decision.block(Subject::Set, finding, self.set_failures);
        Some(decision)
    }

    /// Whether disks wait for the set to be there, and as it was made.
    pub(super) fn waits_for_set(&self) -> bool {
        let found = self.blockers.get(&Subject::Set).map(|blocker| blocker.finding.code());
        matches!(self.set, Set::Requested { .. })
            || matches!(found, Some(Code::SetDeleted | Code::SetChanged | Code::SetNotOurs))
    }

    /// Back to a set that does not exist: the check probes the key first, and only then is it asked for again.
    pub(super) fn set_failed(&self, cause: Cause, fact: Fact, finding: Finding) -> Option<Decision> {
        if matches!(self.set, Set::Ready { .. }) {
            return None;
        }
        let mut decision = self.next(cause, fact, &About::Set);
        decision.onboarding.set = Set::None;
        decision.onboarding.withdraw_proof();
        decision.onboarding.set_failures = self.set_failures.saturating_add(1);
        let subject = finding.subject(&About::Set, None);
        decision.block(subject, finding, self.set_failures);
        Some(decision)
    }
}
