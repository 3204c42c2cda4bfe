//! The machines that use a customer's disks, and whose their disks are.

use std::collections::BTreeSet;

use azure_clients::{
    ArmError, ArmRefusal,
    compute::{Disk, ProvisioningState},
};
use azure_ids::ArmId;
use onboarding::{DiskState, Onboarding, Set, grace::HeldBy};

use super::disks::{is_tagged_for, is_tagged_for_another};
use crate::{App, step::StepError};

/// Every machine that has one of the customer's disks, as Azure says now.
pub(crate) async fn of(app: &App, onboarding: &Onboarding) -> Result<Vec<ArmId>, StepError> {
    let mut machines = BTreeSet::new();
    let encrypted = onboarding.disks().iter().filter(|(_, state)| **state == DiskState::Encrypted);
    for (disk, _) in encrypted {
        match app.compute.disk(disk).await {
            Ok(read) if is_ours(&read, onboarding) => machines.extend(read.machines),
            // What was given to somebody else, or deleted, stops nobody's machine.
            Ok(_) | Err(ArmError::Refused(ArmRefusal::NotFound { .. })) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(machines.into_iter().collect())
}

/// Whose the disks of a machine are.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Disks {
    /// At least one is this customer's, and none is another's.
    Ours,
    /// This one is another customer's.
    Shared(ArmId),
    /// None is this customer's.
    NotOurs,
}

/// Whose these disks are, as Azure says now. The ladder stops machines for disks under the customer's key, a window for
/// disks that are to come under it.
pub(crate) async fn whose(
    app: &App,
    onboarding: &Onboarding,
    by: HeldBy,
    disks: &[ArmId],
) -> Result<Disks, ArmError> {
    let mut ours = false;
    for disk in disks {
        let read = app.compute.disk(disk).await?;
        if is_anothers(&read, onboarding) {
            return Ok(Disks::Shared(read.id));
        }
        ours |= match by {
            HeldBy::Ladder => is_ours(&read, onboarding),
            HeldBy::Window => is_tagged_for(&read, onboarding),
        };
    }
    Ok(if ours { Disks::Ours } else { Disks::NotOurs })
}

/// Whether Azure is still changing one of these disks.
pub(crate) async fn are_changing(app: &App, disks: &[ArmId]) -> Result<bool, ArmError> {
    for disk in disks {
        let read = app.compute.disk(disk).await?;
        if !matches!(read.provisioning_state, ProvisioningState::Succeeded | ProvisioningState::Failed) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Tagged for this customer, and encrypted under the set of this onboarding.
fn is_ours(disk: &Disk, onboarding: &Onboarding) -> bool {
    let Set::Ready { set } = onboarding.set() else { return false };
    is_tagged_for(disk, onboarding) && disk.encryption.disk_encryption_set.as_ref() == Some(set)
}

/// Tagged for another customer, or encrypted under the set of another onboarding. A disk that is neither is the vendor's
/// own, such as the one with the operating system.
pub(crate) fn is_anothers(disk: &Disk, onboarding: &Onboarding) -> bool {
    let Set::Ready { set } = onboarding.set() else { return true };
    let under = disk.encryption.disk_encryption_set.as_ref();
    is_tagged_for_another(disk, onboarding)
        || under
            .is_some_and(|under| under != set && under.name().to_ascii_lowercase().starts_with("latchkey-"))
}
