//! The part of the decision that is about what is undone: disks, then the set and the claim of the key, then the proof that
//! our access is gone.

use std::time::Duration;

use azure_ids::ArmId;
use time::OffsetDateTime;

use crate::{
    About, Cause, Decision, Fact, Onboarding, Set, Subject,
    event::{AccessCheckRequested, DiskReturnRequested, SetRemovalRequested},
    finding::Finding,
    leaving::{Access, AccessSeen, GivenBack, RemovalStep, Removed, ReturnStep},
};

impl Onboarding {
    pub(super) fn disk_return(
        &self,
        cause: Cause,
        fact: Fact,
        disk: ArmId,
        step: ReturnStep,
    ) -> Option<Decision> {
        let state = *self.undoing(cause.now)?.disks.get(&disk)?;
        let subject = Subject::Disk { disk: disk.clone() };
        let known = self.blockers.get(&subject).map(|known| &known.finding);
        let is_news = match &step {
            ReturnStep::Requested { .. } => state == GivenBack::Waits,
            ReturnStep::Done | ReturnStep::Deleted => !state.is_done(),
            ReturnStep::Failed { finding } => {
                !state.is_done() && (state == GivenBack::Requested || known != Some(finding))
            }
        };
        if !is_news {
            return None;
        }
        let mut decision = self.next(cause, fact, &About::Disk(disk.clone()));
        let (state, look_after) = match step {
            ReturnStep::Requested { look_after_ms } => (GivenBack::Requested, Some(look_after_ms)),
            ReturnStep::Done => (GivenBack::Done, None),
            ReturnStep::Deleted => (GivenBack::Deleted, None),
            ReturnStep::Failed { finding } => {
                decision.undo()?.disks.insert(disk, GivenBack::Waits);
                decision.block(subject, finding, 0);
                return Some(decision);
            }
        };
        decision.undo()?.disks.insert(disk.clone(), state);
        decision.onboarding.blockers.remove(&subject);
        if let Some(look_after_ms) = look_after {
            let target = format!("{disk} again");
            decision.send(&target, Some(Duration::from_millis(look_after_ms)), DiskReturnRequested { disk });
        } else if decision.undo()?.pending_disks().next().is_none() {
            decision.send("", None, SetRemovalRequested {});
        }
        Some(decision)
    }

    /// With the set the key is used no more, and its claim ends.
    pub(super) fn set_removal(&self, cause: Cause, fact: Fact, step: RemovalStep) -> Option<Decision> {
        let undo = self.undoing(cause.now)?;
        if undo.pending_disks().next().is_some() {
            return None;
        }
        let known = self.blockers.get(&Subject::Set).map(|known| &known.finding);
        let is_news = match (&step, undo.set) {
            (_, Removed::Gone { .. }) => false,
            (RemovalStep::Requested { sweep, .. }, Removed::Waits) => {
                matches!(self.removal_of_set(sweep, cause.now), Some(Ok(_)))
            }
            (RemovalStep::Requested { .. }, Removed::Requested) => false,
            (RemovalStep::Gone, _) => true,
            (RemovalStep::Failed { .. }, Removed::Requested) => true,
            (RemovalStep::Failed { finding }, Removed::Waits) => known != Some(finding),
        };
        if !is_news {
            return None;
        }
        let mut decision = self.next(cause, fact, &About::Set);
        match step {
            RemovalStep::Requested { look_after_ms, .. } => {
                decision.undo()?.set = Removed::Requested;
                decision.onboarding.blockers.remove(&Subject::Set);
                let after = Some(Duration::from_millis(look_after_ms));
                decision.send("again", after, SetRemovalRequested {});
            }
            RemovalStep::Gone => {
                let at = decision.cause.now;
                decision.undo()?.set = Removed::Gone { at };
                decision.onboarding.set = Set::None;
                decision.onboarding.candidate = None;
                decision.onboarding.blockers.clear();
                decision.send("", None, AccessCheckRequested {});
            }
            RemovalStep::Failed { finding } => {
                decision.undo()?.set = Removed::Waits;
                decision.block(Subject::Set, finding, 0);
            }
        }
        Some(decision)
    }

    /// A refusal is the proof. Otherwise the customer is asked to take our access away, and is not waited for for ever.
    pub(super) fn access_checked(
        &self,
        cause: Cause,
        fact: Fact,
        seen: AccessSeen,
        give_up_at: OffsetDateTime,
    ) -> Option<Decision> {
        let leaving = self.leaving.as_ref().filter(|leaving| leaving.has_given_up_key())?;
        if leaving.is_over() {
            return None;
        }
        let at = cause.now;
        let access = match seen {
            AccessSeen::Refused { code } => Some(Access::Refused { at, code }),
            AccessSeen::Remains { .. } => (at >= give_up_at).then_some(Access::Remains { at }),
        };
        let finding = Finding::AccessRemains {
            service_principal: self.service_principal(),
            key: self.key.as_ref()?.version.without_version(),
        };
        let known = self.blockers.get(&Subject::Leaving).map(|known| &known.finding);
        if access.is_none() && known == Some(&finding) {
            return None;
        }
        let mut decision = self.next(cause, fact, &About::Leaving);
        if access.is_some() {
            decision.onboarding.blockers.clear();
            decision.undo()?.access = access;
        } else {
            decision.block(Subject::Leaving, finding, 0);
        }
        Some(decision)
    }
}
