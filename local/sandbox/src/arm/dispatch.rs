//! The gateway: checks what every request must have, then finds who answers it.

use axum::response::Response;
use bytes::Bytes;
use http::request::Parts;
use http::{Method, StatusCode};

use crate::cloud::Cloud;
use crate::tokens::Audience;

use super::access::authorize_request;
use super::api_version::{self, Versions};
use super::error::ArmError;
use super::request::{self, ArmRequest, ArmResponse, Target};
use super::resource::{self, RegisteredProvider};
use super::{
    custom_roles, described, inventory, limits, operations, permissions, resource_groups, resource_providers,
    role_assignments, role_definitions, subscriptions, tags, tenancy, vaults,
};

/// Answers one request.
pub(super) fn answer(cloud: &Cloud, parts: &Parts, body: Bytes) -> Response {
    let caller = match cloud.caller(&parts.headers, Audience::ResourceManager) {
        Ok(caller) => caller,
        Err(fault) => return tenancy::refuse_token(&fault),
    };
    let (segments, query) = request::take_apart(parts);
    let lower: Vec<String> = segments.iter().map(|segment| segment.to_ascii_lowercase()).collect();
    let lower: Vec<&str> = lower.iter().map(String::as_str).collect();
    if let Some(refusal) = tenancy::wrong_tenant(cloud, &caller, &lower, &segments) {
        return refusal;
    }
    let api_version = query.get("api-version").cloned().unwrap_or_default();
    let request = ArmRequest {
        method: parts.method.clone(),
        segments,
        query,
        api_version,
        caller,
        body,
        gateway: perform,
    };
    let answered = limits::take(cloud, &request).and_then(|left| {
        let mut reply = perform(cloud, &request)?;
        reply.headers.extend(left);
        Ok(reply)
    });
    match answered {
        Ok(reply) => reply.into_response(),
        Err(error) => request::refuse(&error),
    }
}

/// Answers a request whose caller may come to the subscription.
pub(super) fn perform(cloud: &Cloud, request: &ArmRequest) -> Result<ArmResponse, ArmError> {
    let lower: Vec<String> = request.segments.iter().map(|segment| segment.to_ascii_lowercase()).collect();
    let lower: Vec<&str> = lower.iter().map(String::as_str).collect();
    if let Some(answered) = described::answer(cloud, request) {
        return answered;
    }
    let (versions, resource_type) = versions_of(&lower);
    api_version::check(Some(&request.api_version), versions, resource_type)?;
    route(cloud, request, &lower)
}

