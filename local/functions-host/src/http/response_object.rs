//! What a handler's answer to an HTTP function answers to the client.
//!
//! azure-functions-host, `HttpOutputBindingResponse.cs`, `HttpScriptInvocationResultExtensions.cs`, `RawScriptResult.cs`;
//! measured on the real host.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderName, HeaderValue, TRANSFER_ENCODING};
use http::{Response, StatusCode};
use hyper::ext::ReasonPhrase;

use crate::configuration::function_json::{Function, OutputTarget, RETURN};
use crate::invocation::{Answer, InvocationError};
use crate::json::Json;

const PLAIN_TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");

/// The client's answer for a successful invocation of an HTTP function.
pub(crate) fn response(function: &Function, answer: &Answer) -> Result<Response<Bytes>, InvocationError> {
    let http = function.outputs.iter().find(|output| matches!(output.target, OutputTarget::Http));
    let has_return_binding = function.outputs.iter().any(|output| output.name == RETURN);
    if let Some(output) = http.filter(|output| output.name == RETURN) {
        return match &answer.return_value {
            Some(value) => Ok(of_return_value(value, output.binary)),
            None => Ok(no_content()),
        };
    }
    if let Some(value) = http.and_then(|output| answer.written_output(&output.name, has_return_binding)) {
        return of_binding(value);
    }
    match (&answer.outputs, &answer.return_value) {
        // Nothing takes it, and so it is the response.
        (None, Some(value)) if !has_return_binding => Ok(of_bare_value(value)),
        (Some(_), _) if http.is_some() => Ok(empty_object()),
        _ => Ok(no_content()),
    }
}

fn no_content() -> Response<Bytes> {
    plain(StatusCode::NO_CONTENT, Bytes::new(), None)
}

/// What becomes of `Outputs` without a value for the binding.
fn empty_object() -> Response<Bytes> {
    plain(StatusCode::OK, Bytes::from_static(b"{}"), Some(PLAIN_TEXT))
}

/// A `ReturnValue` that no binding takes, as ASP.NET writes it.
fn of_bare_value(value: &Json) -> Response<Bytes> {
    match value {
        Json::String(text) => plain(StatusCode::OK, text.clone().into(), Some(PLAIN_TEXT)),
        other => plain(StatusCode::OK, other.to_compact_text().into(), Some(JSON)),
    }
}

/// A JSON object, or a text that holds one; anything else fails the invocation.
fn of_binding(value: &Json) -> Result<Response<Bytes>, InvocationError> {
    let fail = || InvocationError::InvalidHttpOutput(value.to_compact_text());
    match value {
        Json::Object(_) => Ok(of_object(value)),
        // Newtonsoft makes `null` of an empty text, and the host then passes an empty response object on.
        Json::String(text) if text.trim().is_empty() => Ok(empty_object()),
        Json::String(text) => match Json::parse_with_dates(text) {
            Ok(object @ Json::Object(_)) => Ok(of_object(&object)),
            Ok(Json::Null) => Ok(empty_object()),
            Ok(_) | Err(_) => Err(fail()),
        },
        _ => Err(fail()),
    }
}

fn of_object(object: &Json) -> Response<Bytes> {
    // `status` is looked up only where there is no `statusCode` member at all, and there always is one.
    respond(object.member("statusCode"), body_text(object.member("body")), object.member("headers"))
}

/// `$return`: an object is a response, a text is a body, and a text that is base64 is a body of bytes.
fn of_return_value(value: &Json, binary: bool) -> Response<Bytes> {
    let Json::String(text) = value else { return of_returned_json(value) };
    let without_blanks: String =
        text.chars().filter(|char| !matches!(char, ' ' | '\t' | '\r' | '\n')).collect();
    if let (false, Ok(bytes)) = (binary, STANDARD.decode(without_blanks)) {
        return plain(StatusCode::OK, bytes.into(), None);
    }
    match Json::parse_with_dates(text) {
        Ok(json @ (Json::Object(_) | Json::Array(_))) => of_returned_json(&json),
        Ok(_) | Err(_) => plain(StatusCode::OK, text.clone().into(), Some(PLAIN_TEXT)),
    }
}

