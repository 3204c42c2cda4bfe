//! What a vault or an HSM may be called.

use crate::arm::error::ArmError;
use crate::names::arm_id;
use crate::state::State;
use crate::state::resources::vault::Vault;

/// Microsoft Learn, "Vault name and object name": 3 to 24 letters, digits and single hyphens.
pub(super) fn check_name(name: &str) -> Result<(), ArmError> {
    let letters = name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '-');
    let fits = letters
        && (3..=24).contains(&name.len())
        && name.starts_with(|first: char| first.is_ascii_alphabetic())
        && !name.ends_with('-')
        && !name.contains("--");
    if fits {
        return Ok(());
    }
    Err(ArmError::bad_request(
        "VaultNameNotValid",
        format!(
            "The vault name '{name}' is invalid. A vault's name must be between 3-24 alphanumeric characters. The name \
             must begin with a letter, end with a letter or digit, and not contain consecutive hyphens. Follow this link \
             for more information: https://go.microsoft.com/fwlink/?linkid=2147742"
        ),
    ))
}

/// Refuses a name that another vault has, wherever that is, or that a deleted one keeps.
pub(super) fn refuse_taken(
    state: &State,
    (name, is_hsm): (&str, bool),
    subscription: &str,
) -> Result<(), ArmError> {
    let fits = |held: &&Vault| held.is_hsm() == is_hsm && held.name.eq_ignore_ascii_case(name);
    let held = state.arm.vaults.values().find(fits);
    let Some(held) = held else { return Ok(()) };
    if held.is_deleted() && arm_id::covers(&format!("/subscriptions/{subscription}"), &held.id) {
        return Err(ArmError::conflict(
            "ConflictError",
            "A vault with the same name already exists in deleted state. You need to either recover or purge existing key \
             vault. Follow this link https://go.microsoft.com/fwlink/?linkid=2149745 for more information on soft delete.",
        ));
    }
    Err(ArmError::conflict(
        "VaultAlreadyExists",
        format!(
            "The vault name '{name}' is already in use. Vault names are globally unique so it is possible that the name is \
             already taken. If you are sure that the vault name was not taken then it is possible that a vault with the \
             same name was recently deleted but not purged after being placed in a recoverable state. If the vault is in \
             a recoverable state then the vault will need to be purged before reusing the name. For more information \
             about VaultAlreadyExists, soft delete and purging a vault see https://aka.ms/keyvault_soft_delete."
        ),
    ))
}
