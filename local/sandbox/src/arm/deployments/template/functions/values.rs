//! Functions that make a value of one type of a value of another.

use serde_json::{Value, json};

use crate::arm::deployments::template::{invalid, unsupported};
use crate::arm::error::ArmError;

use super::arguments::{text, text_of, type_name, unfit};

pub(super) fn bool(function: &str, values: &[Value]) -> Result<Value, ArmError> {
    match &values[0] {
        Value::Bool(value) => Ok(json!(value)),
        Value::Number(number) if number.is_i64() => Ok(json!(number.as_i64() != Some(0))),
        Value::String(text) if text.eq_ignore_ascii_case("true") => Ok(json!(true)),
        Value::String(text) if text.eq_ignore_ascii_case("false") => Ok(json!(false)),
        _ => Err(cannot_be_converted(function)),
    }
}

pub(super) fn int(function: &str, values: &[Value]) -> Result<Value, ArmError> {
    let value = match &values[0] {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    value.map(|value| json!(value)).ok_or_else(|| cannot_be_converted(function))
}

pub(super) fn float(function: &str, values: &[Value]) -> Result<Value, ArmError> {
    let value = match &values[0] {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    value
        .filter(|value: &f64| value.is_finite())
        .map(|value| json!(value))
        .ok_or_else(|| cannot_be_converted(function))
}

fn cannot_be_converted(function: &str) -> ArmError {
    invalid(&format!(
        "The template language function '{function}' was invoked with a parameter that is not valid. The value cannot be \
         converted to the target type."
    ))
}

pub(super) fn string(function: &str, values: &[Value]) -> Result<Value, ArmError> {
    match &values[0] {
        Value::Null => Err(invalid(&format!(
            "The template language function '{function}' expects its first parameter to be one of the following types \
             'Integer, String, Boolean, Object, Array'. The provided value is of type '{}'. Please see \
             https://aka.ms/arm-functions for usage details.",
            type_name(&values[0])
        ))),
        value if has_lost_its_order(value) => Err(unsupported(&format!(
            "the template function '{function}' for an object with several members, whose order it does not keep"
        ))),
        Value::Array(_) | Value::Object(_) => Ok(json!(values[0].to_string())),
        plain => text_of(function, plain).map(|text| json!(text)),
    }
}

/// Members are held in the order of their names, and not in that of the template. Our guess: that a refusal is better here.
fn has_lost_its_order(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.iter().any(has_lost_its_order),
        Value::Object(members) => members.len() > 1 || members.values().any(has_lost_its_order),
        _ => false,
    }
}

pub(super) fn json_of(function: &str, values: &[Value]) -> Result<Value, ArmError> {
    let text = values[0].as_str().ok_or_else(|| unfit(function, &values[0]))?;
    parsed(function, text)
}

/// What a text says in JSON.
pub(super) fn parsed(function: &str, json: &str) -> Result<Value, ArmError> {
    serde_json::from_str(json).map_err(|_| {
        invalid(&format!(
            "Unable to evaluate the template language function '{function}'. The argument provided is not a valid JSON \
             string."
        ))
    })
}

/// As [`text`], for functions that take a text and nothing else.
pub(super) fn only_text<'a>(function: &str, values: &'a [Value]) -> Result<&'a str, ArmError> {
    text(function, &values[0])
}
