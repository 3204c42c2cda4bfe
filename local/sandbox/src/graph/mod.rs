//! Microsoft Graph: the part of the directory that set-up and consent need.
//!
//! Applications with their federated credentials and secrets, service principals, directory objects by id.
//! Only a tenant's directory administrators may use it; everybody else is refused as Graph refuses.
//! Property names and types are those of Graph's published CSDL.

mod applications;
mod deleted_items;
mod fault;
mod federated_credentials;
mod filter;
mod objects;
mod request;
mod service_principals;
mod shapes;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State as RouterState;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, Method, Uri, header};
use uuid::Uuid;

use crate::cloud::{Cloud, SharedCloud};
use crate::tokens::{Audience, Caller, CallerKind};
use fault::GraphFault;
use request::{GraphRequest, GraphResponse};

/// One handler takes all paths apart itself: `applications(appId='…')` is nothing that axum's router can match.
pub(crate) fn router(cloud: SharedCloud) -> Router {
    Router::new().fallback(answer).with_state(cloud)
}

async fn answer(
    RouterState(cloud): RouterState<SharedCloud>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let now = cloud.clock.now();
    let client_request = headers
        .get("client-request-id")
        .and_then(|value| Uuid::parse_str(value.to_str().ok()?).ok())
        .unwrap_or_else(Uuid::new_v4);
    let request_id = Uuid::new_v4();
    let reply = match dispatch(&cloud, &method, &uri, &headers, &body) {
        Ok(reply) => reply.into_response(),
        Err(fault) => fault.into_reply(now, request_id, client_request),
    };
    let ids = [("request-id", request_id.to_string()), ("client-request-id", client_request.to_string())];
    ([(header::CACHE_CONTROL, "no-cache")], ids, reply).into_response()
}

fn dispatch(
    cloud: &Cloud,
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<GraphResponse, GraphFault> {
    let caller = cloud.caller(headers, Audience::Graph)?;
    let request = GraphRequest::parse(uri, headers, body, caller, cloud.clock.now())?;
    let path: Vec<&str> = request.path.iter().map(String::as_str).collect();

    if path == ["me"] && method == Method::GET {
        return me(cloud, &request);
    }
    let may = cloud.read(|state| {
        let tenant = state.directory.tenants.get(&caller.tenant);
        tenant.is_some_and(|tenant| tenant.directory_administrators.contains(&caller.object_id))
    });
    if !may {
        return Err(GraphFault::insufficient_privileges());
    }

    let (get, post) = (method == Method::GET, method == Method::POST);
    let (patch, delete) = (method == Method::PATCH, method == Method::DELETE);
    match path[..] {
        ["applications"] if get => applications::list(cloud, &request),
        ["applications"] if post => applications::create(cloud, &request),
        ["applications", key] if get => applications::show(cloud, &request, key),
        ["applications", key] if patch => applications::update(cloud, &request, key),
        ["applications", key] if delete => applications::delete(cloud, &request, key),
        ["applications", key, "addPassword"] if post => applications::add_password(cloud, &request, key),

        ["applications", key, "federatedIdentityCredentials"] if get => {
            federated_credentials::list(cloud, &request, key)
        }
        ["applications", key, "federatedIdentityCredentials"] if post => {
            federated_credentials::create(cloud, &request, key)
        }
        ["applications", key, "federatedIdentityCredentials", name] if get => {
            federated_credentials::show(cloud, &request, key, name)
        }
        ["applications", key, "federatedIdentityCredentials", name] if patch => {
            federated_credentials::update(cloud, &request, key, name)
        }
        ["applications", key, "federatedIdentityCredentials", name] if delete => {
            federated_credentials::delete(cloud, &request, key, name)
        }

        ["servicePrincipals"] if get => service_principals::list(cloud, &request),
        ["servicePrincipals"] if post => service_principals::create(cloud, &request),
        ["servicePrincipals", key] if get => service_principals::show(cloud, &request, key),
        ["servicePrincipals", key] if patch => service_principals::update(cloud, &request, key),
        ["servicePrincipals", key] if delete => service_principals::delete(cloud, &request, key),

        ["directory", "deletedItems", kind] if get && kind.starts_with("microsoft.graph.") => {
            deleted_items::list(cloud, &request, kind)
        }
        ["directory", "deletedItems", key] if get => deleted_items::show(cloud, &request, key),
        ["directory", "deletedItems", key] if delete => deleted_items::purge(cloud, &request, key),
        ["directory", "deletedItems", key, "restore"] if post => deleted_items::restore(cloud, &request, key),

        ["directoryObjects", "getByIds"] if post => objects::by_ids(cloud, &request),
        _ => Err(GraphFault::no_such_segment(path.last().copied().unwrap_or_default())),
    }
}

/// Whoever is signed in. Everybody may see themselves.
fn me(cloud: &Cloud, request: &GraphRequest) -> Result<GraphResponse, GraphFault> {
    let Caller { tenant, object_id, kind, .. } = request.caller;
    if kind == CallerKind::Application {
        return Err(GraphFault::me_needs_a_person());
    }
    cloud.read(|state| {
        let user = state.directory.user(tenant, object_id);
        let user = user.ok_or_else(|| GraphFault::not_found(&object_id.to_string()))?;
        Ok(GraphResponse::Found(request.entity("users", shapes::user(user))))
    })
}
