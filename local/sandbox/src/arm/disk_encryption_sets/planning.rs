//! What a set will be after a write, everything but its key checked.

use crate::arm::error::ArmError;
use crate::arm::regions;
use crate::arm::request::{ArmRequest, Target};
use crate::cloud::Cloud;
use crate::names::arm_id;
use crate::resources::Resource;
use crate::state::State;
use crate::state::resources::disk_encryption_set::{DiskEncryptionSet, SetIdentity};

use super::find::not_found;
use super::input::{FederatedClient, IdentityBody, SetBody, check_encryption_type, key_address, missing};

/// What the set will be after a PUT, everything but its key checked.
pub(super) fn planned_by_put(
    cloud: &Cloud,
    state: &State,
    request: &ArmRequest,
    target: &Target,
    body: &SetBody,
) -> Result<DiskEncryptionSet, ArmError> {
    let location = regions::check(body.location.as_deref(), DiskEncryptionSet::TYPE)?;
    state.arm.group(&target.subscription, &target.group)?;
    let existing = state.arm.disk_encryption_sets.get(&arm_id::key(&target.id));
    let Some(properties) = &body.properties else {
        return Err(missing("diskEncryptionSet.properties"));
    };
    if let Some(existing) = existing {
        regions::check_unmoved(&existing.location, &location, &target.name, &target.group)?;
        let mut set = planned(cloud, state, target, existing.clone(), body)?;
        set.tags = body.tags.clone();
        return Ok(set);
    }
    check_count(state, target, &location)?;
    let active_key =
        properties.active_key()?.ok_or_else(|| missing("diskEncryptionSet.properties.activeKey"))?;
    let new = DiskEncryptionSet {
        id: target.id.clone(),
        name: target.name.clone(),
        location,
        tags: body.tags.clone(),
        identity: SetIdentity {
            kind: "None".into(),
            user_assigned: Vec::new(),
            system_principal: None,
            tenant_id: request.caller.tenant,
        },
        active_key,
        encryption_type: "EncryptionAtRestWithCustomerKey".into(),
        rotation_enabled: None,
        federated_client_id: None,
        previous_keys: Vec::new(),
        last_rotation: None,
        rotation_error: None,
        provisioning_state: "Succeeded".into(),
    };
    let set = planned(cloud, state, target, new, body)?;
    if set.identity.kind == "None" {
        // Our guess: code and words. A set without an identity could never reach a key.
        return Err(missing("diskEncryptionSet.identity"));
    }
    Ok(set)
}

/// Documented: 5,000 in one region of one subscription. Our guess: code and words.
fn check_count(state: &State, target: &Target, location: &str) -> Result<(), ArmError> {
    let sets = &state.arm.disk_encryption_sets;
    let most = usize::try_from(state.arm.limits.disk_encryption_sets).unwrap_or(usize::MAX);
    if sets.len() < most {
        return Ok(());
    }
    let scope = format!("/subscriptions/{}", target.subscription);
    let here =
        sets.values().filter(|set| arm_id::covers(&scope, &set.id) && regions::same(&set.location, location));
    if here.count() < most {
        return Ok(());
    }
    Err(ArmError::conflict(
        "OperationNotAllowed",
        format!(
            "The subscription has {most} disk encryption sets in region '{location}', which is the most that it may have."
        ),
    ))
}

/// What the set will be after a PATCH. Identity ids come back in lower case from then on (recorded).
pub(super) fn planned_by_patch(
    cloud: &Cloud,
    state: &State,
    target: &Target,
    body: &SetBody,
) -> Result<DiskEncryptionSet, ArmError> {
    let existing =
        state.arm.disk_encryption_sets.get(&arm_id::key(&target.id)).ok_or_else(|| not_found(target))?;
    let mut set = planned(cloud, state, target, existing.clone(), body)?;
    if body.tags.is_some() {
        set.tags = body.tags.clone();
    }
    if body.identity.is_some() {
        set.identity.user_assigned = set.identity.user_assigned.iter().map(|id| arm_id::key(id)).collect();
    }
    Ok(set)
}

/// Applies a body to a set. What the body does not name stays.
///
/// Our guess for PUT: so do `federatedClientId` and the rotation flag of an existing set, since clearing the former
/// takes the explicit word `None`.
fn planned(
    cloud: &Cloud,
    state: &State,
    target: &Target,
    mut set: DiskEncryptionSet,
    body: &SetBody,
) -> Result<DiskEncryptionSet, ArmError> {
    if let Some(identity) = &body.identity {
        set.identity = planned_identity(state, target, &set.identity, identity)?;
    }
    set.provisioning_state = "Succeeded".into();
    let Some(properties) = &body.properties else {
        return Ok(set);
    };
    if let Some(kind) = &properties.encryption_type {
        check_encryption_type(kind)?;
        let exists = state.arm.disk_encryption_sets.contains_key(&arm_id::key(&target.id));
        if exists && *kind != set.encryption_type {
            // Our guess: the words.
            return Err(ArmError::conflict(
                "PropertyChangeNotAllowed",
                "Changing property 'encryptionType' is not allowed.",
            ));
        }
        set.encryption_type = kind.clone();
    }
    match properties.federated_client()? {
        FederatedClient::Unsaid => {}
        FederatedClient::Clear => set.federated_client_id = None,
        FederatedClient::Application(id) => set.federated_client_id = Some(id),
    }
    if properties.rotation_enabled.is_some() {
        set.rotation_enabled = properties.rotation_enabled;
    }
    if let Some(key) = properties.active_key()? {
        key_address(&key.key_url)?;
        if key != set.active_key {
            let now = cloud.clock.now();
            set.change_key(key, now, now + cloud.lags.disk_rewrap);
        }
    }
    set.rotation_error = None;
    Ok(set)
}

/// Checks the identity that is asked for.
fn planned_identity(
    state: &State,
    target: &Target,
    existing: &SetIdentity,
    body: &IdentityBody,
) -> Result<SetIdentity, ArmError> {
    let kind = body.kind()?;
    let mut identity = SetIdentity { kind: kind.into(), ..existing.clone() };
    if !kind.contains("UserAssigned") {
        identity.user_assigned.clear();
    } else if let Some(given) = &body.user_assigned {
        identity.user_assigned = given.keys().cloned().collect();
    }
    // Our guess: code and words for none or several; a set reaches its key as one identity.
    if kind.contains("UserAssigned") && identity.user_assigned.len() != 1 {
        return Err(ArmError::bad_request(
            "InvalidParameter",
            "A disk encryption set takes exactly one user-assigned identity.",
        ));
    }
    for id in &identity.user_assigned {
        if !state.arm.identities.contains_key(&arm_id::key(id)) {
            return Err(identity_not_found(&target.id, id));
        }
    }
    Ok(identity)
}

fn identity_not_found(set: &str, id: &str) -> ArmError {
    ArmError::bad_request(
        "FailedIdentityOperation",
        format!(
            "Identity operation for resource '{set}' failed with error 'Failed to perform resource identity operation. \
             Status: 'BadRequest'. Response: '{{\"error\":{{\"code\":\"BadRequest\",\"message\":\"Resource '{id}' was not \
             found.\"}}}}'.'."
        ),
    )
}
