//! Types of parameters: those that every template has, and those that a template defines for itself.
//!
//! Microsoft Learn, "Type definitions in ARM templates". Our guess: the words for what does not fit inside of a value.

use serde_json::{Map, Value};

use crate::arm::error::ArmError;

use super::{invalid, member};

/// A type that is defined elsewhere in the template, under what is said of it here.
pub(super) fn resolved(
    declared: &Map<String, Value>,
    definitions: &Map<String, Value>,
) -> Result<Map<String, Value>, ArmError> {
    let mut resolved = declared.clone();
    // As many steps as there are definitions: one that leads back to itself has an end here.
    for _ in 0..=definitions.len() {
        let Some(reference) = resolved.remove("$ref") else { return Ok(resolved) };
        let name = reference.as_str().and_then(|reference| reference.strip_prefix("#/definitions/"));
        let defined = name.and_then(|name| definitions.get(name)).and_then(Value::as_object);
        let defined = defined.ok_or_else(|| {
            invalid(&format!("The template has no type definition for the reference {reference}."))
        })?;
        for (element, value) in defined {
            resolved.entry(element).or_insert_with(|| value.clone());
        }
    }
    Err(invalid("The template's type definitions lead back to themselves."))
}

/// Refuses a value that is not of the type. `what` says which value it is.
pub(super) fn check(
    what: &str,
    declared: &Map<String, Value>,
    definitions: &Map<String, Value>,
    value: &Value,
) -> Result<(), ArmError> {
    let declared = resolved(declared, definitions)?;
    let kind = declared.get("type").and_then(Value::as_str).unwrap_or_default();
    let fits = match kind.to_ascii_lowercase().as_str() {
        "string" | "securestring" => value.is_string(),
        "int" => value.is_i64(),
        "bool" => value.is_boolean(),
        "array" => value.is_array(),
        "object" | "secureobject" => value.is_object(),
        _ => return Err(invalid(&format!("The type '{kind}' of the {what} is not valid."))),
    };
    if !fits && !value.is_null() {
        return Err(invalid(&format!(
            "The value of the {what} is not valid. Expected a value of type '{kind}'."
        )));
    }
    match value {
        Value::Array(items) => {
            let Some(of_items) = declared.get("items").and_then(Value::as_object) else { return Ok(()) };
            items.iter().enumerate().try_for_each(|(number, item)| {
                check(&format!("{what}[{number}]"), of_items, definitions, item)
            })
        }
        Value::Object(members) => {
            let Some(of_members) = declared.get("properties").and_then(Value::as_object) else {
                return Ok(());
            };
            for (name, declared) in of_members {
                let Some(declared) = declared.as_object() else { continue };
                let what = format!("{what}.{name}");
                match member(members, name) {
                    Some(value) => check(&what, declared, definitions, value)?,
                    None if declared.get("nullable") == Some(&Value::Bool(true)) => {}
                    None => return Err(invalid(&format!("The {what} is missing."))),
                }
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_held_against_types_that_the_template_defines() {
        let object = |value: Value| value.as_object().cloned().unwrap();
        let definitions = object(json!({
            "names": { "type": "object", "properties": {
                "bus": { "type": "string" },
                "zones": { "type": "array", "items": { "type": "int" } },
                "other": { "$ref": "#/definitions/text", "nullable": true },
            } },
            "text": { "type": "string" },
            "round": { "$ref": "#/definitions/round" },
        }));
        let names = object(json!({ "$ref": "#/definitions/names" }));
        let checked = |declared: &Map<String, Value>, value: Value| {
            check("parameter 'p'", declared, &definitions, &value).map_err(|error| error.message)
        };
        assert_eq!(checked(&names, json!({ "bus": "b", "zones": [1, 2] })), Ok(()));
        for (value, words) in [
            (json!("text"), "parameter 'p' is not valid"),
            (json!({ "zones": [] }), "parameter 'p'.bus is missing"),
            (json!({ "bus": 1, "zones": [] }), "parameter 'p'.bus is not valid"),
            (json!({ "bus": "b", "zones": [1, "2"] }), "parameter 'p'.zones[1] is not valid"),
            (json!({ "bus": "b", "zones": [], "other": 3 }), "parameter 'p'.other is not valid"),
        ] {
            assert!(checked(&names, value.clone()).unwrap_err().contains(words), "{value}");
        }
        for nowhere in ["#/definitions/none", "#/definitions/round"] {
            assert!(checked(&object(json!({ "$ref": nowhere })), json!("x")).is_err(), "{nowhere}");
        }
    }
}
