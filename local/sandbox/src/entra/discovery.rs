//! The documents by which clients find their way: OpenID configuration, signing keys, instances.

use axum::Json;
use axum::extract::{Path, State as RouterState};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use uuid::Uuid;

use super::fault::EntraFault;
use crate::cloud::{Cloud, SharedCloud};
use crate::tokens::{issuer, issuer_v2};

const LOGIN: &str = "https://login.microsoftonline.com";

/// The version 2.0 document. For `common` and `organizations` the issuer is a template, as in Entra's own.
pub(super) async fn configuration_v2(
    RouterState(cloud): RouterState<SharedCloud>,
    Path(tenant): Path<String>,
) -> Response {
    let issued_by = |tenant: Option<Uuid>| {
        tenant.map_or_else(|| "https://login.microsoftonline.com/{tenantid}/v2.0".to_owned(), issuer_v2)
    };
    configuration(&cloud, &tenant, issued_by, "/v2.0", "/discovery/v2.0/keys")
}

/// The version 1.0 document.
pub(super) async fn configuration_v1(
    RouterState(cloud): RouterState<SharedCloud>,
    Path(tenant): Path<String>,
) -> Response {
    let issued_by = |tenant: Option<Uuid>| {
        tenant.map_or_else(|| "https://sts.windows.net/{tenantid}/".to_owned(), issuer)
    };
    configuration(&cloud, &tenant, issued_by, "", "/discovery/keys")
}

fn configuration(
    cloud: &Cloud,
    tenant: &str,
    issued_by: impl FnOnce(Option<Uuid>) -> String,
    version: &str,
    keys: &str,
) -> Response {
    let several = ["common", "organizations", "consumers"].contains(&tenant);
    let one = cloud.read(|state| state.directory.tenant_named(tenant).map(|tenant| tenant.tenant_id));
    if one.is_none() && !several {
        return EntraFault::tenant_not_found(tenant).into_reply(cloud.clock.now(), Uuid::new_v4());
    }
    let path = one.map_or_else(|| tenant.to_owned(), |tenant| tenant.to_string());
    Json(json!({
        "token_endpoint": format!("{LOGIN}/{path}/oauth2{version}/token"),
        "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt"],
        "jwks_uri": format!("{LOGIN}/{path}{keys}"),
        "response_modes_supported": ["query", "fragment", "form_post"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "response_types_supported": ["code", "id_token", "code id_token", "id_token token"],
        "scopes_supported": ["openid", "profile", "email", "offline_access"],
        "issuer": issued_by(one),
        "request_uri_parameter_supported": false,
        "authorization_endpoint": format!("{LOGIN}/{path}/oauth2{version}/authorize"),
        "device_authorization_endpoint": format!("{LOGIN}/{path}/oauth2{version}/devicecode"),
        "http_logout_supported": true,
        "frontchannel_logout_supported": true,
        "end_session_endpoint": format!("{LOGIN}/{path}/oauth2{version}/logout"),
        "claims_supported": [
            "sub", "iss", "cloud_instance_name", "aud", "exp", "iat", "auth_time", "acr", "nonce",
            "preferred_username", "name", "tid", "ver", "at_hash", "c_hash", "email"
        ],
        "tenant_region_scope": if one.is_some() { json!("EU") } else { Value::Null },
        "cloud_instance_name": "microsoftonline.com",
        "cloud_graph_host_name": "graph.windows.net",
        "msgraph_host": "graph.microsoft.com",
        "rbac_url": "https://pas.windows.net",
    }))
    .into_response()
}

/// The signing keys. They are the same for every tenant.
pub(super) async fn keys(RouterState(cloud): RouterState<SharedCloud>, Path(_): Path<String>) -> Json<Value> {
    Json(cloud.tokens.key_set())
}

/// Whether a name's domain signs in here or at an identity provider of its own: what client libraries ask before they
/// send a password.
pub(super) async fn user_realm(
    RouterState(cloud): RouterState<SharedCloud>,
    Path(name): Path<String>,
) -> Json<Value> {
    let domain = name.rsplit_once('@').map_or("", |(_, domain)| domain);
    let known = cloud.read(|state| state.directory.tenant_named(domain).is_some());
    Json(json!({
        "ver": "1.0",
        "account_type": if known { "Managed" } else { "Unknown" },
        "domain_name": domain,
        "cloud_instance_name": "microsoftonline.com",
        "cloud_audience_urn": "urn:federation:MicrosoftOnline",
    }))
}

/// Which names are the same cloud: what client libraries ask before they trust an authority.
pub(super) async fn instance() -> Json<Value> {
    Json(json!({
        "tenant_discovery_endpoint": format!("{LOGIN}/common/v2.0/.well-known/openid-configuration"),
        "api-version": "1.1",
        "metadata": [{
            "preferred_network": "login.microsoftonline.com",
            "preferred_cache": "login.windows.net",
            "aliases": ["login.microsoftonline.com", "login.windows.net", "login.microsoft.com", "sts.windows.net"],
        }],
    }))
}
