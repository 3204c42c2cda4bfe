//! What functions make of their arguments, and how they refuse those that do not fit.

use serde_json::Value;

use crate::arm::deployments::template::invalid;
use crate::arm::error::ArmError;

/// What Microsoft's engine calls the type of a value.
pub(super) fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "Null",
        Value::Bool(_) => "Boolean",
        Value::Number(number) if number.is_f64() => "Float",
        Value::Number(_) => "Integer",
        Value::String(_) => "String",
        Value::Array(_) => "Array",
        Value::Object(_) => "Object",
    }
}

/// Our guess: the words.
pub(super) fn unfit(function: &str, value: &Value) -> ArmError {
    invalid(&format!(
        "The template language function '{function}' cannot be applied to the value {value} of type '{}'. Please see \
         https://aka.ms/arm-functions for usage details.",
        type_name(value)
    ))
}

pub(super) fn text<'a>(function: &str, value: &'a Value) -> Result<&'a str, ArmError> {
    value.as_str().ok_or_else(|| unfit(function, value))
}

pub(super) fn integer(function: &str, value: &Value) -> Result<i64, ArmError> {
    value.as_i64().ok_or_else(|| unfit(function, value))
}

/// A plain value as it stands in a text that is put together.
pub(super) fn text_of(function: &str, value: &Value) -> Result<String, ArmError> {
    match value {
        Value::String(text) => Ok(text.clone()),
        // As the service spells them.
        Value::Bool(value) => Ok(if *value { "True" } else { "False" }.to_owned()),
        Value::Number(number) => Ok(number.to_string()),
        Value::Null => Ok(String::new()),
        other => Err(unfit(function, other)),
    }
}

pub(super) fn texts_of(function: &str, values: &[Value]) -> Result<Vec<String>, ArmError> {
    values.iter().map(|value| text_of(function, value)).collect()
}
