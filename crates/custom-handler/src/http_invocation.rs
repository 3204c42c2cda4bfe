//! HTTP functions that the host does not forward: the request comes inside an invocation, the response goes out as an
//! output. It is what an HTTP function with further outputs gets (an order taken by HTTP and put on a queue), and any
//! HTTP function when `host.json` does not say `enableForwardingHttpRequest`.
//!
//! Sources: azure-functions-host, `HttpRequestExtensions.cs` (`GetRequestAsJObject`) and
//! `HttpScriptInvocationResultExtensions.cs` (`GetHttpOutputBindingResponse`).

use std::{collections::BTreeMap, fmt::Display, sync::Arc};

use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Value, json};
use tracing::Span;

use crate::{
    answer::Verdict,
    decode::{self, Body},
    dispatch::{Handler, Invocation},
    failure::Failure,
    metadata::RetryContext,
    outputs::Outputs,
    span::{self, Sender},
    wire,
};

/// The name that the `http` output binding must have in `function.json`.
const RESPONSE_BINDING: &str = "res";

/// A request, as the host describes it in an invocation.
///
/// The host loses some of it: repeated query parameters come joined by commas, the body of a chunked request does not
/// come at all, and binary bodies survive only as `application/octet-stream` or `multipart/*`. Forwarding
/// ([`Functions::http`](crate::Functions::http)) has none of these faults.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct HttpRequest {
    /// The method.
    pub method: Method,
    /// The whole URL, as the host saw it.
    pub url: String,
    /// The query's parameters.
    pub query: BTreeMap<String, String>,
    /// The route's parameters; those that are optional and were not given are absent.
    pub params: BTreeMap<String, String>,
    /// The headers.
    pub headers: HeaderMap,
    /// The body; empty when there is none.
    pub body: Bytes,
    /// Who calls, as claims, when the host knows.
    pub identities: Vec<Value>,
    /// Which attempt this is, when the function has a retry policy.
    pub retry: Option<RetryContext>,
    /// The function that was invoked.
    pub function: &'static str,
    /// The host's name for this run, a GUID.
    pub invocation_id: String,
}

/// A response, with whatever else the function sends.
///
/// The body is text: the host cannot carry bytes here. A header has one value; the last one counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpResponse {
    status: StatusCode,
    headers: BTreeMap<String, String>,
    body: String,
}

impl HttpRequest {
    /// The body, decoded from JSON.
    ///
    /// # Errors
    /// The path of the bad field, and what was expected there.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, String> {
        Body { bytes: self.body.clone(), is_text: true }.decode()
    }
}

impl HttpResponse {
    /// An empty response.
    #[must_use]
    pub fn new(status: StatusCode) -> Self {
        Self { status, headers: BTreeMap::new(), body: String::new() }
    }

    /// With a text as its body: `text/plain`, unless a header says otherwise.
    #[must_use]
    pub fn text(self, body: impl Into<String>) -> Self {
        self.typed("text/plain; charset=utf-8", body.into())
    }

    /// With a JSON document as its body.
    ///
    /// # Errors
    /// When `body` cannot be written as JSON.
    pub fn json(self, body: &impl serde::Serialize) -> serde_json::Result<Self> {
        Ok(self.typed("application/json", serde_json::to_string(body)?))
    }

    /// With a header; an earlier value of the same name is gone.
    #[must_use]
    pub fn header(mut self, name: &HeaderName, value: impl Into<String>) -> Self {
        self.headers.insert(name.as_str().to_owned(), value.into());
        self
    }

    fn typed(mut self, content_type: &str, body: String) -> Self {
        self.headers
            .entry(header::CONTENT_TYPE.as_str().to_owned())
            .or_insert_with(|| content_type.to_owned());
        Self { body, ..self }
    }

    /// The status as a string, and every value a string: the one form that the host reads without guessing.
    fn into_value(self) -> Value {
        json!({ "statusCode": self.status.as_str(), "headers": self.headers, "body": self.body })
    }
}

