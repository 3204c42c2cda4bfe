//! Microsoft.ManagedIdentity: user-assigned identities.
//!
//! An identity has three names that are easily mistaken for one another: the principal id is the subject of its
//! tokens, the client id chooses it at the managed identity endpoint, and the ARM id goes into other resources.

use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::world::World;

use super::body::{Tags, Tracked};
use super::error::ArmError;
use super::request::{ArmRequest, Reply};
use super::resource::Target;
use super::{path, regions};

pub(super) const TYPE: &str = "Microsoft.ManagedIdentity/userAssignedIdentities";

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Identity {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) location: String,
    pub(crate) tags: Option<Tags>,
    pub(crate) tenant_id: Uuid,
    pub(crate) principal_id: Uuid,
    pub(crate) client_id: Uuid,
}

/// `PUT`: 201 when new, 200 otherwise. A new identity gets a service principal in its tenant's directory.
pub(super) fn put(world: &World, request: &ArmRequest, target: &Target) -> Result<Reply, ArmError> {
    let Tracked { location, tags } = request.json()?;
    let location = regions::check(location.as_deref(), TYPE)?;
    check_name(&target.name)?;
    let now = world.clock.now();
    world.change(|state| {
        state.arm.group(&target.subscription, &target.group)?;
        if let Some(existing) = state.arm.identities.get_mut(&path::key(&target.id)) {
            regions::check_unmoved(&existing.location, &location, &target.name, &target.group)?;
            existing.tags = tags;
            return Ok(Reply::ok(shown(existing)));
        }
        // The service answers with `resourcegroups` in lower case, whatever it was sent (recorded).
        let id = format!(
            "/subscriptions/{}/resourcegroups/{}/providers/{TYPE}/{}",
            target.subscription, target.group, target.name
        );
        let principal = state.directory.add_managed_identity(request.caller.tenant, &target.name, &id, now);
        let identity = Identity {
            id,
            name: target.name.clone(),
            location,
            tags,
            tenant_id: request.caller.tenant,
            principal_id: principal.object_id,
            client_id: principal.app_id,
        };
        let reply = Reply::new(StatusCode::CREATED, shown(&identity));
        state.arm.identities.insert(path::key(&identity.id), identity);
        Ok(reply)
    })
}

/// `GET` one.
pub(super) fn get(world: &World, target: &Target) -> Result<Reply, ArmError> {
    world.read(|state| {
        state.arm.group(&target.subscription, &target.group)?;
        let identity = state.arm.identities.get(&path::key(&target.id));
        identity
            .map(|identity| Reply::ok(shown(identity)))
            .ok_or_else(|| ArmError::resource_not_found(TYPE, &target.name, &target.group))
    })
}

/// `GET` all within a group or a subscription.
pub(super) fn list(world: &World, scope: &str) -> Reply {
    world.read(|state| {
        let identities = state.arm.identities.values();
        Reply::list(identities.filter(|identity| path::covers(scope, &identity.id)).map(shown).collect())
    })
}

/// `DELETE`: 200, or 204 when there is none. Its principal goes with it.
pub(super) fn delete(world: &World, target: &Target) -> Reply {
    world.change(|state| match state.arm.identities.remove(&path::key(&target.id)) {
        None => Reply::empty(StatusCode::NO_CONTENT),
        Some(identity) => {
            state.directory.remove_managed_identity(&identity.id);
            Reply::empty(StatusCode::OK)
        }
    })
}

fn check_name(name: &str) -> Result<(), ArmError> {
    let letters = name.chars().all(|letter| letter.is_ascii_alphanumeric() || "-_".contains(letter));
    if letters
        && name.starts_with(|first: char| first.is_ascii_alphanumeric())
        && (3..=128).contains(&name.len())
    {
        return Ok(());
    }
    // Our guess: code and words. The rule is documented; Azure CLI and the API description leave it to the service.
    Err(ArmError::bad_request(
        "InvalidResourceName",
        format!(
            "The resource name '{name}' is invalid: 3 to 128 letters, digits, hyphens and underscores are allowed, \
             beginning with a letter or a digit."
        ),
    ))
}

fn shown(identity: &Identity) -> Value {
    json!({
        "id": identity.id,
        "name": identity.name,
        "type": TYPE,
        "location": identity.location,
        "tags": identity.tags.clone().unwrap_or_default(),
        "properties": {
            "tenantId": identity.tenant_id,
            "principalId": identity.principal_id,
            "clientId": identity.client_id,
        },
    })
}
