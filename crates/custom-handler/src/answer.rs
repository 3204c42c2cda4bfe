//! The answers to the host.
//!
//! The host takes success or failure from the status alone. It reads the body of a 2xx only, and never ends an
//! invocation whose 2xx has no body or `null`: hence a JSON object in every case. Source: azure-functions-host,
//! `DefaultHttpWorkerService.cs`, `ProcessDefaultInvocationRequest`.

use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use serde_json::json;

use crate::failure::Failure;

/// The invocation succeeded.
pub(crate) fn success() -> Response {
    (StatusCode::OK, Json(json!({}))).into_response()
}

/// The invocation failed. The host drops the text (Core Tools show it), so it must have been logged.
pub(crate) fn failure(failure: &Failure) -> Response {
    error(failure.status(), &failure.to_string())
}

/// An error as a JSON object.
pub(crate) fn error(status: StatusCode, text: &str) -> Response {
    (status, Json(json!({ "error": text }))).into_response()
}
