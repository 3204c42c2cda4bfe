//! The functions of the template language, as many as plain templates need.
//!
//! Microsoft Learn, "ARM template functions". A function that is not here is refused by its name.

use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::arm::error::ArmError;

use super::expression::Expression;
use super::scope::Evaluate;
use super::{invalid, is_empty};

/// Every function that there is here.
const KNOWN: &[&str] = &[
    "and",
    "array",
    "bool",
    "coalesce",
    "concat",
    "contains",
    "createArray",
    "createObject",
    "deployment",
    "empty",
    "endsWith",
    "equals",
    "false",
    "first",
    "format",
    "guid",
    "if",
    "int",
    "join",
    "json",
    "last",
    "length",
    "not",
    "null",
    "or",
    "parameters",
    "reference",
    "replace",
    "resourceGroup",
    "resourceId",
    "split",
    "startsWith",
    "string",
    "subscription",
    "subscriptionResourceId",
    "tenant",
    "toLower",
    "toUpper",
    "trim",
    "true",
    "union",
    "variables",
];

/// The namespace of the names that `guid()` makes. Our guess: this one, and that its values are joined by hyphens; what
/// is documented is that equal values give equal ids.
const GUID_NAMESPACE: Uuid = Uuid::from_u128(0x11fb_06fb_712d_4ddd_98c7_e71b_bd58_8830);

/// Refuses a function that there is not here. Our guess: the second sentence.
pub(super) fn check_name(function: &str) -> Result<(), ArmError> {
    if KNOWN.iter().any(|known| known.eq_ignore_ascii_case(function)) {
        return Ok(());
    }
    Err(invalid(&format!(
        "The template function '{function}' is not valid. Please see https://aka.ms/arm-functions for usage details. The \
         sandbox has: {}",
        KNOWN.join(", ")
    )))
}

/// Calls a function. Of `if` only the part that counts is evaluated.
pub(super) fn call(
    evaluator: &dyn Evaluate,
    function: &str,
    arguments: &[Expression],
) -> Result<Value, ArmError> {
    check_name(function)?;
    let name = function.to_ascii_lowercase();
    if name == "if" {
        let [condition, then, otherwise] = arguments else {
            return Err(wrong(function, arguments.len()));
        };
        let holds = evaluator.evaluate(condition)?;
        let holds = holds.as_bool().ok_or_else(|| unfit(function, &holds))?;
        return evaluator.evaluate(if holds { then } else { otherwise });
    }
    let values: Vec<Value> =
        arguments.iter().map(|argument| evaluator.evaluate(argument)).collect::<Result<_, _>>()?;
    if let Some(found) = surroundings(evaluator, &name, &values) {
        return found;
    }
    match (name.as_str(), values.as_slice()) {
        ("parameters", [Value::String(parameter)]) => evaluator.parameter(parameter),
        ("variables", [Value::String(variable)]) => evaluator.variable(variable),
        ("reference", [Value::String(resource)] | [Value::String(resource), _]) => {
            evaluator.reference(resource, false)
        }
        ("reference", [Value::String(resource), _, Value::String(full)]) => {
            evaluator.reference(resource, full.eq_ignore_ascii_case("Full"))
        }
        _ => pure(function, &name, &values),
    }
}