fn route(cloud: &Cloud, request: &ArmRequest, lower: &[&str]) -> Result<ArmResponse, ArmError> {
    let get = request.method == Method::GET;
    match lower {
        ["tenants"] if get => Ok(subscriptions::tenants(cloud, &request.caller)),
        ["subscriptions"] if get => Ok(subscriptions::list(cloud, &request.caller)),
        ["subscriptions", _] if get => subscriptions::get(cloud, &request.caller, &request.segments[1]),
        ["subscriptions", _, "resourcegroups"] if get => {
            authorize_request(
                cloud,
                request,
                "Microsoft.Resources/subscriptions/resourceGroups/read",
                &scope(request, 2),
            )?;
            Ok(resource_groups::list(cloud, &request.segments[1]))
        }
        ["subscriptions", _, "resourcegroups", _] => resource_group(cloud, request),
        ["subscriptions", _, at @ .., "resources"] if get && (at.is_empty() || at.len() == 2) => {
            let scope = scope(request, at.len() + 2);
            authorize_request(cloud, request, "Microsoft.Resources/subscriptions/resources/read", &scope)?;
            inventory::list(cloud, request, &scope)
        }
        ["subscriptions", _, "providers", rest @ ..] if get && rest.len() < 2 => {
            let read = "Microsoft.Resources/subscriptions/providers/read";
            authorize_request(cloud, request, read, &scope(request, 2))?;
            match request.segments.get(3) {
                None => Ok(resource_providers::list(&request.segments[1])),
                Some(namespace) => resource_providers::get(&request.segments[1], namespace),
            }
        }
        ["subscriptions", _, at @ .., "providers", "microsoft.resources", "tags", "default"]
            if at.len() == 2 || at.len() == 6 =>
        {
            tags::answer(cloud, request, &scope(request, at.len() + 2))
        }
        ["subscriptions", _, at @ .., "providers", "microsoft.authorization", "roledefinitions"] if get => {
            let scope = scope(request, at.len() + 2);
            authorize_request(cloud, request, "Microsoft.Authorization/roleDefinitions/read", &scope)?;
            role_definitions::list(cloud, request, &scope)
        }
        ["subscriptions", _, at @ .., "providers", "microsoft.authorization", "roledefinitions", name] => {
            role_definition(cloud, request, &scope(request, at.len() + 2), name)
        }
        ["subscriptions", _, at @ .., "providers", "microsoft.authorization", "permissions"] if get => {
            Ok(permissions::list(cloud, request, &scope(request, at.len() + 2)))
        }
        ["subscriptions", _, at @ .., "providers", "microsoft.authorization", "roleassignments"] if get => {
            let scope = scope(request, at.len() + 2);
            authorize_request(cloud, request, "Microsoft.Authorization/roleAssignments/read", &scope)?;
            role_assignments::list(cloud, request, &scope)
        }
        ["subscriptions", _, at @ .., "providers", "microsoft.authorization", "roleassignments", name] => {
            role_assignment(cloud, request, &scope(request, at.len() + 2), name)
        }
        [
            "subscriptions",
            _,
            "providers",
            "microsoft.compute",
            "locations",
            _,
            "diskoperations" | "operations",
            operation,
        ] if get => {
            let place = (request.segments[1].as_str(), lower[5]);
            let left = limits::spend(cloud, place, limits::groups::OPERATIONS_READ)?;
            let mut reply = operations::get(cloud, request, operation)?;
            reply.headers.push(left);
            Ok(reply)
        }
        ["subscriptions", _, "operationresults", operation] if get => {
            operations::get(cloud, request, operation)
        }
        // The list of a deployment's operations has an older address.
        ["subscriptions", _, "resourcegroups", _, "deployments", _, "operations", ..] if get => {
            let deployments = provider(request, "microsoft.resources", "deployments")?;
            deployments.answer(cloud, request, &request.segments[5], &lower[6..])
        }
        ["subscriptions", _, "providers", "microsoft.keyvault", rest @ ..] if is_of_deleted_vaults(rest) => {
            deleted_vaults(cloud, request, rest)
        }
        [
            "subscriptions",
            _,
            "providers",
            namespace @ "microsoft.resources",
            kind @ "deployments",
            _,
            rest @ ..,
        ] => {
            let deployments = provider(request, namespace, kind)?;
            deployments.answer_in_a_subscription(cloud, request, &request.segments[5], rest)
        }
        ["subscriptions", _, "providers", provider, kind] if get => {
            resource::list(cloud, request, (provider, kind), &scope(request, 2))
        }
        ["subscriptions", _, "resourcegroups", group, "providers", provider, kind] if get => {
            cloud.read(|state| state.arm.group(&request.segments[1], group).map(|_| ()))?;
            resource::list(cloud, request, (provider, kind), &scope(request, 4))
        }
        ["subscriptions", _, "resourcegroups", _, "providers", namespace, kind, _, rest @ ..] => {
            provider(request, namespace, kind)?.answer(cloud, request, &request.segments[7], rest)
        }
        _ => Err(ArmError::no_such_route(&request.id())),
    }
}

fn provider(
    request: &ArmRequest,
    namespace: &str,
    kind: &str,
) -> Result<&'static RegisteredProvider, ArmError> {
    RegisteredProvider::of(namespace, kind).ok_or_else(|| ArmError::no_such_route(&request.id()))
}

fn resource_group(cloud: &Cloud, request: &ArmRequest) -> Result<ArmResponse, ArmError> {
    let target = Target {
        subscription: request.segments[1].clone(),
        group: request.segments[3].clone(),
        name: request.segments[3].clone(),
        id: format!("/subscriptions/{}/resourceGroups/{}", request.segments[1], request.segments[3]),
    };
    let action = |verb| format!("Microsoft.Resources/subscriptions/resourceGroups/{verb}");
    match request.method {
        Method::PUT => {
            authorize_request(cloud, request, &action("write"), &target.id)?;
            resource_groups::put(cloud, request, &target)
        }
        Method::GET | Method::HEAD => {
            authorize_request(cloud, request, &action("read"), &target.id)?;
            let found = resource_groups::get(cloud, &target);
            if request.method == Method::HEAD {
                let status = found.map_or(StatusCode::NOT_FOUND, |_| StatusCode::NO_CONTENT);
                return Ok(ArmResponse::empty(status));
            }
            found
        }
        Method::DELETE => {
            authorize_request(cloud, request, &action("delete"), &target.id)?;
            resource_groups::delete(cloud, request, &target)
        }
        _ => Err(ArmError::method_not_allowed(&request.method)),
    }
}

/// What Key Vault is asked of a subscription and not of a group.
fn is_of_deleted_vaults(rest: &[&str]) -> bool {
    matches!(rest, ["deletedvaults" | "deletedmanagedhsms" | "checknameavailability"] | ["locations", ..])
}

