//! What a fault answers in the place of a service, in the words of that service.
//!
//! The code and text of a throttled Compute call, of a throttled vault and of a machine that finds no room are documented,
//! the 503 of Resource Manager was recorded. Our guess: all the others; the statuses and the `Retry-After` are what clients have to act on.

use axum::body::Body;
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderName, HeaderValue, Response, StatusCode};
use serde_json::{Value, json};
use time::OffsetDateTime;
use uuid::Uuid;

/// The answer of a fault that answers by itself.
pub(crate) fn answer(
    status: StatusCode,
    retry_after_seconds: Option<u32>,
    (host, path): (&str, &str),
    now: OffsetDateTime,
) -> Response<Body> {
    let body = match host.to_ascii_lowercase().as_str() {
        "management.azure.com" => resource_manager(status, path, now),
        "login.microsoftonline.com" => entra(status, now),
        "127.0.0.1" | "localhost" => {
            json!({ "statusCode": status.as_u16(), "message": text(status), "correlationId": Uuid::new_v4() })
        }
        host if host.ends_with(".vault.azure.net") => key_vault(status),
        _ => json!({ "error": { "code": code(status), "message": text(status) } }),
    };
    let mut reply = Response::new(Body::from(body.to_string()));
    *reply.status_mut() = status;
    let headers = reply.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
    headers.insert(HeaderName::from_static("x-ms-request-id"), id());
    if let Some(seconds) = retry_after_seconds {
        headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    if status == StatusCode::TOO_MANY_REQUESTS && is_compute(path) {
        headers.insert(HeaderName::from_static("x-ms-failure-cause"), HeaderValue::from_static("service"));
    }
    reply
}

fn id() -> HeaderValue {
    HeaderValue::from_str(&Uuid::new_v4().to_string()).expect("a UUID is made of header characters")
}

fn is_compute(path: &str) -> bool {
    path.to_ascii_lowercase().contains("/providers/microsoft.compute/")
}

/// Azure refuses to start a machine that it finds no room for.
fn is_start(path: &str) -> bool {
    is_compute(path) && path.to_ascii_lowercase().ends_with("/start")
}

/// A throttled Compute call has no `error` around its code (Microsoft Learn, "Troubleshooting API throttling errors").
fn resource_manager(status: StatusCode, path: &str, now: OffsetDateTime) -> Value {
    if status == StatusCode::TOO_MANY_REQUESTS && is_compute(path) {
        let message = json!({"operationGroup": "HighCostGet30Min", "allowedRequestCount": 800, "measuredRequestCount": 1238});
        return json!({
            "code": "OperationNotAllowed",
            "message": "The server rejected the request because too many requests have been received for this subscription.",
            "details": [{"code": "TooManyRequests", "target": "HighCostGet30Min", "message": message.to_string()}],
        });
    }
    let (code, message) = match status {
        StatusCode::TOO_MANY_REQUESTS => (
            "SubscriptionRequestsThrottled",
            "Number of requests for the subscription has exceeded the limit for the time interval. Please try again later."
                .to_owned(),
        ),
        StatusCode::SERVICE_UNAVAILABLE => {
            let id = Uuid::new_v4();
            let stamp = now.unix_timestamp();
            let message = format!(
                "The request timed out. Diagnostic information: timestamp '{stamp}', tracking id '{id}', request correlation \
                 id '{id}'."
            );
            ("ServerTimeout", message)
        }
        StatusCode::CONFLICT if is_start(path) => (
            "AllocationFailed",
            "Allocation failed. We do not have sufficient capacity for the requested VM size in this region. Read more about \
             improving likelihood of allocation success at https://aka.ms/allocation-guidance"
                .to_owned(),
        ),
        StatusCode::CONFLICT => (code(status), text(status).to_owned()),
        _ => ("InternalServerError", "Encountered internal server error.".to_owned()),
    };
    json!({ "error": { "code": code, "message": message } })
}

fn key_vault(status: StatusCode) -> Value {
    let (code, message) = match status {
        StatusCode::TOO_MANY_REQUESTS => (
            "Throttled",
            "Request was not processed because too many requests were received. Reason: VaultRequestTypeLimitReached",
        ),
        _ => (code(status), text(status)),
    };
    json!({ "error": { "code": code, "message": message } })
}

fn entra(status: StatusCode, now: OffsetDateTime) -> Value {
    let number = if status == StatusCode::TOO_MANY_REQUESTS { 90055 } else { 90033 };
    let (trace, correlation) = (Uuid::new_v4(), Uuid::new_v4());
    let timestamp = now.date().to_string() + " 00:00:00Z";
    json!({
        "error": "temporarily_unavailable",
        "error_description": format!(
            "AADSTS{number}: {} Trace ID: {trace} Correlation ID: {correlation} Timestamp: {timestamp}", text(status)
        ),
        "error_codes": [number],
        "timestamp": timestamp,
        "trace_id": trace,
        "correlation_id": correlation,
        "error_uri": format!("https://login.microsoftonline.com/error?code={number}"),
    })
}

fn code(status: StatusCode) -> &'static str {
    match status {
        StatusCode::TOO_MANY_REQUESTS => "TooManyRequests",
        StatusCode::CONFLICT => "Conflict",
        StatusCode::SERVICE_UNAVAILABLE => "ServiceUnavailable",
        StatusCode::BAD_GATEWAY => "BadGateway",
        StatusCode::GATEWAY_TIMEOUT => "GatewayTimeout",
        _ => "InternalServerError",
    }
}

fn text(status: StatusCode) -> &'static str {
    match status {
        StatusCode::TOO_MANY_REQUESTS => "Too many requests have been received.",
        StatusCode::CONFLICT => "The request conflicts with the state of the resource.",
        StatusCode::SERVICE_UNAVAILABLE => "The service is temporarily unavailable.",
        StatusCode::BAD_GATEWAY => "The gateway got no proper answer.",
        StatusCode::GATEWAY_TIMEOUT => "The gateway got no answer in time.",
        _ => "An internal error has occurred.",
    }
}
