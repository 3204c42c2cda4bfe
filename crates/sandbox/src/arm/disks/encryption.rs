//! Under which key a disk is, and whether it may be under the one that a client asks for.

use http::StatusCode;
use serde::{Deserialize, Serialize};

use crate::arm::error::ArmError;
use crate::arm::request::ArmRequest;
use crate::arm::{access, disk_encryption_sets, path, regions};
use crate::state::State;
use crate::world::World;

use super::Disk;

const PLATFORM_KEY: &str = "EncryptionAtRestWithPlatformKey";

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Encryption {
    pub(super) kind: String,
    pub(super) set: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct EncryptionBody {
    #[serde(default)]
    disk_encryption_set_id: Option<String>,
    #[serde(default, rename = "type")]
    kind: Option<String>,
}

impl Encryption {
    /// What every disk has that names nothing else.
    pub(super) fn platform() -> Self {
        Self { kind: PLATFORM_KEY.into(), set: None }
    }
}

/// The encryption that a body asks for, everything checked, the key of the set included.
pub(super) fn planned(
    world: &World,
    request: &ArmRequest,
    disk: &Disk,
    body: &EncryptionBody,
) -> Result<Encryption, ArmError> {
    let Some(id) = &body.disk_encryption_set_id else {
        return match body.kind.as_deref() {
            None | Some(PLATFORM_KEY) => Ok(Encryption::platform()),
            Some(_) => Err(ArmError::invalid_parameter(
                "encryption.diskEncryptionSetId",
                "Required parameter 'encryption.diskEncryptionSetId' is missing (null).",
            )),
        };
    };
    if body.kind.as_deref() == Some(PLATFORM_KEY) {
        return Err(ArmError::invalid_parameter(
            "encryption.diskEncryptionSetId",
            format!(
                "Resource {} encrypted with platform key has disk encryption set id specified.",
                disk.name
            ),
        ));
    }
    let now = world.clock.now();
    let set = world.read(|state| {
        access::authorize_linked(
            &state.arm,
            &request.caller,
            ("Microsoft.Compute/disks/write", &disk.id),
            ("Microsoft.Compute/diskEncryptionSets/read", id),
            now,
        )?;
        usable_set(state, disk, id)
    })?;
    let kind = body.kind.clone().unwrap_or_else(|| set.encryption_type.clone());
    if kind != set.encryption_type {
        return Err(ArmError::bad_request(
            "BadRequest",
            format!(
                "The encryption type '{kind}' of disk '{}' does not match the encryption type '{}' of disk encryption set \
                 '{}'.",
                disk.name, set.encryption_type, set.name
            ),
        ));
    }
    disk_encryption_sets::prove(world, &set)?;
    Ok(Encryption { kind, set: Some(id.trim_end_matches('/').to_owned()) })
}

/// The set, if this disk may use it. Our guess: codes and words; the rules are documented.
fn usable_set(
    state: &State,
    disk: &Disk,
    id: &str,
) -> Result<disk_encryption_sets::DiskEncryptionSet, ArmError> {
    let not_found = || {
        ArmError::new(
            StatusCode::NOT_FOUND,
            "NotFound",
            format!("Disk encryption set '{id}' used by disk '{}' was not found.", disk.name),
        )
    };
    let parsed = path::ResourceId::parse(id)
        .filter(|parsed| parsed.resource_type.eq_ignore_ascii_case(disk_encryption_sets::TYPE))
        .ok_or_else(|| {
            ArmError::invalid_parameter(
                "encryption.diskEncryptionSetId",
                format!("The value '{id}' is not the id of a disk encryption set."),
            )
        })?;
    let set = state.arm.disk_encryption_sets.get(&path::key(id)).ok_or_else(not_found)?;
    let own_subscription = disk.id.split('/').nth(2).unwrap_or_default();
    if !parsed.subscription.eq_ignore_ascii_case(own_subscription)
        || !regions::same(&set.location, &disk.location)
    {
        return Err(ArmError::bad_request(
            "BadRequest",
            format!(
                "Disk '{}' and disk encryption set '{}' must be in the same subscription and region.",
                disk.name, set.name
            ),
        ));
    }
    if set.provisioning_state != "Succeeded" {
        return Err(ArmError::conflict(
            "OperationNotAllowed",
            format!("Disk encryption set '{}' is in state '{}'.", set.name, set.provisioning_state),
        ));
    }
    Ok(set.clone())
}
