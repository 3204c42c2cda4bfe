//! The functions of the template language, as many as plain templates need.
//!
//! Microsoft Learn, "ARM template functions"; values and refusals as Microsoft's own deployment engine gives them, where
//! somebody has asked it. A function that is not here is refused by its name: a wrong value would be worse.
//! Our guess: the words of refusals that nobody has quoted.

mod arguments;
mod collections;
mod encoding;
mod ids;
mod numbers;
#[cfg(test)]
mod tests;
mod texts;
mod values;

use serde_json::{Value, json};

use crate::arm::error::ArmError;

use super::expression::Expression;
use super::scope::Evaluate;
use super::{invalid, is_empty};
use arguments::unfit;

/// A function and how many arguments it takes.
struct Function {
    name: &'static str,
    least: usize,
    most: usize,
    body: Body,
}

enum Body {
    /// What needs no look beyond its arguments. It is told its name as the template spells it.
    Pure(fn(&str, &[Value]) -> Result<Value, ArmError>),
    /// What looks at the deployment, its parameters or other resources.
    Looking(fn(&dyn Evaluate, &[Value]) -> Result<Value, ArmError>),
    /// `if`, of which only the part that counts is evaluated.
    If,
}

/// As many as the template likes.
const ANY: usize = usize::MAX;

const fn pure(
    name: &'static str,
    (least, most): (usize, usize),
    body: fn(&str, &[Value]) -> Result<Value, ArmError>,
) -> Function {
    Function { name, least, most, body: Body::Pure(body) }
}

const fn looking(
    name: &'static str,
    (least, most): (usize, usize),
    body: fn(&dyn Evaluate, &[Value]) -> Result<Value, ArmError>,
) -> Function {
    Function { name, least, most, body: Body::Looking(body) }
}

/// Every function that there is here.
static FUNCTIONS: &[Function] = &[
    pure("add", (2, 2), numbers::add),
    pure("and", (2, ANY), numbers::and),
    pure("array", (1, 1), collections::array),
    pure("base64", (1, 1), encoding::base64),
    pure("base64ToJson", (1, 1), encoding::base64_to_json),
    pure("base64ToString", (1, 1), encoding::base64_to_string),
    pure("bool", (1, 1), values::bool),
    pure("coalesce", (1, ANY), |_, values| Ok(values.iter().find(|value| !value.is_null()).cloned().into())),
    pure("concat", (1, ANY), collections::concat),
    pure("contains", (2, 2), collections::contains),
    looking("copyIndex", (0, 2), ids::copy_index),
    pure("createArray", (0, ANY), |_, values| Ok(json!(values))),
    pure("createObject", (0, ANY), collections::create_object),
    pure("dataUri", (1, 1), encoding::data_uri),
    pure("dataUriToString", (1, 1), encoding::data_uri_to_string),
    looking("deployment", (0, 0), |evaluator, _| Ok(evaluator.surroundings().deployment.clone())),
    pure("div", (2, 2), numbers::div),
    pure("empty", (1, 1), |_, values| Ok(json!(is_empty(&values[0])))),
    pure("endsWith", (2, 2), texts::ends_with),
    pure("environment", (0, 0), |_, _| Ok(ids::environment())),
    pure("equals", (2, 2), |_, values| Ok(json!(values[0] == values[1]))),
    looking("extensionResourceId", (3, ANY), ids::extension_resource_id),
    pure("false", (0, 0), |_, _| Ok(json!(false))),
    pure("first", (1, 1), collections::first),
    pure("flatten", (1, 1), collections::flatten),
    pure("float", (1, 1), values::float),
    pure("format", (1, ANY), texts::format),
    pure("greater", (2, 2), numbers::greater),
    pure("greaterOrEquals", (2, 2), numbers::greater_or_equals),
    pure("guid", (1, ANY), ids::guid),
    Function { name: "if", least: 3, most: 3, body: Body::If },
    pure("indexOf", (2, 2), texts::index_of),
    pure("int", (1, 1), values::int),
    pure("intersection", (2, ANY), collections::intersection),
    pure("items", (1, 1), collections::items),
    pure("join", (2, 2), texts::join),
    pure("json", (1, 1), values::json_of),
    pure("last", (1, 1), collections::last),
    pure("lastIndexOf", (2, 2), texts::last_index_of),
    pure("length", (1, 1), collections::length),
    pure("less", (2, 2), numbers::less),
    pure("lessOrEquals", (2, 2), numbers::less_or_equals),
    looking("managementGroupResourceId", (3, ANY), ids::management_group_resource_id),
    pure("max", (1, ANY), numbers::max),
    pure("min", (1, ANY), numbers::min),
    pure("mod", (2, 2), numbers::modulo),
    pure("mul", (2, 2), numbers::mul),
    pure("not", (1, 1), numbers::not),
    pure("null", (0, 0), |_, _| Ok(Value::Null)),
    pure("or", (2, ANY), numbers::or),
    pure("padLeft", (2, 3), texts::pad_left),
    looking("parameters", (1, 1), ids::parameter),
    pure("range", (2, 2), collections::range),
    looking("reference", (1, 3), ids::reference),
    pure("replace", (3, 3), texts::replace),
    looking("resourceGroup", (0, 0), ids::resource_group),
    looking("resourceId", (2, ANY), ids::resource_id),
    pure("skip", (2, 2), collections::skip),
    pure("split", (2, 2), texts::split),
    pure("startsWith", (2, 2), texts::starts_with),
    pure("string", (1, 1), values::string),
    pure("sub", (2, 2), numbers::sub),
    looking("subscription", (0, 0), |evaluator, _| Ok(evaluator.surroundings().subscription.clone())),
    looking("subscriptionResourceId", (2, ANY), ids::subscription_resource_id),
    pure("substring", (2, 3), texts::substring),
    pure("take", (2, 2), collections::take),
    looking("tenant", (0, 0), |evaluator, _| Ok(evaluator.surroundings().tenant.clone())),
    looking("tenantResourceId", (2, ANY), ids::tenant_resource_id),
    pure("toLower", (1, 1), texts::to_lower),
    pure("toUpper", (1, 1), texts::to_upper),
    pure("trim", (1, 1), texts::trim),
    pure("true", (0, 0), |_, _| Ok(json!(true))),
    pure("tryGet", (2, ANY), collections::try_get),
    pure("tryIndexFromEnd", (2, 2), collections::try_index_from_end),
    pure("union", (2, ANY), collections::union),
    pure("uniqueString", (1, ANY), ids::unique_string),
    pure("uri", (2, 2), encoding::uri),
    pure("uriComponent", (1, 1), encoding::uri_component),
    pure("uriComponentToString", (1, 1), encoding::uri_component_to_string),
    looking("variables", (1, 1), ids::variable),
];

