//! The disk encryption set of an onboarding: its id, its owner, and what stopped Azure from using its key.

use std::time::Duration;

use azure_clients::{
    ArmError, ArmRefusal,
    compute::{DiskEncryptionSet, EncryptionType},
};
use azure_ids::{ArmId, KeyUrl};
use onboarding::{Onboarding, ProvisionPlan, Reason, finding::Finding};

use super::refusals::{Refusal, of_entra};
use crate::{App, step::StepError};

/// The tag that says whose set it is.
pub(crate) const OWNER_TAG: &str = "latchkey-onboarding";

/// ARM sends no Retry-After for disk encryption sets, which are done within seconds.
pub(crate) const LOOK_AFTER: Duration = Duration::from_secs(2);

/// The set's ARM id, in the vendor's subscription and group.
pub(crate) fn set_id(app: &App, plan: &ProvisionPlan) -> Result<ArmId, StepError> {
    let (subscription, group) = (app.settings.vendor_subscription, &app.settings.resource_group);
    format!(
        "/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.Compute/diskEncryptionSets/{}",
        plan.name()
    )
    .parse()
    .map_err(|error: azure_ids::ArmIdError| StepError::refuse(Reason::Misconfigured, format!("LATCHKEY_RESOURCE_GROUP: {error}")))
}

pub(crate) fn is_ours(set: &DiskEncryptionSet, onboarding: &Onboarding) -> bool {
    set.tags.get(OWNER_TAG).is_some_and(|owner| *owner == onboarding.id().to_string())
}

/// What of a set is not as it is asked for, as Azure names it. The key's version may differ: with rotation on it is Azure's
/// to change. While its key is being replaced, it has the one or the other.
pub(crate) fn difference(
    app: &App,
    set: &DiskEncryptionSet,
    onboarding: &Onboarding,
) -> Option<&'static str> {
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

/// Azure's code for what went wrong. Its text names what is the vendor's alone, so it is not kept.
pub(crate) fn code_of(error: &ArmError) -> String {
    match error {
        ArmError::Refused(
            ArmRefusal::NotFound { code }
            | ArmRefusal::Forbidden { code, .. }
            | ArmRefusal::KeyUnusable { code, .. }
            | ArmRefusal::Conflict { code, .. }
            | ArmRefusal::BadRequest { code, .. },
        ) => code.clone(),
        ArmError::Refused(ArmRefusal::KeyVaultAccessForbidden { .. }) => "KeyVaultAccessForbidden".to_owned(),
        ArmError::Refused(ArmRefusal::TokenRefused { .. } | ArmRefusal::BadId { .. })
        | ArmError::Throttled { .. }
        | ArmError::Unavailable(_)
        | ArmError::Undecodable(_)
        | ArmError::Token(_) => error.to_string(),
    }
}
