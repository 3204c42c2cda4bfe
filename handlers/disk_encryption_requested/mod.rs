//! Encrypts one managed disk under the onboarding's set, and reads it back.
//!
//! Reads the disk first: one that is encrypted already is done, one that ARM works on is looked at again later.
//! Changes the disk's encryption, once. Only what ARM says when the disk is read back counts as encrypted. Publishes
//! itself again for the look back, and [`ActivationRequested`](onboarding::event::ActivationRequested) after the last disk.

use azure_clients::{
    ArmError,
    compute::{Disk, EncryptionType, ProvisioningState},
};
use azure_ids::ArmId;
use onboarding::{
    DiskState, Fact, Illegal, Set,
    event::DiskEncryptionRequested,
    finding::{Code, Finding},
};

use crate::{
    App,
    provision_requested::LOOK_AFTER,
    step::{Next, Step, StepError},
};

pub(crate) async fn handle(cx: Step<DiskEncryptionRequested>, app: App) -> Result<Next, StepError> {
    let DiskEncryptionRequested { disk } = cx.event.data.clone();
    let onboarding = cx.onboarding()?;
    match onboarding.provision_plan() {
        Ok(_) => {}
        Err(Illegal::Suspended) => return Ok(Next::NoNews("the subscription is suspended")),
        Err(Illegal::Ended) => return Ok(Next::NoNews("the subscription has ended")),
        Err(illegal) => return Err(illegal.into()),
    }
    let Set::Ready { set } = onboarding.set() else { return Err(Illegal::AnotherSet.into()) };
    let known = *onboarding.disks().get(&disk).ok_or(Illegal::UnknownDisk)?;
    let read = app.compute.disk(&disk).await?;
    if read.provisioning_state == ProvisioningState::Updating {
        return Err(StepError::retry_after(Some(LOOK_AFTER), "ARM is still working on the disk"));
    }
    if read.encryption.encryption_type == EncryptionType::CustomerKey
        && read.encryption.disk_encryption_set.as_ref() == Some(set)
    {
        return cx.decide(Fact::DiskEncrypted { disk, set: set.clone() });
    }
    if let Some(finding) = obstacle(&read, &disk) {
        return cx.decide(Fact::Waiting { finding, key: None });
    }
    encrypt(&cx, &app, disk, set, known).await
}

async fn encrypt(
    cx: &Step<DiskEncryptionRequested>,
    app: &App,
    disk: ArmId,
    set: &ArmId,
    known: DiskState,
) -> Result<Next, StepError> {
    let started = match app.compute.patch_disk_encryption(&disk, set).await {
        Ok(started) => started,
        Err(ArmError::Conflict { code, message }) => {
            let finding = Finding::new(
                Code::DiskAttached,
                format!("Azure does not change disk {} now ({code}): {message}", disk.name()),
                &["Deallocate the machine that the disk is attached to.".to_owned()],
            );
            return cx.decide(Fact::Waiting { finding, key: None });
        }
        Err(error) => return Err(error.into()),
    };
    let after = started.retry_after.unwrap_or(LOOK_AFTER);
    match known {
        DiskState::Found => {
            let look_after_ms = u64::try_from(after.as_millis()).unwrap_or(u64::MAX);
            cx.decide(Fact::DiskRequested { disk, look_after_ms })
        }
        // Asked for before, and it came to nothing: this event itself looks again.
        DiskState::Requested | DiskState::Encrypted => {
            Err(StepError::retry_after(Some(after), "the disk was asked for once more"))
        }
    }
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
