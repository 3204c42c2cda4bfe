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

use crate::tokens::{Audience, Caller, CallerKind};
use crate::world::{SharedWorld, World};
use fault::GraphFault;
use request::{GraphRequest, Reply};

/// One handler takes all paths apart itself: `applications(appId='…')` is nothing that axum's router can match.
pub(crate) fn router(world: SharedWorld) -> Router {
    Router::new().fallback(answer).with_state(world)
}

async fn answer(
    RouterState(world): RouterState<SharedWorld>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let now = world.clock.now();
    let client_request = headers
        .get("client-request-id")
        .and_then(|value| Uuid::parse_str(value.to_str().ok()?).ok())
        .unwrap_or_else(Uuid::new_v4);
    let request_id = Uuid::new_v4();
    let reply = match dispatch(&world, &method, &uri, &headers, &body) {
        Ok(reply) => reply.into_response(),
        Err(fault) => fault.into_reply(now, request_id, client_request),
    };
    let ids = [("request-id", request_id.to_string()), ("client-request-id", client_request.to_string())];
    ([(header::CACHE_CONTROL, "no-cache")], ids, reply).into_response()
}

fn dispatch(
    world: &World,
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Reply, GraphFault> {
    let caller = world.caller(headers, Audience::Graph)?;
    let request = GraphRequest::parse(uri, body, caller, world.clock.now())?;
    let path: Vec<&str> = request.path.iter().map(String::as_str).collect();

    if path == ["me"] && method == Method::GET {
        return me(world, &request);
    }
    let may = world.read(|state| {
        let tenant = state.directory.tenants.get(&caller.tenant);
        tenant.is_some_and(|tenant| tenant.directory_administrators.contains(&caller.object_id))
    });
    if !may {
        return Err(GraphFault::insufficient_privileges());
    }

    let (get, post) = (method == Method::GET, method == Method::POST);
    let (patch, delete) = (method == Method::PATCH, method == Method::DELETE);
    match path[..] {
        ["applications"] if get => applications::list(world, &request),
        ["applications"] if post => applications::create(world, &request),
        ["applications", key] if get => applications::show(world, &request, key),
        ["applications", key] if patch => applications::update(world, &request, key),
        ["applications", key] if delete => applications::delete(world, &request, key),
        ["applications", key, "addPassword"] if post => applications::add_password(world, &request, key),

        ["applications", key, "federatedIdentityCredentials"] if get => {
            federated_credentials::list(world, &request, key)
        }
        ["applications", key, "federatedIdentityCredentials"] if post => {
            federated_credentials::create(world, &request, key)
        }
        ["applications", key, "federatedIdentityCredentials", name] if get => {
            federated_credentials::show(world, &request, key, name)
        }
        ["applications", key, "federatedIdentityCredentials", name] if patch => {
            federated_credentials::update(world, &request, key, name)
        }
        ["applications", key, "federatedIdentityCredentials", name] if delete => {
            federated_credentials::delete(world, &request, key, name)
        }

        ["servicePrincipals"] if get => service_principals::list(world, &request),
        ["servicePrincipals"] if post => service_principals::create(world, &request),
        ["servicePrincipals", key] if get => service_principals::show(world, &request, key),
        ["servicePrincipals", key] if patch => service_principals::update(world, &request, key),
        ["servicePrincipals", key] if delete => service_principals::delete(world, &request, key),

        ["directory", "deletedItems", kind] if get && kind.starts_with("microsoft.graph.") => {
            deleted_items::list(world, &request, kind)
        }
        ["directory", "deletedItems", key] if get => deleted_items::show(world, &request, key),
        ["directory", "deletedItems", key] if delete => deleted_items::purge(world, &request, key),
        ["directory", "deletedItems", key, "restore"] if post => deleted_items::restore(world, &request, key),

        ["directoryObjects", "getByIds"] if post => objects::by_ids(world, &request),
        _ => Err(GraphFault::no_such_segment(path.last().copied().unwrap_or_default())),
    }
}

/// Whoever is signed in. Everybody may see themselves.
fn me(world: &World, request: &GraphRequest) -> Result<Reply, GraphFault> {
    let Caller { tenant, object_id, kind, .. } = request.caller;
    if kind == CallerKind::Application {
        return Err(GraphFault::me_needs_a_person());
    }
    world.read(|state| {
        let user = state.directory.user(tenant, object_id);
        let user = user.ok_or_else(|| GraphFault::not_found(&object_id.to_string()))?;
        Ok(Reply::Found(request.entity("users", shapes::user(user))))
    })
}
