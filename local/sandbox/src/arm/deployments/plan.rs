//! What a template comes to: its resources, and which has to wait for which.
//!
//! Codes and texts of refusals: Microsoft Learn, "Troubleshoot common Azure deployment errors".

use serde_json::{Map, Value};
use uuid::Uuid;

use crate::arm::error::ArmError;
use crate::arm::request::Target;
use crate::names::arm_id;
use crate::resources::ResourceType;
use crate::state::resources::deployment::{ResourceWrite, Template, WriteState};

use super::template::{self, Evaluator, invalid, unsupported};

/// What is written at a scope, which is the group where nothing else is said.
const AT_A_SCOPE: &[&str] =
    &["Microsoft.Authorization/roleAssignments", "Microsoft.Authorization/roleDefinitions"];

/// What says how a resource is deployed and is not part of it.
const NOT_OF_THE_RESOURCE: &[&str] =
    &["type", "apiVersion", "name", "dependsOn", "condition", "comments", "metadata", "scope"];

/// A step, and whatever else its place in the order follows from.
struct Planned {
    step: ResourceWrite,
    depends_on: Vec<String>,
    referred_to: Vec<String>,
    /// False where the template's own condition leaves it out.
    wanted: bool,
}

/// The steps of a template, everything checked that can be known before anything is written.
pub(super) fn steps(
    template: &Template,
    evaluator: &Evaluator<'_>,
    target: &Target,
) -> Result<Vec<ResourceWrite>, ArmError> {
    let mut planned = Vec::new();
    for resource in &template.resources {
        planned.push(plan(resource, evaluator, target)?);
    }
    for (number, one) in planned.iter().enumerate() {
        if planned[..number].iter().any(|other| arm_id::same(&other.step.id, &one.step.id)) {
            return Err(invalid(&format!(
                "The resource '{}/{}' is defined multiple times in a template. Please see \
                 https://aka.ms/arm-syntax-resources for usage details.",
                one.step.resource_type, one.step.name
            )));
        }
    }
    check_outputs(template, evaluator, &planned)?;
    let places = order(&planned)?;
    // The places of what is left out are closed up.
    let kept: Vec<usize> = (0..planned.len()).filter(|place| planned[*place].wanted).collect();
    let steps = kept.iter().map(|place| {
        let after = places[*place].iter().filter_map(|first| kept.iter().position(|kept| kept == first));
        ResourceWrite { after: after.collect(), ..planned[*place].step.clone() }
    });
    Ok(steps.collect())
}

fn plan(
    resource: &Map<String, Value>,
    evaluator: &Evaluator<'_>,
    target: &Target,
) -> Result<Planned, ArmError> {
    for element in ["copy", "resources"] {
        if resource.get(element).is_some_and(|value| value.as_array().is_none_or(|items| !items.is_empty())) {
            return Err(unsupported(&format!("the resource element '{element}'")));
        }
    }
    let text = |element: &str| {
        let value = resource.get(element);
        let value = value.ok_or_else(|| invalid(&format!("A resource has no '{element}'")))?;
        evaluator.text(value, &format!("The '{element}' of a resource"))
    };
    let (resource_type, name, api_version) = (text("type")?, text("name")?, text("apiVersion")?);
    let scope = resource.get("scope").map(|_| text("scope")).transpose()?;
    let id = id_of(&resource_type, &name, scope, target)?;
    let wanted = match resource.get("condition").map(|condition| evaluator.value(condition)).transpose()? {
        None => true,
        Some(Value::Bool(wanted)) => wanted,
        Some(other) => return Err(invalid(&format!("The condition of '{name}' is no boolean but {other}"))),
    };
    let depends_on = match resource.get("dependsOn").map(|value| evaluator.value(value)).transpose()? {
        None => Vec::new(),
        Some(Value::Array(items)) => items.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        Some(_) => return Err(invalid(&format!("The 'dependsOn' of '{name}' is no array"))),
    };
    let body: Map<String, Value> = resource
        .iter()
        .filter(|(element, _)| !NOT_OF_THE_RESOURCE.contains(&element.as_str()))
        .map(|(element, value)| (element.clone(), value.clone()))
        .collect();
    let referred_to = template::check(&Value::Object(body.clone()), evaluator)?;
    let step = ResourceWrite {
        operation: Uuid::new_v4(),
        id,
        resource_type,
        name,
        api_version,
        body,
        after: Vec::new(),
        state: WriteState::Waiting,
        began: None,
        ended: None,
    };
    Ok(Planned { step, depends_on, referred_to, wanted })
}

