//! HTTP functions: the host forwards the client's request as it is (`enableForwardingHttpRequest`), and any status is
//! a success of the invocation. What a panic or a time-out leaves is a plain JSON error for the client; the cause is
//! in the log only, since the client is a stranger.

use std::time::Duration;

use axum::{
    extract::Request,
    http::{Method, StatusCode},
    middleware::Next,
    response::Response,
};
use tracing::Instrument as _;

use crate::{
    answer,
    failure::{Failure, report},
    invocation::INVOCATION_ID,
    panics,
    span::{self, Trigger},
    trace_context::TraceContext,
};

/// Runs one forwarded request.
pub(crate) async fn forwarded(
    function: &'static str,
    deadline: Option<Duration>,
    request: Request,
    next: Next,
) -> Response {
    let id = header(&request, INVOCATION_ID).unwrap_or("without an id").to_owned();
    let span = span::of_invocation(Trigger::Http, function, &id);
    span::continue_trace(&span, TraceContext::of_headers(request.headers()).as_ref());
    let run = panics::caught(next.run(request)).instrument(span.clone());
    let ended = match deadline {
        Some(deadline) => tokio::time::timeout(deadline, run).await.map_err(|_| Failure::Deadline(deadline)),
        None => Ok(run.await),
    };
    let failure = match ended {
        Ok(Ok(response)) => return response,
        Ok(Err(panic)) => Failure::Panic(panic),
        Err(failure) => failure,
    };
    report(&span, function, &id, &failure);
    match failure {
        Failure::Deadline(_) => answer::error(StatusCode::GATEWAY_TIMEOUT, "the request took too long"),
        _ => answer::error(StatusCode::INTERNAL_SERVER_ERROR, "the request failed"),
    }
}

fn header<'a>(request: &'a Request, name: &str) -> Option<&'a str> {
    request.headers().get(name)?.to_str().ok()
}

/// Answers the host's question whether we are there (`GET /`, from `DefaultHttpWorkerService.IsWorkerReady`), which
/// comes without an invocation id, before any function sees it.
pub(crate) async fn ready_at_once(request: Request, next: Next) -> Response {
    let asks = request.method() == Method::GET
        && request.uri().path() == "/"
        && !request.headers().contains_key(INVOCATION_ID);
    if asks { answer::success() } else { next.run(request).await }
}
