//! The managed identity endpoint as App Service and Functions offer it inside an app.
//!
//! Source: Microsoft Learn, "How to use managed identities for App Service and Azure Functions", the REST
//! endpoint reference for `api-version=2019-08-01`.

use axum::extract::{Query, State as RouterState};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::cloud::SharedCloud;
use crate::entra;
use crate::state::directory::{Directory, ServicePrincipal};

/// Where the endpoint is on its listener.
pub(crate) const PATH: &str = "/msi/token";

pub(crate) fn router(cloud: SharedCloud) -> Router {
    Router::new().route(PATH, get(token)).with_state(cloud)
}

#[derive(Deserialize)]
struct Parameters {
    resource: Option<String>,
    #[serde(rename = "api-version")]
    api_version: Option<String>,
    client_id: Option<String>,
    #[serde(alias = "object_id")]
    principal_id: Option<String>,
    #[serde(alias = "msi_res_id")]
    mi_res_id: Option<String>,
}

async fn token(
    RouterState(cloud): RouterState<SharedCloud>,
    headers: HeaderMap,
    Query(parameters): Query<Parameters>,
) -> Response {
    let now = cloud.clock.now();
    let reply = cloud.read(|state| {
        let directory = &state.directory;
        check(directory, &headers, &parameters)?;
        let resource = parameters.resource.as_deref().unwrap_or_default();
        let identity = chosen(directory, &parameters).ok_or(Fault::UnknownIdentity)?;
        if !entra::is_known_resource(directory, identity.tenant, resource) {
            return Err(Fault::UnknownResource);
        }
        Ok(json!({
            "access_token": entra::identity_token(&cloud.tokens, identity, resource, now),
            // A string of Unix seconds, unlike anywhere else.
            "expires_on": (now.unix_timestamp() + entra::IDENTITY_TOKEN_SECONDS).to_string(),
            "resource": resource,
            "token_type": "Bearer",
            "client_id": identity.app_id,
        }))
    });
    match reply {
        Ok(body) => Json::<Value>(body).into_response(),
        Err(fault) => fault.into_response(),
    }
}

fn check(directory: &Directory, headers: &HeaderMap, parameters: &Parameters) -> Result<(), Fault> {
    let presented = headers.get("x-identity-header").and_then(|value| value.to_str().ok());
    if presented != Some(directory.secrets.identity_header.as_str()) {
        return Err(Fault::Header);
    }
    if parameters.api_version.as_deref() != Some("2019-08-01") {
        return Err(Fault::ApiVersion);
    }
    if parameters.resource.as_deref().unwrap_or_default().is_empty() {
        return Err(Fault::NoResource);
    }
    Ok(())
}

/// The identity that the request selects among those of the app. Without a selector the app's system-assigned
/// identity is meant, and the sandbox's app has none.
fn chosen<'a>(directory: &'a Directory, parameters: &Parameters) -> Option<&'a ServicePrincipal> {
    let id = |text: &Option<String>| text.as_deref().and_then(|text| Uuid::parse_str(text).ok());
    let mut attached = directory
        .service_principals
        .values()
        .filter(|principal| principal.managed_identity.as_ref().is_some_and(|identity| identity.attached));
    match parameters {
        Parameters { client_id: client_id @ Some(_), .. } => {
            let client_id = id(client_id)?;
            attached.find(|principal| principal.app_id == client_id)
        }
        Parameters { principal_id: principal_id @ Some(_), .. } => {
            let principal_id = id(principal_id)?;
            attached.find(|principal| principal.object_id == principal_id)
        }
        Parameters { mi_res_id: Some(resource_id), .. } => {
            attached.find(|principal| principal.is_identity(resource_id))
        }
        _ => None,
    }
}

enum Fault {
    Header,
    ApiVersion,
    NoResource,
    UnknownIdentity,
    UnknownResource,
}

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        // Our guess: every text and status but that of an unknown identity.
        let (status, message) = match self {
            Self::Header => (StatusCode::UNAUTHORIZED, "The X-IDENTITY-HEADER header is missing or wrong."),
            Self::ApiVersion => (StatusCode::BAD_REQUEST, "The api-version is missing or not supported."),
            Self::NoResource => (StatusCode::BAD_REQUEST, "The resource parameter is missing."),
            Self::UnknownIdentity => (
                StatusCode::BAD_REQUEST,
                "No User Assigned or Delegated Managed Identity found for specified ClientId/ResourceId/PrincipalId.",
            ),
            Self::UnknownResource => {
                (StatusCode::BAD_REQUEST, "The resource principal was not found in the tenant.")
            }
        };
        let body = json!({
            "statusCode": status.as_u16(),
            "message": message,
            "correlationId": Uuid::new_v4(),
        });
        (status, Json(body)).into_response()
    }
}
