//! The parameters of a template: what was given, what is the default, and whether it is allowed.

use serde_json::{Map, Value};

use crate::arm::error::ArmError;
use crate::state::resources::deployment::Template;

use super::evaluate::parameters_in;
use super::{Evaluator, invalid, member, types, unsupported};

/// The value of every parameter, under its name as the template spells it.
pub(in crate::arm::deployments) fn resolve(
    template: &Template,
    given: &Map<String, Value>,
    evaluator: &Evaluator<'_>,
) -> Result<Map<String, Value>, ArmError> {
    let unknown: Vec<&str> = given
        .keys()
        .filter(|name| member(&template.parameters, name).is_none())
        .map(String::as_str)
        .collect();
    if !unknown.is_empty() {
        let known: Vec<&str> = template.parameters.keys().map(String::as_str).collect();
        return Err(invalid(&format!(
            "The template parameters '{}' in the parameters file are not valid; they are not present in the original template \
             and can therefore not be provided at deployment time. The only supported parameters for this template are '{}'.",
            unknown.join(", "),
            known.join(", ")
        )));
    }
    let mut resolved = Map::new();
    for name in in_order(template, given, evaluator)? {
        let declared = template.parameters[name]
            .as_object()
            .ok_or_else(|| invalid(&format!("The template parameter '{name}' is not an object.")))?;
        let value = match (member(given, name), declared.get("defaultValue")) {
            (Some(given), _) => value_of(name, given)?,
            (None, Some(default)) => evaluator.with_parameters(&resolved).value(default)?,
            (None, None) if declared.get("nullable") == Some(&Value::Bool(true)) => Value::Null,
            (None, None) => {
                return Err(invalid(&format!(
                    "The value for the template parameter '{name}' is not provided. Please see \
                     https://aka.ms/arm-create-parameter-file for usage details."
                )));
            }
        };
        types::check(&format!("template parameter '{name}'"), declared, &template.definitions, &value)?;
        check(name, declared, &value)?;
        resolved.insert(name.to_owned(), value);
    }
    Ok(resolved)
}

/// A default that is made of other parameters comes after them.
fn in_order<'t>(
    template: &'t Template,
    given: &Map<String, Value>,
    evaluator: &Evaluator<'_>,
) -> Result<Vec<&'t str>, ArmError> {
    let mut ordered: Vec<&str> = Vec::new();
    let mut left: Vec<(&str, Vec<String>)> = Vec::new();
    for (name, declared) in &template.parameters {
        let default = declared.get("defaultValue").filter(|_| member(given, name).is_none());
        left.push((
            name,
            default.map(|default| parameters_in(default, evaluator)).transpose()?.unwrap_or_default(),
        ));
    }
    while !left.is_empty() {
        let waits = |needed: &String| {
            let is_it = |name: &str| name.eq_ignore_ascii_case(needed);
            member(&template.parameters, needed).is_some() && !ordered.iter().any(|name| is_it(name))
        };
        let Some(next) = left.iter().position(|(_, needed)| !needed.iter().any(waits)) else {
            let names: Vec<&str> = left.iter().map(|(name, _)| *name).collect();
            // Our guess: the words.
            return Err(invalid(&format!(
                "The defaults of the template parameters '{}' lead back to themselves",
                names.join("', '")
            )));
        };
        ordered.push(left.remove(next).0);
    }
    Ok(ordered)
}

fn value_of(name: &str, given: &Value) -> Result<Value, ArmError> {
    if given.get("reference").is_some() {
        return Err(unsupported(&format!("parameters out of a key vault, such as '{name}'")));
    }
    given
        .get("value")
        .cloned()
        .ok_or_else(|| invalid(&format!("The template parameter '{name}' is given without a 'value'.")))
}

fn check(name: &str, declared: &Map<String, Value>, value: &Value) -> Result<(), ArmError> {
    let allowed = declared.get("allowedValues").and_then(Value::as_array);
    if allowed.is_some_and(|allowed| !allowed.contains(value)) {
        let allowed: Vec<String> = allowed.into_iter().flatten().map(plain).collect();
        return Err(invalid(&format!(
            "The provided value for the template parameter '{name}' is not valid. The value '{}' is not part of the allowed \
             value(s): '{}'.",
            plain(value),
            allowed.join(",")
        )));
    }
    let size = match value {
        Value::String(text) => Some(("Length", text.chars().count() as i64)),
        Value::Array(items) => Some(("Length", items.len() as i64)),
        Value::Number(number) => number.as_i64().map(|number| ("Value", number)),
        _ => None,
    };
    let Some((what, size)) = size else { return Ok(()) };
    let bound = |side: &str| declared.get(&format!("{side}{what}")).and_then(Value::as_i64);
    if bound("min").is_some_and(|least| size < least) || bound("max").is_some_and(|most| size > most) {
        return Err(invalid(&format!(
            "The provided value for the template parameter '{name}' is not valid. Its {} is outside of what the template allows.",
            what.to_ascii_lowercase()
        )));
    }
    Ok(())
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
