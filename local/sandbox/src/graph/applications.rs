//! Application registrations: `/applications`.

use serde_json::{Map, Value, json};
use time::{Duration, OffsetDateTime};
use url::Url;
use uuid::Uuid;

use crate::cloud::Cloud;
use crate::secrets::new_secret;
use crate::state::directory::{Application, ClientSecret, Directory};

use super::fault::GraphFault;
use super::request::{GraphRequest, GraphResponse, alternate_key};
use super::shapes;

const SIGN_IN_AUDIENCES: [&str; 4] =
    ["AzureADMyOrg", "AzureADMultipleOrgs", "AzureADandPersonalMicrosoftAccount", "PersonalMicrosoftAccount"];

pub(super) fn list(cloud: &Cloud, request: &GraphRequest) -> Result<GraphResponse, GraphFault> {
    cloud.read(|state| {
        let directory = &state.directory;
        let shown = directory
            .applications
            .values()
            .filter(|application| is_visible(cloud, request, application))
            .map(|application| shapes::application(directory, application))
            .collect();
        request.collection("applications", shown).map(GraphResponse::Found)
    })
}

pub(super) fn show(cloud: &Cloud, request: &GraphRequest, key: &str) -> Result<GraphResponse, GraphFault> {
    cloud.read(|state| {
        let application = find(&state.directory, cloud, request, key)?;
        let shown = shapes::application(&state.directory, application);
        Ok(GraphResponse::Found(request.entity("applications", shown)))
    })
}

pub(super) fn create(cloud: &Cloud, request: &GraphRequest) -> Result<GraphResponse, GraphFault> {
    let given = request.object()?;
    check(given)?;
    if given.get("displayName").and_then(Value::as_str).unwrap_or_default().is_empty() {
        let text = "A value is required for property 'displayName' of resource 'Application'.";
        return Err(GraphFault::bad_request(text));
    }
    Ok(cloud.change(|state| {
        let directory = &mut state.directory;
        let mut application = Application::new(request.caller.tenant, request.now);
        write(&mut application, given);
        let shown = shapes::application(directory, &application);
        let location = format!(
            "https://graph.microsoft.com/v2/{}/directoryObjects/{}/Microsoft.DirectoryServices.Application",
            application.tenant, application.object_id
        );
        directory.applications.insert(application.object_id, application);
        GraphResponse::Created { location: Some(location), body: request.entity("applications", shown) }
    }))
}

pub(super) fn update(cloud: &Cloud, request: &GraphRequest, key: &str) -> Result<GraphResponse, GraphFault> {
    let given = request.object()?;
    check(given)?;
    cloud.change(|state| {
        let id = find(&state.directory, cloud, request, key)?.object_id;
        write(of_id(&mut state.directory, id)?, given);
        Ok(GraphResponse::Done)
    })
}

/// Deletes an application for thirty days, in which it can be restored.
pub(super) fn delete(cloud: &Cloud, request: &GraphRequest, key: &str) -> Result<GraphResponse, GraphFault> {
    cloud.change(|state| {
        let id = find(&state.directory, cloud, request, key)?.object_id;
        state.directory.delete_application(id, request.now);
        Ok(GraphResponse::Done)
    })
}

/// Makes a client secret. Its text is in this answer and in no other.
pub(super) fn add_password(
    cloud: &Cloud,
    request: &GraphRequest,
    key: &str,
) -> Result<GraphResponse, GraphFault> {
    let wanted = request.object()?.get("passwordCredential").cloned().unwrap_or_else(|| json!({}));
    let end = match wanted.get("endDateTime").and_then(Value::as_str) {
        Some(text) => OffsetDateTime::parse(text, &time::format_description::well_known::Rfc3339)
            .map_err(|_| GraphFault::bad_request("Invalid value specified for property 'endDateTime'."))?,
        // Two years: the default that Graph documents.
        None => request.now + Duration::days(730),
    };
    let text = new_secret().map_err(|_| GraphFault::not_offered("secrets without randomness"))?;
    let display_name = wanted.get("displayName").and_then(Value::as_str).map(str::to_owned);
    let secret = ClientSecret::of(&text, display_name, request.now, end);
    let mut shown = shapes::secret(&secret);
    shown["secretText"] = text.into();
    cloud.change(|state| {
        let id = find(&state.directory, cloud, request, key)?.object_id;
        of_id(&mut state.directory, id)?.secrets.push(secret);
        Ok(GraphResponse::Found(request.entity("microsoft.graph.passwordCredential", shown)))
    })
}