/// What needs no look beyond its arguments.
fn pure(function: &str, name: &str, values: &[Value]) -> Result<Value, ArmError> {
    Ok(match (name, values) {
        ("true", []) => json!(true),
        ("false", []) => json!(false),
        ("null", []) => Value::Null,
        ("concat", [Value::Array(_), ..]) => json!(arrays(function, values)?.concat()),
        ("concat", [_, ..]) => json!(texts(values)?.concat()),
        ("format", [Value::String(pattern), rest @ ..]) => json!(format(pattern, &texts(rest)?)?),
        ("tolower", [Value::String(text)]) => json!(text.to_lowercase()),
        ("toupper", [Value::String(text)]) => json!(text.to_uppercase()),
        ("trim", [Value::String(text)]) => json!(text.trim()),
        ("replace", [Value::String(text), Value::String(old), Value::String(new)]) => {
            json!(text.replace(old.as_str(), new))
        }
        ("split", [Value::String(text), Value::String(at)]) => {
            json!(text.split(at.as_str()).collect::<Vec<_>>())
        }
        ("join", [Value::Array(items), Value::String(with)]) => json!(texts(items)?.join(with)),
        ("startswith", [Value::String(text), Value::String(start)]) => {
            json!(text.to_lowercase().starts_with(&start.to_lowercase()))
        }
        ("endswith", [Value::String(text), Value::String(end)]) => {
            json!(text.to_lowercase().ends_with(&end.to_lowercase()))
        }
        ("string", [value]) => json!(text_of(value)),
        ("int", [Value::Number(number)]) => json!(number),
        ("int", [Value::String(text)]) => {
            json!(text.parse::<i64>().map_err(|_| unfit(function, &json!(text)))?)
        }
        ("bool", [Value::Bool(value)]) => json!(value),
        ("bool", [Value::String(text)]) => json!(text.eq_ignore_ascii_case("true")),
        ("json", [Value::String(text)]) => {
            serde_json::from_str(text).map_err(|_| unfit(function, &json!(text)))?
        }
        ("equals", [left, right]) => json!(left == right),
        ("not", [Value::Bool(value)]) => json!(!value),
        ("and", [_, _, ..]) => json!(booleans(function, values)?.iter().all(|value| *value)),
        ("or", [_, _, ..]) => json!(booleans(function, values)?.iter().any(|value| *value)),
        ("empty", [value]) => json!(is_empty(value)),
        ("length", [Value::String(text)]) => json!(text.chars().count()),
        ("length", [Value::Array(items)]) => json!(items.len()),
        ("length", [Value::Object(members)]) => json!(members.len()),
        ("first", [Value::Array(items)]) => items.first().cloned().unwrap_or_default(),
        ("first", [Value::String(text)]) => json!(text.chars().take(1).collect::<String>()),
        ("last", [Value::Array(items)]) => items.last().cloned().unwrap_or_default(),
        ("last", [Value::String(text)]) => json!(text.chars().last().map(String::from).unwrap_or_default()),
        ("contains", [Value::String(text), part]) => json!(text.contains(&text_of(part))),
        ("contains", [Value::Array(items), item]) => json!(items.contains(item)),
        ("contains", [Value::Object(members), Value::String(member)]) => {
            json!(super::member(members, member).is_some())
        }
        ("coalesce", [_, ..]) => values.iter().find(|value| !value.is_null()).cloned().unwrap_or_default(),
        ("createarray", _) => json!(values),
        ("array", [Value::Array(items)]) => json!(items),
        ("array", [value]) => json!([value]),
        ("createobject", _) if values.len().is_multiple_of(2) => {
            let pairs = values.chunks_exact(2).map(|pair| (text_of(&pair[0]), pair[1].clone()));
            Value::Object(pairs.collect())
        }
        ("union", [Value::Object(_), ..]) => union_of_objects(function, values)?,
        ("union", [Value::Array(_), ..]) => {
            let mut union: Vec<Value> = Vec::new();
            for item in arrays(function, values)?.concat() {
                if !union.contains(&item) {
                    union.push(item);
                }
            }
            json!(union)
        }
        ("guid", [_, ..]) => {
            json!(Uuid::new_v5(&GUID_NAMESPACE, texts(values)?.join("-").as_bytes()))
        }
        _ => return Err(wrong(function, values.len())),
    })
}

