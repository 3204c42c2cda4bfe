//! What the handler's answer to a JSON invocation means.
//!
//! azure-functions-host, `DefaultHttpWorkerService.cs`, `HttpScriptInvocationResultExtensions.cs`.

use bytes::Bytes;
use http::{Response, header};
use hyper::ext::ReasonPhrase;

use super::error::InvocationError;
use crate::json::Json;

/// A successful answer.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Answer {
    /// Values by the names of output bindings; `None` when the answer has no `Outputs`.
    pub(crate) outputs: Option<Vec<(String, Json)>>,
    pub(crate) logs: Vec<String>,
    pub(crate) return_value: Option<Json>,
}

/// What an answer amounts to.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Decoded {
    Answer(Answer),
    /// An empty body, or JSON `null`. The real host completes an invocation only with a result that is not null and
    /// has no other branch, so that such an invocation hangs until the function's time-out.
    NeverCompletes,
}

/// Reads an answer; redirects have been followed before.
pub(crate) fn decode(response: &Response<Bytes>) -> Result<Decoded, InvocationError> {
    let status = response.status();
    if !status.is_success() {
        // The handler's own words, where it has any.
        let written = response.extensions().get::<ReasonPhrase>();
        let reason = written.map(|reason| String::from_utf8_lossy(reason.as_bytes()).into_owned());
        let reason = reason.or_else(|| status.canonical_reason().map(str::to_owned)).unwrap_or_default();
        return Err(InvocationError::Status { status, reason });
    }
    let bytes = response.body();
    if bytes.is_empty() {
        return Ok(Decoded::NeverCompletes);
    }
    let content_type = response.headers().get(header::CONTENT_TYPE);
    let content_type = content_type.and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    let text = String::from_utf8_lossy(bytes);
    if !is_json(&content_type) {
        let body = beginning(&text);
        return Err(InvocationError::UnsupportedMediaType { status, content_type, body });
    }
    match Json::parse_answer(&text) {
        Ok(Json::Null) => Ok(Decoded::NeverCompletes),
        Ok(json @ Json::Object(_)) => match answer(&json) {
            Some(answer) => Ok(Decoded::Answer(answer)),
            None => Err(InvocationError::InvalidAnswer { status, content_type, body: beginning(&text) }),
        },
        Ok(_) | Err(_) => {
            Err(InvocationError::InvalidAnswer { status, content_type, body: beginning(&text) })
        }
    }
}

/// Enough of a body to see what is wrong with it. The real host logs all of it.
fn beginning(body: &str) -> String {
    const SHOWN: usize = 2_000;
    body.chars().take(SHOWN).collect()
}

fn is_json(content_type: &str) -> bool {
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    media_type.eq_ignore_ascii_case("application/json") || media_type.eq_ignore_ascii_case("text/json")
}

/// `None` when a member has a kind that .NET could not put into the property.
fn answer(json: &Json) -> Option<Answer> {
    let outputs = match json.member("Outputs") {
        None | Some(Json::Null) => None,
        Some(Json::Object(outputs)) => Some(outputs.clone()),
        Some(_) => return None,
    };
    let logs = match json.member("Logs") {
        None | Some(Json::Null) => Vec::new(),
        Some(Json::Array(items)) => items.iter().map(log_line).collect::<Option<_>>()?,
        Some(_) => return None,
    };
    let return_value = json.member("ReturnValue").filter(|value| !value.is_null()).cloned();
    Some(Answer { outputs, logs, return_value })
}

/// An item of `Logs`: Newtonsoft turns scalars into strings by itself, and nothing else.
fn log_line(item: &Json) -> Option<String> {
    if item.is_null() { Some(String::new()) } else { item.to_dotnet_string() }
}

impl Answer {
    /// Like [`Answer::output`], with `null` where that is what was answered.
    pub(crate) fn written_output(&self, name: &str, has_return_binding: bool) -> Option<&Json> {
        let written = || self.outputs.as_ref()?.iter().find(|(key, _)| key == name).map(|(_, value)| value);
        self.output(name, has_return_binding).or_else(written)
    }

    /// The value for an output binding. `ReturnValue` is the value of `$return`; without such a binding the members
    /// of a `ReturnValue` that is an object are outputs too, and win over equal names.
    pub(crate) fn output(&self, name: &str, has_return_binding: bool) -> Option<&Json> {
        if name == crate::configuration::function_json::RETURN {
            return self.return_value.as_ref();
        }
        if let (false, Some(Json::Object(members))) = (has_return_binding, &self.return_value)
            && let Some((_, value)) = members.iter().find(|(key, _)| key == name)
        {
            return Some(value).filter(|value| !value.is_null());
        }
        let (_, value) = self.outputs.as_ref()?.iter().find(|(key, _)| key == name)?;
        Some(value).filter(|value| !value.is_null())
    }
}

#[cfg(test)]
#[path = "answer_tests.rs"]
mod tests;
