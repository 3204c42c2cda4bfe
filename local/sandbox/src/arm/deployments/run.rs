//! How a deployment gets on: each look at it starts what can start, and asks once after what is under way.
//!
//! Our guess: that it gets on by being looked at, as every operation here; and that after a failure nothing new begins,
//! where the service goes on with what does not depend on it.

use std::sync::PoisonError;

use http::{Method, StatusCode};
use serde_json::{Map, Value, json};
use time::OffsetDateTime;
use url::Url;

use crate::arm::error::ArmError;
use crate::arm::request::{ArmRequest, ArmResponse, Gateway};
use crate::cloud::Cloud;
use crate::names::arm_id;
use crate::resources::deployment;
use crate::state::resources::deployment::{Deployment, ResourceWrite, Turn, WriteState};

use super::place::Place;
use super::surroundings::surroundings;
use super::template::Evaluator;

/// Lets the deployment with this key get on, and gives how it is then.
pub(super) fn look(cloud: &Cloud, gateway: Gateway, key: &str) -> Option<Deployment> {
    // Two looks at once would write everything twice. The second one sees how it is.
    let Some(_one_at_a_time) = Looking::begin(cloud, key) else {
        return cloud.read(|state| state.arm.deployments.get(key).cloned());
    };
    let mut deployment = cloud.read(|state| state.arm.deployments.get(key).cloned())?;
    if deployment.ended.is_some() {
        return Some(deployment);
    }
    advance(cloud, gateway, &mut deployment);
    cloud.change(|state| {
        // It may have gone with its group meanwhile.
        if state.arm.deployments.contains_key(key) {
            state.arm.deployments.insert(key.to_owned(), deployment.clone());
        }
    });
    Some(deployment)
}

/// Whoever lets a deployment get on. Another one, nested in it, may get on meanwhile.
struct Looking<'a> {
    cloud: &'a Cloud,
    key: &'a str,
}

impl<'a> Looking<'a> {
    /// None where somebody does already.
    fn begin(cloud: &'a Cloud, key: &'a str) -> Option<Self> {
        let mut deploying = cloud.deploying.lock().unwrap_or_else(PoisonError::into_inner);
        // Lazily: one that is not handed out would end the other's look when it is dropped.
        deploying.insert(key.to_owned()).then(|| Self { cloud, key })
    }
}

impl Drop for Looking<'_> {
    fn drop(&mut self) {
        self.cloud.deploying.lock().unwrap_or_else(PoisonError::into_inner).remove(self.key);
    }
}

fn advance(cloud: &Cloud, gateway: Gateway, deployment: &mut Deployment) {
    for place in 0..deployment.steps.len() {
        if let WriteState::Running(address) = deployment.steps[place].state.clone() {
            let state = polled(cloud, gateway, deployment, address);
            set(&mut deployment.steps[place], state, cloud.clock.now());
        }
    }
    while let Some(place) = startable(&deployment.steps) {
        deployment.steps[place].began = Some(cloud.clock.now());
        let state = started(cloud, gateway, deployment, place);
        set(&mut deployment.steps[place], state, cloud.clock.now());
    }
    if !deployment.steps.iter().any(|step| matches!(step.state, WriteState::Running(_))) {
        end(cloud, gateway, deployment);
    }
}

fn startable(steps: &[ResourceWrite]) -> Option<usize> {
    if steps.iter().any(|step| matches!(step.state, WriteState::Failed(..))) {
        return None;
    }
    let done = |place: &usize| steps[*place].state == WriteState::Succeeded;
    steps.iter().position(|step| step.state == WriteState::Waiting && step.after.iter().all(done))
}

fn set(step: &mut ResourceWrite, state: WriteState, now: OffsetDateTime) {
    if matches!(state, WriteState::Succeeded | WriteState::Failed(..)) {
        step.ended = Some(now);
    }
    step.state = state;
}

/// Writes the resource.
fn started(cloud: &Cloud, gateway: Gateway, deployment: &Deployment, place: usize) -> WriteState {
    let step = &deployment.steps[place];
    let written = Value::Object(step.body.clone());
    let mut body = match evaluated_in(cloud, gateway, deployment, step.turn.as_ref(), &written) {
        Ok(body) => body,
        Err(error) => return failed(&error),
    };
    if let Some(template) = &step.inner_template {
        body["properties"]["template"] = template.clone();
    }
    let request =
        ArmRequest::inner(Method::PUT, &step.id, &step.api_version, deployment.caller, Some(&body), gateway);
    match gateway(cloud, &request) {
        Ok(reply) => match header(&reply, "azure-asyncoperation") {
            // One that is nested may have ended in its first look.
            Some(address) if step.inner_template.is_some() => polled(cloud, gateway, deployment, address),
            Some(address) => WriteState::Running(address),
            None => WriteState::Succeeded,
        },
        Err(error) => failed(&error),
    }
}

