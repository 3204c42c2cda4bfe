//! The part of the decision that is about what is looked at before the set is asked for.

use super::Decided;
use crate::{About, Cause, Fact, Onboarding, Set, Subject, event::ProvisionRequested, preflight::UnfitDisk};

impl Onboarding {
    /// Whether exactly this is known of the disks already.
    #[must_use]
    pub fn knows_unfit(&self, unfit: &[UnfitDisk]) -> bool {
        let known = self.blockers.iter().filter(|(subject, _)| matches!(subject, Subject::Disk { .. }));
        let is_known = |one: &UnfitDisk| {
            let subject = Subject::Disk { disk: one.disk.clone() };
            self.blockers.get(&subject).is_some_and(|known| known.finding == one.finding)
        };
        known.count() == unfit.len() && unfit.iter().all(is_known)
    }

    /// The disks that cannot be encrypted are named before anything is changed. They hold up no other disk: the set is asked
    /// for all the same. Nobody is billed until each is encrypted, or not this customer's any more.
    pub(super) fn preflight(&self, cause: Cause, fact: Fact, unfit: &[UnfitDisk]) -> Decided {
        self.provision_plan()?;
        if self.set != Set::None || self.knows_unfit(unfit) {
            return Ok(None);
        }
        let mut decision = self.next(cause, fact, &About::Set);
        decision.onboarding.blockers.retain(|subject, _| match subject {
            Subject::Disk { disk } => unfit.iter().any(|one| one.disk == *disk),
            _ => true,
        });
        for UnfitDisk { disk, finding } in unfit {
            let subject = Subject::Disk { disk: disk.clone() };
            if decision.onboarding.blockers.get(&subject).is_none_or(|known| known.finding != *finding) {
                decision.block(subject, finding.clone(), 0);
            }
        }
        decision.send("after the preflight", None, ProvisionRequested {});
        Ok(Some(decision))
    }
}
