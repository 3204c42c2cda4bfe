//! Functions on numbers and truths, and comparisons.

use std::cmp::Ordering;

use serde_json::{Value, json};

use crate::arm::deployments::template::invalid;
use crate::arm::error::ArmError;

use super::arguments::{integer, unfit};

pub(super) fn add(function: &str, values: &[Value]) -> Result<Value, ArmError> {
    calculate(function, values, i64::checked_add)
}

pub(super) fn sub(function: &str, values: &[Value]) -> Result<Value, ArmError> {
    calculate(function, values, i64::checked_sub)
}

pub(super) fn mul(function: &str, values: &[Value]) -> Result<Value, ArmError> {
    calculate(function, values, i64::checked_mul)
}

pub(super) fn div(function: &str, values: &[Value]) -> Result<Value, ArmError> {
    refuse_zero(function, values)?;
    calculate(function, values, i64::checked_div)
}

/// The result has the sign of the first number.
pub(super) fn modulo(function: &str, values: &[Value]) -> Result<Value, ArmError> {
    refuse_zero(function, values)?;
    calculate(function, values, i64::checked_rem)
}

fn calculate(
    function: &str,
    values: &[Value],
    of: impl Fn(i64, i64) -> Option<i64>,
) -> Result<Value, ArmError> {
    let (left, right) = (integer(function, &values[0])?, integer(function, &values[1])?);
    of(left, right).map(|result| json!(result)).ok_or_else(|| unfit(function, &values[1]))
}

fn refuse_zero(function: &str, values: &[Value]) -> Result<(), ArmError> {
    if values[1] != json!(0) {
        return Ok(());
    }
    Err(invalid(&format!(
        "The template language function '{function}' tried to divide by zero. Please see https://aka.ms/arm-functions for \
         usage details."
    )))
}

pub(super) fn max(function: &str, values: &[Value]) -> Result<Value, ArmError> {
    Ok(json!(numbers(function, values)?.into_iter().max()))
}

pub(super) fn min(function: &str, values: &[Value]) -> Result<Value, ArmError> {
    Ok(json!(numbers(function, values)?.into_iter().min()))
}

/// Several numbers, or one array of them.
fn numbers(function: &str, values: &[Value]) -> Result<Vec<i64>, ArmError> {
    let items = match values {
        [Value::Array(items)] if !items.is_empty() => items,
        [Value::Array(_)] => return Err(unfit(function, &values[0])),
        _ => values,
    };
    items.iter().map(|item| integer(function, item)).collect()
}

pub(super) fn less(function: &str, values: &[Value]) -> Result<Value, ArmError> {
    Ok(json!(compared(function, values)?.is_lt()))
}

pub(super) fn less_or_equals(function: &str, values: &[Value]) -> Result<Value, ArmError> {
    Ok(json!(compared(function, values)?.is_le()))
}

pub(super) fn greater(function: &str, values: &[Value]) -> Result<Value, ArmError> {
    Ok(json!(compared(function, values)?.is_gt()))
}

pub(super) fn greater_or_equals(function: &str, values: &[Value]) -> Result<Value, ArmError> {
    Ok(json!(compared(function, values)?.is_ge()))
}

/// Texts are compared unit by unit.
fn compared(function: &str, values: &[Value]) -> Result<Ordering, ArmError> {
    match (&values[0], &values[1]) {
        (Value::String(left), Value::String(right)) => Ok(left.encode_utf16().cmp(right.encode_utf16())),
        (left, right) => Ok(integer(function, left)?.cmp(&integer(function, right)?)),
    }
}

pub(super) fn not(function: &str, values: &[Value]) -> Result<Value, ArmError> {
    Ok(json!(!truth(function, &values[0])?))
}

pub(super) fn and(function: &str, values: &[Value]) -> Result<Value, ArmError> {
    Ok(json!(truths(function, values)?.into_iter().all(|value| value)))
}

pub(super) fn or(function: &str, values: &[Value]) -> Result<Value, ArmError> {
    Ok(json!(truths(function, values)?.into_iter().any(|value| value)))
}

fn truths(function: &str, values: &[Value]) -> Result<Vec<bool>, ArmError> {
    values.iter().map(|value| truth(function, value)).collect()
}

fn truth(function: &str, value: &Value) -> Result<bool, ArmError> {
    value.as_bool().ok_or_else(|| unfit(function, value))
}
