//! The token endpoint, in its two versions.
//!
//! Source: Microsoft Learn, "OAuth 2.0 client credentials flow on the Microsoft identity platform".

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State as RouterState};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, header};
use serde_json::{Value, json};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::cloud::{Cloud, SharedCloud};

use super::credential::credential;
use super::fault::EntraFault;
use super::form::Parameters;
use super::grant::{ClientCredentials, client_credentials};
use super::{resources, user_grant};

/// How long an application's token holds.
const LIFETIME_SECONDS: i64 = 3599;

#[derive(Clone, Copy)]
enum Version {
    V1,
    V2,
}

pub(super) async fn token_v1(
    RouterState(cloud): RouterState<SharedCloud>,
    Path(tenant): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    token(&cloud, Version::V1, &tenant, &headers, &body)
}

pub(super) async fn token_v2(
    RouterState(cloud): RouterState<SharedCloud>,
    Path(tenant): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    token(&cloud, Version::V2, &tenant, &headers, &body)
}

fn token(cloud: &Cloud, version: Version, tenant: &str, headers: &HeaderMap, body: &[u8]) -> Response {
    let now = cloud.clock.now();
    let correlation = headers
        .get("client-request-id")
        .and_then(|value| Uuid::parse_str(value.to_str().ok()?).ok())
        .unwrap_or_else(Uuid::new_v4);
    match issue(cloud, version, tenant, &Parameters::parse(body), now) {
        Ok(body) => {
            let headers = [(header::CACHE_CONTROL, "no-store, no-cache"), (header::PRAGMA, "no-cache")];
            (headers, Json(body)).into_response()
        }
        Err(fault) => {
            tracing::debug!(code = fault.code, "the sandbox's Entra refused a token");
            fault.into_reply(now, correlation)
        }
    }
}

fn issue(
    cloud: &Cloud,
    version: Version,
    tenant: &str,
    form: &Parameters,
    now: OffsetDateTime,
) -> Result<Value, EntraFault> {
    match (form.required("grant_type")?, version) {
        ("client_credentials", _) => {}
        (
            grant @ ("authorization_code"
            | "refresh_token"
            | "password"
            | "urn:ietf:params:oauth:grant-type:device_code"),
            Version::V2,
        ) => return user_grant::issue(cloud, grant, tenant, form, now),
        (other, _) => return Err(EntraFault::unsupported_grant(other)),
    }
    let client_id = form.required("client_id")?;
    let resource = match version {
        Version::V1 => form.required("resource")?,
        Version::V2 => resources::of_scope(form.required("scope")?)?,
    };
    let request = ClientCredentials { tenant, client_id, credential: credential(form)?, resource };
    let caller = cloud.read(|state| client_credentials(&state.directory, &cloud.tokens, now, &request))?;
    let token = cloud.tokens.access_token(&caller, resource, now, LIFETIME_SECONDS);

    Ok(match version {
        Version::V2 => json!({
            "token_type": "Bearer",
            "expires_in": LIFETIME_SECONDS,
            "ext_expires_in": LIFETIME_SECONDS,
            "access_token": token,
        }),
        // Version 1.0 writes its numbers as strings.
        Version::V1 => json!({
            "token_type": "Bearer",
            "expires_in": LIFETIME_SECONDS.to_string(),
            "ext_expires_in": LIFETIME_SECONDS.to_string(),
            "expires_on": (now.unix_timestamp() + LIFETIME_SECONDS).to_string(),
            "not_before": now.unix_timestamp().to_string(),
            "resource": resource,
            "access_token": token,
        }),
    })
}
