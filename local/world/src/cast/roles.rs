//! Assigning roles, as both the vendor and the customer do.

use reqwest::{Method, StatusCode};
use serde_json::json;
use uuid::Uuid;

use super::names::{ROLE_ASSIGNMENTS_API, role_assignment_name};
use super::{Azure, AzureResponse};

/// Assigns a built-in role at a scope; repeating it changes nothing.
pub(super) async fn assign_role(
    azure: &Azure,
    scope: &str,
    principal: Uuid,
    role: Uuid,
) -> anyhow::Result<()> {
    let name = role_assignment_name(scope, principal, role);
    let id = format!("{scope}/providers/Microsoft.Authorization/roleAssignments/{name}");
    let subscription = azure.subscription_id;
    let role =
        format!("/subscriptions/{subscription}/providers/Microsoft.Authorization/roleDefinitions/{role}");
    let body = json!({ "properties": {
        "roleDefinitionId": role,
        "principalId": principal,
        // Without the type, a principal that is still replicating is refused.
        "principalType": "ServicePrincipal",
    }});
    let reply = azure.arm(Method::PUT, &id, ROLE_ASSIGNMENTS_API, Some(&body)).await?;
    already_there_is_fine(reply, "assigning the role")
}

/// Takes a role assignment away that [`assign_role`] made; there being none is fine.
pub(super) async fn remove_role(
    azure: &Azure,
    scope: &str,
    principal: Uuid,
    role: Uuid,
) -> anyhow::Result<()> {
    let name = role_assignment_name(scope, principal, role);
    let id = format!("{scope}/providers/Microsoft.Authorization/roleAssignments/{name}");
    azure.arm(Method::DELETE, &id, ROLE_ASSIGNMENTS_API, None).await?.ok("removing the role")?;
    Ok(())
}

/// Takes a conflict for success: what was to be made is there.
fn already_there_is_fine(reply: AzureResponse, what: &str) -> anyhow::Result<()> {
    if reply.status != StatusCode::CONFLICT {
        reply.ok(what)?;
    }
    Ok(())
}
