//! Whether the disk service can use a key: not looked up, but done, as the service would do it.
//!
//! The set's user-assigned identity asks Entra for a token of the multi-tenant application in the vault's tenant,
//! and with that the key is read, something is wrapped with it and unwrapped again. With a key of the set's own
//! tenant the identity itself does it, and the multi-tenant application is not looked at at all: that is how the
//! real service behaved when it was recorded.

use uuid::Uuid;

use crate::arm::error::ArmError;
use crate::arm::regions;
use crate::cloud::Cloud;
use crate::entra;
use crate::key_vault::disk_service::{self, KeyFault};
use crate::names::arm_id;
use crate::names::vaults::base_url;
use crate::resources::vault;
use crate::state::resources::disk_encryption_set::DiskEncryptionSet;
use crate::tokens::Caller;

use super::input::{KeyAddress, check_source_vault, key_address};

/// Tries the active key of a set with its user-assigned identity. A set without one passes: its key is only ever
/// tried by a disk.
pub(crate) fn prove(cloud: &Cloud, set: &DiskEncryptionSet) -> Result<(), ArmError> {
    let address = key_address(&set.active_key.key_url)?;
    attempt(cloud, set)?.map_err(|fault| refusal(set, &address, fault))
}

/// Whether a running machine can go on: its data key can still be unwrapped, which an expired key allows.
pub(in crate::arm) fn still_unwraps(cloud: &Cloud, set: &DiskEncryptionSet) -> bool {
    matches!(attempt(cloud, set), Ok(Ok(()) | Err(KeyFault::OutOfItsTime)))
}

/// Uses the key, once the set has been found to name one that it may have.
fn attempt(cloud: &Cloud, set: &DiskEncryptionSet) -> Result<Result<(), KeyFault>, ArmError> {
    let address = key_address(&set.active_key.key_url)?;
    let subscription = set.id.split('/').nth(2).unwrap_or_default();
    check_source_vault(&set.active_key, subscription)?;
    if !set.identity.is_user_assigned() {
        return Ok(Ok(()));
    }
    let forbidden = || access_forbidden(set);
    let (vault_tenant, vault_location) = cloud
        .read(|state| {
            vault::named(&state.arm, &address.vault).map(|vault| (vault.tenant_id, vault.location.clone()))
        })
        .ok_or_else(forbidden)?;
    check_region(set, &address, &vault_location)?;
    let caller = caller(cloud, set, vault_tenant).ok_or_else(forbidden)?;
    let now = cloud.clock.now();
    let key = (address.vault.as_str(), address.key.as_str(), address.version.as_str());
    Ok(cloud.read(|state| disk_service::use_key(state, &caller, key, now)))
}

fn refusal(set: &DiskEncryptionSet, address: &KeyAddress, fault: KeyFault) -> ArmError {
    match fault {
        KeyFault::Forbidden => access_forbidden(set),
        KeyFault::Disabled => ArmError::bad_request(
            "KeyVaultKeyNotEnabled",
            format!(
                "The key vault key '{}/keys/{}' used for disk encryption set '{}' must be enabled \
                 state.",
                base_url(&address.vault),
                address.key,
                set.name
            ),
        ),
        // Our guess: the code; the words have been quoted from the real service.
        KeyFault::OutOfItsTime => ArmError::bad_request(
            "BadRequest",
            format!("Unable to access key '{}'. Key is expired.", set.active_key.key_url),
        ),
    }
}

/// As whom the service comes to the vault; nobody when the token exchange fails.
fn caller(cloud: &Cloud, set: &DiskEncryptionSet, vault_tenant: Uuid) -> Option<Caller> {
    let id = set.identity.user_assigned.first()?;
    let principal =
        cloud.read(|state| state.arm.identities.get(&arm_id::key(id)).map(|found| found.principal_id))?;
    match set.federated_client_id {
        Some(application) if vault_tenant != set.identity.tenant_id => {
            match entra::exchange_for_disk_service(cloud, application, principal, vault_tenant) {
                Ok(caller) => Some(caller),
                Err(fault) => {
                    tracing::info!(code = fault.code, set = set.name, "the disk service got no token");
                    None
                }
            }
        }
        _ => entra::identity_caller(cloud, principal),
    }
}

fn access_forbidden(set: &DiskEncryptionSet) -> ArmError {
    let identity = set.identity.user_assigned.first().map(String::as_str).unwrap_or_default();
    ArmError::bad_request(
        "KeyVaultAccessForbidden",
        format!(
            "Unable to access key vault resource '{}' to enable encryption at rest. Please grant get, wrap and unwrap key \
             permissions to user-assigned identity '{identity}'. Please visit https://aka.ms/keyvaultaccessssecmk for more \
             information.",
            set.active_key.key_url
        ),
    )
}

/// Our guess: code and words. The rule is documented: vault, set and disks share one region.
fn check_region(set: &DiskEncryptionSet, address: &KeyAddress, vault_location: &str) -> Result<(), ArmError> {
    if regions::same(&set.location, vault_location) {
        return Ok(());
    }
    Err(ArmError::bad_request(
        "BadRequest",
        format!(
            "The key vault '{}' is in region '{vault_location}', which is not the region '{}' of the disk encryption set '{}'.",
            address.vault, set.location, set.name
        ),
    ))
}
