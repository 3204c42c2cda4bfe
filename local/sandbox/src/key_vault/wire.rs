//! From HTTP to a call on a key, and back.

use axum::body::Body;
use axum::extract::{Extension, Request, State as RouterState};
use axum::response::Response;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderName, WWW_AUTHENTICATE};
use http::request::Parts;
use http::{HeaderValue, Method, StatusCode};
use serde_json::Value;

use crate::cloud::{Cloud, SharedCloud};
use crate::names::hosts::VaultName;
use crate::resources::vault;
use crate::state::key_vault::error::VaultError;
use crate::state::resources::vault::Vault;
use crate::tokens::{Audience, Caller, TokenFault};

use super::access::KeyAction;
use super::calls;
use super::paging::Page;

const LARGEST_BODY: usize = 1024 * 1024;
const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");

pub(super) async fn answer(
    RouterState(cloud): RouterState<SharedCloud>,
    Extension(VaultName(name)): Extension<VaultName>,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    let Some(vault) = cloud.read(|state| vault::named(&state.arm, &name).cloned()) else {
        // A connection that outlived its vault: the name has gone, but the socket has not.
        let gone = VaultError::new(
            StatusCode::NOT_FOUND,
            "VaultNotFound",
            format!("The vault {name} was not found."),
        );
        return response(gone.status, Some(&gone.body()));
    };
    let caller = match cloud.caller(&parts.headers, audience(&vault)) {
        Ok(caller) if caller.tenant == vault.tenant_id => caller,
        Ok(caller) => return challenge(&vault, &wrong_issuer(&vault, &caller)),
        Err(fault) => return challenge(&vault, &VaultError::unauthorized(token_text(&vault, &fault))),
    };
    let body = match axum::body::to_bytes(body, LARGEST_BODY).await {
        Ok(body) => body,
        Err(_) => return refuse(&vault, &VaultError::bad_parameter("The request body could not be read.")),
    };
    let for_later = vault.clone();
    // RSA is too slow for a thread that serves other connections.
    let done = tokio::task::spawn_blocking(move || route(&cloud, &for_later, &caller, &parts, &body)).await;
    match done {
        Ok(Ok((status, value))) => with_vault_headers(response(status, value.as_ref()), &vault),
        Ok(Err(error)) => refuse(&vault, &error),
        Err(_) => {
            let failed = VaultError::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "InternalServerError",
                "The sandbox failed to answer.",
            );
            refuse(&vault, &failed)
        }
    }
}

fn route(
    cloud: &Cloud,
    vault: &Vault,
    caller: &Caller,
    parts: &Parts,
    body: &Bytes,
) -> Result<(StatusCode, Option<Value>), VaultError> {
    check_api_version(parts)?;
    let call = calls::Call { cloud, vault, caller };
    if let Some(path) = RolePath::of(parts).filter(|_| vault.is_hsm()) {
        let (status, value) = role(&call, parts, &path, body)?;
        return Ok((status, Some(value)));
    }
    Ok(match key(&call, parts, body)? {
        Some(value) => (StatusCode::OK, Some(value)),
        None => (StatusCode::NO_CONTENT, None),
    })
}

/// Everything about roles under `{scope}/providers/Microsoft.Authorization`.
fn role(
    call: &calls::Call<'_>,
    parts: &Parts,
    path: &RolePath,
    body: &Bytes,
) -> Result<(StatusCode, Value), VaultError> {
    let RolePath { scope, kind, name } = path;
    let ok = |value| (StatusCode::OK, value);
    match (&parts.method, kind.as_str(), name) {
        (&Method::GET, "roledefinitions", None) => call.role_definitions(scope).map(ok),
        (&Method::GET, "roleassignments", None) => call.role_assignments(scope).map(ok),
        (&Method::GET, "roleassignments", Some(name)) => call.role_assignment(scope, name).map(ok),
        (&Method::PUT, "roleassignments", Some(name)) => {
            let made = call.assign_role(scope, name, &json(body)?)?;
            Ok((StatusCode::CREATED, made))
        }
        (&Method::DELETE, "roleassignments", Some(name)) => call.remove_role(scope, name).map(ok),
        _ => Err(no_such_path(parts)),
    }
}

