//! Functions that write a text in another form and back: base64, data URIs, addresses.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use url::Url;

use crate::arm::error::ArmError;

use super::arguments::{text, unfit};
use super::values::{only_text, parsed};

pub(super) fn base64(function: &str, values: &[Value]) -> Result<Value, ArmError> {
    Ok(json!(STANDARD.encode(only_text(function, values)?)))
}

pub(super) fn base64_to_string(function: &str, values: &[Value]) -> Result<Value, ArmError> {
    Ok(json!(decoded(function, only_text(function, values)?, &values[0])?))
}

pub(super) fn base64_to_json(function: &str, values: &[Value]) -> Result<Value, ArmError> {
    parsed(function, &decoded(function, only_text(function, values)?, &values[0])?)
}

pub(super) fn data_uri(function: &str, values: &[Value]) -> Result<Value, ArmError> {
    let encoded = STANDARD.encode(only_text(function, values)?);
    Ok(json!(format!("data:text/plain;charset=utf-8;base64,{encoded}")))
}

/// Only those in base64 are read; others are refused.
pub(super) fn data_uri_to_string(function: &str, values: &[Value]) -> Result<Value, ArmError> {
    let uri = only_text(function, values)?;
    let data = uri.strip_prefix("data:").and_then(|rest| rest.split_once(','));
    let (kind, data) = data.ok_or_else(|| unfit(function, &values[0]))?;
    if !kind.ends_with(";base64") {
        return Err(unfit(function, &values[0]));
    }
    Ok(json!(decoded(function, data, &values[0])?))
}

fn decoded(function: &str, base64: &str, whole: &Value) -> Result<String, ArmError> {
    let bytes = STANDARD.decode(base64).ok();
    bytes.and_then(|bytes| String::from_utf8(bytes).ok()).ok_or_else(|| unfit(function, whole))
}

pub(super) fn uri(function: &str, values: &[Value]) -> Result<Value, ArmError> {
    let base = Url::parse(text(function, &values[0])?).map_err(|_| unfit(function, &values[0]))?;
    let joined = base.join(text(function, &values[1])?).map_err(|_| unfit(function, &values[1]))?;
    Ok(json!(joined.as_str()))
}

pub(super) fn uri_component(function: &str, values: &[Value]) -> Result<Value, ArmError> {
    let encoded = only_text(function, values)?.bytes().map(|byte| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    });
    Ok(json!(encoded.collect::<String>()))
}

pub(super) fn uri_component_to_string(function: &str, values: &[Value]) -> Result<Value, ArmError> {
    let encoded = only_text(function, values)?;
    // A plus stands for itself here, unlike in a form.
    let pair = format!("x={}", encoded.replace('+', "%2B").replace('&', "%26"));
    let decoded = url::form_urlencoded::parse(pair.as_bytes()).next().map(|(_, value)| value.into_owned());
    decoded.map(|decoded| json!(decoded)).ok_or_else(|| unfit(function, &values[0]))
}
