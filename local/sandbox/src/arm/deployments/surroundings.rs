//! Where a deployment happens, as its template sees it.

use serde_json::json;
use uuid::Uuid;

use crate::arm::error::ArmError;
use crate::arm::request::Target;
use crate::state::State;

use super::template::Surroundings;

/// What the functions see that tell where a deployment happens.
pub(super) fn surroundings(state: &State, target: &Target, tenant: Uuid) -> Result<Surroundings, ArmError> {
    let group = state.arm.group(&target.subscription, &target.group)?;
    let names = state
        .directory
        .tenants
        .get(&tenant)
        .into_iter()
        .flat_map(crate::state::directory::Tenant::subscriptions);
    let name = names.into_iter().find(|(id, _)| id.to_string().eq_ignore_ascii_case(&target.subscription));
    let subscription = json!({
        "id": format!("/subscriptions/{}", target.subscription),
        "subscriptionId": target.subscription,
        "tenantId": tenant,
        "displayName": name.map(|(_, name)| name),
    });
    Ok(Surroundings {
        resource_group: crate::arm::resource_groups::shown(group),
        subscription,
        tenant: json!({ "id": format!("/tenants/{tenant}"), "tenantId": tenant }),
        deployment: json!({ "name": target.name, "properties": { "mode": "Incremental" } }),
    })
}
