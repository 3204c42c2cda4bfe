//! Gives one disk of an onboarding that leaves back to a platform-managed key, and reads it back.
//!
//! Reads the disk first: one that is not under the set is done, one that was deleted too, one that ARM works on is looked
//! at again later. One that is attached to a running machine, or tagged for another purchase since, is left to the vendor. Changes
//! the disk's encryption, once. Only what ARM says when the disk is read back counts. Publishes itself again for that,
//! and [`SetRemovalRequested`](onboarding::event::SetRemovalRequested) after the last disk.

use azure_clients::{
    ArmError, ArmRefusal,
    compute::{Disk, ProvisioningState},
};
use onboarding::{
    Fact,
    event::DiskReturnRequested,
    finding::Finding,
    leaving::{DiskReturn, GivenBack, ReturnStep},
};

use crate::{
    App,
    step::{Next, Step, StepError},
    systems::{
        disk_encryption_set::LOOK_AFTER,
        disks::{is_gone, is_tagged_for_another},
        refusals::code_of,
    },
};

const ANOTHERS: &str = "it is tagged for another purchase";
const NOT_COMPLETED: &str = "accepted and not completed";

pub(crate) async fn handle(step: Step<DiskReturnRequested>, app: App) -> Result<Next, StepError> {
    let onboarding = step.onboarding()?;
    let (disk, now) = (&step.event.data.disk, step.now());
    let Some(act) = onboarding.return_of(disk, now) else {
        return Ok(Next::NoNews("the disk is not to be given back, or it is"));
    };
    let read = match app.compute.disk(act.disk()).await {
        Ok(read) => read,
        Err(error) if is_gone(&error) => return learns(&step, ReturnStep::Deleted),
        Err(error) => return Err(error.into()),
    };
    match read.provisioning_state {
        ProvisioningState::Succeeded | ProvisioningState::Failed => {}
        ProvisioningState::Updating | ProvisioningState::Other(_) | ProvisioningState::Unknown => {
            return Err(StepError::retry_after(Some(LOOK_AFTER), "ARM is still working on the disk"));
        }
    }
    if read.encryption.disk_encryption_set.as_ref() != Some(act.set()) {
        return learns(&step, ReturnStep::Done);
    }
    let was_requested =
        onboarding.undoing(now).and_then(|undo| undo.disks.get(disk)) == Some(&GivenBack::Requested);
    if was_requested {
        return not_done(&step, Some(NOT_COMPLETED.to_owned()));
    }
    if is_tagged_for_another(&read, onboarding) {
        return not_done(&step, Some(ANOTHERS.to_owned()));
    }
    if is_attached(&read) {
        return not_done(&step, None);
    }
    give_back(&step, &app, &act).await
}

async fn give_back(step: &Step<DiskReturnRequested>, app: &App, act: &DiskReturn) -> Result<Next, StepError> {
    match app.compute.return_disk_to_platform_key(act.disk()).await {
        Ok(accepted) => {
            let after = accepted.retry_after.unwrap_or(LOOK_AFTER);
            let look_after_ms = u64::try_from(after.as_millis()).unwrap_or(u64::MAX);
            learns(step, ReturnStep::Requested { look_after_ms })
        }
        Err(
            error @ ArmError::Refused(
                ArmRefusal::Conflict { .. }
                | ArmRefusal::BadRequest { .. }
                | ArmRefusal::Forbidden { .. }
                | ArmRefusal::KeyVaultAccessForbidden { .. }
                | ArmRefusal::KeyUnusable { .. },
            ),
        ) => not_done(step, Some(code_of(&error))),
        Err(error) => Err(error.into()),
    }
}

/// `Reserved` is attached to a deallocated machine, which is as good as unattached.
fn is_attached(read: &Disk) -> bool {
    read.state.as_deref().is_some_and(|state| state.eq_ignore_ascii_case("Attached"))
}

fn learns(step: &Step<DiskReturnRequested>, learnt: ReturnStep) -> Result<Next, StepError> {
    step.decide(Fact::DiskReturn { disk: step.event.data.disk.clone(), step: learnt })
}

fn not_done(step: &Step<DiskReturnRequested>, error: Option<String>) -> Result<Next, StepError> {
    let finding = Finding::DiskNotReturned { disk: step.event.data.disk.clone(), error };
    learns(step, ReturnStep::Failed { finding })
}
