//! What a template comes to: its resources, and which has to wait for which.
//!
//! Codes and texts of refusals: Microsoft Learn, "Troubleshoot common Azure deployment errors".

use std::collections::BTreeSet;

use serde_json::{Map, Value};
use uuid::Uuid;

use crate::arm::error::ArmError;
use crate::names::arm_id;
use crate::state::resources::deployment::{
    DeclaredResource, ExistingResource, ResourceWrite, Template, Turn, WriteState,
};

use super::place::Place;
use super::template::{self, Evaluator, invalid, unsupported};

/// Azure takes no more (Microsoft Learn, "Best practices for templates"). Our guess: the words.
const MOST_RESOURCES: usize = 800;

/// What says how a resource is deployed and is not part of it.
const NOT_OF_THE_RESOURCE: &[&str] = &[
    "type",
    "apiVersion",
    "name",
    "dependsOn",
    "condition",
    "comments",
    "metadata",
    "scope",
    "copy",
    "existing",
    "resourceGroup",
    "subscriptionId",
];

/// What a deployment comes to.
pub(super) struct Plan {
    pub(super) steps: Vec<ResourceWrite>,
    pub(super) existing: Vec<ExistingResource>,
}

/// A resource, and whatever else its place in the order follows from.
struct Planned {
    step: ResourceWrite,
    depends_on: Vec<String>,
    referred_to: Vec<String>,
    /// False where the template's own condition leaves it out.
    wanted: bool,
    /// Whether the template only names it.
    exists: bool,
}

/// The steps of a template, everything checked that can be known before anything is written.
pub(super) fn plan(template: &Template, evaluator: &Evaluator<'_>, place: &Place) -> Result<Plan, ArmError> {
    let mut planned = Vec::new();
    for resource in &template.resources {
        planned.extend(every_turn(resource, evaluator, place)?);
        if planned.len() > MOST_RESOURCES {
            return Err(invalid(&format!(
                "The number of resources exceeds the limit of {MOST_RESOURCES} resources in a template"
            )));
        }
    }
    let written = || planned.iter().filter(|one| !one.exists && one.wanted);
    for (number, one) in written().enumerate() {
        if written().take(number).any(|other| arm_id::same(&other.step.id, &one.step.id)) {
            return Err(invalid(&format!(
                "The resource '{}/{}' is defined multiple times in a template. Please see \
                 https://aka.ms/arm-syntax-resources for usage details.",
                one.step.resource_type, one.step.name
            )));
        }
    }
    check_outputs(template, evaluator, &planned)?;
    let places = order(&planned)?;
    // The places of what is left out, and of what is there already, are closed up.
    let kept: Vec<usize> =
        (0..planned.len()).filter(|place| planned[*place].wanted && !planned[*place].exists).collect();
    let steps = kept.iter().map(|place| {
        let after = awaited(&planned, &places, *place);
        let after = after.iter().filter_map(|first| kept.iter().position(|kept| kept == first));
        ResourceWrite { after: after.collect(), ..planned[*place].step.clone() }
    });
    let existing = planned.iter().filter(|one| one.exists).map(|Planned { step, .. }| ExistingResource {
        symbol: step.symbol.clone().unwrap_or_default(),
        id: step.id.clone(),
        api_version: step.api_version.clone(),
    });
    Ok(Plan { steps: steps.collect(), existing: existing.collect() })
}

/// What a resource waits for. What is there already waits for nothing itself, but whoever waits for it waits for what it
/// depends on.
fn awaited(planned: &[Planned], places: &[Vec<usize>], place: usize) -> BTreeSet<usize> {
    let mut awaited = BTreeSet::new();
    let mut left = places[place].clone();
    while let Some(first) = left.pop() {
        if awaited.insert(first) && planned[first].exists {
            left.extend(&places[first]);
        }
    }
    awaited
}

/// The resource, or one for each turn of its loop.
fn every_turn(
    resource: &DeclaredResource,
    evaluator: &Evaluator<'_>,
    place: &Place,
) -> Result<Vec<Planned>, ArmError> {
    let Some(declared) = resource.elements.get("copy") else {
        return Ok(vec![plan_one(resource, evaluator, place, None)?]);
    };
    let (name, turns) = evaluator.loop_of(declared)?;
    (0..turns)
        .map(|index| {
            let turn = Turn { name: name.clone(), index };
            plan_one(resource, &evaluator.in_turn(turn.clone()), place, Some(turn))
        })
        .collect()
}