fn deleted_vaults(cloud: &Cloud, request: &ArmRequest, rest: &[&str]) -> Result<ArmResponse, ArmError> {
    let subscription = request.segments[1].as_str();
    let may = |action: &str| {
        authorize_request(cloud, request, &format!("Microsoft.KeyVault/{action}"), &scope(request, 2))
    };
    let is_hsm = matches!(rest, ["deletedmanagedhsms", ..] | ["locations", _, "deletedmanagedhsms", ..]);
    match (&request.method, rest) {
        (&Method::GET, ["deletedvaults" | "deletedmanagedhsms"]) => {
            may("deletedVaults/read")?;
            Ok(vaults::deleted::list(cloud, is_hsm, subscription))
        }
        (&Method::POST, ["checknameavailability"]) => {
            may("checkNameAvailability/read")?;
            vaults::deleted::check_name(cloud, request)
        }
        (&Method::GET, ["locations", location, "deletedvaults" | "deletedmanagedhsms", name]) => {
            may("locations/deletedVaults/read")?;
            vaults::deleted::get(cloud, is_hsm, (subscription, location, name))
        }
        (&Method::POST, ["locations", location, "deletedvaults" | "deletedmanagedhsms", name, "purge"]) => {
            may("locations/deletedVaults/purge/action")?;
            vaults::deleted::purge(cloud, is_hsm, request, (subscription, location, name))
        }
        (&Method::GET, ["locations", _, "operationresults", operation]) => {
            may("locations/operationResults/read")?;
            operations::get(cloud, request, operation)
        }
        _ => Err(ArmError::no_such_route(&request.id())),
    }
}

fn role_definition(
    cloud: &Cloud,
    request: &ArmRequest,
    scope: &str,
    name: &str,
) -> Result<ArmResponse, ArmError> {
    let may = |verb: &str| {
        authorize_request(cloud, request, &format!("Microsoft.Authorization/roleDefinitions/{verb}"), scope)
    };
    match request.method {
        Method::GET => {
            may("read")?;
            role_definitions::get(cloud, request, name)
        }
        Method::PUT => {
            may("write")?;
            custom_roles::put(cloud, request, name)
        }
        Method::DELETE => {
            may("delete")?;
            custom_roles::delete(cloud, request, name)
        }
        _ => Err(ArmError::method_not_allowed(&request.method)),
    }
}

fn role_assignment(
    cloud: &Cloud,
    request: &ArmRequest,
    scope: &str,
    name: &str,
) -> Result<ArmResponse, ArmError> {
    let action = |verb| format!("Microsoft.Authorization/roleAssignments/{verb}");
    let id = format!("{scope}/providers/Microsoft.Authorization/roleAssignments/{name}");
    match request.method {
        Method::PUT => {
            authorize_request(cloud, request, &action("write"), &id)?;
            role_assignments::put(cloud, request, scope, name)
        }
        Method::GET => {
            authorize_request(cloud, request, &action("read"), &id)?;
            role_assignments::get(cloud, scope, name)
        }
        Method::DELETE => {
            authorize_request(cloud, request, &action("delete"), &id)?;
            Ok(role_assignments::delete(cloud, scope, name))
        }
        _ => Err(ArmError::method_not_allowed(&request.method)),
    }
}

/// The first `count` parts of the path as a scope.
fn scope(request: &ArmRequest, count: usize) -> String {
    format!("/{}", request.segments[..count].join("/"))
}

fn versions_of(lower: &[&str]) -> (Versions, &'static str) {
    match lower {
        [.., "providers", "microsoft.authorization", _]
        | [.., "providers", "microsoft.authorization", _, _] => {
            (Versions::Since("2015-07-01"), "Microsoft.Authorization")
        }
        [.., "providers", "microsoft.resources", "tags", "default"] => {
            (Versions::Since("2019-10-01"), "Microsoft.Resources/tags")
        }
        [_, _, "providers", "microsoft.keyvault", rest @ ..] if is_of_deleted_vaults(rest) => {
            (Versions::Since("2019-09-01"), "deletedVaults")
        }
        [_, _, "providers", "microsoft.compute", "locations", _, "operations", ..] => {
            (Versions::Since("2016-03-30"), "locations/operations")
        }
        [_, _, "providers", "microsoft.compute", "locations", ..] => {
            (Versions::Disks, "locations/diskOperations")
        }
        [_, _, "providers", provider, kind] | [_, _, _, _, "providers", provider, kind, ..] => {
            RegisteredProvider::of(provider, kind)
                .map_or((Versions::Since("2014-04-01"), "unknown"), |registered| {
                    (registered.versions, registered.resource_type.name)
                })
        }
        _ => (Versions::Since("2015-01-01"), "Microsoft.Resources"),
    }
}
