//! Microsoft.Authorization: roles that somebody defines.
//!
//! Source: Microsoft Learn, "Azure custom roles" and "Understand Azure role definitions". A change counts at once for
//! whoever is assigned the role.

use http::StatusCode;
use serde::Deserialize;
use uuid::Uuid;

use crate::cloud::Cloud;
use crate::roles::RoleDefinition;
use crate::state::State;
use crate::state::arm::ArmState;
use crate::state::resources::custom_role::CustomRole;

use super::access::authorize;
use super::error::ArmError;
use super::request::{ArmRequest, ArmResponse};
use super::role_definitions::{no_such_role, shown};

#[derive(Debug, Deserialize)]
struct Write {
    properties: Properties,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Properties {
    role_name: String,
    #[serde(default)]
    description: String,
    permissions: Vec<Permission>,
    assignable_scopes: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Permission {
    actions: Vec<String>,
    not_actions: Vec<String>,
    data_actions: Vec<String>,
    not_data_actions: Vec<String>,
}

impl Default for Permission {
    fn default() -> Self {
        let none = Vec::new;
        Self { actions: none(), not_actions: none(), data_actions: none(), not_data_actions: none() }
    }
}

/// `PUT {scope}/providers/Microsoft.Authorization/roleDefinitions/{guid}`: 201, new or not.
pub(super) fn put(cloud: &Cloud, request: &ArmRequest, name: &str) -> Result<ArmResponse, ArmError> {
    let Write { properties } = request.json()?;
    let id = Uuid::parse_str(name).map_err(|_| {
        ArmError::bad_request(
            "InvalidRoleDefinitionId",
            format!("The role definition ID '{name}' is no GUID."),
        )
    })?;
    let Properties { role_name, description, permissions, assignable_scopes } = properties;
    let [permission] = <[Permission; 1]>::try_from(permissions)
        .map_err(|_| invalid("A role definition has exactly one set of permissions."))?;
    if role_name.trim().is_empty() || role_name.chars().count() > 128 {
        return Err(invalid("The role name has 1 to 128 characters."));
    }
    let Permission { actions, not_actions, data_actions, not_data_actions } = permission;
    check_actions(actions.iter().chain(&not_actions).chain(&data_actions).chain(&not_data_actions))?;
    let definition = RoleDefinition {
        id,
        name: role_name,
        description,
        actions,
        not_actions,
        data_actions,
        not_data_actions,
    };
    let now = cloud.clock.now();
    cloud.change(|state| {
        if assignable_scopes.is_empty() {
            return Err(invalid("A custom role has at least one assignable scope."));
        }
        for scope in &assignable_scopes {
            check_scope(&state.arm, scope)?;
            let action = "Microsoft.Authorization/roleDefinitions/write";
            authorize(&state.arm, &request.caller, action, scope, now)?;
        }
        check_name(state, request.caller.tenant, &definition)?;
        let created_on = state.arm.custom_roles.get(&id).map_or(now, |known| known.created_on);
        let role = CustomRole {
            definition,
            tenant: request.caller.tenant,
            assignable_scopes,
            written_by: request.caller.object_id,
            created_on,
            updated_on: now,
        };
        let reply = ArmResponse::new(StatusCode::CREATED, shown(&role, &request.segments[1]));
        state.arm.custom_roles.insert(id, role);
        Ok(reply)
    })
}

/// `DELETE`: 200 with what was removed, 204 when there was nothing. Refused while the role is assigned.
pub(super) fn delete(cloud: &Cloud, request: &ArmRequest, name: &str) -> Result<ArmResponse, ArmError> {
    let id = Uuid::parse_str(name).map_err(|_| no_such_role(name))?;
    cloud.change(|state| {
        let assigned = state.arm.role_assignments.values();
        let assigned = assigned.filter(|assignment| assignment.role == id && !assignment.removed()).count();
        if assigned > 0 {
            return Err(ArmError::bad_request(
                "RoleDefinitionHasAssignments",
                "There are existing role assignments referencing role (code: RoleDefinitionHasAssignments)",
            ));
        }
        Ok(match state.arm.custom_roles.remove(&id) {
            Some(role) => ArmResponse::ok(shown(&role, &request.segments[1])),
            None => ArmResponse::empty(StatusCode::NO_CONTENT),
        })
    })
}

/// Our guess: code and words of what makes no sense.
fn invalid(message: &str) -> ArmError {
    ArmError::bad_request("InvalidRoleDefinition", message)
}

/// An action names a provider and ends in what is done. Which providers and actions there are, this sandbox does not know:
/// Azure refuses what none of them has, with the same code.
fn check_actions<'a>(actions: impl Iterator<Item = &'a String>) -> Result<(), ArmError> {
    for action in actions {
        let is_one = action == "*" || action.starts_with("*/") || action.starts_with("Microsoft.");
        if !is_one || action.contains(' ') {
            return Err(ArmError::bad_request(
                "InvalidActionOrNotAction",
                format!("'{action}' does not match any of the actions supported by the providers."),
            ));
        }
    }
    Ok(())
}

/// A subscription or a group that is there.
fn check_scope(arm: &ArmState, scope: &str) -> Result<(), ArmError> {
    let parts: Vec<&str> = scope.split('/').collect();
    match parts[..] {
        ["", "subscriptions", _] => Ok(()),
        ["", "subscriptions", subscription, kind, group] if kind.eq_ignore_ascii_case("resourceGroups") => {
            arm.group(subscription, group).map(|_| ())
        }
        _ => Err(invalid("A custom role can be assigned at subscriptions and resource groups.")),
    }
}

fn check_name(state: &State, tenant: Uuid, new: &RoleDefinition) -> Result<(), ArmError> {
    let taken = state.arm.custom_roles.values().any(|known| {
        known.tenant == tenant
            && known.definition.id != new.id
            && known.definition.name.eq_ignore_ascii_case(&new.name)
    });
    if taken {
        return Err(ArmError::conflict(
            "RoleDefinitionWithSameNameExists",
            format!("A custom role with the same name already exists in this directory: '{}'.", new.name),
        ));
    }
    Ok(())
}
