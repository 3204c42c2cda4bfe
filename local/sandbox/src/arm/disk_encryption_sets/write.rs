//! Writing and deleting a disk encryption set.
//!
//! A write happens in three steps, none of which holds the state while the next one works: what the set would be,
//! whether its key can be used, and the operation that makes it so.

use http::StatusCode;
use serde_json::{Value, json};

use crate::arm::error::ArmError;
use crate::arm::operations;
use crate::arm::request::{ArmRequest, ArmResponse, Target};
use crate::cloud::Cloud;
use crate::names::arm_id;
use crate::resources::disk_encryption_set::{give_system_identity, users_of};
use crate::state::State;
use crate::state::operation::Outcome;
use crate::state::resources::disk_encryption_set::DiskEncryptionSet;

use super::find::{find_mut, not_found};
use super::input::SetBody;
use super::key_check::prove;
use super::planning::{planned_by_patch, planned_by_put};

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
    let set = cloud.read(|state| planned_by_patch(cloud, state, target, &body))?;
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
    cloud.change(|state| {
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
    give_system_identity(state, &mut set, cloud.clock.now());
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
