//! Microsoft.Resources: resource groups.

use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use time::OffsetDateTime;

use crate::state::State;
use crate::world::World;

use super::body::{Tags, Tracked, add_tags};
use super::error::ArmError;
use super::operations::{self, Outcome};
use super::request::{ArmRequest, Reply};
use super::resource::Target;
use super::stores::Store as _;
use super::{ArmState, path, regions, vaults};

const TYPE: &str = "Microsoft.Resources/resourceGroups";

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ResourceGroup {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) location: String,
    pub(crate) tags: Option<Tags>,
}

/// `PUT /subscriptions/{s}/resourceGroups/{g}`: 201 when new, 200 otherwise.
pub(super) fn put(world: &World, request: &ArmRequest, target: &Target) -> Result<Reply, ArmError> {
    let Tracked { location, tags } = request.json()?;
    let location = regions::normalised(&regions::check(location.as_deref(), TYPE)?);
    check_name(&target.name)?;
    world.change(|state| {
        let groups = &mut state.arm.resource_groups;
        if let Some(existing) = groups.get_mut(&path::key(&target.id)) {
            if !regions::same(&existing.location, &location) {
                return Err(ArmError::conflict(
                    "InvalidResourceGroupLocation",
                    format!(
                        "Invalid resource group location '{location}'. The Resource group already exists in location '{}'.",
                        existing.location
                    ),
                ));
            }
            existing.tags = tags;
            return Ok(Reply::ok(shown(existing)));
        }
        let group = ResourceGroup {
            id: format!("/subscriptions/{}/resourceGroups/{}", target.subscription, target.name),
            name: target.name.clone(),
            location,
            tags,
        };
        let reply = Reply::new(StatusCode::CREATED, shown(&group));
        groups.insert(path::key(&group.id), group);
        Ok(reply)
    })
}

/// `GET` one.
pub(super) fn get(world: &World, target: &Target) -> Result<Reply, ArmError> {
    world.read(|state| {
        state.arm.group(&target.subscription, &target.name).map(|group| Reply::ok(shown(group)))
    })
}

/// `GET` all of a subscription.
pub(super) fn list(world: &World, subscription: &str) -> Reply {
    let prefix = format!("/subscriptions/{subscription}");
    world.read(|state| {
        let groups = state.arm.resource_groups.values();
        Reply::list(groups.filter(|group| path::covers(&prefix, &group.id)).map(shown).collect())
    })
}

/// `DELETE`: 202 with a Location to follow; everything inside goes with the group.
///
/// Our guess: a set that a disk of another group uses refuses at once, where the service tries and fails later.
pub(super) fn delete(world: &World, request: &ArmRequest, target: &Target) -> Result<Reply, ArmError> {
    let now = world.clock.now();
    world.change(|state| {
        operations::finish_all(state, &target.id, now);
        let (id, location) = {
            let group = state.arm.group(&target.subscription, &target.name)?;
            (group.id.clone(), group.location.clone())
        };
        check_not_needed_outside(&state.arm, &id)?;
        let headers = operations::begin(world, state, request, (&id, &location), Outcome::DeleteGroup);
        Ok(Reply { headers, ..Reply::empty(StatusCode::ACCEPTED) })
    })
}

fn check_not_needed_outside(arm: &ArmState, group: &str) -> Result<(), ArmError> {
    let sets: Vec<&str> = arm
        .disk_encryption_sets
        .values()
        .map(|set| set.id.as_str())
        .filter(|set| path::covers(group, set))
        .collect();
    let user = arm
        .disks
        .values()
        .find(|disk| !path::covers(group, &disk.common.id) && sets.iter().any(|set| disk.uses(set)));
    match user {
        None => Ok(()),
        Some(disk) => Err(ArmError::conflict(
            "ResourceGroupDeletionBlocked",
            format!(
                "A disk encryption set of the resource group is used by '{}', which is outside it.",
                disk.common.id
            ),
        )),
    }
}

/// The end of a group's deletion. A vault can still be recovered, as after a deletion of its own.
pub(super) fn removed(state: &mut State, key: &str, now: OffsetDateTime) {
    let vaults: Vec<String> = state.arm.vaults.keys().filter(|id| path::covers(key, id)).cloned().collect();
    for vault in vaults {
        vaults::deleted::mark_deleted(state, &vault, now);
    }
    let State { arm, directory, .. } = state;
    let outside = |id: &str| !path::covers(key, id);
    arm.virtual_machines.retain(|id, _| outside(id));
    arm.deployments.retain(|id, _| outside(id));
    arm.snapshots.retain(|id, _| outside(id));
    arm.disks.retain(|id, _| outside(id));
    arm.disk_encryption_sets.retain(|id, _| outside(id));
    arm.role_assignments.retain(|_, assignment| outside(&assignment.scope));
    for identity in arm.identities.values().filter(|identity| !outside(&identity.id)) {
        directory.remove_managed_identity(&identity.id);
    }
    arm.identities.retain(|id, _| outside(id));
    arm.resource_groups.remove(key);
}

fn check_name(name: &str) -> Result<(), ArmError> {
    let letters = name.chars().all(|letter| letter.is_alphanumeric() || "-_.()".contains(letter));
    if letters && !name.ends_with('.') && (1..=90).contains(&name.chars().count()) {
        return Ok(());
    }
    Err(ArmError::bad_request(
        "InvalidResourceGroup",
        "The provided resource group name has these invalid characters: only alphanumerics, periods, underscores, \
         hyphens and parentheses are allowed, and it cannot end in a period.",
    ))
}

pub(super) fn shown(group: &ResourceGroup) -> Value {
    let mut shown = json!({
        "id": group.id,
        "name": group.name,
        "type": TYPE,
        "location": group.location,
        "properties": { "provisioningState": "Succeeded" },
    });
    add_tags(&mut shown, group.tags.as_ref());
    shown
}
