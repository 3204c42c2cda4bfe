//! Subscriptions and tenants as the signed-in caller sees them.
//!
//! A caller sees the subscriptions of its token's tenant in which it has any role.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::cloud::Cloud;
use crate::names::arm_id;
use crate::state::State;
use crate::state::directory::Tenant;
use crate::tokens::Caller;

use super::error::ArmError;
use super::request::ArmResponse;

/// `GET /subscriptions`.
pub(super) fn list(cloud: &Cloud, caller: &Caller) -> ArmResponse {
    let now = cloud.clock.now();
    cloud.read(|state| {
        let seen = state
            .directory
            .tenants
            .get(&caller.tenant)
            .into_iter()
            .flat_map(|tenant| tenant.subscriptions().map(move |subscription| (tenant, subscription)))
            .filter(|(_, (id, _))| has_any_role(state, caller, *id, now))
            .map(|(tenant, (id, name))| shown(tenant, id, &name));
        ArmResponse::list(seen.collect())
    })
}

/// `GET /subscriptions/{id}`.
pub(super) fn get(cloud: &Cloud, caller: &Caller, subscription: &str) -> Result<ArmResponse, ArmError> {
    let now = cloud.clock.now();
    cloud.read(|state| {
        state
            .directory
            .tenants
            .get(&caller.tenant)
            .into_iter()
            .flat_map(|tenant| tenant.subscriptions().map(move |subscription| (tenant, subscription)))
            .find(|(_, (id, _))| id.to_string().eq_ignore_ascii_case(subscription))
            .filter(|(_, (id, _))| has_any_role(state, caller, *id, now))
            .map(|(tenant, (id, name))| ArmResponse::ok(shown(tenant, id, &name)))
            .ok_or_else(|| ArmError::subscription_not_found(subscription))
    })
}

/// `GET /tenants`: the one that the token is for.
pub(super) fn tenants(cloud: &Cloud, caller: &Caller) -> ArmResponse {
    cloud.read(|state| {
        let tenant = state.directory.tenants.get(&caller.tenant).map(|tenant| {
            json!({
                "id": format!("/tenants/{}", tenant.tenant_id),
                "tenantId": tenant.tenant_id,
                "displayName": tenant.display_name,
                "defaultDomain": tenant.domain,
                "domains": [tenant.domain],
                "tenantCategory": "Home",
                "tenantType": "AAD",
            })
        });
        ArmResponse::list(tenant.into_iter().collect())
    })
}

fn has_any_role(state: &State, caller: &Caller, subscription: Uuid, now: time::OffsetDateTime) -> bool {
    let subscription = format!("/subscriptions/{subscription}");
    state.arm.role_assignments.values().any(|assignment| {
        assignment.principal_id == caller.object_id
            && assignment.in_force(now)
            && (arm_id::covers(&subscription, &assignment.scope)
                || arm_id::covers(&assignment.scope, &subscription))
    })
}

fn shown(tenant: &Tenant, subscription: Uuid, name: &str) -> Value {
    json!({
        "id": format!("/subscriptions/{subscription}"),
        "subscriptionId": subscription,
        "tenantId": tenant.tenant_id,
        "displayName": name,
        "state": "Enabled",
        "authorizationSource": "RoleBased",
        "managedByTenants": [],
        "subscriptionPolicies": {
            "locationPlacementId": "Public_2014-09-01",
            "quotaId": "PayAsYouGo_2014-09-01",
            "spendingLimit": "Off",
        },
    })
}
