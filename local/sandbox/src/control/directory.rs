//! Organisations, people, subscriptions and roles.

use std::collections::BTreeSet;

use axum::Json;
use axum::extract::{Path, State as RouterState};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::cloud::SharedCloud;
use crate::names::regions::is_region;
use crate::roles;
use crate::seed::{self, NewTenant};
use crate::state::directory::{Directory, Policy, Tenant, User};
use crate::state::resources::role_assignment::RoleAssignment;

use super::ControlError;
use super::reply::Body;

type Made = Result<(StatusCode, Json<Value>), ControlError>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct TenantBody {
    display_name: String,
    domain: Option<String>,
    region: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct UserBody {
    display_name: String,
    user_principal_name: Option<String>,
    #[serde(default)]
    administrator: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct SubscriptionBody {
    display_name: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PoliciesBody {
    policies: BTreeSet<Policy>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct RoleBody {
    principal_id: Uuid,
    role: String,
    scope: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct IdentityBody {
    resource_id: String,
}

/// `GET /control/tenants`: no secrets.
pub(super) async fn tenants(RouterState(cloud): RouterState<SharedCloud>) -> Json<Value> {
    cloud.read(|state| {
        let tenants: Vec<Value> = state.directory.tenants.values().map(shown).collect();
        Json(json!({ "tenants": tenants }))
    })
}

/// `POST /control/tenants`: with an administrator and an ordinary user, an administrator's application whose secret
/// is answered this once, and one subscription that both administrators own.
pub(super) async fn add_tenant(
    RouterState(cloud): RouterState<SharedCloud>,
    Body(body): Body<TenantBody>,
) -> Made {
    let display_name = not_empty("displayName", body.display_name)?;
    let domain = match body.domain {
        Some(domain) => check_domain(domain)?,
        None => format!("{}.onmicrosoft.com", label_of(&display_name)?),
    };
    let region = body.region.unwrap_or_else(|| seed::REGION.to_owned());
    if !is_region(&region) {
        return Err(ControlError::at("region", format!("{region} is no region of Azure's public cloud")));
    }
    let now = cloud.clock.now();
    cloud.change(|state| {
        if state.directory.tenant_named(&domain).is_some() {
            return Err(ControlError::conflict(format!(
                "another tenant has the domain {domain}; give one of its own"
            )));
        }
        let tenant_id = Uuid::new_v4();
        let new = NewTenant { tenant_id, display_name, domain, region };
        seed::add_tenant(&mut state.directory, new, now).map_err(|_| {
            ControlError::new(StatusCode::INTERNAL_SERVER_ERROR, "the machine gives no randomness")
        })?;
        let tenant = &state.directory.tenants[&tenant_id];
        state.arm.own(tenant, tenant.subscription_id, now);
        let mut made = shown(tenant);
        made["administratorApplication"]["clientSecret"] = json!(tenant.administrator.client_secret);
        Ok((StatusCode::CREATED, Json(made)))
    })
}

/// `POST /control/tenants/{tenant}/users`.
pub(super) async fn add_user(
    RouterState(cloud): RouterState<SharedCloud>,
    Path(tenant): Path<String>,
    Body(body): Body<UserBody>,
) -> Made {
    let display_name = not_empty("displayName", body.display_name)?;
    cloud.change(|state| {
        let tenant = tenant_mut(&mut state.directory, &tenant)?;
        let user_principal_name = match body.user_principal_name {
            Some(name) => not_empty("userPrincipalName", name)?,
            None => format!("{}@{}", label_of(&display_name)?, tenant.domain),
        };
        let taken = |user: &User| user.user_principal_name.eq_ignore_ascii_case(&user_principal_name);
        if tenant.users.values().any(taken) {
            return Err(ControlError::conflict(format!("{user_principal_name} is there already")));
        }
        let user = User { object_id: Uuid::new_v4(), display_name, user_principal_name };
        if body.administrator {
            tenant.directory_administrators.insert(user.object_id);
        }
        let made = shown_user(tenant, &user);
        tenant.users.insert(user.object_id, user);
        Ok((StatusCode::CREATED, Json(made)))
    })
}

/// `POST /control/tenants/{tenant}/subscriptions`: owned by the tenant's administrators.
pub(super) async fn add_subscription(
    RouterState(cloud): RouterState<SharedCloud>,
    Path(tenant): Path<String>,
    Body(body): Body<SubscriptionBody>,
) -> Made {
    let name = not_empty("displayName", body.display_name)?;
    let now = cloud.clock.now();
    cloud.change(|state| {
        let tenant = tenant_mut(&mut state.directory, &tenant)?;
        let id = Uuid::new_v4();
        tenant.more_subscriptions.insert(id, name.clone());
        let tenant = &*tenant;
        state.arm.own(tenant, id, now);
        let made = json!({ "subscriptionId": id, "displayName": name, "tenantId": tenant.tenant_id });
        Ok((StatusCode::CREATED, Json(made)))
    })
}

/// `PUT /control/tenants/{tenant}/policies`: all that the tenant's administrators forbid from now on.
pub(super) async fn set_policies(
    RouterState(cloud): RouterState<SharedCloud>,
    Path(tenant): Path<String>,
    Body(body): Body<PoliciesBody>,
) -> Result<Json<Value>, ControlError> {
    cloud.change(|state| {
        let tenant = tenant_mut(&mut state.directory, &tenant)?;
        tenant.policies = body.policies;
        Ok(Json(shown(tenant)))
    })
}

/// `POST /control/roles`: without the time that a role assignment takes to spread.
pub(super) async fn assign_role(
    RouterState(cloud): RouterState<SharedCloud>,
    Body(body): Body<RoleBody>,
) -> Made {
    let known = roles::BUILT_IN.iter().find(|role| role.name.eq_ignore_ascii_case(&body.role));
    let role = known.ok_or_else(|| {
        let names: Vec<&str> = roles::BUILT_IN.iter().map(|role| role.name.as_str()).collect();
        ControlError::at("role", format!("no such role; there are: {}", names.join(", ")))
    })?;
    let subscription = body.scope.strip_prefix("/subscriptions/").and_then(|rest| rest.split('/').next());
    let subscription = subscription.and_then(|id| Uuid::parse_str(id).ok());
    let now = cloud.clock.now();
    cloud.change(|state| {
        let tenant =
            subscription.and_then(|id| state.directory.tenant_of_subscription(id)).ok_or_else(|| {
                ControlError::at(
                    "scope",
                    "a scope is /subscriptions/{id of a subscription here} or something inside it",
                )
            })?;
        let (tenant_id, principal) = (tenant.tenant_id, body.principal_id);
        let kind = match () {
            () if state.directory.service_principal(tenant_id, principal).is_some() => "ServicePrincipal",
            () if state.directory.user(tenant_id, principal).is_some() => "User",
            () => {
                let problem =
                    format!("no user or service principal of the tenant {tenant_id} has this object id");
                return Err(ControlError::at("principalId", problem));
            }
        };
        let assignment = RoleAssignment::granted(body.scope, role.id, principal, kind, now);
        let made = json!({ "id": assignment.id });
        state.arm.grant(assignment);
        Ok((StatusCode::CREATED, Json(made)))
    })
}

/// `POST /control/identities/attach`.
pub(super) async fn attach_identity(
    RouterState(cloud): RouterState<SharedCloud>,
    Body(body): Body<IdentityBody>,
) -> Result<StatusCode, ControlError> {
    match cloud.change(|state| state.directory.attach_identity(&body.resource_id)) {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(ControlError::at("resourceId", "there is no user-assigned identity with this ARM id")),
    }
}

fn shown(tenant: &Tenant) -> Value {
    let users: Vec<Value> = tenant.users.values().map(|user| shown_user(tenant, user)).collect();
    let subscriptions: Vec<Value> = tenant
        .subscriptions()
        .map(|(id, name)| json!({ "subscriptionId": id, "displayName": name }))
        .collect();
    json!({
        "tenantId": tenant.tenant_id,
        "displayName": tenant.display_name,
        "domain": tenant.domain,
        "region": tenant.region,
        "users": users,
        "subscriptions": subscriptions,
        "policies": tenant.policies,
        "administratorApplication": { "clientId": tenant.administrator.client_id },
    })
}

fn shown_user(tenant: &Tenant, user: &User) -> Value {
    json!({
        "objectId": user.object_id,
        "displayName": user.display_name,
        "userPrincipalName": user.user_principal_name,
        "administrator": tenant.directory_administrators.contains(&user.object_id),
    })
}

pub(super) fn tenant_mut<'a>(
    directory: &'a mut Directory,
    name: &str,
) -> Result<&'a mut Tenant, ControlError> {
    let id = directory.tenant_named(name).map(|tenant| tenant.tenant_id);
    let found = id.and_then(|id| directory.tenants.get_mut(&id));
    found.ok_or_else(|| ControlError::not_found(format!("no tenant has the id or the domain {name}")))
}

fn not_empty(path: &str, text: String) -> Result<String, ControlError> {
    match text.trim() {
        "" => Err(ControlError::at(path, "must not be empty")),
        _ if text.chars().count() > 256 => Err(ControlError::at(path, "at most 256 characters")),
        _ => Ok(text),
    }
}

/// What a name becomes in a domain or in front of an `@`.
fn label_of(name: &str) -> Result<String, ControlError> {
    let parts = name.split(|letter: char| !letter.is_ascii_alphanumeric()).filter(|part| !part.is_empty());
    let label = parts.collect::<Vec<_>>().join(".").to_ascii_lowercase();
    match label.is_empty() {
        true => Err(ControlError::at("displayName", "has no letter to make a name of; name it yourself")),
        false => Ok(label),
    }
}

fn check_domain(domain: String) -> Result<String, ControlError> {
    let label = |label: &str| {
        !label.is_empty() && label.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '-')
    };
    match domain.contains('.') && domain.split('.').all(label) {
        true => Ok(domain.to_ascii_lowercase()),
        false => Err(ControlError::at("domain", "a domain such as contoso.onmicrosoft.com")),
    }
}
