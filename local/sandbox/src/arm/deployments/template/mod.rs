//! An ARM template: its shape, its parameters, and the values of its expressions.
//!
//! Microsoft Learn, "Understand the structure and syntax of ARM templates". What plain templates have is here; what the
//! sandbox does not have is refused by name and never passed over.

mod copy;
mod evaluate;
mod expression;
mod functions;
mod parameters;
mod read;
#[cfg(test)]
mod replay;
mod scope;
mod types;
mod user_functions;

use serde_json::{Map, Value};

use crate::arm::error::ArmError;

pub(super) use evaluate::{Evaluator, check};
pub(super) use parameters::resolve;
pub(super) use scope::Surroundings;

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(items) => items.is_empty(),
        _ => false,
    }
}

/// A member of an object, whatever the case of its name: templates are not particular about it.
pub(super) fn member<'a>(object: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    object
        .get(name)
        .or_else(|| object.iter().find(|(held, _)| held.eq_ignore_ascii_case(name)).map(|(_, value)| value))
}

/// 400 `InvalidTemplate`, in the words that begin all of them.
pub(super) fn invalid(why: &str) -> ArmError {
    ArmError::bad_request("InvalidTemplate", format!("Deployment template validation failed: '{why}'."))
}

/// A function that cannot be called where it stands.
fn out_of_place(function: &str) -> ArmError {
    invalid(&format!(
        "The template function '{function}' is not expected at this location. Please see https://aka.ms/arm-functions for \
         usage details."
    ))
}

/// Our guess: the words for what Azure has and the sandbox has not.
pub(super) fn unsupported(what: &str) -> ArmError {
    invalid(&format!("The sandbox does not have {what}"))
}