/// The application of the caller's tenant that a key names: by object id, or as `appId='…'`.
pub(super) fn find<'a>(
    directory: &'a Directory,
    cloud: &Cloud,
    request: &GraphRequest,
    key: &str,
) -> Result<&'a Application, GraphFault> {
    let found = match alternate_key(key, "appId") {
        Some(app_id) => {
            Uuid::parse_str(app_id).ok().and_then(|app_id| directory.application_by_app_id(app_id))
        }
        None => Uuid::parse_str(key).ok().and_then(|id| directory.applications.get(&id)),
    };
    found
        .filter(|application| is_visible(cloud, request, application))
        .ok_or_else(|| GraphFault::not_found(alternate_key(key, "appId").unwrap_or(key)))
}

/// The application that [`find`] has just found.
pub(super) fn of_id(directory: &mut Directory, id: Uuid) -> Result<&mut Application, GraphFault> {
    directory.applications.get_mut(&id).ok_or_else(|| GraphFault::not_found(&id.to_string()))
}

fn is_visible(cloud: &Cloud, request: &GraphRequest, application: &Application) -> bool {
    application.tenant == request.caller.tenant
        && application.created_at + cloud.lags.directory_object <= request.now
}

fn check(given: &Map<String, Value>) -> Result<(), GraphFault> {
    let mut known = shapes::application_defaults();
    // Only so that an empty list is accepted: secrets are made by addPassword.
    known["passwordCredentials"] = json!([]);
    shapes::check_properties(given, &known)?;
    for credentials in ["keyCredentials", "passwordCredentials"] {
        if given.get(credentials).and_then(Value::as_array).is_some_and(|given| !given.is_empty()) {
            return Err(GraphFault::not_offered(&format!("{credentials} in this place")));
        }
    }
    if let Some(audience) = given.get("signInAudience").and_then(Value::as_str)
        && !SIGN_IN_AUDIENCES.contains(&audience)
    {
        return Err(GraphFault::bad_request("Invalid value specified for property 'signInAudience'."));
    }
    for platform in ["web", "spa", "publicClient"] {
        let uris = given.get(platform).and_then(|platform| platform.get("redirectUris")?.as_array());
        for uri in uris.into_iter().flatten() {
            check_redirect_uri(uri)?;
        }
    }
    Ok(())
}

/// Microsoft Learn, "Redirect URI restrictions": https, or http on this machine; no wildcard, no fragment.
fn check_redirect_uri(uri: &Value) -> Result<(), GraphFault> {
    let acceptable = uri.as_str().and_then(|text| Url::parse(text).ok()).is_some_and(|url| {
        let local = matches!(url.host_str(), Some("localhost" | "127.0.0.1"));
        let plain = url.fragment().is_none() && !url.as_str().contains('*');
        plain && (url.scheme() == "https" || (url.scheme() == "http" && local))
    });
    if acceptable {
        return Ok(());
    }
    Err(GraphFault::bad_request("One or more of the redirect URIs specified is not valid."))
}

fn write(application: &mut Application, given: &Map<String, Value>) {
    for (name, value) in given.iter().filter(|(name, _)| !name.contains('@')) {
        if !["keyCredentials", "passwordCredentials"].contains(&name.as_str()) {
            let known = application.properties.entry(name.clone()).or_insert(Value::Null);
            shapes::merge(known, value);
        }
    }
}
