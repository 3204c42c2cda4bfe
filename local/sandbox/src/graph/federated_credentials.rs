//! Whose assertions an application accepts: `/applications/{id}/federatedIdentityCredentials`.
//!
//! Wrong values are accepted here and fail at the exchange, as with Graph: nothing is compared until then.
//! Rules: Microsoft Learn, resource type `federatedIdentityCredential`.

use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::cloud::Cloud;
use crate::state::directory::{Application, FederatedCredential};

use super::applications::{find, of_id};
use super::fault::GraphFault;
use super::request::{GraphRequest, GraphResponse};
use super::shapes;

/// The documented limit for one application.
const MOST: usize = 20;

pub(super) fn list(cloud: &Cloud, request: &GraphRequest, key: &str) -> Result<GraphResponse, GraphFault> {
    cloud.read(|state| {
        let application = find(&state.directory, cloud, request, key)?;
        let shown = application.federated_credentials.iter().map(shapes::federated_credential).collect();
        request.collection(&collection(application), shown).map(GraphResponse::Found)
    })
}

pub(super) fn show(
    cloud: &Cloud,
    request: &GraphRequest,
    key: &str,
    name: &str,
) -> Result<GraphResponse, GraphFault> {
    cloud.read(|state| {
        let application = find(&state.directory, cloud, request, key)?;
        let credential = &application.federated_credentials[position(application, name)?];
        let shown = shapes::federated_credential(credential);
        Ok(GraphResponse::Found(request.entity(&collection(application), shown)))
    })
}

pub(super) fn create(cloud: &Cloud, request: &GraphRequest, key: &str) -> Result<GraphResponse, GraphFault> {
    let given = request.object()?;
    let credential = FederatedCredential {
        id: Uuid::new_v4(),
        name: text(given, "name")?,
        issuer: text(given, "issuer")?,
        subject: text(given, "subject")?,
        audiences: audiences(given)?,
        description: description(given)?,
        usable_from: request.now + cloud.lags.federated_credential,
    };
    check_known(given)?;
    check_name(&credential.name)?;
    cloud.change(|state| {
        let id = find(&state.directory, cloud, request, key)?.object_id;
        let application = of_id(&mut state.directory, id)?;
        check_no_other(application, &credential)?;
        if application.federated_credentials.len() >= MOST {
            // Our guess: the wording.
            let text =
                format!("The maximum number of federated identity credentials ({MOST}) has been reached.");
            return Err(GraphFault::bad_request(text));
        }
        let shown = shapes::federated_credential(&credential);
        application.federated_credentials.push(credential);
        let body = request.entity(&collection(application), shown);
        Ok(GraphResponse::Created { location: None, body })
    })
}

pub(super) fn update(
    cloud: &Cloud,
    request: &GraphRequest,
    key: &str,
    name: &str,
) -> Result<GraphResponse, GraphFault> {
    let given = request.object()?;
    check_known(given)?;
    cloud.change(|state| {
        let id = find(&state.directory, cloud, request, key)?.object_id;
        let application = of_id(&mut state.directory, id)?;
        let index = position(application, name)?;
        let mut changed = application.federated_credentials[index].clone();
        if given.get("name").is_some_and(|given| *given != changed.name) {
            return Err(GraphFault::bad_request("Property 'name' is read-only and cannot be set."));
        }
        for (property, field) in [("issuer", &mut changed.issuer), ("subject", &mut changed.subject)] {
            if given.contains_key(property) {
                *field = text(given, property)?;
            }
        }
        if given.contains_key("audiences") {
            changed.audiences = audiences(given)?;
        }
        if given.contains_key("description") {
            changed.description = description(given)?;
        }
        check_no_other(application, &changed)?;
        changed.usable_from = request.now + cloud.lags.federated_credential;
        application.federated_credentials[index] = changed;
        Ok(GraphResponse::Done)
    })
}

pub(super) fn delete(
    cloud: &Cloud,
    request: &GraphRequest,
    key: &str,
    name: &str,
) -> Result<GraphResponse, GraphFault> {
    cloud.change(|state| {
        let id = find(&state.directory, cloud, request, key)?.object_id;
        let application = of_id(&mut state.directory, id)?;
        let index = position(application, name)?;
        application.federated_credentials.remove(index);
        Ok(GraphResponse::Done)
    })
}

/// Where the credential is that a path names by id or by name.
fn position(application: &Application, name: &str) -> Result<usize, GraphFault> {
    let id = Uuid::parse_str(name).ok();
    application
        .federated_credentials
        .iter()
        .position(|credential| Some(credential.id) == id || credential.name == name)
        .ok_or_else(|| GraphFault::not_found(name))
}

/// No two credentials of one application may share a name, or issuer and subject.
fn check_no_other(application: &Application, new: &FederatedCredential) -> Result<(), GraphFault> {
    for known in application.federated_credentials.iter().filter(|known| known.id != new.id) {
        if known.name == new.name {
            return Err(GraphFault::already_there("name"));
        }
        if known.issuer == new.issuer && known.subject == new.subject {
            return Err(GraphFault::already_there("issuer and subject"));
        }
    }
    Ok(())
}

fn check_known(given: &Map<String, Value>) -> Result<(), GraphFault> {
    let known =
        json!({"name": "", "issuer": "", "subject": "", "audiences": [], "description": null, "id": null});
    shapes::check_properties(given, &known)
}

/// 3 to 120 characters that may stand in an address, the first a letter or digit.
fn check_name(name: &str) -> Result<(), GraphFault> {
    let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    let begins_well = name.bytes().next().is_some_and(|first| first.is_ascii_alphanumeric());
    if (3..=120).contains(&name.len()) && plain && begins_well {
        return Ok(());
    }
    Err(GraphFault::bad_request("Invalid value specified for property 'name'."))
}

fn text(given: &Map<String, Value>, property: &str) -> Result<String, GraphFault> {
    let text = given.get(property).and_then(Value::as_str).filter(|text| (1..=600).contains(&text.len()));
    text.map(str::to_owned).ok_or_else(|| {
        GraphFault::bad_request(format!(
            "A value of 1 to 600 characters is required for property '{property}' of resource \
             'FederatedIdentityCredential'."
        ))
    })
}

fn description(given: &Map<String, Value>) -> Result<Option<String>, GraphFault> {
    match given.get("description") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text.len() <= 600 => Ok(Some(text.clone())),
        Some(_) => Err(GraphFault::bad_request("Invalid value specified for property 'description'.")),
    }
}

fn audiences(given: &Map<String, Value>) -> Result<Vec<String>, GraphFault> {
    match given.get("audiences").and_then(Value::as_array).map(Vec::as_slice) {
        Some([Value::String(only)]) if !only.is_empty() => Ok(vec![only.clone()]),
        _ => Err(GraphFault::bad_request("Property 'audiences' must have exactly one value.")),
    }
}

fn collection(application: &Application) -> String {
    format!("applications('{}')/federatedIdentityCredentials", application.object_id)
}