/// A response alone, or one with further outputs: what an HTTP function may return.
impl From<HttpResponse> for (HttpResponse, Outputs) {
    fn from(response: HttpResponse) -> Self {
        (response, Outputs::default())
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Wire {
    method: String,
    #[serde(default)]
    url: String,
    #[serde(default)]
    query: Value,
    #[serde(default)]
    headers: Map<String, Value>,
    #[serde(default)]
    params: Option<Map<String, Value>>,
    #[serde(default)]
    identities: Value,
    #[serde(default)]
    body: Option<Value>,
}

impl Wire {
    fn into_request(self, invocation: Invocation) -> Result<HttpRequest, String> {
        let headers = headers_of(self.headers);
        let body = self.body.map_or(Ok(Bytes::new()), |body| body_of(body, &headers))?;
        Ok(HttpRequest {
            method: self
                .method
                .parse()
                .map_err(|_| format!("Method: {:?} is no HTTP method", self.method))?,
            url: self.url,
            // Hosts before September 2020 wrote the query as JSON in a string.
            query: texts(wire::object(&self.query).unwrap_or_default()),
            params: texts(self.params.unwrap_or_default()),
            headers,
            body,
            identities: match wire::unwrapped(&self.identities) {
                Value::Array(identities) => identities,
                _ => Vec::new(),
            },
            retry: RetryContext::read(&invocation.envelope.metadata),
            function: invocation.function,
            invocation_id: invocation.id,
        })
    }
}

fn texts(map: Map<String, Value>) -> BTreeMap<String, String> {
    let text = |value: Value| match value {
        Value::String(text) => Some(text),
        Value::Null => None,
        other => Some(other.to_string()),
    };
    map.into_iter().filter_map(|(name, value)| Some((name, text(value)?))).collect()
}

/// What the host received as headers is valid; anything that is not is left out.
fn headers_of(wire: Map<String, Value>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, values) in wire {
        let values = match values {
            Value::Array(values) => values,
            value => vec![value],
        };
        for value in values.iter().filter_map(Value::as_str) {
            if let (Ok(name), Ok(value)) = (HeaderName::try_from(&name), HeaderValue::try_from(value)) {
                headers.append(name, value);
            }
        }
    }
    headers
}

fn body_of(body: Value, headers: &HeaderMap) -> Result<Bytes, String> {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let content_type = content_type.unwrap_or_default().trim_start().to_ascii_lowercase();
    let is_base64 =
        content_type.starts_with("application/octet-stream") || content_type.starts_with("multipart/");
    let text = match body {
        Value::String(text) => text,
        Value::Null => String::new(),
        other => other.to_string(),
    };
    if !is_base64 {
        return Ok(text.into());
    }
    STANDARD.decode(&text).map(Bytes::from).map_err(|_| "Body: not the base64 of its content type".to_owned())
}

/// Adapts an HTTP function to the wire of invocations.
pub(crate) fn on_request<S, H, Fut, R, E>(handler: H) -> Handler<S>
where
    S: Clone + Send + Sync + 'static,
    H: Fn(HttpRequest, S) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<R, E>> + Send + 'static,
    R: Into<(HttpResponse, Outputs)>,
    E: Display,
{
    let handler = Arc::new(handler);
    Arc::new(move |mut invocation: Invocation, state: S| {
        let handler = Arc::clone(&handler);
        Box::pin(async move {
            let value = invocation.envelope.take_trigger_value().map_err(Failure::Envelope)?;
            let wire: Wire = serde_path_to_error::deserialize(value)
                .map_err(|error| Failure::Envelope(decode::describe(&error)))?;
            let host = invocation.sender.clone();
            let request = wire.into_request(invocation).map_err(Failure::Envelope)?;
            // The host's own header, if it traces; else the client's.
            let sender = host.or_else(|| Sender::of_headers(&request.headers));
            span::continue_trace(&Span::current(), sender.as_ref());
            let answered = handler(request, state).await.map_err(|error| Failure::handler(&error))?;
            let (response, outputs) = answered.into();
            Ok(Verdict::Done(outputs.value(RESPONSE_BINDING, response.into_value())))
        })
    })
}
