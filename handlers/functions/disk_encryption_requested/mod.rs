//! Encrypts one managed disk under the onboarding's set, and reads it back.
//!
//! Reads the disk first: one that is encrypted already is done, one that ARM works on is looked at again later.
//! One that lost the purchase's tag is dropped: the same read that precedes the change says whose it is. One that was
//! deleted is dropped too. The set is read before the change: one that somebody changed or deleted is not used.
//! Changes the disk's encryption, once. Only what ARM says when the disk is read back counts as encrypted. Publishes
//! itself again for the look back, and [`ActivationRequested`](onboarding::event::ActivationRequested) after the last disk.

use azure_clients::{
    ArmError, ArmRefusal,
    compute::{Disk, EncryptionType, ProvisioningState},
};
use azure_ids::ArmId;
use onboarding::{
    Contradiction, DiskState, DropReason, Fact, Onboarding, ProvisionPlan, Set,
    event::DiskEncryptionRequested, finding::Finding, grace::HeldBy, preflight::limit_of,
};

use crate::{
    App,
    step::{Next, Step, StepError},
    systems::{
        disk_encryption_set::{self, LOOK_AFTER, why_refused},
        disks::{incremental_snapshots, is_gone, is_tagged_for, snapshots_of_the_estate, traits_of},
        machines::{self, Disks},
    },
};

pub(crate) async fn handle(step: Step<DiskEncryptionRequested>, app: App) -> Result<Next, StepError> {
    let DiskEncryptionRequested { disk } = step.event.data.clone();
    let onboarding = step.onboarding()?;
    let plan = onboarding.provision_plan()?;
    let Set::Ready { set } = onboarding.set() else {
        return Ok(Next::NoNews("the disk encryption set is not ready; its disks are taken up when it is"));
    };
    let Some(known) = onboarding.disks().get(&disk).copied() else {
        if onboarding.dropped().contains_key(&disk) {
            return Ok(Next::NoNews("the disk was dropped"));
        }
        return Err(Contradiction::UnknownDisk.into());
    };
    let read = match app.compute.disk(&disk).await {
        Ok(read) => read,
        Err(error) if is_gone(&error) => {
            return step.decide(Fact::DiskDropped { disk, why: DropReason::Deleted });
        }
        Err(error) => return Err(error.into()),
    };
    let under_our_set = read.encryption.encryption_type == EncryptionType::CustomerKey
        && read.encryption.disk_encryption_set.as_ref() == Some(set);
    if !is_tagged_for(&read, onboarding) {
        let why = match known {
            DiskState::Found if !under_our_set => DropReason::Retagged,
            DiskState::Found | DiskState::Requested | DiskState::Encrypted => DropReason::RetaggedLate,
        };
        return step.decide(Fact::DiskDropped { disk, why });
    }
    match &read.provisioning_state {
        ProvisioningState::Succeeded if under_our_set => {
            return step.decide(Fact::DiskEncrypted { disk, set: set.clone() });
        }
        // A change before ours may have failed; it says nothing about this one.
        ProvisioningState::Succeeded | ProvisioningState::Failed => {}
        ProvisioningState::Updating | ProvisioningState::Other(_) | ProvisioningState::Unknown => {
            return Err(StepError::retry_after(Some(LOOK_AFTER), "ARM is still working on the disk"));
        }
    }
    let finding = match known {
        DiskState::Requested => Some(Finding::DiskEncryptionFailed { disk: disk.clone() }),
        DiskState::Found | DiskState::Encrypted => obstacle(&read, onboarding),
    };
    match finding {
        Some(finding) => step.wait(finding, None),
        None if onboarding.is_held_back(&disk, step.now()) => {
            Ok(Next::NoNews("a window holds its machine, and is not at its disks"))
        }
        None => match shared_machine(&app, onboarding, &read).await? {
            Some(finding) => step.wait(finding, None),
            // Under another key, or under none, nothing may be put.
            None => match disk_encryption_set::obstacle(&step, &app, set).await? {
                Some(next) => Ok(next),
                None => encrypt(&step, &app, disk, set, &plan).await,
            },
        },
    }
}

/// A machine that a window stopped for this disk, and that has a disk of another customer: whose all its disks are is read
/// in the same breath as the change.
async fn shared_machine(
    app: &App,
    onboarding: &Onboarding,
    disk: &Disk,
) -> Result<Option<Finding>, StepError> {
    let in_window = |machine: &&ArmId| {
        onboarding.grace().machines.get(machine).is_some_and(|held| held.by == HeldBy::Window)
    };
    for machine in disk.machines.iter().filter(in_window) {
        let disks = app.compute.machine(machine).await?.disks;
        if let Disks::Shared(other) = machines::whose(app, onboarding, HeldBy::Window, &disks).await? {
            return Ok(Some(Finding::MachineShared { machine: machine.clone(), disk: other }));
        }
    }
    Ok(None)
}

async fn encrypt(
    step: &Step<DiskEncryptionRequested>,
    app: &App,
    disk: ArmId,
    set: &ArmId,
    plan: &ProvisionPlan,
) -> Result<Next, StepError> {
    match app.compute.patch_disk_encryption(&disk, set).await {
        Ok(started) => {
            let after = started.retry_after.unwrap_or(LOOK_AFTER);
            let look_after_ms = u64::try_from(after.as_millis()).unwrap_or(u64::MAX);
            step.decide(Fact::DiskRequested { disk, look_after_ms })
        }
        Err(ArmError::Refused(ArmRefusal::Conflict { code, .. })) => {
            step.wait(why_not_now(app, disk, code).await?, None)
        }
        Err(ArmError::Refused(ArmRefusal::BadRequest { code, .. })) => {
            step.wait(Finding::DiskRefused { disk, error: code }, None)
        }
        Err(ArmError::Refused(
            ArmRefusal::KeyVaultAccessForbidden { .. } | ArmRefusal::KeyUnusable { .. },
        )) => step.wait_or_retry(app, why_refused(app, plan).await, None),
        // What is not there was deleted a moment ago, disk or set: the next attempt reads both first, and tells.
        Err(error) => Err(error.into()),
    }
}

/// Azure's code is the same for a disk that is in use and for one that its incremental snapshots keep as it is.
async fn why_not_now(app: &App, disk: ArmId, code: String) -> Result<Finding, ArmError> {
    Ok(match incremental_snapshots(&disk, &snapshots_of_the_estate(app).await?) {
        0 => Finding::DiskAttached { disk, error: Some(code) },
        snapshots => Finding::DiskHasIncrementalSnapshots { disk, snapshots },
    })
}

/// What keeps Azure from changing the disk; better known before it is asked. Snapshots are looked for when Azure refused.
fn obstacle(read: &Disk, onboarding: &Onboarding) -> Option<Finding> {
    let disk = &read.id;
    match &read.encryption.encryption_type {
        EncryptionType::PlatformKey => {}
        EncryptionType::CustomerKey | EncryptionType::PlatformAndCustomerKeys | EncryptionType::Other(_) => {
            return Some(Finding::DiskUnderOtherSet { disk: disk.clone() });
        }
    }
    if let Some(finding) = limit_of(&traits_of(read, &[]), onboarding.region()) {
        return Some(finding);
    }
    // `Reserved` is attached to a deallocated machine, which is as good as unattached.
    let attached = read.state.as_deref().is_some_and(|state| state.eq_ignore_ascii_case("Attached"));
    attached.then(|| Finding::DiskAttached { disk: disk.clone(), error: None })
}