fn find(function: &str) -> Result<&'static Function, ArmError> {
    FUNCTIONS.iter().find(|known| known.name.eq_ignore_ascii_case(function)).ok_or_else(|| {
        let known: Vec<&str> = FUNCTIONS.iter().map(|known| known.name).collect();
        // Our guess: the last sentence.
        invalid(&format!(
            "The template function '{function}' is not valid. Please see https://aka.ms/arm-functions for usage details. The \
             sandbox has: {}",
            known.join(", ")
        ))
    })
}

/// Refuses a function that there is not here.
pub(super) fn check_name(function: &str) -> Result<(), ArmError> {
    find(function).map(drop)
}

/// Calls a function. Of `if` only the part that counts is evaluated.
pub(super) fn call(
    evaluator: &dyn Evaluate,
    function: &str,
    arguments: &[Expression],
) -> Result<Value, ArmError> {
    if function.contains('.') {
        let values =
            arguments.iter().map(|argument| evaluator.evaluate(argument)).collect::<Result<_, _>>()?;
        return evaluator.call_own(function, values);
    }
    let known = find(function)?;
    if !(known.least..=known.most).contains(&arguments.len()) {
        return Err(wrong_count(known, arguments.len()));
    }
    let evaluated =
        || arguments.iter().map(|argument| evaluator.evaluate(argument)).collect::<Result<Vec<_>, _>>();
    match known.body {
        Body::Pure(body) => body(known.name, &evaluated()?),
        Body::Looking(body) => body(evaluator, &evaluated()?),
        Body::If => {
            let holds = evaluator.evaluate(&arguments[0])?;
            let holds = holds.as_bool().ok_or_else(|| unfit(known.name, &holds))?;
            evaluator.evaluate(&arguments[if holds { 1 } else { 2 }])
        }
    }
}

fn wrong_count(known: &Function, count: usize) -> ArmError {
    let Function { name, least, most, .. } = known;
    let needed = match *most {
        most if most == *least => format!("{least} argument(s)"),
        ANY => format!("at least {least} argument(s)"),
        most => format!("{least} to {most} arguments"),
    };
    invalid(&format!(
        "Unable to evaluate template language function '{name}': function requires {needed} while {count} were provided. \
         Please see https://aka.ms/arm-resource-functions/#{} for usage details.",
        name.to_ascii_lowercase()
    ))
}
