//! The part of the decision that is about the disks under the set.

use std::time::Duration;

use azure_ids::ArmId;

use super::Decided;
use crate::{
    About, Cause, Contradiction, DiskState, DropReason, Fact, Onboarding, Set, Subject,
    event::{ActivationRequested, DiskEncryptionRequested, ProvisionStarted},
};

/// Azure's lists lag behind: at once they may still have what was dropped, round and round.
const LIST_AGAIN_AFTER: Duration = Duration::from_secs(5);

impl Onboarding {
    pub(super) fn disk_requested(
        &self,
        cause: Cause,
        fact: Fact,
        disk: ArmId,
        look_after_ms: u64,
    ) -> Decided {
        self.provision_plan()?;
        match self.disks.get(&disk) {
            None => return Err(Contradiction::UnknownDisk.into()),
            Some(DiskState::Found) => {}
            Some(DiskState::Requested | DiskState::Encrypted) => return Ok(None),
        }
        let mut decision = self.next(cause, fact, &About::Disk(disk.clone()));
        decision.onboarding.disks.insert(disk.clone(), DiskState::Requested);
        let target = format!("{disk} again");
        decision.send(&target, Some(Duration::from_millis(look_after_ms)), DiskEncryptionRequested { disk });
        Ok(Some(decision))
    }

    pub(super) fn disk_encrypted(&self, cause: Cause, fact: Fact, disk: ArmId, under: &ArmId) -> Decided {
        self.provision_plan()?;
        match &self.set {
            Set::Ready { set } if set == under => {}
            Set::Ready { .. } | Set::None | Set::Requested { .. } => {
                return Err(Contradiction::AnotherSet.into());
            }
        }
        match self.disks.get(&disk) {
            None => return Err(Contradiction::UnknownDisk.into()),
            Some(DiskState::Encrypted) => return Ok(None),
            Some(DiskState::Found | DiskState::Requested) => {}
        }
        let mut decision = self.next(cause, fact, &About::Disk(disk.clone()));
        decision.onboarding.disks.insert(disk.clone(), DiskState::Encrypted);
        decision.onboarding.blockers.remove(&Subject::Disk { disk });
        if decision.onboarding.all_disks_encrypted() && self.activated_at.is_none() {
            decision.send("", None, ActivationRequested {});
        }
        Ok(Some(decision))
    }

    /// What is not this customer's any more is neither encrypted nor billed. The disks are listed again: another may
    /// have come in its place, and if none has, the chain goes on with the others.
    pub(super) fn disk_dropped(&self, cause: Cause, fact: Fact, disk: ArmId, why: DropReason) -> Decided {
        self.provision_plan()?;
        let Set::Ready { set } = &self.set else { return Err(Contradiction::AnotherSet.into()) };
        match self.disks.get(&disk) {
            None if self.dropped.contains_key(&disk) => return Ok(None),
            None => return Err(Contradiction::UnknownDisk.into()),
            // What becomes of a disk after all is done is not decided here.
            Some(DiskState::Encrypted) if self.activated_at.is_some() => return Ok(None),
            Some(DiskState::Found | DiskState::Requested | DiskState::Encrypted) => {}
        }
        let mut decision = self.next(cause, fact, &About::Disk(disk.clone()));
        decision.onboarding.disks.remove(&disk);
        decision.onboarding.dropped.insert(disk.clone(), why);
        decision.onboarding.blockers.remove(&Subject::Disk { disk });
        decision.send("", Some(LIST_AGAIN_AFTER), ProvisionStarted { set: set.clone() });
        Ok(Some(decision))
    }

    pub(super) fn pending_disks(&self) -> impl Iterator<Item = ArmId> {
        let pending = self.disks.iter().filter(|(_, state)| **state != DiskState::Encrypted);
        pending.map(|(disk, _)| disk.clone())
    }
}
