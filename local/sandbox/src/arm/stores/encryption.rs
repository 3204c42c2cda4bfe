//! Under which key a disk or a snapshot is, and whether it may be under the one that a client asks for.

use http::StatusCode;

use crate::arm::disk_encryption_sets::key_check;
use crate::arm::error::ArmError;
use crate::arm::regions;
use crate::cloud::Cloud;
use crate::names::arm_id;
use crate::resources::Resource;
use crate::resources::store::PLATFORM_KEY;
use crate::state::State;
use crate::state::resources::disk_encryption_set::DiskEncryptionSet;
use crate::state::resources::store::{Common, Encryption};

use super::body::EncryptionBody;

/// The encryption that a body asks for, everything checked, the key of the set included.
pub(super) fn planned(cloud: &Cloud, store: &Common, body: &EncryptionBody) -> Result<Encryption, ArmError> {
    let Some(id) = &body.disk_encryption_set_id else {
        return match body.kind.as_deref() {
            None | Some(PLATFORM_KEY) => {
                unwrap_once_more(cloud, store)?;
                Ok(Encryption::platform())
            }
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
                store.name
            ),
        ));
    }
    let set = cloud.read(|state| usable_set(state, store, id))?;
    let kind = body.kind.clone().unwrap_or_else(|| set.encryption_type.clone());
    if kind != set.encryption_type {
        return Err(ArmError::bad_request(
            "BadRequest",
            format!(
                "The encryption type '{kind}' of disk '{}' does not match the encryption type '{}' of disk encryption set \
                 '{}'.",
                store.name, set.encryption_type, set.name
            ),
        ));
    }
    check_direct_drive(cloud, store, &set)?;
    key_check::prove(cloud, &set)?;
    Ok(Encryption { kind, set: Some(id.trim_end_matches('/').to_owned()) })
}

/// What is stored under a set's key has to be unwrapped with it once more before another key can take its place. Our
/// guess: that a key that cannot be used is refused at once, and with the codes of a set that is written.
fn unwrap_once_more(cloud: &Cloud, store: &Common) -> Result<(), ArmError> {
    let Some(id) = store.set() else { return Ok(()) };
    let set = cloud.read(|state| state.arm.disk_encryption_sets.get(&arm_id::key(id)).cloned());
    set.map_or(Ok(()), |set| key_check::prove(cloud, &set))
}

/// The set, if this disk may use it. Our guess: codes and words; the rules are documented.
fn usable_set(state: &State, store: &Common, id: &str) -> Result<DiskEncryptionSet, ArmError> {
    let not_found = || {
        ArmError::new(
            StatusCode::NOT_FOUND,
            "NotFound",
            format!("Disk encryption set '{id}' used by disk '{}' was not found.", store.name),
        )
    };
    let parsed = arm_id::ResourceId::parse(id)
        .filter(|parsed| parsed.resource_type.eq_ignore_ascii_case(DiskEncryptionSet::TYPE))
        .ok_or_else(|| {
            ArmError::invalid_parameter(
                "encryption.diskEncryptionSetId",
                format!("The value '{id}' is not the id of a disk encryption set."),
            )
        })?;
    let set = state.arm.disk_encryption_sets.get(&arm_id::key(id)).ok_or_else(not_found)?;
    let own_subscription = store.id.split('/').nth(2).unwrap_or_default();
    if !parsed.subscription.eq_ignore_ascii_case(own_subscription)
        || !regions::same(&set.location, &store.location)
    {
        return Err(ArmError::bad_request(
            "BadRequest",
            format!(
                "Disk '{}' and disk encryption set '{}' must be in the same subscription and region.",
                store.name, set.name
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

/// What Ultra and Premium SSD v2 disks cannot do. Double encryption is documented; the other has been seen in places.
fn check_direct_drive(cloud: &Cloud, store: &Common, set: &DiskEncryptionSet) -> Result<(), ArmError> {
    if !["PremiumV2_LRS", "UltraSSD_LRS"].contains(&store.sku.as_str()) {
        return Ok(());
    }
    if set.encryption_type == "EncryptionAtRestWithPlatformAndCustomerKeys" {
        // Our guess: code and words.
        return Err(ArmError::bad_request(
            "BadRequest",
            format!("Double encryption is not supported for disk {} of SKU '{}'.", store.name, store.sku),
        ));
    }
    if set.identity.is_user_assigned() && cloud.read(|state| state.arm.direct_drive_is_refused) {
        return Err(ArmError::bad_request(
            "DirectDriveDiskNotSupportUserAssignedIdentityDes",
            format!(
                "DiskEncryptionSet {} with UserAssigned identity type is not supported for disk {} since it has '{}' SKU.",
                set.name, store.name, store.sku
            ),
        ));
    }
    Ok(())
}