/// Everything about keys and secrets. Nothing to answer means an empty 204.
fn key(call: &calls::Call<'_>, parts: &Parts, body: &Bytes) -> Result<Option<Value>, VaultError> {
    let (cloud, vault) = (call.cloud, call.vault);
    // Trailing slashes count: `/keys/{name}/` is the newest version, as the SDKs spell it.
    let segments: Vec<&str> = parts.uri.path().trim_start_matches('/').split('/').collect();
    let lower: Vec<String> = segments.iter().map(|segment| segment.to_ascii_lowercase()).collect();
    let lower: Vec<&str> = lower.iter().map(String::as_str).collect();
    let name = segments.get(1).copied().unwrap_or_default();
    let version = segments.get(2).copied().filter(|version| !version.is_empty());
    let page = || Page::asked_for(parts);
    super::catch_up(cloud, Some(&vault.holder()));
    match (&parts.method, &lower[..]) {
        (&Method::GET, ["keys"] | ["keys", ""]) => call.list(&page()?).map(Some),
        (&Method::POST, ["keys", _, "create"]) => call.create(name, json(body)?).map(Some),
        (&Method::PUT, ["keys", _]) => call.import(name, json(body)?).map(Some),
        (&Method::POST, ["keys", _, "rotate"]) => call.rotate(name).map(Some),
        (&Method::GET, ["keys", _, "rotationpolicy"]) => call.rotation_policy(name).map(Some),
        (&Method::PUT, ["keys", _, "rotationpolicy"]) => {
            call.set_rotation_policy(name, json(body)?).map(Some)
        }
        (&Method::GET, ["keys", _, "versions"]) => call.versions(name, &page()?).map(Some),
        (&Method::GET, ["keys", _] | ["keys", _, _]) => call.get(name, version).map(Some),
        (&Method::PATCH, ["keys", _] | ["keys", _, _]) => call.update(name, version, json(body)?).map(Some),
        (&Method::DELETE, ["keys", _]) => call.delete(name).map(Some),
        // Without a version, as with an empty one, the newest is used (documented).
        (&Method::POST, ["keys", _, operation]) => used(call, parts, (name, None, operation), body),
        (&Method::POST, ["keys", _, _, operation]) => used(call, parts, (name, version, operation), body),
        (&Method::GET, ["deletedkeys"] | ["deletedkeys", ""]) => call.list_deleted(&page()?).map(Some),
        (&Method::GET, ["deletedkeys", _]) => call.get_deleted(name).map(Some),
        (&Method::POST, ["deletedkeys", _, "recover"]) => call.recover(name).map(Some),
        (&Method::DELETE, ["deletedkeys", _]) => call.purge(name).map(|()| None),
        (&Method::PUT, ["secrets", _]) if !vault.is_hsm() => call.set_secret(name, json(body)?).map(Some),
        (&Method::GET, ["secrets", _] | ["secrets", _, _]) if !vault.is_hsm() => {
            call.get_secret(name, version).map(Some)
        }
        _ => Err(no_such_path(parts)),
    }
}

/// A key is used by the operation that its address names.
fn used(
    call: &calls::Call<'_>,
    parts: &Parts,
    (name, version, operation): (&str, Option<&str>, &str),
    body: &Bytes,
) -> Result<Option<Value>, VaultError> {
    let action = match operation {
        "verify" => return call.verify(name, version, &json(body)?).map(Some),
        "wrapkey" => KeyAction::Wrap,
        "unwrapkey" => KeyAction::Unwrap,
        "encrypt" => KeyAction::Encrypt,
        "decrypt" => KeyAction::Decrypt,
        "sign" => KeyAction::Sign,
        _ => return Err(no_such_path(parts)),
    };
    call.operate(name, version, action, &json(body)?).map(Some)
}

/// An address of local roles. Clients write the scope as nothing, as a slash, or as `keys` and a name.
struct RolePath {
    scope: String,
    kind: String,
    name: Option<String>,
}

impl RolePath {
    fn of(parts: &Parts) -> Option<Self> {
        let path = parts.uri.path().replace("%2F", "/").replace("%2f", "/");
        let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
        let at = segments.iter().position(|segment| segment.eq_ignore_ascii_case("providers"))?;
        let (scope, rest) = (&segments[..at], &segments[at + 1..]);
        let (kind, name) = match rest {
            [provider, kind] if provider.eq_ignore_ascii_case("Microsoft.Authorization") => (kind, None),
            [provider, kind, name] if provider.eq_ignore_ascii_case("Microsoft.Authorization") => {
                (kind, Some((*name).to_owned()))
            }
            _ => return None,
        };
        Some(Self { scope: format!("/{}", scope.join("/")), kind: kind.to_ascii_lowercase(), name })
    }
}