/// The functions that tell where the deployment happens, and that make ids there.
fn surroundings(evaluator: &dyn Evaluate, name: &str, values: &[Value]) -> Option<Result<Value, ArmError>> {
    let around = evaluator.surroundings();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    match (name, values) {
        ("resourcegroup", []) => Some(Ok(around.resource_group.clone())),
        ("subscription", []) => Some(Ok(around.subscription.clone())),
        ("tenant", []) => Some(Ok(around.tenant.clone())),
        ("deployment", []) => Some(Ok(around.deployment.clone())),
        ("resourceid", _) => {
            let group = text(&around.resource_group["name"]);
            let own = [text(&around.subscription["subscriptionId"]), group];
            Some(resource_id(values, &own, |[subscription, group]| {
                format!("/subscriptions/{subscription}/resourceGroups/{group}")
            }))
        }
        ("subscriptionresourceid", _) => {
            let own = [text(&around.subscription["subscriptionId"])];
            Some(resource_id(values, &own, |[subscription]| format!("/subscriptions/{subscription}")))
        }
        _ => None,
    }
}

/// `[where, ...] type, name, ...`: as many names as the type has kinds.
fn resource_id<const N: usize>(
    values: &[Value],
    own: &[String; N],
    scope: impl Fn([&str; N]) -> String,
) -> Result<Value, ArmError> {
    let values = texts(values)?;
    let refused =
        || invalid("The template function 'resourceId' needs a type and a name for each of its parts");
    let at = values.iter().position(|value| value.contains('/')).filter(|at| *at <= N).ok_or_else(refused)?;
    let mut place: [&str; N] = std::array::from_fn(|number| own[number].as_str());
    for (number, given) in values[..at].iter().enumerate() {
        place[N - at + number] = given;
    }
    let names = &values[at + 1..];
    let mut parts = values[at].split('/');
    let mut id = format!("{}/providers/{}", scope(place), parts.next().unwrap_or_default());
    let kinds: Vec<&str> = parts.collect();
    if kinds.len() != names.len() {
        return Err(refused());
    }
    for (kind, name) in kinds.iter().zip(names) {
        id.push_str(&format!("/{kind}/{name}"));
    }
    Ok(json!(id))
}

fn union_of_objects(function: &str, values: &[Value]) -> Result<Value, ArmError> {
    let mut union = Map::new();
    for value in values {
        union.extend(value.as_object().ok_or_else(|| unfit(function, value))?.clone());
    }
    Ok(Value::Object(union))
}

/// Puts texts in the places `{0}`, `{1}` of a pattern.
fn format(pattern: &str, values: &[String]) -> Result<String, ArmError> {
    let refused =
        || invalid(&format!("The pattern '{pattern}' of the template function 'format' is not valid"));
    let mut parts = pattern.split('{');
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (number, rest) = part.split_once('}').ok_or_else(refused)?;
        let value = number.parse::<usize>().ok().and_then(|number| values.get(number));
        text.push_str(value.ok_or_else(refused)?);
        text.push_str(rest);
    }
    Ok(text)
}

fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        // As the service spells them.
        Value::Bool(value) => if *value { "True" } else { "False" }.to_owned(),
        other => other.to_string(),
    }
}

fn texts(values: &[Value]) -> Result<Vec<String>, ArmError> {
    let plain = |value: &Value| !value.is_array() && !value.is_object();
    match values.iter().find(|value| !plain(value)) {
        None => Ok(values.iter().map(text_of).collect()),
        Some(other) => Err(invalid(&format!("A text is expected in an expression and not {other}"))),
    }
}

fn arrays(function: &str, values: &[Value]) -> Result<Vec<Vec<Value>>, ArmError> {
    let array = |value: &Value| value.as_array().cloned().ok_or_else(|| unfit(function, value));
    values.iter().map(array).collect()
}

fn booleans(function: &str, values: &[Value]) -> Result<Vec<bool>, ArmError> {
    values.iter().map(|value| value.as_bool().ok_or_else(|| unfit(function, value))).collect()
}

fn unfit(function: &str, value: &Value) -> ArmError {
    invalid(&format!("The template function '{function}' cannot be applied to {value}"))
}

fn wrong(function: &str, count: usize) -> ArmError {
    invalid(&format!(
        "Unable to evaluate template language function '{function}': it does not take these {count} argument(s). Please see \
         https://aka.ms/arm-functions for usage details"
    ))
}
