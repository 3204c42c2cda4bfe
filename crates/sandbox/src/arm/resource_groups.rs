//! Microsoft.Resources: resource groups.

use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::world::World;

use super::body::{Tags, Tracked, add_tags};
use super::dispatch::Target;
use super::error::ArmError;
use super::request::{ArmRequest, Reply};
use super::{path, regions};

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

fn shown(group: &ResourceGroup) -> Value {
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
