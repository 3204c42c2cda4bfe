//! Applications and identities inside one tenant: `/servicePrincipals`.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::cloud::Cloud;
use crate::state::directory::{Directory, ServicePrincipal};

use super::fault::GraphFault;
use super::request::{GraphRequest, GraphResponse, alternate_key};
use super::shapes;

pub(super) fn list(cloud: &Cloud, request: &GraphRequest) -> Result<GraphResponse, GraphFault> {
    cloud.read(|state| {
        let directory = &state.directory;
        let shown = directory
            .service_principals
            .values()
            .filter(|principal| is_visible(cloud, request, principal))
            .map(|principal| shapes::service_principal(directory, principal))
            .collect();
        request.collection("servicePrincipals", shown).map(GraphResponse::Found)
    })
}

pub(super) fn show(cloud: &Cloud, request: &GraphRequest, key: &str) -> Result<GraphResponse, GraphFault> {
    cloud.read(|state| {
        let principal = find(&state.directory, cloud, request, key)?;
        let shown = shapes::service_principal(&state.directory, principal);
        Ok(GraphResponse::Found(request.entity("servicePrincipals", shown)))
    })
}

/// Lets an application into the caller's tenant: the same as an administrator's consent.
pub(super) fn create(cloud: &Cloud, request: &GraphRequest) -> Result<GraphResponse, GraphFault> {
    let given = request.object()?;
    shapes::check_properties(
        given,
        &json!({"appId": "", "accountEnabled": true, "displayName": null, "tags": []}),
    )?;
    let app_id = given.get("appId").and_then(Value::as_str).unwrap_or_default();
    let tenant = request.caller.tenant;
    cloud.change(|state| {
        let directory = &mut state.directory;
        let application = Uuid::parse_str(app_id)
            .ok()
            .and_then(|id| directory.application_by_app_id(id))
            .filter(|application| application.tenant == tenant || application.is_multi_tenant())
            .cloned()
            .ok_or_else(|| GraphFault::no_such_application(app_id))?;
        if directory.service_principal_of(tenant, application.app_id).is_some() {
            return Err(GraphFault::already_there("servicePrincipalNames"));
        }
        let mut principal = directory.let_application_in(tenant, &application, request.now, &cloud.lags);
        if given.get("accountEnabled") == Some(&Value::Bool(false)) {
            principal.enabled = false;
            directory.service_principals.insert(principal.object_id, principal.clone());
        }
        let shown = shapes::service_principal(directory, &principal);
        let location = format!(
            "https://graph.microsoft.com/v2/{tenant}/directoryObjects/{}/Microsoft.DirectoryServices.ServicePrincipal",
            principal.object_id
        );
        Ok(GraphResponse::Created { location: Some(location), body: request.entity("servicePrincipals", shown) })
    })
}

/// Enables or disables a service principal: disabling one is how a customer bars an application for a while.
pub(super) fn update(cloud: &Cloud, request: &GraphRequest, key: &str) -> Result<GraphResponse, GraphFault> {
    let given = request.object()?;
    shapes::check_properties(given, &json!({"accountEnabled": true}))?;
    cloud.change(|state| {
        let id = find(&state.directory, cloud, request, key)?.object_id;
        if let Some(enabled) = given.get("accountEnabled").and_then(Value::as_bool)
            && let Some(principal) = state.directory.service_principals.get_mut(&id)
        {
            principal.enabled = enabled;
        }
        Ok(GraphResponse::Done)
    })
}

/// Removes a service principal: how a customer withdraws consent.
pub(super) fn delete(cloud: &Cloud, request: &GraphRequest, key: &str) -> Result<GraphResponse, GraphFault> {
    cloud.change(|state| {
        let principal = find(&state.directory, cloud, request, key)?;
        if principal.managed_identity.is_some() {
            // Our guess: the wording. A managed identity lives and dies with its resource.
            let text = "The service principal of a managed identity cannot be deleted.";
            return Err(GraphFault::bad_request(text));
        }
        let id = principal.object_id;
        state.directory.delete_service_principal(id, request.now);
        Ok(GraphResponse::Done)
    })
}

/// The service principal of the caller's tenant that a key names: by object id, or as `appId='…'`.
fn find<'a>(
    directory: &'a Directory,
    cloud: &Cloud,
    request: &GraphRequest,
    key: &str,
) -> Result<&'a ServicePrincipal, GraphFault> {
    let tenant = request.caller.tenant;
    let found = match alternate_key(key, "appId") {
        Some(app_id) => {
            Uuid::parse_str(app_id).ok().and_then(|app_id| directory.service_principal_of(tenant, app_id))
        }
        None => Uuid::parse_str(key).ok().and_then(|id| directory.service_principal(tenant, id)),
    };
    found
        .filter(|principal| is_visible(cloud, request, principal))
        .ok_or_else(|| GraphFault::not_found(alternate_key(key, "appId").unwrap_or(key)))
}

fn is_visible(cloud: &Cloud, request: &GraphRequest, principal: &ServicePrincipal) -> bool {
    principal.tenant == request.caller.tenant
        && principal.created_at + cloud.lags.directory_object <= request.now
}
