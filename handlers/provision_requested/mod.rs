//! Asks ARM for the disk encryption set, or adopts the one that an earlier run asked for.
//!
//! Reads the set first. Changes: makes the set, under a name that derives from the onboarding, with the proven version
//! of the key, the multi-tenant application's id and the managed identity; rotation is on, so the live key URL belongs
//! to Azure from then on and is never put back. ARM itself exchanges, reads, wraps and unwraps before it answers.
//! Publishes [`ProvisionStarted`](onboarding::event::ProvisionStarted), due when ARM wants to be asked.

use azure_clients::{
    ArmError, ArmRefusal,
    compute::{DiskEncryptionSet, NewDiskEncryptionSet, ProvisioningState},
};
use azure_ids::ArmId;
use onboarding::{
    Fact, Onboarding, ProvisionPlan, Set,
    event::ProvisionRequested,
    finding::{Code, Finding},
};
use std::{collections::BTreeMap, time::Duration};

use crate::{
    App,
    refusals::{Refusal, of_entra},
    step::{Next, Step, StepError},
};

/// The tag that says whose set it is.
pub(crate) const OWNER_TAG: &str = "latchkey-onboarding";

/// ARM sends no Retry-After for disk encryption sets, which are done within seconds.
pub(crate) const LOOK_AFTER: Duration = Duration::from_secs(2);

pub(crate) async fn handle(cx: Step<ProvisionRequested>, app: App) -> Result<Next, StepError> {
    let onboarding = cx.onboarding()?;
    if *onboarding.set() != Set::None {
        return Ok(Next::NoNews("asked for before"));
    }
    let plan = match onboarding.provision_plan() {
        Ok(plan) => plan,
        Err(illegal) => return Next::without_plan(illegal),
    };
    let set = set_id(&app, &plan)?;
    match app.compute.disk_encryption_set(&set).await {
        Ok(existing) if is_ours(&existing, onboarding) && may_be_adopted(&existing, &plan) => {
            cx.decide(requested(set, None, LOOK_AFTER))
        }
        Ok(existing) if !is_ours(&existing, onboarding) => cx.decide(Fact::Waiting {
            finding: not_ours(&set),
            key: None,
            disk: None,
            service_principal: None,
        }),
        Ok(_) | Err(ArmError::Refused(ArmRefusal::NotFound { .. })) => ask_for(&cx, &app, &plan, set).await,
        Err(error) => Err(error.into()),
    }
}

async fn ask_for(
    cx: &Step<ProvisionRequested>,
    app: &App,
    plan: &ProvisionPlan,
    set: ArmId,
) -> Result<Next, StepError> {
    let settings = &app.settings;
    let new = NewDiskEncryptionSet::new(
        settings.region.clone(),
        settings.managed_identity.clone(),
        settings.application_id,
        plan.key().clone(),
    )
    .map_err(|error| StepError::refuse("Illegal", error.to_string()))?
    .with_tags(BTreeMap::from([(OWNER_TAG.to_owned(), cx.event.subject.to_string())]));
    match app.compute.put_disk_encryption_set(&set, &new).await {
        Ok(started) => {
            let look_after = started.retry_after.unwrap_or(LOOK_AFTER);
            cx.decide(requested(set, started.operation.map(|url| url.as_str().to_owned()), look_after))
        }
        Err(ArmError::Refused(ArmRefusal::KeyVaultAccessForbidden { .. }))
            if cx.age() < app.settings.spreading =>
        {
            Err(StepError::retry(
                "the disk service may not use the key yet; the grant may still be spreading",
            ))
        }
        Err(ArmError::Refused(
            ArmRefusal::KeyVaultAccessForbidden { .. } | ArmRefusal::KeyUnusable { .. },
        )) => cx.decide(Fact::SetFailed { finding: why_refused(app, plan).await }),
        Err(error) => Err(error.into()),
    }
}

fn requested(set: ArmId, operation: Option<String>, look_after: Duration) -> Fact {
    Fact::SetRequested {
        set,
        operation,
        look_after_ms: u64::try_from(look_after.as_millis()).unwrap_or(u64::MAX),
    }
}

/// The set's ARM id, in the vendor's subscription and group.
pub(crate) fn set_id(app: &App, plan: &ProvisionPlan) -> Result<ArmId, StepError> {
    let (subscription, group) = (app.settings.vendor_subscription, &app.settings.resource_group);
    format!(
        "/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.Compute/diskEncryptionSets/{}",
        plan.name()
    )
    .parse()
    .map_err(|error: azure_ids::ArmIdError| StepError::refuse("Misconfigured", format!("LATCHKEY_RESOURCE_GROUP: {error}")))
}

pub(crate) fn is_ours(set: &DiskEncryptionSet, onboarding: &Onboarding) -> bool {
    set.tags.get(OWNER_TAG).is_some_and(|owner| *owner == onboarding.id().to_string())
}

pub(crate) fn not_ours(set: &ArmId) -> Finding {
    Finding::new(
        Code::SetNotOurs,
        format!(
            "A disk encryption set {} exists that Latchkey did not make for this onboarding.",
            set.name()
        ),
        &["Rename or delete that set, or tag it with latchkey-onboarding and this onboarding's id."
            .to_owned()],
    )
}

/// A set of ours under another key was asked for before the customer shared this one; it is put again.
fn may_be_adopted(existing: &DiskEncryptionSet, plan: &ProvisionPlan) -> bool {
    existing.provisioning_state != ProvisioningState::Failed
        && existing.active_key.as_ref().is_some_and(|live| live.is_same_key(plan.key()))
}

/// What stopped Azure's disk service, which gets a token of its own each time. Ours may be an hour old, so that a consent
/// that is gone, or a policy that came since, shows only when we ask anew.
pub(crate) async fn why_refused(app: &App, plan: &ProvisionPlan) -> Finding {
    let tenant = plan.tenant();
    match app.identity.prove_consent(tenant).await.map_err(|error| of_entra(error, tenant)) {
        Err(Refusal::Finding { finding, .. }) => finding,
        Ok(_) | Err(Refusal::Error(_)) => set_refused(plan),
    }
}

/// Azure's own text names the vendor's identity, although in this set-up the grant must name the application's service
/// principal in the customer's tenant; so the text is ours.
fn set_refused(plan: &ProvisionPlan) -> Finding {
    Finding::new(
        Code::SetRefused,
        "Azure's disk service was refused by your vault, although the key worked before.",
        &[
            format!("Check that the grant on {} and the key are still as they were.", plan.key()),
            "If the vault has a firewall: az keyvault update --name VAULT --bypass AzureServices".to_owned(),
        ],
    )
}
