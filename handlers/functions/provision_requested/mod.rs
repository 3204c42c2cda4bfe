//! Asks ARM for the disk encryption set, or adopts the one that an earlier run asked for.
//!
//! Reads the set first. Before one is made, the preflight: disks that cannot be encrypted with it are named, and hold up
//! nobody else; where Azure takes no more sets, none is asked for. Changes: makes the set, under a name that derives from the onboarding, with the proven version
//! of the key, the multi-tenant application's id and the managed identity; rotation is on, so the live key URL belongs
//! to Azure from then on and is never put back. ARM itself exchanges, reads, wraps and unwraps before it answers.
//! Publishes [`ProvisionStarted`](onboarding::event::ProvisionStarted), due when ARM wants to be asked.

use azure_clients::{
    ArmError, ArmRefusal,
    compute::{DiskEncryptionSet, NewDiskEncryptionSet, ProvisioningState},
};
use azure_ids::ArmId;
use onboarding::{Fact, ProvisionPlan, Reason, Set, event::ProvisionRequested, finding::Finding};
use std::{collections::BTreeMap, time::Duration};

use crate::{
    App,
    step::{Next, Step, StepError},
    systems::{
        disk_encryption_set::{LOOK_AFTER, OWNER_TAG, is_ours, set_id, why_refused},
        preflight::{self, Preflight},
    },
};

pub(crate) async fn handle(step: Step<ProvisionRequested>, app: App) -> Result<Next, StepError> {
    let onboarding = step.onboarding()?;
    if *onboarding.set() != Set::None {
        return Ok(Next::NoNews("asked for before"));
    }
    let plan = onboarding.provision_plan()?;
    let set = set_id(&app, &plan)?;
    match app.compute.disk_encryption_set(&set).await {
        Ok(existing) if is_ours(&existing, onboarding) && may_be_adopted(&existing, &plan) => {
            step.decide(requested(set, None, LOOK_AFTER))
        }
        Ok(existing) if !is_ours(&existing, onboarding) => step.wait(Finding::SetNotOurs { set }, None),
        Ok(_) => ask_for(&step, &app, &plan, set, None).await,
        Err(ArmError::Refused(ArmRefusal::NotFound { .. })) => make(&step, &app, &plan, set).await,
        // A role on a resource group goes with the group, and without one Azure does not say whether the group is there.
        Err(ArmError::Refused(ArmRefusal::Forbidden { code, .. })) if !step.may_be_spreading(&app) => {
            not_made(&step, set, code)
        }
        Err(error) => Err(error.into()),
    }
}

/// There is no set yet, and nothing was changed: this is the time to look at what will be in the way.
async fn make(
    step: &Step<ProvisionRequested>,
    app: &App,
    plan: &ProvisionPlan,
    set: ArmId,
) -> Result<Next, StepError> {
    let onboarding = step.onboarding()?;
    let preflight = match preflight::look(app, onboarding).await {
        Ok(preflight) => preflight,
        Err(ArmError::Refused(ArmRefusal::NotFound { code })) => return not_made(step, set, code),
        Err(ArmError::Refused(ArmRefusal::Forbidden { code, .. })) if !step.may_be_spreading(app) => {
            return not_made(step, set, code);
        }
        Err(error) => return Err(error.into()),
    };
    if !onboarding.knows_unfit(&preflight.unfit) {
        return step.decide(Fact::Preflight { unfit: preflight.unfit });
    }
    match preflight.no_room(app, onboarding) {
        Some(finding) => step.decide(Fact::SetFailed { finding }),
        None => ask_for(step, app, plan, set, Some(&preflight)).await,
    }
}

/// With what the preflight saw, for a set that is not there yet.
async fn ask_for(
    step: &Step<ProvisionRequested>,
    app: &App,
    plan: &ProvisionPlan,
    set: ArmId,
    preflight: Option<&Preflight>,
) -> Result<Next, StepError> {
    let settings = &app.settings;
    let new = NewDiskEncryptionSet::new(
        step.onboarding()?.region().clone(),
        settings.managed_identity.clone(),
        settings.application_id,
        plan.key().clone(),
    )
    .map_err(|error| StepError::refuse(Reason::Misconfigured, error.to_string()))?
    .with_tags(BTreeMap::from([(OWNER_TAG.to_owned(), step.event.subject.to_string())]));
    match (app.compute.put_disk_encryption_set(&set, &new).await, preflight) {
        (Ok(started), _) => {
            let look_after = started.retry_after.unwrap_or(LOOK_AFTER);
            step.decide(requested(set, started.operation.map(|url| url.as_str().to_owned()), look_after))
        }
        (Err(ArmError::Refused(ArmRefusal::KeyVaultAccessForbidden { .. })), _)
            if step.may_be_spreading(app) =>
        {
            Err(StepError::retry(
                "the disk service may not use the key yet; the grant may still be spreading",
            ))
        }
        (
            Err(ArmError::Refused(
                ArmRefusal::KeyVaultAccessForbidden { .. } | ArmRefusal::KeyUnusable { .. },
            )),
            _,
        ) => step.decide(Fact::SetFailed { finding: why_refused(app, plan).await }),
        // Our guess: what Azure answers above the quota is not documented. A set that is not there is in no state that could
        // stand against it, so that what is not allowed is another set.
        (Err(ArmError::Refused(ArmRefusal::Conflict { code, .. })), Some(seen)) if is_of_quota(&code) => {
            step.decide(Fact::SetFailed { finding: seen.too_many(step.onboarding()?, Some(code)) })
        }
        // Where it is to be made is not there any more: the resource group, or the whole subscription.
        (Err(ArmError::Refused(ArmRefusal::NotFound { code })), _) => not_made(step, set, code),
        (Err(error), _) => Err(error.into()),
    }
}

fn is_of_quota(code: &str) -> bool {
    matches!(code, "OperationNotAllowed" | "QuotaExceeded")
}

/// For a reason that is the vendor's to mend.
fn not_made(step: &Step<ProvisionRequested>, set: ArmId, error: String) -> Result<Next, StepError> {
    step.decide(Fact::SetFailed { finding: Finding::ProvisioningFailed { set, error } })
}

fn requested(set: ArmId, operation: Option<String>, look_after: Duration) -> Fact {
    Fact::SetRequested {
        set,
        operation,
        look_after_ms: u64::try_from(look_after.as_millis()).unwrap_or(u64::MAX),
    }
}

/// A set of ours under another key was asked for before the customer shared this one; it is put again.
fn may_be_adopted(existing: &DiskEncryptionSet, plan: &ProvisionPlan) -> bool {
    existing.provisioning_state != ProvisioningState::Failed
        && existing.active_key.as_ref().is_some_and(|live| live.is_same_key(plan.key()))
}
