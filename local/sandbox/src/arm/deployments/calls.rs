//! The calls of a deployment.

use http::header::RETRY_AFTER;
use http::{HeaderName, Method, StatusCode};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::arm::error::ArmError;
use crate::arm::request::{ArmRequest, ArmResponse, Target};
use crate::arm::{access, operations, regions};
use crate::cloud::Cloud;
use crate::names::arm_id;
use crate::resources::{Resource, deployment};
use crate::state::operation::Outcome;
use crate::state::resources::deployment::{Deployment, ResourceWrite, Template};
use crate::state::tags::Tags;

use super::place::Place;
use super::plan::Plan;
use super::surroundings::surroundings;
use super::template::{self, Evaluator, unsupported};
use super::{jsonc, plan, run};

#[derive(Deserialize)]
struct Body {
    #[serde(default)]
    location: Option<String>,
    #[serde(default)]
    tags: Option<Tags>,
    properties: Properties,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Properties {
    mode: String,
    #[serde(default)]
    template: Value,
    #[serde(default)]
    parameters: Map<String, Value>,
    #[serde(default)]
    template_link: Value,
    #[serde(default)]
    parameters_link: Value,
    #[serde(default)]
    on_error_deployment: Value,
}

/// `PUT`: 201 for a new one and 200 for an old one, with the address of its state.
pub(super) fn put(cloud: &Cloud, request: &ArmRequest, target: &Target) -> Result<ArmResponse, ArmError> {
    let deployment = planned(cloud, request, target)?;
    let key = arm_id::key(&target.id);
    let before = run::look(cloud, request.gateway, &key);
    check_unmoved(before.as_ref(), &deployment)?;
    if before.as_ref().is_some_and(|before| before.ended.is_none()) {
        return Err(ArmError::conflict(
            "DeploymentActive",
            format!(
                "Unable to edit or replace deployment '{}': previous deployment is still active. Please see \
                 https://aka.ms/arm-deploy for usage details.",
                target.name
            ),
        ));
    }
    let mut shown = deployment::deployment(&deployment);
    shown["properties"]["provisioningState"] = json!("Accepted");
    let address = format!(
        "https://management.azure.com{}/operationStatuses/{}?api-version={}",
        deployment.id, deployment.run, request.api_version
    );
    cloud.change(|state| state.arm.deployments.insert(key.clone(), deployment));
    run::look(cloud, request.gateway, &key);
    let status = if before.is_some() { StatusCode::OK } else { StatusCode::CREATED };
    Ok(ArmResponse::new(status, shown)
        .with_header(HeaderName::from_static("azure-asyncoperation"), address)
        .with_header(RETRY_AFTER, cloud.lags.retry_after_seconds.unwrap_or(1).to_string()))
}

/// `POST .../validate`: 200 with what it would be.
pub(super) fn validate(
    cloud: &Cloud,
    request: &ArmRequest,
    target: &Target,
) -> Result<ArmResponse, ArmError> {
    planned(cloud, request, target).map(|deployment| ArmResponse::ok(deployment::validated(&deployment)))
}

/// `GET` and `HEAD`: a look, which lets it get on.
pub(super) fn get(cloud: &Cloud, request: &ArmRequest, target: &Target) -> Result<ArmResponse, ArmError> {
    if !target.group.is_empty() {
        cloud.read(|state| state.arm.group(&target.subscription, &target.group).map(drop))?;
    }
    let found = run::look(cloud, request.gateway, &arm_id::key(&target.id));
    if request.method == Method::HEAD {
        let status = found.map_or(StatusCode::NOT_FOUND, |_| StatusCode::NO_CONTENT);
        return Ok(ArmResponse::empty(status));
    }
    found
        .map(|deployment| ArmResponse::ok(deployment::deployment(&deployment)))
        .ok_or_else(|| not_found(target))
}

/// `GET .../operationStatuses/{run}`: how far it is, and why it failed.
pub(super) fn status(
    cloud: &Cloud,
    request: &ArmRequest,
    target: &Target,
    run: &str,
) -> Result<ArmResponse, ArmError> {
    let found = run::look(cloud, request.gateway, &arm_id::key(&target.id));
    let found = found.filter(|deployment| deployment.run.to_string() == run);
    let deployment = found.ok_or_else(|| not_found(target))?;
    let mut shown = json!({ "status": deployment.state() });
    if let Some(error) = deployment.error {
        shown["error"] = error;
    }
    let reply = ArmResponse::ok(shown);
    Ok(match deployment.ended {
        None => reply.with_header(RETRY_AFTER, cloud.lags.retry_after_seconds.unwrap_or(1).to_string()),
        Some(_) => reply,
    })
}

/// `GET .../operations`, and one of them by its id.
pub(super) fn operations(
    cloud: &Cloud,
    request: &ArmRequest,
    target: &Target,
    one: Option<&str>,
) -> Result<ArmResponse, ArmError> {
    let deployment =
        run::look(cloud, request.gateway, &arm_id::key(&target.id)).ok_or_else(|| not_found(target))?;
    let begun = deployment.steps.iter().filter(|step| step.began.is_some());
    let Some(one) = one else {
        return Ok(ArmResponse::list(begun.map(|step| deployment::operation(&deployment, step)).collect()));
    };
    let found = begun.into_iter().find(|step| step.operation.simple().to_string().eq_ignore_ascii_case(one));
    found.map(|step| ArmResponse::ok(deployment::operation(&deployment, step))).ok_or_else(|| {
        ArmError::new(
            StatusCode::NOT_FOUND,
            "DeploymentOperationNotFound",
            format!("The deployment operation '{one}' could not be found."),
        )
    })
}

/// `DELETE`: the record of it; what it has made stays.
pub(super) fn delete(cloud: &Cloud, request: &ArmRequest, target: &Target) -> Result<ArmResponse, ArmError> {
    let key = arm_id::key(&target.id);
    match run::look(cloud, request.gateway, &key) {
        None => Ok(ArmResponse::empty(StatusCode::NO_CONTENT)),
        Some(active) if active.ended.is_none() => Err(ArmError::conflict(
            "DeploymentActive",
            format!("Unable to delete deployment '{}': it is still active.", target.name),
        )),
        Some(deployment) => cloud.change(|state| {
            let headers = operations::begin(cloud, state, request, (&deployment.id, ""), Outcome::Delete);
            Ok(ArmResponse { headers, ..ArmResponse::empty(StatusCode::ACCEPTED) })
        }),
    }
}

/// The deployment that a request asks for, everything checked and nothing begun.
fn planned(cloud: &Cloud, request: &ArmRequest, target: &Target) -> Result<Deployment, ArmError> {
    check_name(&target.name)?;
    let Body { location, tags, properties } = read(request)?;
    let place = Place::of_call(target, location);
    if place.group.is_none() {
        regions::check(place.location.as_deref(), Deployment::TYPE)?;
    }
    check_supported(&properties)?;
    let template = Template::read(&properties.template)?;
    let around = cloud.read(|state| surroundings(state, &place, &target.name, request.caller.tenant))?;
    let nothing = Map::new();
    let parameters =
        template::resolve(&template, &properties.parameters, &Evaluator::new(&template, &around, &nothing))?;
    let Plan { steps, existing } =
        plan::plan(&template, &Evaluator::new(&template, &around, &parameters), &place)?;
    for step in &steps {
        check_allowed(cloud, request, step)?;
    }
    Ok(Deployment {
        id: target.id.clone(),
        name: target.name.clone(),
        subscription: place.subscription,
        group: place.group,
        location: place.location,
        tags,
        caller: request.caller,
        template,
        parameters,
        steps,
        existing,
        outputs: json!({}),
        correlation: Uuid::new_v4(),
        run: Uuid::new_v4(),
        began: cloud.clock.now(),
        ended: None,
        error: None,
    })
}

fn read(request: &ArmRequest) -> Result<Body, ArmError> {
    let text = String::from_utf8_lossy(&request.body);
    jsonc::parse(&text).and_then(serde_json::from_value).map_err(|error| {
        ArmError::bad_request(
            "InvalidRequestContent",
            format!("The request content was invalid and could not be deserialized: '{error}'."),
        )
    })
}

fn check_supported(properties: &Properties) -> Result<(), ArmError> {
    if !properties.mode.eq_ignore_ascii_case("Incremental") {
        return Err(unsupported(&format!("the deployment mode '{}'; it has 'Incremental'", properties.mode)));
    }
    let elements = [
        ("templateLink", &properties.template_link),
        ("parametersLink", &properties.parameters_link),
        ("onErrorDeployment", &properties.on_error_deployment),
    ];
    match elements.into_iter().find(|(_, value)| !value.is_null()) {
        None => Ok(()),
        Some((element, _)) => Err(unsupported(&format!("the deployment's '{element}'"))),
    }
}

/// Before anything is written, everybody's right to write all of it is looked at.
fn check_allowed(cloud: &Cloud, request: &ArmRequest, step: &ResourceWrite) -> Result<(), ArmError> {
    let action = match step.resource_type.eq_ignore_ascii_case("Microsoft.Resources/resourceGroups") {
        true => "Microsoft.Resources/subscriptions/resourceGroups/write".to_owned(),
        false => format!("{}/write", step.resource_type),
    };
    let now = cloud.clock.now();
    let refused =
        cloud.read(|state| access::authorize(&state.arm, &request.caller, &action, &step.id, now)).is_err();
    if !refused {
        return Ok(());
    }
    Err(ArmError::new(
        StatusCode::FORBIDDEN,
        "InvalidTemplateDeployment",
        format!(
            "The template deployment failed with error: 'Authorization failed for template resource '{}' of type '{}'. The \
             client '{}' with object id '{}' does not have permission to perform action '{action}' at scope '{}'.'.",
            step.name, step.resource_type, request.caller.application_id, request.caller.object_id, step.id
        ),
    ))
}

/// The record of a deployment into a subscription stays where it is.
fn check_unmoved(before: Option<&Deployment>, deployment: &Deployment) -> Result<(), ArmError> {
    let known = before.and_then(|before| before.location.as_deref());
    match (known, deployment.location.as_deref()) {
        (Some(known), Some(given)) if !regions::same(known, given) => Err(ArmError::conflict(
            "InvalidDeploymentLocation",
            format!(
                "Invalid deployment location '{given}'. The deployment '{}' already exists in location '{known}'.",
                deployment.name
            ),
        )),
        _ => Ok(()),
    }
}

/// Azure REST API, `Deployments`: 1 to 64 of these letters. Our guess: code and words.
fn check_name(name: &str) -> Result<(), ArmError> {
    let letters = name.chars().all(|letter| letter.is_alphanumeric() || "-_.()".contains(letter));
    if letters && (1..=64).contains(&name.chars().count()) {
        return Ok(());
    }
    Err(ArmError::bad_request(
        "InvalidDeploymentName",
        format!(
            "The deployment name '{name}' is invalid: 1 to 64 alphanumerics, periods, underscores, hyphens and parentheses \
             are allowed."
        ),
    ))
}

fn not_found(target: &Target) -> ArmError {
    ArmError::new(
        StatusCode::NOT_FOUND,
        "DeploymentNotFound",
        format!("Deployment '{}' could not be found.", target.name),
    )
}
