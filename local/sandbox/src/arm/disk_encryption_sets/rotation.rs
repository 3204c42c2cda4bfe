//! Automatic rotation: the service looks for a newer version of the key and takes it up by itself.
//!
//! Documented: within one hour of the new version. Here: when somebody looks at the set, or moves
//! the clock of a local world, and [`Lags::key_rotation`](crate::Lags) has passed since the version was made. If the new version cannot be used,
//! the error stays on the set, and nothing is tried again until the set is written.

use crate::arm::error::ArmError;
use crate::cloud::Cloud;
use crate::key_vault::{self, disk_service};
use crate::names::arm_id;
use crate::state::resources::disk_encryption_set::{ActiveKey, DiskEncryptionSet};

use super::input::key_address;
use super::key_check::{prove, still_unwraps};

/// Lets go of the keys before the active one that no disk is wrapped with any more.
///
/// Our guess: a disk is wrapped anew only by unwrapping with the key before, so that a set needs one that is lost until it
/// can be used again. The documentation says only that machines start again when "you assign a new key".
pub(crate) fn settle_previous_keys(cloud: &Cloud) {
    let now = cloud.clock.now();
    let sets: Vec<DiskEncryptionSet> = cloud.read(|state| {
        let sets = state.arm.disk_encryption_sets.values();
        sets.filter(|set| !set.previous_keys.is_empty()).cloned().collect()
    });
    for set in sets {
        let is_wrapped_anew = |key: &ActiveKey| {
            still_unwraps(cloud, &DiskEncryptionSet { active_key: key.clone(), ..set.clone() })
        };
        let passed = set.previous_keys.iter().filter(|previous| now >= previous.until);
        let settled: Vec<&ActiveKey> =
            passed.map(|previous| &previous.key).filter(|key| is_wrapped_anew(key)).collect();
        if settled.is_empty() {
            continue;
        }
        cloud.change(|state| {
            if let Some(held) = state.arm.disk_encryption_sets.get_mut(&arm_id::key(&set.id)) {
                held.previous_keys
                    .retain(|previous| now < previous.until || !settled.contains(&&previous.key));
            }
        });
    }
}

/// Rotates every set that wants it: what the service does by itself, when time passes and nobody looks.
pub(crate) fn rotate_all_if_due(cloud: &Cloud) {
    settle_previous_keys(cloud);
    let ids: Vec<String> = cloud.read(|state| {
        let sets = state.arm.disk_encryption_sets.values();
        sets.filter(|set| set.rotation_enabled == Some(true)).map(|set| set.id.clone()).collect()
    });
    ids.iter().for_each(|id| rotate_if_due(cloud, id));
}

/// Rotates the set with this id if it wants that and there is a newer version.
pub(super) fn rotate_if_due(cloud: &Cloud, id: &str) {
    catch_up_with_the_key(cloud, id);
    let now = cloud.clock.now();
    let Some(rotated) = due(cloud, id) else {
        return;
    };
    let proven =
        if has_its_identity(cloud, &rotated) { prove(cloud, &rotated) } else { Err(identity_gone(&rotated)) };
    cloud.change(|state| {
        let Some(set) = state.arm.disk_encryption_sets.get_mut(&arm_id::key(id)) else {
            return;
        };
        match proven {
            Ok(()) => set.change_key(rotated.active_key, now, now + cloud.lags.disk_rewrap),
            // Our guess: the code and words that a write would have been refused with.
            Err(error) => set.rotation_error = Some((error.code.into(), error.message)),
        }
    });
}

/// The key may be about to be rotated itself, by its own policy.
fn catch_up_with_the_key(cloud: &Cloud, id: &str) {
    let vault = cloud.read(|state| {
        let set = state.arm.disk_encryption_sets.get(&arm_id::key(id))?;
        let follows = set.rotation_enabled == Some(true);
        key_address(&set.active_key.key_url).ok().filter(|_| follows).map(|address| address.vault)
    });
    if let Some(vault) = vault {
        key_vault::catch_up(cloud, Some(&vault));
    }
}

fn has_its_identity(cloud: &Cloud, set: &DiskEncryptionSet) -> bool {
    cloud.read(|state| {
        set.identity.user_assigned.iter().all(|id| state.arm.identities.contains_key(&arm_id::key(id)))
    })
}

/// Code and words: Azure REST API, the example of a set with an error of its automatic rotation.
fn identity_gone(set: &DiskEncryptionSet) -> ArmError {
    ArmError::bad_request(
        "ManagedServiceIdentityNotFound",
        format!(
            "Auto-key rotation was disabled as managed service identity associated with DiskEncryptionSet '{}' was not found. \
             Please update the resource with correct identity to re-enable auto-key rotation.",
            set.name
        ),
    )
}

/// The set as it would be with the newest version of its key, if that differs from the active one.
fn due(cloud: &Cloud, id: &str) -> Option<DiskEncryptionSet> {
    let now = cloud.clock.now();
    cloud.read(|state| {
        let set = state.arm.disk_encryption_sets.get(&arm_id::key(id))?;
        let wants = set.rotation_enabled == Some(true)
            && set.rotation_error.is_none()
            && set.provisioning_state == "Succeeded";
        let address = key_address(&set.active_key.key_url).ok().filter(|_| wants)?;
        let seen_until = (now - cloud.lags.key_rotation).unix_timestamp();
        let newest = disk_service::newest_version(state, &address.vault, &address.key, seen_until)?;
        if newest.eq_ignore_ascii_case(&address.version) {
            return None;
        }
        let key_url = set.active_key.key_url.strip_suffix(&address.version)?.to_owned() + &newest;
        let source_vault = set.active_key.source_vault.clone();
        Some(DiskEncryptionSet { active_key: ActiveKey { key_url, source_vault }, ..set.clone() })
    })
}
