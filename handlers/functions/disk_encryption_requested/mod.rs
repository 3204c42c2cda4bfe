//! Encrypts one managed disk under the onboarding's set, and reads it back.
//!
//! Reads the disk first: one that is encrypted already is done, one that ARM works on is looked at again later.
//! Changes the disk's encryption, once. Only what ARM says when the disk is read back counts as encrypted. Publishes
//! itself again for the look back, and [`ActivationRequested`](onboarding::event::ActivationRequested) after the last disk.

use azure_clients::{
    ArmError, ArmRefusal,
    compute::{Disk, EncryptionType, ProvisioningState},
};
use azure_ids::ArmId;
use onboarding::{
    DiskState, Fact, Illegal, ProvisionPlan, Set,
    event::DiskEncryptionRequested,
    finding::{Code, Finding},
};

use crate::{
    App,
    step::{Next, Step, StepError},
    systems::disk_encryption_set::{LOOK_AFTER, why_refused},
};

pub(crate) async fn handle(cx: Step<DiskEncryptionRequested>, app: App) -> Result<Next, StepError> {
    let DiskEncryptionRequested { disk } = cx.event.data.clone();
    let onboarding = cx.onboarding()?;
    let plan = match onboarding.provision_plan() {
        Ok(plan) => plan,
        Err(illegal) => return Next::without_plan(illegal),
    };
    let Set::Ready { set } = onboarding.set() else { return Err(Illegal::AnotherSet.into()) };
    let known = *onboarding.disks().get(&disk).ok_or(Illegal::UnknownDisk)?;
    let read = app.compute.disk(&disk).await?;
    let under_our_set = read.encryption.encryption_type == EncryptionType::CustomerKey
        && read.encryption.disk_encryption_set.as_ref() == Some(set);
    match &read.provisioning_state {
        ProvisioningState::Succeeded if under_our_set => {
            return cx.decide(Fact::DiskEncrypted { disk, set: set.clone() });
        }
        // A change before ours may have failed; it says nothing about this one.
        ProvisioningState::Succeeded | ProvisioningState::Failed => {}
        ProvisioningState::Updating | ProvisioningState::Other(_) | ProvisioningState::Unknown => {
            return Err(StepError::retry_after(Some(LOOK_AFTER), "ARM is still working on the disk"));
        }
    }
    let finding = match known {
        DiskState::Requested => Some(came_to_nothing(&disk)),
        DiskState::Found | DiskState::Encrypted => obstacle(&read, &disk),
    };
    match finding {
        Some(finding) => {
            cx.decide(Fact::Waiting { finding, key: None, disk: Some(disk), service_principal: None })
        }
        None => encrypt(&cx, &app, disk, set, &plan).await,
    }
}

async fn encrypt(
    cx: &Step<DiskEncryptionRequested>,
    app: &App,
    disk: ArmId,
    set: &ArmId,
    plan: &ProvisionPlan,
) -> Result<Next, StepError> {
    let finding = match app.compute.patch_disk_encryption(&disk, set).await {
        Ok(started) => {
            let after = started.retry_after.unwrap_or(LOOK_AFTER);
            let look_after_ms = u64::try_from(after.as_millis()).unwrap_or(u64::MAX);
            return cx.decide(Fact::DiskRequested { disk, look_after_ms });
        }
        Err(ArmError::Refused(ArmRefusal::Conflict { code, .. })) => Finding::new(
            Code::DiskAttached,
            format!("Azure does not change disk {} now ({code}).", disk.name()),
            &["Deallocate the machine that the disk is attached to.".to_owned()],
        ),
        Err(ArmError::Refused(
            ArmRefusal::KeyVaultAccessForbidden { .. } | ArmRefusal::KeyUnusable { .. },
        )) => {
            let finding = why_refused(app, plan).await;
            return cx.wait_or_retry(app, finding, true, None, Some(disk), None);
        }
        Err(error) => return Err(error.into()),
    };
    cx.decide(Fact::Waiting { finding, key: None, disk: Some(disk), service_principal: None })
}

fn came_to_nothing(disk: &ArmId) -> Finding {
    Finding::new(
        Code::DiskEncryptionFailed,
        format!("Azure took on the encryption of disk {}, and it came to nothing.", disk.name()),
        &["Look into the activity log of the disk; it is asked for again at the next check.".to_owned()],
    )
}

/// What keeps Azure from changing the disk; better known before it is asked.
fn obstacle(read: &Disk, disk: &ArmId) -> Option<Finding> {
    match &read.encryption.encryption_type {
        EncryptionType::PlatformKey => {}
        EncryptionType::CustomerKey | EncryptionType::PlatformAndCustomerKeys | EncryptionType::Other(_) => {
            return Some(Finding::new(
                Code::DiskUnderOtherSet,
                format!("Disk {} is already under another disk encryption set.", disk.name()),
                &["Move the disk back to platform keys, or take the tag latchkey-tenant off it.".to_owned()],
            ));
        }
    }
    // `Reserved` is attached to a deallocated machine, which is as good as unattached.
    let attached = read.state.as_deref().is_some_and(|state| state.eq_ignore_ascii_case("Attached"));
    attached.then(|| Finding::disk_attached(disk))
}
