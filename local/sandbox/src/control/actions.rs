//! What people do to keys, roles and principals, for scripts and for the buttons of the page.

use axum::Json;
use axum::extract::State as RouterState;
use serde::Deserialize;
use serde_json::{Value, json};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::cloud::{Cloud, SharedCloud};
use crate::names::arm_id;
use crate::state::State;
use crate::state::directory::Policy;

use super::reply::Body;
use super::{ControlError, directory};

/// One thing to do. All of it is what the owner of the resource could do by Azure's own interfaces.
#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "action", rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub(crate) enum Action {
    /// Disables a version of a key, or the newest one.
    DisableKey { vault: String, key: String, version: Option<String> },
    /// Enables it again.
    EnableKey { vault: String, key: String, version: Option<String> },
    /// Removes a role assignment. It counts on until it has spread.
    RemoveRole { id: String },
    /// Removes a service principal: its tenant takes its consent back.
    DeleteServicePrincipal { object_id: Uuid },
    /// Bars a service principal from getting tokens, without removing it.
    DisableServicePrincipal { object_id: Uuid },
    /// Lets it in again.
    EnableServicePrincipal { object_id: Uuid },
    /// A tenant's administrators forbid something.
    ImposePolicy { tenant: Uuid, policy: Policy },
    /// They allow it again.
    LiftPolicy { tenant: Uuid, policy: Policy },
}

/// `POST /control/actions`.
pub(super) async fn carry_out(
    RouterState(cloud): RouterState<SharedCloud>,
    Body(action): Body<Action>,
) -> Result<Json<Value>, ControlError> {
    let done = carry(&cloud, &action)?;
    Ok(Json(json!({ "done": done })))
}

/// Does it. Gives a sentence that says what was done.
pub(crate) fn carry(cloud: &Cloud, action: &Action) -> Result<String, ControlError> {
    let now = cloud.clock.now();
    let until = now + cloud.lags.role_assignment;
    cloud.change(|state| match action {
        Action::DisableKey { vault, key, version } => {
            switch_key(state, (vault, key, version.as_deref()), false, now.unix_timestamp())
        }
        Action::EnableKey { vault, key, version } => {
            switch_key(state, (vault, key, version.as_deref()), true, now.unix_timestamp())
        }
        Action::RemoveRole { id } => {
            let found = state.arm.role_assignments.get_mut(&arm_id::key(id));
            match found.is_some_and(|assignment| assignment.remove(until)) {
                true => Ok(format!("The role assignment {id} was removed.")),
                false => Err(ControlError::not_found(format!("there is no role assignment {id}"))),
            }
        }
        Action::DeleteServicePrincipal { object_id } => delete_principal(state, *object_id, now),
        Action::DisableServicePrincipal { object_id } => switch_principal(state, *object_id, false),
        Action::EnableServicePrincipal { object_id } => switch_principal(state, *object_id, true),
        Action::ImposePolicy { tenant, policy } => switch_policy(state, *tenant, *policy, true),
        Action::LiftPolicy { tenant, policy } => switch_policy(state, *tenant, *policy, false),
    })
}

fn switch_key(
    state: &mut State,
    (vault, key, version): (&str, &str, Option<&str>),
    enabled: bool,
    now: i64,
) -> Result<String, ControlError> {
    let held = state
        .key_vault
        .live_key_mut(vault, key)
        .and_then(|key| key.version_mut(version).ok())
        .ok_or_else(|| ControlError::not_found(format!("the vault {vault} has no key {key}")))?;
    held.enabled = enabled;
    held.updated = now;
    let word = if enabled { "enabled" } else { "disabled" };
    Ok(format!("Version {} of the key {key} in the vault {vault} is {word}.", held.version))
}

fn delete_principal(state: &mut State, object_id: Uuid, now: OffsetDateTime) -> Result<String, ControlError> {
    let principal = state.directory.service_principals.get(&object_id);
    let principal = principal.ok_or_else(|| no_principal(object_id))?;
    if principal.managed_identity.is_some() {
        let text = "the service principal of a managed identity is deleted with its resource";
        return Err(ControlError::conflict(text));
    }
    let said = format!("The service principal {} ({object_id}) was deleted.", principal.display_name);
    state.directory.delete_service_principal(object_id, now);
    Ok(said)
}

fn switch_principal(state: &mut State, object_id: Uuid, enabled: bool) -> Result<String, ControlError> {
    let principal = state.directory.service_principals.get_mut(&object_id);
    let principal = principal.ok_or_else(|| no_principal(object_id))?;
    principal.enabled = enabled;
    let word = if enabled { "enabled" } else { "disabled" };
    Ok(format!("The service principal {} ({object_id}) is {word}.", principal.display_name))
}

fn switch_policy(
    state: &mut State,
    tenant: Uuid,
    policy: Policy,
    imposed: bool,
) -> Result<String, ControlError> {
    let tenant = directory::tenant_mut(&mut state.directory, &tenant.to_string())?;
    let word = if imposed { "added" } else { "removed" };
    match imposed {
        true => tenant.policies.insert(policy),
        false => tenant.policies.remove(&policy),
    };
    Ok(format!("{}: the policy {} was {word}.", tenant.display_name, policy.name()))
}

fn no_principal(object_id: Uuid) -> ControlError {
    ControlError::not_found(format!("no service principal has the object id {object_id}"))
}
