//! The managed identity endpoint as App Service and Functions offer it inside an app.
//!
//! Source: Microsoft Learn, "How to use managed identities for App Service and Azure Functions", the REST
//! endpoint reference for `api-version=2019-08-01`, and its older text for `2017-09-01`. The older version has another
//! header, another name for the client id, and a moment where the newer one has seconds.

use axum::extract::{Query, State as RouterState};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use time::macros::format_description;
use time::{Duration, OffsetDateTime};
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
    /// How the older version calls it.
    clientid: Option<String>,
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
        let version = check(directory, &headers, &parameters)?;
        let resource = parameters.resource.as_deref().unwrap_or_default();
        let identity = chosen(directory, version, &parameters).ok_or(Fault::UnknownIdentity)?;
        if !entra::is_known_resource(directory, identity.tenant, resource) {
            return Err(Fault::UnknownResource);
        }
        let expires = now + Duration::seconds(entra::IDENTITY_TOKEN_SECONDS);
        let mut reply = json!({
            "access_token": entra::identity_token(&cloud.tokens, identity, resource, now),
            "expires_on": version.moment(expires),
            "resource": resource,
            "token_type": "Bearer",
        });
        if version == Version::V2019 {
            reply["client_id"] = json!(identity.app_id);
        }
        Ok(reply)
    });
    match reply {
        Ok(body) => Json::<Value>(body).into_response(),
        Err(fault) => fault.into_response(),
    }
}

/// A version of the endpoint.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Version {
    V2017,
    V2019,
}

impl Version {
    /// The header that proves that the caller is inside the app.
    fn header(self) -> &'static str {
        match self {
            Self::V2017 => "secret",
            Self::V2019 => "x-identity-header",
        }
    }

    fn moment(self, moment: OffsetDateTime) -> String {
        let format = format_description!("[month]/[day]/[year] [hour]:[minute]:[second] +00:00");
        match self {
            Self::V2017 => {
                moment.format(format).expect("every part of this format is a part of an OffsetDateTime")
            }
            // A string of Unix seconds, unlike anywhere else.
            Self::V2019 => moment.unix_timestamp().to_string(),
        }
    }
}

fn check(directory: &Directory, headers: &HeaderMap, parameters: &Parameters) -> Result<Version, Fault> {
    let version = match parameters.api_version.as_deref() {
        Some("2017-09-01") => Some(Version::V2017),
        Some("2019-08-01") => Some(Version::V2019),
        _ => None,
    };
    let header = version.unwrap_or(Version::V2019).header();
    let presented = headers.get(header).and_then(|value| value.to_str().ok());
    if presented != Some(directory.secrets.identity_header.as_str()) {
        return Err(Fault::Header(header));
    }
    let version = version.ok_or(Fault::ApiVersion)?;
    if parameters.resource.as_deref().unwrap_or_default().is_empty() {
        return Err(Fault::NoResource);
    }
    Ok(version)
}

/// The identity that the request selects among those of the app. Without a selector the app's system-assigned
/// identity is meant, and the sandbox's app has none.
fn chosen<'a>(
    directory: &'a Directory,
    version: Version,
    parameters: &Parameters,
) -> Option<&'a ServicePrincipal> {
    let id = |text: &Option<String>| text.as_deref().and_then(|text| Uuid::parse_str(text).ok());
    let mut attached = directory
        .service_principals
        .values()
        .filter(|principal| principal.managed_identity.as_ref().is_some_and(|identity| identity.attached));
    match parameters {
        Parameters { clientid, .. } if version == Version::V2017 => {
            let client_id = id(clientid)?;
            attached.find(|principal| principal.app_id == client_id)
        }
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
    /// The header that is missing or wrong.
    Header(&'static str),
    ApiVersion,
    NoResource,
    UnknownIdentity,
    UnknownResource,
}

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        // Our guess: every text and status but that of an unknown identity.
        let (status, message) = match self {
            Self::Header("secret") => (StatusCode::UNAUTHORIZED, "The secret header is missing or wrong."),
            Self::Header(_) => {
                (StatusCode::UNAUTHORIZED, "The X-IDENTITY-HEADER header is missing or wrong.")
            }
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
