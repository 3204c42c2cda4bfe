//! Runs an invocation of a queue, event or timer function: everything between the host's request and our answer.
//!
//! The function runs as a task of its own, so that one which blocks its thread cannot keep the deadline from being
//! answered. If the host goes away the task is dropped with the request: nobody is left to hear the answer, and the
//! message is on its way to somebody else.

use std::{sync::Arc, time::Duration};

use axum::{
    body::to_bytes,
    extract::Request,
    http::{HeaderMap, StatusCode, header, uri::Authority},
    response::Response,
};
use bytes::Bytes;
use http_body_util::LengthLimitError;
use tokio::sync::Semaphore;
use tokio_util::task::AbortOnDropHandle;
use tracing::Instrument as _;

use crate::{
    answer,
    dead_letter::{self, DeadLetter},
    envelope::Envelope,
    failure::{Failure, report},
    invocation::{Completion, Handler, INVOCATION_ID, Invocation, OnUndecodable},
    message::{Message, Outcome, Undecodable},
    metadata::MessageMetadata,
    panics,
    settings::Settings,
    span::{self, Trigger},
    trace_context::TraceContext,
};

/// What all invocations share.
pub(crate) struct Runtime<S> {
    pub(crate) state: S,
    pub(crate) settings: Settings,
    pub(crate) dead_letters: Option<Arc<dyn DeadLetter>>,
    pub(crate) on_undecodable: Option<OnUndecodable<S>>,
    pub(crate) slots: Option<Semaphore>,
    /// The port that we listen on, when we know it.
    pub(crate) port: Option<u16>,
}

/// A function that takes invocations.
pub(crate) struct Function<S> {
    pub(crate) name: &'static str,
    pub(crate) trigger: Trigger,
    pub(crate) handler: Handler<S>,
}

/// Answers the host.
pub(crate) async fn invoke<S: Clone + Send + Sync + 'static>(
    runtime: Arc<Runtime<S>>,
    function: Arc<Function<S>>,
    request: Request,
) -> Response {
    let id = match invocation_id(request.headers(), runtime.port) {
        Ok(id) => id.to_owned(),
        Err((status, problem)) => {
            tracing::warn!(
                function = function.name,
                "a request that is not an invocation by the host: {problem}"
            );
            return answer::error(status, problem);
        }
    };
    let trace_context = TraceContext::of_headers(request.headers());
    let span = span::of_invocation(function.trigger, function.name, &id);
    let (limit, deadline) = (runtime.settings.body_limit, runtime.settings.deadline);
    let ended = match read(request, limit).await {
        Ok(body) => {
            let arrived = Arrived { id: id.clone(), trace_context, body };
            let run = run(runtime, Arc::clone(&function), arrived).instrument(span.clone());
            within(deadline, run).await
        }
        Err(failure) => Err(failure),
    };
    match ended {
        Ok(()) => answer::success(),
        Err(failure) => {
            report(&span, function.name, &id, &failure);
            answer::failure(&failure)
        }
    }
}

/// The id of an invocation that the host itself sends: not a request that it merely forwards.
fn invocation_id(headers: &HeaderMap, port: Option<u16>) -> Result<&str, (StatusCode, &'static str)> {
    let mut ids = headers.get_all(INVOCATION_ID).iter();
    let id = match (ids.next(), ids.next()) {
        (Some(id), None) => id.to_str().ok().filter(|id| !id.trim().is_empty()),
        // A client's own header comes with the host's beside it when a request is forwarded.
        _ => None,
    };
    let id = id.ok_or((
        StatusCode::BAD_REQUEST,
        "an invocation has exactly one X-Azure-Functions-InvocationId header",
    ))?;
    match port {
        Some(port) if !names_this_process(headers, port) => Err((
            StatusCode::MISDIRECTED_REQUEST,
            "an invocation is addressed to the handler itself (Host header)",
        )),
        _ => Ok(id),
    }
}

/// A request that the host forwards carries the client's `Host`, the host's own invocations carry our address.
fn names_this_process(headers: &HeaderMap, port: u16) -> bool {
    let authority = headers.get(header::HOST).and_then(|host| Authority::try_from(host.as_bytes()).ok());
    authority.is_some_and(|authority| {
        matches!(authority.host(), "127.0.0.1" | "localhost") && authority.port_u16().unwrap_or(80) == port
    })
}

async fn read(request: Request, limit: usize) -> Result<Bytes, Failure> {
    to_bytes(request.into_body(), limit).await.map_err(|error| {
        let source = std::error::Error::source(&error);
        match source.is_some_and(|source| source.is::<LengthLimitError>()) {
            true => Failure::Oversize(limit),
            false => Failure::Connection(error.to_string()),
        }
    })
}

/// A request, before it is known to be an invocation.
struct Arrived {
    id: String,
    trace_context: Option<TraceContext>,
    body: Bytes,
}

async fn run<S: Clone + Send + Sync + 'static>(
    runtime: Arc<Runtime<S>>,
    function: Arc<Function<S>>,
    Arrived { id, trace_context, body }: Arrived,
) -> Result<(), Failure> {
    let _slot = match &runtime.slots {
        // The semaphore is never closed; without a slot the worst is one run too many.
        Some(slots) => slots.acquire().await.ok(),
        None => None,
    };
    let invocation = Invocation {
        function: function.name,
        id,
        envelope: Envelope::decode(&body).map_err(Failure::Envelope)?,
        trace_context,
    };
    drop(body);
    let handled = async { (function.handler)(invocation, runtime.state.clone()).await };
    let (metadata, outcome) = match panics::caught(handled).await.map_err(Failure::Panic)?? {
        Completion::Done => return Ok(()),
        Completion::Refused { metadata, reason, description } => {
            (*metadata, Outcome::Refuse { reason, description })
        }
        Completion::Undecodable(message) => undecodable(&runtime, *message).await?,
    };
    let Outcome::Refuse { reason, description } = outcome else { return Ok(()) };
    let dead_letters = runtime.dead_letters.as_deref();
    dead_letter::refuse(dead_letters, function.name, &metadata, &reason, &description).await
}

/// Asks the app what becomes of a message that could not be decoded; unless it says, the message is refused.
async fn undecodable<S: Clone>(
    runtime: &Runtime<S>,
    message: Message<Undecodable>,
) -> Result<(MessageMetadata, Outcome), Failure> {
    let Some(decide) = &runtime.on_undecodable else { return Ok((message.metadata, message.body.into())) };
    let metadata = message.metadata.clone();
    let decided = async { decide(message, runtime.state.clone()).await };
    let outcome = panics::caught(decided).await.map_err(Failure::Panic)??;
    if outcome == Outcome::Complete {
        span::record_disposition("complete");
    }
    Ok((metadata, outcome))
}

/// Runs a task for at most so long.
async fn within(
    deadline: Option<Duration>,
    run: impl Future<Output = Result<(), Failure>> + Send + 'static,
) -> Result<(), Failure> {
    let task = AbortOnDropHandle::new(tokio::spawn(run));
    let joined = match deadline {
        Some(deadline) => {
            tokio::time::timeout(deadline, task).await.map_err(|_| Failure::Deadline(deadline))?
        }
        None => task.await,
    };
    // An error is a panic of the runtime's own, or of a destructor after the function's.
    joined.unwrap_or_else(|error| Err(Failure::Panic(error.to_string())))
}
