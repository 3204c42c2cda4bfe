//! What the value of an `http` output binding answers to the client.
//!
//! azure-functions-host, `HttpOutputBindingResponse.cs`, `HttpScriptInvocationResultExtensions.cs`, `RawScriptResult.cs`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use http::{Response, StatusCode};

use crate::configuration::function_json::{Function, OutputTarget, RETURN};
use crate::invocation::value::reformatted_date;
use crate::invocation::{Answer, InvocationError};
use crate::json::Json;

const PLAIN_TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");

/// The client's answer for a successful invocation of an HTTP function.
pub(crate) fn response(function: &Function, answer: &Answer) -> Result<Response<Bytes>, InvocationError> {
    let has_return_binding = function.outputs.iter().any(|output| output.name == RETURN);
    let http = function.outputs.iter().find(|output| matches!(output.target, OutputTarget::Http));
    let value =
        http.and_then(|output| answer.output(&output.name, has_return_binding).map(|value| (output, value)));
    match value {
        Some((output, value)) if output.name == RETURN => of_return_value(value, output.binary),
        Some((_, value)) => of_binding(value),
        None if http.is_some() && answer.outputs.is_some() => Ok(empty_object()),
        None => Ok(plain(StatusCode::OK, Bytes::new(), None)),
    }
}

/// What becomes of `Outputs` without a value for the binding.
fn empty_object() -> Response<Bytes> {
    plain(StatusCode::OK, Bytes::from_static(b"{}"), Some(PLAIN_TEXT))
}

/// A JSON object, or a text that holds one; anything else fails the invocation.
fn of_binding(value: &Json) -> Result<Response<Bytes>, InvocationError> {
    let fail = || InvocationError::InvalidHttpOutput(value.to_compact_text());
    match value {
        Json::Object(_) => of_object(value),
        // Newtonsoft makes `null` of an empty text as of `null`, and the host then passes an empty response object on.
        Json::String(text) if text.trim().is_empty() => Ok(empty_object()),
        Json::String(text) => match Json::parse(text) {
            Ok(object @ Json::Object(_)) => of_object(&object),
            Ok(Json::Null) => Ok(empty_object()),
            Ok(_) | Err(_) => Err(fail()),
        },
        _ => Err(fail()),
    }
}

/// `$return`: an object is a response, a text is a body, and a text that is base64 is a body of bytes.
fn of_return_value(value: &Json, binary: bool) -> Result<Response<Bytes>, InvocationError> {
    let Json::String(text) = value else {
        return match value {
            Json::Object(_) => of_object(value),
            other => Ok(plain(StatusCode::OK, body_text(Some(other)).into(), Some(PLAIN_TEXT))),
        };
    };
    let without_blanks: String =
        text.chars().filter(|char| !matches!(char, ' ' | '\t' | '\r' | '\n')).collect();
    if let (false, Ok(bytes)) = (binary, STANDARD.decode(without_blanks)) {
        let octets = HeaderValue::from_static("application/octet-stream");
        return Ok(plain(StatusCode::OK, bytes.into(), Some(octets)));
    }
    match Json::parse(text) {
        Ok(object @ Json::Object(_)) => of_object(&object),
        Ok(_) | Err(_) => Ok(plain(StatusCode::OK, text.clone().into(), Some(PLAIN_TEXT))),
    }
}

fn of_object(object: &Json) -> Result<Response<Bytes>, InvocationError> {
    // `status` is looked up only where there is no `statusCode` member at all, and there always is one.
    let status = object.member("statusCode").and_then(Json::to_dotnet_string);
    let status = status.and_then(|text| text.trim().parse::<u16>().ok());
    let status = status.and_then(|code| StatusCode::from_u16(code).ok()).unwrap_or(StatusCode::OK);
    let body = body_text(object.member("body"));
    let default_type = (!body.is_empty()).then_some(PLAIN_TEXT);
    let mut response = plain(status, body.into(), default_type);
    let Some(Json::Object(headers)) = object.member("headers") else { return Ok(response) };
    for (name, value) in headers {
        set_header(&mut response, name, value)?;
    }
    Ok(response)
}

/// The first value of a name wins, except that `content-type` replaces the default. Values are .NET's texts: a list
/// becomes its JSON.
fn set_header(response: &mut Response<Bytes>, name: &str, value: &Json) -> Result<(), InvocationError> {
    let fail = || InvocationError::InvalidHttpOutput(format!("header '{name}'"));
    let text = match value {
        Json::Array(_) | Json::Object(_) => value.to_compact_text(),
        Json::Null => return Err(fail()),
        scalar => scalar.to_dotnet_string().unwrap_or_default(),
    };
    let name: HeaderName = name.parse().map_err(|_| fail())?;
    let value = HeaderValue::from_str(&text).map_err(|_| fail())?;
    if name == CONTENT_TYPE || !response.headers().contains_key(&name) {
        response.headers_mut().insert(name, value);
    }
    Ok(())
}

fn body_text(body: Option<&Json>) -> String {
    match body {
        None | Some(Json::Null) => String::new(),
        Some(json @ (Json::Object(_) | Json::Array(_))) => json.to_indented_text(),
        // Newtonsoft has made a date of a text that is an instant.
        Some(Json::String(text)) => reformatted_date(text).unwrap_or_else(|| text.clone()),
        Some(scalar) => scalar.to_dotnet_string().unwrap_or_default(),
    }
}

fn plain(status: StatusCode, body: Bytes, content_type: Option<HeaderValue>) -> Response<Bytes> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    if let Some(content_type) = content_type {
        response.headers_mut().insert(CONTENT_TYPE, content_type);
    }
    response
}

#[cfg(test)]
#[path = "response_object_tests.rs"]
mod tests;
