//! Values as the Functions host encodes them: anything that does not serialize to a JSON object arrives as a JSON
//! string whose content is the JSON text of the value, so the number 4 is `"4"` and the text `hello` is `"\"hello\""`.
//!
//! Source: azure-functions-host, `ScriptInvocationContextExtensions.cs`, `GetHttpScriptInvocationContextValue`.
//! Dates are the exception: they are plain strings. Every reader here therefore also takes the value unwrapped.

use serde_json::{Map, Value};

/// The value itself, unwrapped if it is JSON in a string; a string whose content is not JSON stays as it is.
pub(crate) fn unwrapped(value: &Value) -> Value {
    match value {
        Value::String(content) => serde_json::from_str(content).unwrap_or_else(|_| value.clone()),
        other => other.clone(),
    }
}

/// A text. A string whose content is JSON of another kind was never wrapped: its content is the text.
pub(crate) fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(content) => Some(literal(content).unwrap_or_else(|| content.clone())),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// The text of a JSON string literal, quotation marks included; `None` if it is none.
pub(crate) fn literal(content: &str) -> Option<String> {
    // Most values are none, and an error costs more than a look.
    if content.trim_start().starts_with('"') { serde_json::from_str(content).ok() } else { None }
}

/// A whole number, wrapped once, twice or not at all.
pub(crate) fn integer(value: &Value) -> Option<i64> {
    match value {
        Value::String(content) => content.parse().ok().or_else(|| text(value)?.trim().parse().ok()),
        other => other.as_i64(),
    }
}

/// An object, as such or as JSON in a string.
pub(crate) fn object(value: &Value) -> Option<Map<String, Value>> {
    match unwrapped(value) {
        Value::Object(object) => Some(object),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_read_wrapped_and_plain() {
        for (wire, expected) in [
            (json!("\"hello\""), Some("hello")),
            (json!("hello"), Some("hello")),
            (json!("4"), Some("4")),
            (json!(4), Some("4")),
            (json!(true), Some("true")),
            (json!("\"unfinished"), Some("\"unfinished")),
            (json!(""), Some("")),
            (json!({}), None),
            (json!(null), None),
        ] {
            assert_eq!(text(&wire).as_deref(), expected, "{wire}");
        }
        for (wire, expected) in [
            (json!("4"), Some(4)),
            (json!(4), Some(4)),
            (json!("\"4\""), Some(4)),
            (json!("9223372036854775807"), Some(i64::MAX)),
            (json!("four"), None),
            (json!("4.5"), None),
            (json!(null), None),
        ] {
            assert_eq!(integer(&wire), expected, "{wire}");
        }
        for wire in [json!({"a": 1}), json!("{\"a\":1}")] {
            assert_eq!(object(&wire), json!({"a": 1}).as_object().cloned(), "{wire}");
        }
        assert_eq!(object(&json!("[1]")), None);
    }
}
