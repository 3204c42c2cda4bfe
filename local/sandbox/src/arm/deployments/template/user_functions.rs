//! Functions that a template defines for itself. Inside of one nothing is seen but its parameters and other functions.
//!
//! Microsoft Learn, "User-defined functions in ARM template".

use serde_json::{Map, Value, json};

use crate::arm::error::ArmError;

use super::invalid;

/// Every function by its whole name in lower case: `__bicep.namesof`.
pub(super) fn read(declared: Option<&Value>) -> Result<Map<String, Value>, ArmError> {
    let unreadable = || invalid("The template element 'functions' is no array of namespaces with members.");
    let namespaces = match declared {
        None | Some(Value::Null) => return Ok(Map::new()),
        Some(declared) => declared.as_array().ok_or_else(unreadable)?,
    };
    let mut functions = Map::new();
    for namespace in namespaces {
        let name = namespace["namespace"].as_str().ok_or_else(unreadable)?;
        for (member, function) in namespace["members"].as_object().ok_or_else(unreadable)? {
            functions.insert(format!("{name}.{member}").to_ascii_lowercase(), function.clone());
        }
    }
    Ok(functions)
}

/// The values of a function's parameters, by their names.
pub(super) fn parameters(
    name: &str,
    function: &Value,
    values: Vec<Value>,
) -> Result<Map<String, Value>, ArmError> {
    let declared = function["parameters"].as_array().map(Vec::as_slice).unwrap_or_default();
    if declared.len() != values.len() {
        let (needed, given) = (declared.len(), values.len());
        return Err(invalid(&format!(
            "Unable to evaluate template language function '{name}': function requires {needed} argument(s) while {given} \
             were provided. Please see https://aka.ms/arm-resource-functions for usage details."
        )));
    }
    let named = declared.iter().zip(values);
    Ok(named
        .map(|(parameter, value)| (parameter["name"].as_str().unwrap_or_default().to_owned(), value))
        .collect())
}

/// What a function gives: an expression.
pub(super) fn output(function: &Value) -> Value {
    function.pointer("/output/value").cloned().unwrap_or(json!(null))
}