fn id_of(
    resource_type: &str,
    name: &str,
    scope: Option<String>,
    target: &Target,
) -> Result<String, ArmError> {
    if resource_type.split('/').count() != name.split('/').count() + 1 {
        return Err(invalid(&format!(
            "The template resource '{name}' for type '{resource_type}' has incorrect segment lengths. A nested resource type \
             must have identical number of segments as its resource name. A root resource type must have segment length one \
             greater than its resource name. Please see https://aka.ms/arm-syntax-resources for usage details."
        )));
    }
    let group = format!("/subscriptions/{}/resourceGroups/{}", target.subscription, target.group);
    if let Some(known) = AT_A_SCOPE.iter().find(|known| known.eq_ignore_ascii_case(resource_type)) {
        // A scope that is no id of its own is a resource of this group.
        let scope = scope.map(|scope| match scope.starts_with('/') {
            true => scope,
            false => match scope.rsplit_once('/') {
                Some((kind, name)) => format!("{group}/providers/{kind}/{name}"),
                None => scope,
            },
        });
        let scope = scope.unwrap_or(group);
        return Ok(format!("{}/providers/{known}/{name}", scope.trim_end_matches('/')));
    }
    let known = ResourceType::named(resource_type).filter(|known| known.is_listed);
    let Some(known) = known.filter(|_| scope.is_none()) else {
        let what = if scope.is_some() { "a scope for resources" } else { "resources" };
        return Err(unsupported(&format!("{what} of the type '{resource_type}'")));
    };
    Ok(arm_id::resource_id(&target.subscription, &target.group, known.name, name))
}

/// For each resource the places of those that it waits for.
fn order(planned: &[Planned]) -> Result<Vec<Vec<usize>>, ArmError> {
    let mut places = Vec::with_capacity(planned.len());
    for one in planned {
        let mut after = Vec::new();
        for name in &one.depends_on {
            after.push(find(planned, name).ok_or_else(|| undefined(name))?);
        }
        for name in &one.referred_to {
            match find(planned, name) {
                Some(place) => after.push(place),
                // One that is there already.
                None if name.starts_with('/') => {}
                None => return Err(undefined(name)),
            }
        }
        places.push(after);
    }
    let mut done = vec![false; planned.len()];
    while let Some(next) =
        (0..planned.len()).find(|place| !done[*place] && places[*place].iter().all(|first| done[*first]))
    {
        done[next] = true;
    }
    match done.iter().position(|done| !done) {
        None => Ok(places),
        Some(stuck) => Err(invalid(&format!(
            "Circular dependency detected on resource: '{}'. Please see https://aka.ms/arm-syntax-resources for usage \
             details.",
            planned[stuck].step.id
        ))),
    }
}

/// By id, by type and name, or by name alone.
fn find(planned: &[Planned], wanted: &str) -> Option<usize> {
    planned.iter().position(|Planned { step, .. }| {
        arm_id::same(&step.id, wanted)
            || step.name.eq_ignore_ascii_case(wanted)
            || format!("{}/{}", step.resource_type, step.name).eq_ignore_ascii_case(wanted)
    })
}

fn check_outputs(
    template: &Template,
    evaluator: &Evaluator<'_>,
    planned: &[Planned],
) -> Result<(), ArmError> {
    for (name, output) in &template.outputs {
        if output.get("copy").is_some() {
            return Err(unsupported(&format!("the element 'copy', as in the output '{name}'")));
        }
        if output["type"].as_str().is_none() || output.get("value").is_none() {
            return Err(invalid(&format!("The template output '{name}' needs a 'type' and a 'value'")));
        }
        let referred_to = template::check(output, evaluator)?;
        let unknown = referred_to.iter().find(|name| !name.starts_with('/') && find(planned, name).is_none());
        if let Some(unknown) = unknown {
            return Err(undefined(unknown));
        }
    }
    Ok(())
}

fn undefined(name: &str) -> ArmError {
    invalid(&format!(
        "The resource '{name}' is not defined in the template. Please see https://aka.ms/arm-syntax for usage details."
    ))
}
