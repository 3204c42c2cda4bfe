//! The disk encryption set of an onboarding: its id, its owner, whether it still is as it was made, and what stopped Azure
//! from using its key.

use std::time::Duration;

use azure_clients::{
    ArmError, ArmRefusal,
    compute::{DiskEncryptionSet, EncryptionType},
};
use azure_ids::{ArmId, KeyUrl};
use onboarding::{About, Fact, Onboarding, ProvisionPlan, Reason, event::EventData, finding::Finding};

use super::{
    disks::of_the_estate,
    refusals::{Refusal, of_entra},
};
use crate::{
    App,
    step::{Next, Step, StepError},
};

/// The tag that says whose set it is.
pub(crate) const OWNER_TAG: &str = "latchkey-onboarding";

/// ARM sends no Retry-After for disk encryption sets, which are done within seconds.
pub(crate) const LOOK_AFTER: Duration = Duration::from_secs(2);

/// The set's ARM id, in the vendor's subscription and group.
pub(crate) fn set_id(app: &App, plan: &ProvisionPlan) -> Result<ArmId, StepError> {
    id_of_name(app, plan.name())
}

/// The ARM id of the set of this name.
pub(crate) fn id_of_name(app: &App, name: &str) -> Result<ArmId, StepError> {
    let (subscription, group) = (app.settings.vendor_subscription, &app.settings.resource_group);
    format!(
        "/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.Compute/diskEncryptionSets/{name}"
    )
    .parse()
    .map_err(|error: azure_ids::ArmIdError| StepError::refuse(Reason::Misconfigured, format!("LATCHKEY_RESOURCE_GROUP: {error}")))
}

pub(crate) fn is_ours(set: &DiskEncryptionSet, onboarding: &Onboarding) -> bool {
    set.tags.get(OWNER_TAG).is_some_and(|owner| *owner == onboarding.id().to_string())
}

/// What of a set is not as it is asked for, as Azure names it. The key's version may differ: with rotation on it is Azure's
/// to change. While its key is being replaced, it has the one or the other.
fn difference(app: &App, set: &DiskEncryptionSet, onboarding: &Onboarding) -> Option<&'static str> {
    if let Some(what) = difference_beside_key(app, set) {
        return Some(what);
    }
    let uses = |key: &KeyUrl| set.active_key.as_ref().is_some_and(|live| live.is_same_key(key));
    match onboarding.key() {
        Some(proof) if uses(&proof.version) || onboarding.replaced_by().is_some_and(uses) => None,
        _ => Some("key"),
    }
}

/// The same, whichever key it has.
pub(crate) fn difference_beside_key(app: &App, set: &DiskEncryptionSet) -> Option<&'static str> {
    if set.federated_client_id != Some(app.settings.application_id) {
        return Some("federatedClientId");
    }
    if !set.rotation_to_latest_key_version_enabled {
        return Some("rotationToLatestKeyVersionEnabled");
    }
    if !set.user_assigned_identities.contains(&app.settings.managed_identity) {
        return Some("identity");
    }
    if set.encryption_type != EncryptionType::CustomerKey {
        return Some("encryptionType");
    }
    None
}

/// What became of a set that was ready.
pub(crate) enum SetIs {
    /// As it was made.
    AsMade(Box<DiskEncryptionSet>),
    /// Somebody changed it.
    Changed(Finding),
    /// Not there.
    Gone,
}

/// Reads a set that was ready once: anybody with a role on it may have changed or deleted it since.
pub(crate) async fn look_at(app: &App, onboarding: &Onboarding, id: &ArmId) -> Result<SetIs, StepError> {
    let set = match app.compute.disk_encryption_set(id).await {
        Ok(set) => set,
        Err(ArmError::Refused(ArmRefusal::NotFound { .. })) => return Ok(SetIs::Gone),
        Err(error) => return Err(error.into()),
    };
    Ok(match changed(app, id, &set, onboarding) {
        Some(finding) => SetIs::Changed(finding),
        None => SetIs::AsMade(Box::new(set)),
    })
}

/// What somebody changed of a set.
pub(crate) fn changed(
    app: &App,
    id: &ArmId,
    set: &DiskEncryptionSet,
    onboarding: &Onboarding,
) -> Option<Finding> {
    if !is_ours(set, onboarding) {
        return Some(Finding::SetNotOurs { set: id.clone() });
    }
    let what = difference(app, set, onboarding)?;
    Some(Finding::SetChanged { set: id.clone(), what: format!("{what} is different") })
}

/// What stands in the way of using the set for the next step, decided on. `None`: nothing does.
pub(crate) async fn obstacle<D: EventData>(
    step: &Step<D>,
    app: &App,
    set: &ArmId,
) -> Result<Option<Next>, StepError> {
    match look_at(app, step.onboarding()?, set).await? {
        SetIs::AsMade(_) => Ok(None),
        SetIs::Changed(finding) => {
            step.decide(Fact::Found { about: About::Set, finding, token_of: None }).map(Some)
        }
        SetIs::Gone => gone(step, app, set).await.map(Some),
    }
}

/// Decides over a set that is not there. Azure deletes none that a disk uses; whether one does is asked all the same.
pub(crate) async fn gone<D: EventData>(step: &Step<D>, app: &App, set: &ArmId) -> Result<Next, StepError> {
    let in_use = match of_the_estate(app).await {
        Ok(disks) => disks.iter().any(|disk| disk.encryption.disk_encryption_set.as_ref() == Some(set)),
        // The resource group went with all that was in it.
        Err(ArmError::Refused(ArmRefusal::NotFound { .. })) => false,
        Err(error) => return Err(error.into()),
    };
    step.decide(Fact::SetGone { set: set.clone(), in_use })
}

/// What stopped Azure's disk service, which gets a token of its own each time. Ours may be an hour old, so that a consent
/// that is gone, or a policy that came since, shows only when we ask anew.
pub(crate) async fn why_refused(app: &App, plan: &ProvisionPlan) -> Finding {
    let tenant = plan.tenant();
    match app.identity.prove_consent(tenant).await.map_err(|error| of_entra(error, tenant)) {
        Err(Refusal::Finding { finding, .. }) => finding,
        // Azure's own text names the vendor's identity, although here the role must be assigned to the application's
        // service principal in the customer's tenant; so the text is ours.
        Ok(_) | Err(Refusal::Error(_)) => Finding::SetRefused { key: plan.key().clone() },
    }
}