fn plan_one(
    resource: &DeclaredResource,
    evaluator: &Evaluator<'_>,
    place: &Place,
    turn: Option<Turn>,
) -> Result<Planned, ArmError> {
    let elements = &resource.elements;
    if elements.get("resources").is_some_and(|below| below.as_array().is_none_or(|below| !below.is_empty())) {
        return Err(unsupported("the resource element 'resources'"));
    }
    let text = |element: &str| {
        let value = elements.get(element);
        let value = value.ok_or_else(|| invalid(&format!("A resource has no '{element}'")))?;
        evaluator.text(value, &format!("The '{element}' of a resource"))
    };
    let optional = |element: &str| elements.get(element).map(|_| text(element)).transpose();
    let (resource_type, name, api_version) = (text("type")?, text("name")?, text("apiVersion")?);
    let (subscription, group) = (optional("subscriptionId")?, optional("resourceGroup")?);
    let own = Place {
        // A subscription that is named without a group is meant itself.
        group: group.or_else(|| place.group.clone().filter(|_| subscription.is_none())),
        subscription: subscription.unwrap_or_else(|| place.subscription.clone()),
        location: None,
    };
    let id = own.id_of(&resource_type, &name, optional("scope")?.as_deref())?;
    let wanted = match elements.get("condition").map(|condition| evaluator.value(condition)).transpose()? {
        None => true,
        Some(Value::Bool(wanted)) => wanted,
        Some(other) => return Err(invalid(&format!("The condition of '{name}' is no boolean but {other}"))),
    };
    let depends_on = match elements.get("dependsOn").map(|value| evaluator.value(value)).transpose()? {
        None => Vec::new(),
        Some(Value::Array(items)) => items.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        Some(_) => return Err(invalid(&format!("The 'dependsOn' of '{name}' is no array"))),
    };
    let mut body: Map<String, Value> = elements
        .iter()
        .filter(|(element, _)| !NOT_OF_THE_RESOURCE.contains(&element.as_str()))
        .map(|(element, value)| (element.clone(), value.clone()))
        .collect();
    let inner_template = inner_template(&resource_type, &mut body)?;
    let referred_to = template::check(&Value::Object(body.clone()), evaluator)?;
    let symbol = resource.symbol.as_ref().map(|symbol| match &turn {
        Some(turn) => format!("{symbol}[{}]", turn.index),
        None => symbol.clone(),
    });
    let exists = elements.get("existing") == Some(&Value::Bool(true));
    let step = ResourceWrite {
        operation: Uuid::new_v4(),
        symbol,
        turn,
        id,
        resource_type,
        name,
        api_version,
        body,
        inner_template,
        after: Vec::new(),
        state: WriteState::Waiting,
        began: None,
        ended: None,
    };
    Ok(Planned { step, depends_on, referred_to, wanted, exists })
}

/// Takes the template of a nested deployment out of its body: it evaluates its expressions itself.
fn inner_template(resource_type: &str, body: &mut Map<String, Value>) -> Result<Option<Value>, ArmError> {
    if !resource_type.eq_ignore_ascii_case("Microsoft.Resources/deployments") {
        return Ok(None);
    }
    let properties = body.get_mut("properties").and_then(Value::as_object_mut);
    let properties = properties.ok_or_else(|| invalid("A nested deployment has no 'properties'"))?;
    let scope = properties.get("expressionEvaluationOptions").and_then(|options| options["scope"].as_str());
    if !scope.is_some_and(|scope| scope.eq_ignore_ascii_case("inner")) {
        return Err(unsupported("nested deployments whose expressions the outer one evaluates"));
    }
    Ok(properties.remove("template"))
}

/// For each resource the places of those that it waits for.
fn order(planned: &[Planned]) -> Result<Vec<Vec<usize>>, ArmError> {
    let mut places = Vec::with_capacity(planned.len());
    for one in planned {
        let mut after = Vec::new();
        for name in one.depends_on.iter().chain(&one.referred_to) {
            let found = find(planned, name);
            // What is referred to by its id may be one that is there already.
            let may_be_there = name.starts_with('/') && !one.depends_on.contains(name);
            if found.is_empty() && !may_be_there {
                return Err(undefined(name));
            }
            after.extend(found);
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

/// By the template's own name, by id, by type and name, or by name alone. A loop is all of its turns.
fn find(planned: &[Planned], wanted: &str) -> Vec<usize> {
    let is_it = |Planned { step, .. }: &Planned| {
        let of_the_loop = step.turn.as_ref().is_some_and(|turn| turn.name.eq_ignore_ascii_case(wanted));
        of_the_loop
            || step.symbol.as_ref().is_some_and(|symbol| is_symbol(symbol, wanted))
            || arm_id::same(&step.id, wanted)
            || step.name.eq_ignore_ascii_case(wanted)
            || format!("{}/{}", step.resource_type, step.name).eq_ignore_ascii_case(wanted)
    };
    (0..planned.len()).filter(|place| is_it(&planned[*place])).collect()
}

/// Whether a name of the template's own is meant: its turn, or all of its loop.
fn is_symbol(symbol: &str, wanted: &str) -> bool {
    symbol == wanted || symbol.split_once('[').is_some_and(|(symbol, _)| symbol == wanted)
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
        let unknown =
            referred_to.iter().find(|name| !name.starts_with('/') && find(planned, name).is_empty());
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
