//! How a deployment and its operations are shown.

use std::collections::{BTreeMap, BTreeSet};

use http::StatusCode;
use serde_json::{Map, Value, json};
use time::OffsetDateTime;

use crate::moments;
use crate::state::State;
use crate::state::arm::ArmState;
use crate::state::resources::deployment::{Deployment, ResourceWrite, WriteState};
use crate::state::tags::{Tags, add_tags};
use crate::tracked::Tracked;

use super::resource::Resource;

impl Resource for Deployment {
    const TYPE: &'static str = "Microsoft.Resources/deployments";
    const IS_LISTED: bool = false;
    type Held = Self;

    fn all(arm: &ArmState) -> &Tracked<String, Self> {
        &arm.deployments
    }

    fn all_mut(arm: &mut ArmState) -> &mut Tracked<String, Self> {
        &mut arm.deployments
    }

    fn tags(held: &Self) -> &Option<Tags> {
        &held.tags
    }

    fn tags_mut(held: &mut Self) -> &mut Option<Tags> {
        &mut held.tags
    }

    fn id(held: &Self) -> &str {
        &held.id
    }

    /// It has none but its group's.
    fn location(_: &Self) -> &str {
        ""
    }

    fn shown(held: &Self, _: &State) -> Value {
        deployment(held)
    }

    fn remove(state: &mut State, key: &str, _: OffsetDateTime) {
        state.arm.deployments.remove(key);
    }
}

/// The whole deployment, as `GET` answers it.
pub(crate) fn deployment(deployment: &Deployment) -> Value {
    let until = deployment.ended.unwrap_or(deployment.began);
    let mut properties = json!({
        "mode": "Incremental",
        "provisioningState": deployment.state(),
        "timestamp": moments::zulu(until),
        "duration": duration(deployment.began, until),
        "correlationId": deployment.correlation,
        "parameters": parameters(deployment),
        "providers": providers(&deployment.steps),
        "dependencies": dependencies(&deployment.steps),
    });
    match &deployment.error {
        Some(error) => properties["error"] = error.clone(),
        None if deployment.ended.is_some() => {
            properties["outputs"] = deployment.outputs.clone();
            properties["outputResources"] = references(&deployment.steps);
        }
        None => {}
    }
    let mut shown = json!({
        "id": deployment.id,
        "name": deployment.name,
        "type": Deployment::TYPE,
        "properties": properties,
    });
    if let Some(location) = &deployment.location {
        shown["location"] = json!(location);
    }
    add_tags(&mut shown, deployment.tags.as_ref());
    shown
}

/// What `validate` answers of a deployment that could be made.
pub(crate) fn validated(deployment: &Deployment) -> Value {
    let mut properties = self::deployment(deployment)["properties"].take();
    properties["provisioningState"] = json!("Succeeded");
    properties["validatedResources"] = references(&deployment.steps);
    json!({ "properties": properties })
}

/// The error of a deployment whose resources could not all be written.
pub(crate) fn failure(id: &str, inner: &[Value]) -> Value {
    json!({
        "code": "DeploymentFailed",
        "target": id,
        "message": "At least one resource deployment operation failed. Please list deployment operations for details. Please \
                    see https://aka.ms/arm-deployment-operations for usage details.",
        "details": inner,
    })
}

/// One of a deployment's operations: what became of one resource.
pub(crate) fn operation(deployment: &Deployment, step: &ResourceWrite) -> Value {
    let began = step.began.unwrap_or(deployment.began);
    let ended = step.ended.unwrap_or(began);
    let (state, status) = match &step.state {
        WriteState::Waiting | WriteState::Running(_) => ("Running", "Accepted".to_owned()),
        WriteState::Succeeded => ("Succeeded", "OK".to_owned()),
        WriteState::Failed(status, _) => ("Failed", status_name(*status)),
    };
    let mut properties = json!({
        "provisioningOperation": "Create",
        "provisioningState": state,
        "timestamp": moments::zulu(ended),
        "duration": duration(began, ended),
        "statusCode": status,
        "targetResource": { "id": step.id, "resourceType": step.resource_type, "resourceName": step.name },
    });
    if let WriteState::Failed(_, error) = &step.state {
        properties["statusMessage"] = json!({ "status": "Failed", "error": error });
    }
    let id = step.operation.simple().to_string().to_uppercase();
    json!({
        "id": format!("{}/operations/{id}", deployment.id),
        "operationId": id,
        "properties": properties,
    })
}

/// The name of a type, as deployments spell it: `String`, `Int`, `SecureString`.
pub(crate) fn type_name(declared: &Value) -> String {
    let declared = declared.as_str().unwrap_or_default();
    let known = ["String", "SecureString", "Int", "Bool", "Array", "Object", "SecureObject"];
    let known = known.iter().find(|known| known.eq_ignore_ascii_case(declared));
    known.map_or_else(|| declared.to_owned(), |known| (*known).to_owned())
}

/// The values of secure ones are not shown.
pub(crate) fn parameters(deployment: &Deployment) -> Map<String, Value> {
    let parameters = deployment.parameters.iter().map(|(name, value)| {
        let declared = &deployment.template.parameters[name];
        let mut shown = json!({ "type": type_name(&declared["type"]) });
        if !is_secure(declared) {
            shown["value"] = value.clone();
        }
        (name.clone(), shown)
    });
    parameters.collect()
}

pub(crate) fn providers(steps: &[ResourceWrite]) -> Vec<Value> {
    let mut kinds: BTreeMap<&str, BTreeMap<&str, BTreeSet<String>>> = BTreeMap::new();
    for step in steps {
        let (provider, kind) = step.resource_type.split_once('/').unwrap_or((&step.resource_type, ""));
        let locations = kinds.entry(provider).or_default().entry(kind).or_default();
        let location =
            step.body.get("location").and_then(Value::as_str).filter(|place| !place.starts_with('['));
        locations.extend(location.map(str::to_owned));
    }
    let kinds = kinds.into_iter().map(|(provider, kinds)| {
        let kinds = kinds.into_iter();
        let kinds = kinds.map(|(kind, places)| json!({ "resourceType": kind, "locations": places }));
        json!({ "namespace": provider, "resourceTypes": kinds.collect::<Vec<_>>() })
    });
    kinds.collect()
}

pub(crate) fn dependencies(steps: &[ResourceWrite]) -> Vec<Value> {
    let named = |step: &ResourceWrite| json!({ "id": step.id, "resourceType": step.resource_type, "resourceName": step.name });
    let waiting = steps.iter().filter(|step| !step.after.is_empty());
    let shown = waiting.map(|step| {
        let mut shown = named(step);
        shown["dependsOn"] = step.after.iter().map(|first| named(&steps[*first])).collect();
        shown
    });
    shown.collect()
}

pub(crate) fn references(steps: &[ResourceWrite]) -> Value {
    steps.iter().map(|step| json!({ "id": step.id })).collect()
}

/// `BadRequest` for 400, and so on.
pub(crate) fn status_name(status: u16) -> String {
    let status = StatusCode::from_u16(status).ok();
    let reason = status.and_then(|status| status.canonical_reason()).unwrap_or_default();
    reason.replace(' ', "")
}

pub(crate) fn duration(from: OffsetDateTime, until: OffsetDateTime) -> String {
    format!("PT{:.3}S", (until - from).as_seconds_f64().max(0.0))
}

/// Whether the value of a parameter of this type is never shown.
pub(crate) fn is_secure(declared: &Value) -> bool {
    let kind = declared["type"].as_str().unwrap_or_default();
    ["securestring", "secureobject"].contains(&kind.to_ascii_lowercase().as_str())
}
