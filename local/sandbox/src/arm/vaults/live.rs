//! Vaults and HSMs that have not been deleted.

use crate::arm::error::ArmError;
use crate::arm::regions;
use crate::arm::request::{ArmResponse, Target};
use crate::cloud::Cloud;
use crate::names::arm_id;
use crate::resources::Resource;
use crate::state::State;
use crate::state::arm::ArmState;
use crate::state::resources::vault::Vault;

/// `GET` one.
pub(super) fn get<R: Resource>(cloud: &Cloud, target: &Target) -> Result<ArmResponse, ArmError> {
    cloud.read(|state| {
        state.arm.group(&target.subscription, &target.group)?;
        let held = R::find(&state.arm, &target.id).ok_or_else(|| not_found::<R>(target))?;
        Ok(ArmResponse::ok(R::shown(held, state)))
    })
}

/// One to be changed.
pub(super) fn find_mut<'a, R: Resource<Held = Vault>>(
    arm: &'a mut ArmState,
    target: &Target,
) -> Result<&'a mut Vault, ArmError> {
    arm.vaults
        .get_mut(&arm_id::key(&target.id))
        .filter(|held| R::is_there(held))
        .ok_or_else(|| not_found::<R>(target))
}

/// Takes a deletion back: `PUT` with createMode `recover`. It comes back as it was, whatever else the body says. Azure CLI
/// always says that a vault is a standard one.
pub(super) fn recover<R: Resource<Held = Vault>>(
    state: &mut State,
    target: &Target,
    location: &str,
) -> Result<ArmResponse, ArmError> {
    let held = state
        .arm
        .vaults
        .get_mut(&arm_id::key(&target.id))
        .filter(|held| regions::same(&held.location, location))
        .ok_or_else(|| {
            ArmError::bad_request(
                "SoftDeletedVaultDoesNotExist",
                "A soft deleted vault with the given name does not exist. Ensure that the name for the vault that is being \
                 attempted to recover is in a recoverable state.",
            )
        })?;
    held.deleted_at = None;
    let held = held.clone();
    Ok(ArmResponse::ok(R::shown(&held, state)))
}

pub(super) fn not_found<R: Resource>(target: &Target) -> ArmError {
    ArmError::resource_not_found(R::TYPE, &target.name, &target.group)
}