/// Asks after what is under way.
fn polled(cloud: &Cloud, gateway: Gateway, deployment: &Deployment, address: String) -> WriteState {
    let Ok(url) = Url::parse(&address) else {
        return failed(&ArmError::bad_request("InvalidAsyncOperationUrl", address));
    };
    let version = url.query_pairs().find(|(name, _)| name == "api-version");
    let version = version.map(|(_, value)| value.into_owned()).unwrap_or_default();
    let mut request = ArmRequest::inner(Method::GET, url.path(), &version, deployment.caller, None, gateway);
    request.query.extend(url.query_pairs().map(|(name, value)| (name.into_owned(), value.into_owned())));
    match gateway(cloud, &request) {
        Ok(ArmResponse { body: Some(body), .. }) if body["status"] == "Succeeded" => WriteState::Succeeded,
        Ok(ArmResponse { body: Some(body), .. }) if body["status"] == "Failed" => {
            WriteState::Failed(StatusCode::CONFLICT.as_u16(), body["error"].clone())
        }
        Ok(_) => WriteState::Running(address),
        Err(error) => failed(&error),
    }
}

fn end(cloud: &Cloud, gateway: Gateway, deployment: &mut Deployment) {
    let failures: Vec<Value> = deployment
        .steps
        .iter()
        .filter_map(|step| match &step.state {
            WriteState::Failed(_, error) => Some(error.clone()),
            _ => None,
        })
        .collect();
    if !failures.is_empty() {
        deployment.error = Some(deployment::failure(&deployment.id, &failures));
    } else {
        match outputs(cloud, gateway, deployment) {
            Ok(outputs) => deployment.outputs = Value::Object(outputs),
            Err(error) => {
                let inner = error.body()["error"].clone();
                deployment.error = Some(json!({
                    "code": "DeploymentOutputEvaluationFailed",
                    "message": "Unable to evaluate template outputs. Please see error details and deployment operations. \
                                Please see https://aka.ms/arm-common-errors for usage details.",
                    "target": deployment.id,
                    "details": [inner],
                }));
            }
        }
    }
    deployment.ended = Some(cloud.clock.now());
}

fn outputs(cloud: &Cloud, gateway: Gateway, deployment: &Deployment) -> Result<Map<String, Value>, ArmError> {
    let mut outputs = Map::new();
    for (name, output) in &deployment.template.outputs {
        if output.get("condition").is_some() {
            let holds = evaluated(cloud, gateway, deployment, &output["condition"])?;
            if holds == json!(false) {
                continue;
            }
        }
        let value = evaluated(cloud, gateway, deployment, &output["value"])?;
        outputs
            .insert(name.clone(), json!({ "type": deployment::type_name(&output["type"]), "value": value }));
    }
    Ok(outputs)
}

fn evaluated(
    cloud: &Cloud,
    gateway: Gateway,
    deployment: &Deployment,
    value: &Value,
) -> Result<Value, ArmError> {
    evaluated_in(cloud, gateway, deployment, None, value)
}

/// As [`evaluated`], in a turn of a loop.
fn evaluated_in(
    cloud: &Cloud,
    gateway: Gateway,
    deployment: &Deployment,
    turn: Option<&Turn>,
    value: &Value,
) -> Result<Value, ArmError> {
    let (place, tenant) = (Place::of(deployment), deployment.caller.tenant);
    let around = cloud.read(|state| surroundings(state, &place, &deployment.name, tenant))?;
    let references = |resource: &str, whole: bool| referred_to(cloud, gateway, deployment, resource, whole);
    let evaluator = Evaluator::new(&deployment.template, &around, &deployment.parameters);
    let evaluator = evaluator.with_references(&references);
    evaluator.value_in_turn(turn, value)
}

/// A resource as it is now: one of the template by any of its names, or any other by its id.
fn referred_to(
    cloud: &Cloud,
    gateway: Gateway,
    deployment: &Deployment,
    resource: &str,
    whole: bool,
) -> Result<Value, ArmError> {
    let is_called = |symbol: &str| symbol == resource;
    let step = deployment.steps.iter().find(|step| {
        step.symbol.as_deref().is_some_and(is_called)
            || arm_id::same(&step.id, resource)
            || step.name.eq_ignore_ascii_case(resource)
    });
    let written = step.map(|step| (step.id.as_str(), step.api_version.as_str()));
    let existing = deployment.existing.iter().find(|existing| is_called(&existing.symbol));
    let existing = || existing.map(|existing| (existing.id.as_str(), existing.api_version.as_str()));
    // The version matters to no shape here; disks have the narrowest list.
    let (id, version) = written.or_else(existing).unwrap_or((resource, "2024-03-02"));
    let request = ArmRequest::inner(Method::GET, id, version, deployment.caller, None, gateway);
    let shown = gateway(cloud, &request)?.body.unwrap_or_default();
    Ok(if whole { shown } else { shown["properties"].clone() })
}

fn failed(error: &ArmError) -> WriteState {
    WriteState::Failed(error.status.as_u16(), error.body()["error"].clone())
}

fn header(reply: &ArmResponse, name: &str) -> Option<String> {
    reply.headers.iter().find(|(held, _)| held == name).map(|(_, value)| value.clone())
}
