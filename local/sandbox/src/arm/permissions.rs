//! Microsoft.Authorization: what the caller may do at a scope.
//!
//! One entry for each role assignment in force there or above ("Permissions - List For Resource Group" and "- List For
//! Resource" in Azure/azure-rest-api-specs).
//!
//! Our guess: that a caller without any role is told an empty list, and that the list needs no action of its own.

use serde_json::{Value, json};

use crate::cloud::Cloud;
use crate::names::arm_id;

use super::request::{ArmRequest, ArmResponse};

/// `GET {scope}/providers/Microsoft.Authorization/permissions`.
pub(super) fn list(cloud: &Cloud, request: &ArmRequest, scope: &str) -> ArmResponse {
    let now = cloud.clock.now();
    let caller = request.caller.object_id;
    let roles: Vec<Value> = cloud.read(|state| {
        let assignments = state.arm.role_assignments.values();
        assignments
            .filter(|assignment| assignment.principal_id == caller && assignment.in_force(now))
            .filter(|assignment| arm_id::covers(&assignment.scope, scope))
            .filter_map(|assignment| state.arm.role(assignment.role))
            .map(|role| {
                json!({
                    "actions": role.actions,
                    "notActions": role.not_actions,
                    "dataActions": role.data_actions,
                    "notDataActions": role.not_data_actions,
                })
            })
            .collect()
    });
    ArmResponse::ok(json!({ "value": roles }))
}
