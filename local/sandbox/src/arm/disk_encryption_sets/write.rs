//! Writing and deleting a disk encryption set.
//!
//! A write happens in three steps, none of which holds the state while the next one works: what the set would be,
//! whether its key can be used, and the operation that makes it so.

use http::StatusCode;
use serde_json::{Value, json};

use crate::arm::error::ArmError;
use crate::arm::request::{ArmRequest, ArmResponse, Target};
use crate::arm::{access, operations, regions};
use crate::cloud::Cloud;
use crate::names::arm_id;
use crate::resources::Resource;
use crate::resources::disk_encryption_set::{give_system_identity, users_of};
use crate::state::State;
use crate::state::operation::Outcome;
use crate::state::resources::disk_encryption_set::{DiskEncryptionSet, SetIdentity};

use super::find::{find_mut, not_found};
use super::input::{FederatedClient, IdentityBody, SetBody, check_encryption_type, key_address, missing};
use super::key_check::prove;

/// `PUT`: 202. The body echoes what was sent, without id, name and type (recorded).
pub(in crate::arm) fn put(
    cloud: &Cloud,
    request: &ArmRequest,
    target: &Target,
) -> Result<ArmResponse, ArmError> {
    let body: SetBody = request.json()?;
    let set = cloud.read(|state| planned_by_put(cloud, state, request, target, &body))?;
    let refusal = key_refusal(cloud, &set)?;
    let mut echo: Value = request.json()?;
    for read_only in ["id", "name", "type"] {
        echo.as_object_mut().and_then(|echo| echo.remove(read_only));
    }
    echo["properties"]["provisioningState"] = json!("Updating");
    cloud.change(|state| {
        let headers = begin(cloud, state, request, set, refusal);
        Ok(ArmResponse { headers, ..ArmResponse::new(StatusCode::ACCEPTED, echo) })
    })
}

/// `PATCH`: 200 at once for tags alone, otherwise 202 with the whole old resource (recorded).
pub(in crate::arm) fn patch(
    cloud: &Cloud,
    request: &ArmRequest,
    target: &Target,
) -> Result<ArmResponse, ArmError> {
    let body: SetBody = request.json()?;
    if body.identity.is_none() && body.properties.is_none() {
        return patch_tags(cloud, target, body);
    }
    let set = cloud.read(|state| planned_by_patch(cloud, state, request, target, &body))?;
    let refusal = key_refusal(cloud, &set)?;
    cloud.change(|state| {
        let old =
            state.arm.disk_encryption_sets.get(&arm_id::key(&target.id)).ok_or_else(|| not_found(target))?;
        let echo = old.shown_updating(state);
        let headers = begin(cloud, state, request, set, refusal);
        Ok(ArmResponse { headers, ..ArmResponse::new(StatusCode::ACCEPTED, echo) })
    })
}

/// `DELETE`: 202, or 204 when there is none.
///
/// Our guess: code and words when disks still use the set. That it is refused is known.
pub(in crate::arm) fn delete(
    cloud: &Cloud,
    request: &ArmRequest,
    target: &Target,
) -> Result<ArmResponse, ArmError> {
    let now = cloud.clock.now();
    cloud.change(|state| {
        operations::finish_all(state, &target.id, now);
        let Some(set) = state.arm.disk_encryption_sets.get(&arm_id::key(&target.id)).cloned() else {
            return Ok(ArmResponse::empty(StatusCode::NO_CONTENT));
        };
        if let Some(user) = users_of(&state.arm, &set.id).next() {
            return Err(ArmError::conflict(
                "OperationNotAllowed",
                format!(
                    "Disk encryption set '{}' cannot be deleted because it is associated with resource '{user}'.",
                    set.name
                ),
            ));
        }
        let headers = operations::begin(cloud, state, request, (&set.id, &set.location), Outcome::Delete);
        Ok(ArmResponse { headers, ..ArmResponse::empty(StatusCode::ACCEPTED) })
    })
}

fn patch_tags(cloud: &Cloud, target: &Target, body: SetBody) -> Result<ArmResponse, ArmError> {
    cloud.change(|state| {
        let set = find_mut(&mut state.arm, target)?;
        if body.tags.is_some() {
            set.tags = body.tags;
        }
        let set = set.clone();
        Ok(ArmResponse::ok(set.shown_in(state)))
    })
}

/// What the set will be after a PUT, everything but its key checked.
fn planned_by_put(
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
        let mut set = planned(cloud, state, request, target, existing.clone(), body)?;
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
    let set = planned(cloud, state, request, target, new, body)?;
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
fn planned_by_patch(
    cloud: &Cloud,
    state: &State,
    request: &ArmRequest,
    target: &Target,
    body: &SetBody,
) -> Result<DiskEncryptionSet, ArmError> {
    let existing =
        state.arm.disk_encryption_sets.get(&arm_id::key(&target.id)).ok_or_else(|| not_found(target))?;
    let mut set = planned(cloud, state, request, target, existing.clone(), body)?;
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
    request: &ArmRequest,
    target: &Target,
    mut set: DiskEncryptionSet,
    body: &SetBody,
) -> Result<DiskEncryptionSet, ArmError> {
    if let Some(identity) = &body.identity {
        set.identity = planned_identity(cloud, state, request, target, &set.identity, identity)?;
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

/// Checks the identity that is asked for, and that the caller may give it away.
fn planned_identity(
    cloud: &Cloud,
    state: &State,
    request: &ArmRequest,
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
        access::authorize_linked(
            &state.arm,
            &request.caller,
            ("Microsoft.Compute/diskEncryptionSets/write", &target.id),
            ("Microsoft.ManagedIdentity/userAssignedIdentities/assign/action", id),
            cloud.clock.now(),
        )?;
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

/// Tries the key. A refusal ends the request, unless the sandbox was told to let it come with the operation.
fn key_refusal(cloud: &Cloud, set: &DiskEncryptionSet) -> Result<Option<ArmError>, ArmError> {
    let Err(refusal) = prove(cloud, set) else {
        return Ok(None);
    };
    let late = cloud.read(|state| state.arm.key_refusals_come_late);
    let about_the_key = ["KeyVaultAccessForbidden", "KeyVaultKeyNotEnabled"].contains(&refusal.code);
    if late && about_the_key { Ok(Some(refusal)) } else { Err(refusal) }
}

/// Begins the operation that makes the set what it is planned to be.
fn begin(
    cloud: &Cloud,
    state: &mut State,
    request: &ArmRequest,
    mut set: DiskEncryptionSet,
    refusal: Option<ArmError>,
) -> Vec<(http::HeaderName, String)> {
    let now = cloud.clock.now();
    operations::finish_all(state, &set.id, now);
    give_system_identity(state, &mut set, now);
    let key = arm_id::key(&set.id);
    let shown_meanwhile = state.arm.disk_encryption_sets.entry(key).or_insert_with(|| set.clone());
    shown_meanwhile.provisioning_state = "Updating".into();
    let target = (set.id.clone(), set.location.clone());
    let outcome = match refusal {
        None => Outcome::WriteSet(Box::new(set)),
        Some(refusal) => Outcome::FailSet { code: refusal.code.into(), message: refusal.message },
    };
    operations::begin(cloud, state, request, (&target.0, &target.1), outcome)
}
