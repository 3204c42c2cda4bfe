//! What Microsoft's own deployment engine made of expressions, replayed where a file of it is at hand.
//!
//! `LATCHKEY_TEMPLATE_FUNCTIONS` names the file: a `context` (tenant, subscription, group, ...) and `cases`, each with an
//! `expression` and its `value` or its `error`. The sandbox gives the same, or refuses the function by its name.

use serde_json::{Value, json};

use crate::state::resources::deployment::Template;

use super::{Evaluator, Surroundings};

/// Of 112 cases; so that a function that is lost is noticed.
const FEWEST_ANSWERED: usize = 100;

fn surroundings(context: &Value) -> Surroundings {
    let text = |name: &str| context[name].as_str().unwrap().to_owned();
    let (subscription, group, tenant) = (text("subscription"), text("resourceGroup"), text("tenant"));
    let name = text("deployment");
    Surroundings {
        resource_group: Some(json!({
            "id": format!("/subscriptions/{subscription}/resourceGroups/{group}"),
            "name": group,
            "type": "Microsoft.Resources/resourceGroups",
            "location": text("location"),
        })),
        subscription: json!({ "subscriptionId": subscription }),
        tenant: json!({ "id": format!("/tenants/{tenant}"), "tenantId": tenant }),
        deployment: json!({ "name": name.split(' ').next() }),
    }
}

/// An expression that stands where a value could not be known offline.
fn is_unknown(value: &Value) -> bool {
    value.as_str().is_some_and(|text| text.starts_with('[') && text.ends_with(']') && text.contains("()."))
}

fn fits(expected: &Value, found: &Value) -> bool {
    match (expected, found) {
        (Value::Object(expected), Value::Object(found)) if expected.values().any(is_unknown) => {
            expected.iter().all(|(name, value)| is_unknown(value) || found.get(name) == Some(value))
        }
        _ => expected == found,
    }
}

/// What is said in the error itself, without where in the template it is.
fn said(error: &str) -> &str {
    let inner = error.split_once("' is not valid: ").filter(|_| error.starts_with("The template resource"));
    let inner = inner.map_or(error, |(_, inner)| inner);
    inner.strip_suffix(". Please see https://aka.ms/arm-functions for usage details").unwrap_or(inner)
}

/// Whether a message says this. The names in a list may have another order: the sandbox keeps none.
fn says(message: &str, expected: &str) -> bool {
    let Some((start, names)) = expected.split_once("available properties are '") else {
        return message.contains(expected);
    };
    let names = names.trim_end_matches(['.', '\'']);
    message.contains(start) && names.split(", ").all(|name| message.contains(name))
}

fn is_refused_by_name(message: &str) -> bool {
    [" The sandbox has: ", "The sandbox does not have the template function"]
        .iter()
        .any(|words| message.contains(words))
}

#[test]
fn expressions_have_the_values_and_errors_of_microsofts_engine() {
    let Some(file) = std::env::var_os("LATCHKEY_TEMPLATE_FUNCTIONS") else { return };
    let measured: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    let context = &measured["context"];
    let around = surroundings(context);
    let object = |value: &Value| value.as_object().cloned().unwrap();
    let template = Template { variables: object(&context["variables"]), ..Template::default() };
    let parameters = object(&context["parameters"]);
    let evaluator = Evaluator::new(&template, &around, &parameters);
    let (mut answered, mut wrong) = (0, Vec::new());
    let mut refused = Vec::new();
    for case in measured["cases"].as_array().unwrap() {
        let expression = &case["expression"];
        // Only known where the resource is.
        if case["value"] == *expression {
            continue;
        }
        let found = evaluator.value(expression);
        let right = match (&found, case["error"].as_str()) {
            (Ok(found), None) => fits(&case["value"], found),
            (Err(error), None) if is_refused_by_name(&error.message) => {
                refused.push(expression);
                continue;
            }
            (Err(error), Some(expected)) => says(&error.message, said(expected)),
            _ => false,
        };
        answered += 1;
        if !right {
            wrong.push(format!("{expression}: {found:?}, not {case}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(answered >= FEWEST_ANSWERED, "only {answered} were answered; refused: {refused:?}");
}
