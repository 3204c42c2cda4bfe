//! One invocation: from the host's request to the answer that it must always get.

use std::{any::Any, fmt::Display, panic::AssertUnwindSafe, time::Duration};

use axum::{
    Json,
    body::Bytes,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use futures::FutureExt as _;
use serde_json::json;
use tracing::Instrument as _;

use crate::semconv;

/// The header in which the host names the invocation.
pub(crate) const INVOCATION_ID: &str = "X-Azure-Functions-InvocationId";

/// An invocation that failed: the host returns the message to its queue, or answers 500.
pub(crate) struct Failed(pub(crate) String);

impl<E: Display> From<E> for Failed {
    fn from(error: E) -> Self {
        Self(error.to_string())
    }
}

/// Runs an invocation and answers the host, whatever happens inside.
pub(crate) async fn answer(
    function: &'static str,
    trigger: &'static str,
    headers: &HeaderMap,
    time_limit: Duration,
    run: impl Future<Output = Result<(), Failed>>,
) -> Response {
    let invocation_id = invocation_id(headers);
    let span = tracing::info_span!(
        "invocation",
        { semconv::FAAS_NAME } = function,
        { semconv::FAAS_TRIGGER } = trigger,
        { semconv::FAAS_INVOCATION_ID } = invocation_id,
    );
    let guarded = AssertUnwindSafe(run).catch_unwind();
    let failed = match tokio::time::timeout(time_limit, guarded).instrument(span).await {
        Ok(Ok(Ok(()))) => return (StatusCode::OK, Json(json!({}))).into_response(),
        Ok(Ok(Err(Failed(why)))) => why,
        Ok(Err(panic)) => format!("the handler panicked: {}", text_of(panic.as_ref())),
        Err(_) => format!("the handler did not end within {time_limit:?}"),
    };
    // The host drops the body of a failure, and its log too: this line is all that is left.
    tracing::error!(function, invocation_id, reason = failed, "the invocation failed");
    (StatusCode::INTERNAL_SERVER_ERROR, Json(json!({"error": failed}))).into_response()
}

pub(crate) fn invocation_id(headers: &HeaderMap) -> String {
    headers.get(INVOCATION_ID).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
}

/// Only the host invokes functions, and it always names the invocation.
pub(crate) fn is_invocation(headers: &HeaderMap, body: &Bytes) -> bool {
    headers.contains_key(INVOCATION_ID) && !body.is_empty()
}

fn text_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "without a text".to_owned())
}
