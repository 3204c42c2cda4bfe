//! Reading a set.

use serde_json::json;

use crate::arm::error::ArmError;
use crate::arm::operations;
use crate::arm::request::{ArmResponse, Target};
use crate::cloud::Cloud;
use crate::names::arm_id;
use crate::resources::disk_encryption_set::users_of;

use super::find::{find_mut, not_found};
use super::rotation;

/// `GET` one. Looking is when the sandbox lets time do its work on the set.
pub(super) fn get(cloud: &Cloud, target: &Target) -> Result<ArmResponse, ArmError> {
    rotation::rotate_if_due(cloud, &target.id);
    rotation::settle_previous_keys(cloud);
    let now = cloud.clock.now();
    cloud.change(|state| {
        state.arm.group(&target.subscription, &target.group)?;
        operations::look(state, &target.id, now);
        let set = find_mut(&mut state.arm, target)?;
        let set = set.clone();
        Ok(ArmResponse::ok(set.shown_in(state)))
    })
}

/// `GET .../associatedResources`: ids of disks and snapshots, with group and name in capitals (recorded).
pub(super) fn associated_resources(cloud: &Cloud, target: &Target) -> Result<ArmResponse, ArmError> {
    cloud.read(|state| {
        let set =
            state.arm.disk_encryption_sets.get(&arm_id::key(&target.id)).ok_or_else(|| not_found(target))?;
        let users = users_of(&state.arm, &set.id).map(|disk| {
            let id = arm_id::with_group_in_capitals(disk);
            let (start, name) = id.rsplit_once('/').unwrap_or(("", id.as_str()));
            json!(format!("{start}/{}", name.to_ascii_uppercase()))
        });
        Ok(ArmResponse::list(users.collect()))
    })
}
