//! Microsoft.Authorization: role assignments.
//!
//! An assignment, and its removal, takes a while to spread (Microsoft Learn, "Troubleshoot Azure RBAC": up to ten
//! minutes): it is there to be read at once, and counts from [`Lags::role_assignment`](crate::Lags) later.

use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::cloud::Cloud;
use crate::moments;
use crate::names::arm_id;
use crate::resources::described::is_there;
use crate::state::State;
use crate::state::arm::ArmState;
use crate::state::resources::role_assignment::RoleAssignment;

use super::error::ArmError;
use super::request::{ArmRequest, ArmResponse};
use super::role_definitions::{quoted_after, role_of, unsupported_filter};

const TYPE: &str = "Microsoft.Authorization/roleAssignments";

#[derive(Debug, Deserialize)]
struct Write {
    properties: WriteProperties,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct WriteProperties {
    role_definition_id: String,
    principal_id: Uuid,
    #[serde(default)]
    principal_type: Option<String>,
    #[serde(default)]
    description: Option<String>,
}

impl RoleAssignment {
    fn shown(&self) -> Value {
        let created = moments::zulu(self.created_on);
        let subscription = self.scope.split('/').nth(2).unwrap_or_default();
        json!({
            "id": self.id,
            "name": self.name,
            "type": TYPE,
            "properties": {
                "scope": self.scope,
                "roleDefinitionId": format!(
                    "/subscriptions/{subscription}/providers/Microsoft.Authorization/roleDefinitions/{}", self.role
                ),
                "principalId": self.principal_id,
                "principalType": self.principal_type,
                "description": self.description,
                "condition": null,
                "conditionVersion": null,
                "createdOn": created,
                "updatedOn": created,
                "createdBy": self.created_by,
                "updatedBy": self.created_by,
                "delegatedManagedIdentityResourceId": null,
            },
        })
    }
}

/// `PUT {scope}/providers/Microsoft.Authorization/roleAssignments/{guid}`: 201 when new, 200 when it repeats itself.
pub(super) fn put(
    cloud: &Cloud,
    request: &ArmRequest,
    scope: &str,
    name: &str,
) -> Result<ArmResponse, ArmError> {
    let Write { properties } = request.json()?;
    let guid = Uuid::parse_str(name).map_err(|_| {
        ArmError::bad_request(
            "InvalidRoleAssignmentId",
            format!("The role assignment ID '{name}' is not valid. The role assignment ID must be a GUID."),
        )
    })?;
    let now = cloud.clock.now();
    cloud.change(|state| {
        let role = role_of(&state.arm, &properties.role_definition_id, scope)?;
        check_scope(&state.arm, scope)?;
        let principal_type = principal_type(state, request.caller.tenant, &properties)?;
        let id = format!("{scope}/providers/{TYPE}/{guid}");
        if let Some(reply) = already_there(&state.arm, &id, scope, role, properties.principal_id)? {
            return Ok(reply);
        }
        let assignment = RoleAssignment {
            id: id.clone(),
            name: guid.to_string(),
            scope: scope.to_owned(),
            role,
            principal_id: properties.principal_id,
            principal_type,
            description: properties.description,
            created_by: Some(request.caller.object_id),
            created_on: now,
            in_force_from: now + cloud.lags.role_assignment,
            in_force_until: None,
        };
        let reply = ArmResponse::new(StatusCode::CREATED, assignment.shown());
        state.arm.role_assignments.insert(arm_id::key(&id), assignment);
        Ok(reply)
    })
}

/// `GET` one.
pub(super) fn get(cloud: &Cloud, scope: &str, name: &str) -> Result<ArmResponse, ArmError> {
    let id = arm_id::key(&format!("{scope}/providers/{TYPE}/{name}"));
    cloud.read(|state| {
        let assignment = state.arm.role_assignments.get(&id).filter(|assignment| !assignment.removed());
        assignment.map(|assignment| ArmResponse::ok(assignment.shown())).ok_or_else(|| {
            ArmError::new(
                StatusCode::NOT_FOUND,
                "RoleAssignmentNotFound",
                format!("The role assignment '{name}' is not found."),
            )
        })
    })
}

/// `GET` all that touch a scope. `$filter` may say `atScope()` (leave out what is below), `principalId eq '...'`
/// or `assignedTo('...')`; without it, assignments above, at and below the scope are listed.
pub(super) fn list(cloud: &Cloud, request: &ArmRequest, scope: &str) -> Result<ArmResponse, ArmError> {
    let filter = request.query.get("$filter").map(String::as_str).unwrap_or_default();
    let (below, principal) = parse_filter(filter)?;
    cloud.read(|state| {
        let listed = state.arm.role_assignments.values().filter(|assignment| {
            !assignment.removed()
                && (arm_id::covers(&assignment.scope, scope)
                    || (below && arm_id::covers(scope, &assignment.scope)))
                && principal.is_none_or(|principal| assignment.principal_id == principal)
        });
        Ok(ArmResponse::list(listed.map(RoleAssignment::shown).collect()))
    })
}

/// `DELETE`: 200 with what was removed, 204 when there was nothing. Its effect ends later.
pub(super) fn delete(cloud: &Cloud, scope: &str, name: &str) -> ArmResponse {
    let id = arm_id::key(&format!("{scope}/providers/{TYPE}/{name}"));
    let until = cloud.clock.now() + cloud.lags.role_assignment;
    cloud.change(|state| {
        let found = state.arm.role_assignments.get_mut(&id).filter(|assignment| !assignment.removed());
        match found {
            None => ArmResponse::empty(StatusCode::NO_CONTENT),
            Some(assignment) => {
                assignment.in_force_until = Some(until);
                ArmResponse::ok(assignment.shown())
            }
        }
    })
}

/// Naming the type of principal spares the look into the directory, which may not know a new principal yet.
fn principal_type(state: &State, tenant: Uuid, properties: &WriteProperties) -> Result<String, ArmError> {
    if let Some(given) = &properties.principal_type {
        let known = ["User", "Group", "ServicePrincipal", "ForeignGroup", "Device"];
        return known
            .iter()
            .find(|known| known.eq_ignore_ascii_case(given))
            .map(|known| (*known).to_owned())
            .ok_or_else(|| {
                ArmError::bad_request(
                    "InvalidPrincipalType",
                    format!("The principal type '{given}' is not valid."),
                )
            });
    }
    let principal = properties.principal_id;
    if state.directory.service_principal(tenant, principal).is_some() {
        return Ok("ServicePrincipal".into());
    }
    if state.directory.user(tenant, principal).is_some() {
        return Ok("User".into());
    }
    Err(ArmError::bad_request(
        "PrincipalNotFound",
        format!(
            "Principal {} does not exist in the directory {tenant}. Check that you have the correct principal ID. If you \
             are creating this principal and then immediately assigning a role, this error might be related to a \
             replication delay. In this case, set the role assignment principalType property to a value, such as \
             ServicePrincipal, User, or Group.  See https://aka.ms/docs-principaltype",
            principal.simple()
        ),
    ))
}

/// What must exist for a role to be assigned at it. A single key is a scope too; whether it exists nobody checks.
/// Our guess: the vault around the key is checked.
fn check_scope(arm: &ArmState, scope: &str) -> Result<(), ArmError> {
    let parts: Vec<&str> = scope.split('/').skip(1).collect();
    if let Some(group) = parts.get(3) {
        arm.group(parts[1], group)?;
    }
    if parts.len() < 8 {
        return Ok(());
    }
    let resource = format!("/{}", parts[..8].join("/"));
    if is_there(arm, &resource) {
        Ok(())
    } else {
        Err(ArmError::resource_not_found(&parts[5..7].join("/"), parts[7], parts[3]))
    }
}

fn already_there(
    arm: &ArmState,
    id: &str,
    scope: &str,
    role: Uuid,
    principal: Uuid,
) -> Result<Option<ArmResponse>, ArmError> {
    let same = |assignment: &RoleAssignment| {
        assignment.role == role
            && assignment.principal_id == principal
            && arm_id::same(&assignment.scope, scope)
    };
    if let Some(existing) = arm.role_assignments.get(&arm_id::key(id)).filter(|existing| !existing.removed())
    {
        if same(existing) {
            return Ok(Some(ArmResponse::ok(existing.shown())));
        }
        return Err(ArmError::bad_request(
            "RoleAssignmentUpdateNotPermitted",
            "Tenant ID, application ID, principal ID, and scope are not allowed to be updated.",
        ));
    }
    match arm.role_assignments.values().find(|assignment| !assignment.removed() && same(assignment)) {
        None => Ok(None),
        Some(existing) => Err(ArmError::conflict(
            "RoleAssignmentExists",
            format!(
                "The role assignment already exists. The ID of the existing role assignment is {}.",
                existing.name.replace('-', "")
            ),
        )),
    }
}

/// Whether assignments below the scope are wanted, and whose.
fn parse_filter(filter: &str) -> Result<(bool, Option<Uuid>), ArmError> {
    let (mut below, mut principal) = (true, None);
    for part in filter.split(" and ").map(str::trim).filter(|part| !part.is_empty()) {
        if part.eq_ignore_ascii_case("atScope()") {
            below = false;
            continue;
        }
        let id = quoted_after(part, "principalId eq ").or_else(|| quoted_after(part, "assignedTo("));
        let id = id.and_then(|id| Uuid::parse_str(id).ok()).ok_or_else(|| unsupported_filter(filter))?;
        principal = Some(id);
    }
    Ok((below, principal))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_are_read_or_refused() {
        let id = Uuid::from_u128(7);
        assert_eq!(parse_filter("").unwrap(), (true, None));
        assert_eq!(parse_filter("atScope()").unwrap(), (false, None));
        assert_eq!(parse_filter(&format!("atScope() and principalId eq '{id}'")).unwrap(), (false, Some(id)));
        assert_eq!(parse_filter(&format!("assignedTo('{id}')")).unwrap(), (true, Some(id)));
        assert_eq!(parse_filter("roleName ne 'x'").unwrap_err().code, "UnsupportedQuery");
    }
}