/// An object without any of the names of a response is the body itself.
fn of_returned_json(value: &Json) -> Response<Bytes> {
    let is_response =
        ["body", "statusCode", "status", "headers"].iter().any(|name| value.member(name).is_some());
    if !is_response {
        return plain(StatusCode::OK, body_text(Some(value)).into(), Some(PLAIN_TEXT));
    }
    let body = match value.member("body") {
        Some(json @ (Json::Object(_) | Json::Array(_))) => json.to_compact_text(),
        other => body_text(other),
    };
    respond(value.member("statusCode").or(value.member("status")), body, value.member("headers"))
}

fn respond(status: Option<&Json>, body: String, headers: Option<&Json>) -> Response<Bytes> {
    let status = status.and_then(Json::to_dotnet_string).and_then(|text| text.trim().parse::<i32>().ok());
    // The real host sends any number; HTTP knows no other ones, and so do the types here.
    let status =
        match status.map(|code| u16::try_from(code).ok().and_then(|code| StatusCode::from_u16(code).ok())) {
            None => StatusCode::OK,
            Some(Some(status)) if !status.is_informational() => status,
            Some(_) => StatusCode::INTERNAL_SERVER_ERROR,
        };
    let has_body = !matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    let body = if has_body { Bytes::from(body) } else { Bytes::new() };
    let mut response = plain(status, body, Some(PLAIN_TEXT));
    let headers = match headers {
        None | Some(Json::Null) => return response,
        Some(Json::Object(headers)) => headers,
        Some(_) => return broken(Response::default()),
    };
    let mut set = Response::default();
    for (name, value) in headers {
        if set_header(&mut set, name, value).is_none() {
            return broken(set);
        }
    }
    response.headers_mut().extend(std::mem::take(set.headers_mut()));
    response
}

/// The invocation has succeeded, and ASP.NET fails on what it answered. Headers that were set before stay.
fn broken(mut response: Response<Bytes>) -> Response<Bytes> {
    *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    response.headers_mut().remove(CONTENT_TYPE);
    response
}

/// The first value of a name wins. `None` for what cannot be a header: the JSON text of a list has line feeds. Framing is
/// refused too: the real host announces what it does not send.
fn set_header(response: &mut Response<Bytes>, name: &str, value: &Json) -> Option<()> {
    let text = match value {
        Json::Array(_) | Json::Object(_) => value.to_indented_text(),
        scalar => scalar.to_dotnet_string()?,
    };
    let name: HeaderName = name.parse().ok()?;
    if name == CONTENT_LENGTH || name == TRANSFER_ENCODING || !text.is_ascii() {
        return None;
    }
    let text = if name == CONTENT_TYPE { with_charset(&text) } else { text };
    let value = HeaderValue::from_str(&text).ok()?;
    if !response.headers().contains_key(&name) {
        response.headers_mut().insert(name, value);
    }
    Some(())
}

/// The text is sent as UTF-8, and ASP.NET says so whatever it is.
fn with_charset(content_type: &str) -> String {
    if content_type.trim().is_empty() {
        return "text/plain; charset=utf-8".to_owned();
    }
    let is_charset = |part: &&str| part.trim().to_ascii_lowercase().starts_with("charset=");
    let mut parts: Vec<&str> =
        content_type.split(';').filter(|part| !is_charset(part)).map(str::trim).collect();
    parts.push("charset=utf-8");
    parts.join("; ")
}

fn body_text(body: Option<&Json>) -> String {
    match body {
        None | Some(Json::Null) => String::new(),
        Some(json @ (Json::Object(_) | Json::Array(_))) => json.to_indented_text(),
        Some(scalar) => scalar.to_dotnet_string().unwrap_or_default(),
    }
}

fn plain(status: StatusCode, body: Bytes, content_type: Option<HeaderValue>) -> Response<Bytes> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    // As ASP.NET calls it, and as it does not call what has no name.
    match (status, status.canonical_reason()) {
        (StatusCode::NON_AUTHORITATIVE_INFORMATION, _) => {
            response.extensions_mut().insert(ReasonPhrase::from_static(b"Non-Authoritative Information"));
        }
        (_, None) => {
            response.extensions_mut().insert(ReasonPhrase::from_static(b""));
        }
        (_, Some(_)) => {}
    }
    if let Some(content_type) = content_type {
        response.headers_mut().insert(CONTENT_TYPE, content_type);
    }
    response
}

#[cfg(test)]
#[path = "response_object_tests.rs"]
mod tests;
