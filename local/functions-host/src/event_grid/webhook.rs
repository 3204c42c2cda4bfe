//! `/runtime/webhooks/eventgrid?functionName=…`: what Event Grid calls.
//!
//! azure-sdk-for-net, `HttpRequestProcessor.cs`; azure-functions-host, `HostController.ExtensionWebHookHandler`. The
//! key that Azure wants as `code` is not asked for here, as no keys are.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderName};
use http::{HeaderValue, Method, Request, Response, StatusCode};

use super::EventGridRunner;
use crate::event::{Observer, OutputLevel};
use crate::http::query_parameter;
use crate::json::Json;

/// Lower case; paths are compared without regard to case.
pub(crate) const PATH: &str = "/runtime/webhooks/eventgrid";

const REQUEST_ORIGIN: HeaderName = HeaderName::from_static("webhook-request-origin");
const ALLOWED_ORIGIN: HeaderName = HeaderName::from_static("webhook-allowed-origin");
const REQUEST_RATE: HeaderName = HeaderName::from_static("webhook-request-rate");
const ALLOWED_RATE: HeaderName = HeaderName::from_static("webhook-allowed-rate");

/// Answers one request; `runners` are the functions by their names, whose case counts.
pub(crate) async fn answer(
    runners: &BTreeMap<String, EventGridRunner>,
    observer: &Observer,
    request: &Request<Bytes>,
) -> Response<Bytes> {
    let name = query_parameter(request.uri(), "functionName").unwrap_or_default();
    let Some(runner) = runners.get(&name) else {
        let names: Vec<&str> = runners.keys().map(String::as_str).collect();
        let line =
            format!("cannot find function: '{name}', available function names: [{}]", names.join(", "));
        observer.line(OutputLevel::Information, line);
        return text(StatusCode::NOT_FOUND, format!("cannot find function: '{name}'"));
    };
    if request.method() == Method::OPTIONS {
        return cloud_events_handshake(request);
    }
    let kind =
        request.headers().get("aeg-event-type").and_then(|value| value.to_str().ok()).unwrap_or_default();
    match kind.to_ascii_lowercase().as_str() {
        "subscriptionvalidation" => match validation_code(request.body()) {
            Some(code) => {
                observer.line(
                    OutputLevel::Information,
                    format!("perform handshake with eventGrid for function: {name}"),
                );
                let answer = Json::object([("validationResponse", Json::from(code))]);
                text(StatusCode::OK, answer.to_compact_text())
            }
            None => status(StatusCode::INTERNAL_SERVER_ERROR),
        },
        "notification" => match events(request.body()) {
            Some(events) => match runner.deliver(events).await {
                Ok(()) => status(StatusCode::ACCEPTED),
                Err(error) => text(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
            },
            // The real host fails with an exception of its parser.
            None => status(StatusCode::INTERNAL_SERVER_ERROR),
        },
        "unsubscribe" => status(StatusCode::ACCEPTED),
        _ => status(StatusCode::BAD_REQUEST),
    }
}

/// The handshake of the CloudEvents specification ("HTTP 1.1 Web Hooks for Event Delivery", section 4).
///
/// Our guess: that the answer allows just what was asked for. The real host lets OPTIONS through to the extension; what
/// that answers is not in the sources that we have.
fn cloud_events_handshake(request: &Request<Bytes>) -> Response<Bytes> {
    let Some(origin) = request.headers().get(REQUEST_ORIGIN) else { return status(StatusCode::BAD_REQUEST) };
    let mut response = status(StatusCode::OK);
    response.headers_mut().insert(ALLOWED_ORIGIN, origin.clone());
    if let Some(rate) = request.headers().get(REQUEST_RATE) {
        response.headers_mut().insert(ALLOWED_RATE, rate.clone());
    }
    response
}

/// In the Event Grid schema a list of one event; in the CloudEvents schema one object, whose data may be a text again.
fn validation_code(body: &[u8]) -> Option<String> {
    let parsed = Json::parse(str::from_utf8(body).ok()?).ok()?;
    let data = match &parsed {
        Json::Array(events) => events.first()?.member("data")?.clone(),
        event @ Json::Object(_) => match event.member("data")? {
            Json::String(text) => Json::parse(text).ok()?,
            data => data.clone(),
        },
        _ => return None,
    };
    data.member("validationCode")?.to_dotnet_string()
}

/// A list in the Event Grid schema, one object in the CloudEvents schema.
fn events(body: &[u8]) -> Option<Vec<Json>> {
    match Json::parse(str::from_utf8(body).ok()?).ok()? {
        Json::Array(events) => Some(events),
        event @ Json::Object(_) => Some(vec![event]),
        _ => None,
    }
}

fn text(status: StatusCode, body: String) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(body));
    *response.status_mut() = status;
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, plain);
    response
}

fn status(status: StatusCode) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = status;
    response
}
