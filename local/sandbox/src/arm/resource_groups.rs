//! Microsoft.Resources: resource groups.

use http::StatusCode;
use serde_json::{Value, json};

use crate::cloud::Cloud;
use crate::names::arm_id;
use crate::resources::resource_group;
use crate::state::arm::ArmState;
use crate::state::operation::Outcome;
use crate::state::resources::resource_group::ResourceGroup;
use crate::state::tags::add_tags;

use super::body::Tracked;
use super::error::ArmError;
use super::request::{ArmRequest, ArmResponse, Target};
use super::{operations, regions};

const TYPE: &str = "Microsoft.Resources/resourceGroups";

impl ArmState {
    /// The group, or the refusal that its absence earns.
    pub(super) fn group(&self, subscription: &str, group: &str) -> Result<&ResourceGroup, ArmError> {
        self.resource_groups
            .get(&arm_id::key(&format!("/subscriptions/{subscription}/resourceGroups/{group}")))
            .ok_or_else(|| ArmError::group_not_found(group))
    }
}

/// `PUT /subscriptions/{s}/resourceGroups/{g}`: 201 when new, 200 otherwise.
pub(super) fn put(cloud: &Cloud, request: &ArmRequest, target: &Target) -> Result<ArmResponse, ArmError> {
    let Tracked { location, tags } = request.json()?;
    let location = regions::normalised(&regions::check(location.as_deref(), TYPE)?);
    check_name(&target.name)?;
    cloud.change(|state| {
        let groups = &mut state.arm.resource_groups;
        if let Some(existing) = groups.get_mut(&arm_id::key(&target.id)) {
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
            return Ok(ArmResponse::ok(shown(existing)));
        }
        let group = ResourceGroup {
            id: format!("/subscriptions/{}/resourceGroups/{}", target.subscription, target.name),
            name: target.name.clone(),
            location,
            tags,
        };
        let reply = ArmResponse::new(StatusCode::CREATED, shown(&group));
        groups.insert(arm_id::key(&group.id), group);
        Ok(reply)
    })
}

/// `GET` one.
pub(super) fn get(cloud: &Cloud, target: &Target) -> Result<ArmResponse, ArmError> {
    cloud.read(|state| {
        state.arm.group(&target.subscription, &target.name).map(|group| ArmResponse::ok(shown(group)))
    })
}

/// `GET` all of a subscription.
pub(super) fn list(cloud: &Cloud, subscription: &str) -> ArmResponse {
    let prefix = format!("/subscriptions/{subscription}");
    cloud.read(|state| {
        let groups = state.arm.resource_groups.values();
        ArmResponse::list(groups.filter(|group| arm_id::covers(&prefix, &group.id)).map(shown).collect())
    })
}

/// `DELETE`: 202 with a Location to follow; everything inside goes with the group.
///
/// Our guess: a set that a disk of another group uses refuses at once, where the service tries and fails later.
pub(super) fn delete(cloud: &Cloud, request: &ArmRequest, target: &Target) -> Result<ArmResponse, ArmError> {
    let now = cloud.clock.now();
    cloud.change(|state| {
        operations::finish_all(state, &target.id, now);
        let (id, location) = {
            let group = state.arm.group(&target.subscription, &target.name)?;
            (group.id.clone(), group.location.clone())
        };
        if let Some(user) = resource_group::user_outside(state, &id) {
            return Err(ArmError::conflict(
                "ResourceGroupDeletionBlocked",
                format!(
                    "A disk encryption set of the resource group is used by '{user}', which is outside it."
                ),
            ));
        }
        let headers = operations::begin(cloud, state, request, (&id, &location), Outcome::DeleteGroup);
        Ok(ArmResponse { headers, ..ArmResponse::empty(StatusCode::ACCEPTED) })
    })
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