fn json<T: serde::de::DeserializeOwned>(body: &Bytes) -> Result<T, VaultError> {
    // Our guess: the words.
    serde_json::from_slice(body)
        .map_err(|error| VaultError::bad_parameter(format!("The request body is not valid: {error}")))
}

/// `7.4`, `7.6-preview.2`, `2025-07-01` and the like. Our guess: code and words when it is missing or unknown.
fn check_api_version(parts: &Parts) -> Result<(), VaultError> {
    let query = parts.uri.query().unwrap_or_default();
    let given = url::form_urlencoded::parse(query.as_bytes())
        .find(|(name, _)| name.eq_ignore_ascii_case("api-version"))
        .map(|(_, value)| value.into_owned());
    let Some(given) = given.filter(|given| !given.is_empty()) else {
        return Err(VaultError::bad_parameter("The api-version query parameter is required."));
    };
    let release = given.split("-preview").next().unwrap_or_default();
    let numbered = release.len() == 3
        && release.starts_with("7.")
        && release.ends_with(|last: char| last.is_ascii_digit());
    let dated = release.len() == 10 && ("2016-10-01".."2030").contains(&release);
    if numbered || dated {
        return Ok(());
    }
    Err(VaultError::bad_parameter(format!("The specified version ({given}) is not recognized.")))
}

fn no_such_path(parts: &Parts) -> VaultError {
    // Our guess: code and words.
    VaultError::new(
        StatusCode::NOT_FOUND,
        "NotFound",
        format!("There is no {} {} in this vault.", parts.method, parts.uri.path()),
    )
}

fn wrong_issuer(vault: &Vault, caller: &Caller) -> VaultError {
    VaultError::unauthorized(format!(
        "AKV10032: Invalid issuer. Expected one of https://sts.windows.net/{}/, found {}.",
        vault.tenant_id,
        caller.issuer()
    ))
}

fn token_text(vault: &Vault, fault: &TokenFault) -> String {
    match fault {
        TokenFault::Missing => "AKV10000: Request is missing a Bearer or PoP token.".into(),
        TokenFault::Audience { found } => {
            format!("AKV10022: Invalid audience. Expected {}, found: {found}.", resource(vault))
        }
        // Our guess: code and words.
        TokenFault::Expired => "AKV10043: The token has expired.".into(),
        TokenFault::Malformed | TokenFault::Signature => {
            "AKV10046: Unable to resolve the key used for signature validation.".into()
        }
    }
}

fn audience(vault: &Vault) -> Audience {
    if vault.is_hsm() { Audience::ManagedHsm } else { Audience::KeyVault }
}

/// What a token must be for.
fn resource(vault: &Vault) -> &'static str {
    if vault.is_hsm() { "https://managedhsm.azure.net" } else { "https://vault.azure.net" }
}

/// 401, with where to get a token and for what.
fn challenge(vault: &Vault, error: &VaultError) -> Response {
    let challenge = format!(
        "Bearer authorization=\"https://login.microsoftonline.com/{}\", resource=\"{}\"",
        vault.tenant_id,
        resource(vault)
    );
    let mut response = refuse(vault, error);
    if let Ok(challenge) = HeaderValue::from_str(&challenge) {
        response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
    }
    response
}

fn refuse(vault: &Vault, error: &VaultError) -> Response {
    with_vault_headers(response(error.status, Some(&error.body())), vault)
}

fn response(status: StatusCode, body: Option<&Value>) -> Response {
    let mut response = Response::new(body.map_or_else(Body::empty, |body| Body::from(body.to_string())));
    *response.status_mut() = status;
    if body.is_some() {
        response.headers_mut().insert(CONTENT_TYPE, JSON);
    }
    response
}

/// The headers that every answer of a vault carries, refusals included.
fn with_vault_headers(mut response: Response, vault: &Vault) -> Response {
    let headers = response.headers_mut();
    let facts = [
        ("x-ms-keyvault-region", vault.location.clone()),
        ("x-ms-keyvault-service-version", "1.9.640.1".to_owned()),
        ("x-ms-keyvault-network-info", "conn_type=Ipv4;addr=127.0.0.1;act_addr_fam=InterNetwork;".to_owned()),
    ];
    for (name, value) in facts {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
    response
}
