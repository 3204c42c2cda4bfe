//! Where a deployment happens, as its template sees it.

use serde_json::json;
use uuid::Uuid;

use crate::arm::error::ArmError;
use crate::state::State;

use super::place::Place;
use super::template::Surroundings;

/// What the functions see that tell where a deployment happens.
pub(super) fn surroundings(
    state: &State,
    place: &Place,
    name: &str,
    tenant: Uuid,
) -> Result<Surroundings, ArmError> {
    let group = place.group.as_ref().map(|group| state.arm.group(&place.subscription, group)).transpose()?;
    let names = state
        .directory
        .tenants
        .get(&tenant)
        .into_iter()
        .flat_map(crate::state::directory::Tenant::subscriptions);
    let display_name =
        names.into_iter().find(|(id, _)| id.to_string().eq_ignore_ascii_case(&place.subscription));
    let subscription = json!({
        "id": format!("/subscriptions/{}", place.subscription),
        "subscriptionId": place.subscription,
        "tenantId": tenant,
        "displayName": display_name.map(|(_, name)| name),
    });
    let mut deployment = json!({ "name": name, "properties": { "mode": "Incremental" } });
    if let Some(location) = &place.location {
        deployment["location"] = json!(location);
    }
    Ok(Surroundings {
        resource_group: group.map(crate::arm::resource_groups::shown),
        subscription,
        tenant: json!({ "id": format!("/tenants/{tenant}"), "tenantId": tenant }),
        deployment,
    })
}
