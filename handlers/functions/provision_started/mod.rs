//! Follows the making of the disk encryption set, one look a message, and proves it when it is done.
//!
//! Reads the operation by its own address, verbatim, then the set, then the disks that are tagged as this customer's.
//! Changes nothing. While ARM still works, the same event goes out again for later. Publishes
//! [`DiskEncryptionRequested`](onboarding::event::DiskEncryptionRequested) for every disk.

use azure_clients::{
    ArmError, ArmRefusal,
    compute::{Disk, DiskEncryptionSet, EncryptionType, OperationState, OperationUrl, ProvisioningState},
};
use azure_ids::ArmId;
use onboarding::{
    Fact, Key, Onboarding, ProvisionPlan, Set,
    event::ProvisionStarted,
    finding::{Code, Finding},
};
use std::time::Duration;

use crate::{
    App,
    step::{Next, Step, StepError, chain_of},
    systems::disk_encryption_set::{LOOK_AFTER, is_ours, not_ours, why_refused},
};

/// The tag by which the vendor says whose disk it is.
const TENANT_TAG: &str = "latchkey-tenant";

pub(crate) async fn handle(cx: Step<ProvisionStarted>, app: App) -> Result<Next, StepError> {
    let ProvisionStarted { set } = cx.event.data.clone();
    let onboarding = cx.onboarding()?;
    let plan = match onboarding.provision_plan() {
        Ok(plan) => plan,
        Err(illegal) => return Next::without_plan(illegal),
    };
    if let Set::Requested { operation: Some(operation), .. } = onboarding.set()
        && let Some(next) = follow(&cx, &app, operation, &plan).await?
    {
        return Ok(next);
    }
    let made = match app.compute.disk_encryption_set(&set).await {
        Ok(made) => made,
        Err(ArmError::Refused(ArmRefusal::NotFound { .. })) => {
            return Err(StepError::retry("the disk encryption set cannot be read yet"));
        }
        Err(error) => return Err(error.into()),
    };
    if !is_ours(&made, onboarding) {
        return cx.decide(Fact::Waiting {
            finding: not_ours(&set),
            key: None,
            disk: None,
            service_principal: None,
        });
    }
    match made.provisioning_state {
        ProvisioningState::Succeeded => {}
        ProvisioningState::Failed => {
            return cx.decide(Fact::SetFailed { finding: provisioning_failed(&set, "Failed") });
        }
        ProvisioningState::Updating | ProvisioningState::Other(_) | ProvisioningState::Unknown => {
            return Err(still_making(None));
        }
    }
    check(&app, &made, onboarding)?;
    let disks = disks_of(&app, onboarding, &set).await?;
    cx.decide(Fact::SetReady { set, disks })
}

/// `None` when the operation is over and the set can be read.
async fn follow(
    cx: &Step<ProvisionStarted>,
    app: &App,
    operation: &str,
    plan: &ProvisionPlan,
) -> Result<Option<Next>, StepError> {
    let url: OperationUrl = operation.parse().map_err(|error| {
        StepError::refuse("Forbidden", format!("the operation's address is not one of ARM's: {error}"))
    })?;
    match app.compute.operation(&url).await {
        Ok(OperationState::Succeeded) => Ok(None),
        // ARM forgets operations after some days; the set itself tells the rest.
        Err(ArmError::Refused(ArmRefusal::NotFound { .. })) => Ok(None),
        Ok(OperationState::InProgress { retry_after }) => Err(still_making(retry_after)),
        Ok(OperationState::Failed(error)) => {
            let finding = match &error {
                ArmError::Refused(
                    ArmRefusal::KeyVaultAccessForbidden { .. } | ArmRefusal::KeyUnusable { .. },
                ) => why_refused(app, plan).await,
                ArmError::Refused(
                    ArmRefusal::NotFound { .. }
                    | ArmRefusal::Forbidden { .. }
                    | ArmRefusal::Conflict { .. }
                    | ArmRefusal::BadRequest { .. }
                    | ArmRefusal::TokenRefused { .. }
                    | ArmRefusal::BadId { .. },
                )
                | ArmError::Throttled { .. }
                | ArmError::Unavailable(_)
                | ArmError::Undecodable(_)
                | ArmError::Token(_) => provisioning_failed(&cx.event.data.set, &chain_of(&error)),
            };
            cx.decide(Fact::SetFailed { finding }).map(Some)
        }
        Ok(OperationState::Canceled) => {
            let finding = provisioning_failed(&cx.event.data.set, "Canceled");
            cx.decide(Fact::SetFailed { finding }).map(Some)
        }
        Err(error) => Err(error.into()),
    }
}

fn provisioning_failed(set: &ArmId, why: &str) -> Finding {
    Finding::new(
        Code::ProvisioningFailed,
        format!("Azure could not make the disk encryption set {}: {why}", set.name()),
        &["Look into the activity log of the resource group, mend it, and check again.".to_owned()],
    )
}

fn still_making(retry_after: Option<Duration>) -> StepError {
    StepError::retry_after(
        Some(retry_after.unwrap_or(LOOK_AFTER)),
        "ARM is still making the disk encryption set",
    )
}

/// Whether what ARM made is what was asked for. The key's version may differ: with rotation on it is Azure's to change.
fn check(app: &App, made: &DiskEncryptionSet, onboarding: &Onboarding) -> Result<(), StepError> {
    let wrong = |what: &str| {
        Err(StepError::refuse("SetDiffers", format!("the disk encryption set has another {what}")))
    };
    if made.federated_client_id != Some(app.settings.application_id) {
        return wrong("federatedClientId");
    }
    if !made.rotation_to_latest_key_version_enabled {
        return wrong("rotationToLatestKeyVersionEnabled");
    }
    if !made.user_assigned_identities.contains(&app.settings.managed_identity) {
        return wrong("identity");
    }
    if made.encryption_type != EncryptionType::CustomerKey {
        return wrong("encryptionType");
    }
    match (&made.active_key, onboarding.key()) {
        (Some(live), Key::Proven { proof }) if live.is_same_key(&proof.version) => Ok(()),
        _ => wrong("key"),
    }
}

/// The disks that are tagged as this customer's. One under another set belongs to another onboarding of the same
/// customer, which bought twice.
async fn disks_of(app: &App, onboarding: &Onboarding, set: &ArmId) -> Result<Vec<ArmId>, StepError> {
    let tenant = onboarding.tenant().to_string();
    let is_ours = |disk: &Disk| {
        let under_another = disk.encryption.disk_encryption_set.as_ref().is_some_and(|other| other != set);
        !under_another && disk.tags.get(TENANT_TAG).is_some_and(|value| value.eq_ignore_ascii_case(&tenant))
    };
    let all = app.compute.disks(app.settings.vendor_subscription, &app.settings.resource_group).await?;
    Ok(all.into_iter().filter(is_ours).map(|disk| disk.id).collect())
}
