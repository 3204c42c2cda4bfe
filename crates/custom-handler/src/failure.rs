//! Why an invocation failed: each has a status, a name for telemetry, and a sentence.

use std::{fmt::Display, time::Duration};

use axum::http::StatusCode;
use tracing::Span;

use crate::span;

/// An error of any type.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// For a line of the log: control characters would make it two.
pub(crate) fn one_line(text: &str) -> String {
    text.split(|c: char| c.is_control()).filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}

/// Why an invocation failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("{0}")]
    Handler(String),
    #[error("the function panicked: {0}")]
    Panic(String),
    #[error("the function did not end within its deadline of {} s", .0.as_secs_f64())]
    Deadline(Duration),
    #[error("the invocation is larger than the limit of {0} bytes")]
    Oversize(usize),
    #[error("the invocation could not be read: {0}")]
    Connection(String),
    #[error("{0}")]
    Envelope(String),
    #[error("the message was refused ({reason}: {description}), but the app has no way to dead-letter it")]
    NoDeadLetter { reason: String, description: String },
    #[error("the message was refused ({reason}: {description}), but could not be dead-lettered: {source}")]
    DeadLetter { reason: String, description: String, source: BoxError },
}

impl Failure {
    /// A handler's own error. The alternate form makes error types that know their causes (`anyhow`) print them.
    pub(crate) fn handler(error: &impl Display) -> Self {
        Self::Handler(format!("{error:#}"))
    }

    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::Oversize(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Envelope(_) | Self::Connection(_) => StatusCode::BAD_REQUEST,
            Self::Handler(_)
            | Self::Panic(_)
            | Self::Deadline(_)
            | Self::NoDeadLetter { .. }
            | Self::DeadLetter { .. } => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// One of few values, for `error.type`.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Handler(_) => "HandlerError",
            Self::Panic(_) => "Panic",
            Self::Deadline(_) => "DeadlineExceeded",
            Self::Oversize(_) => "Oversize",
            Self::Connection(_) => "ConnectionBroken",
            Self::Envelope(_) => "MalformedInvocation",
            Self::NoDeadLetter { .. } => "DeadLetterNotSetUp",
            Self::DeadLetter { .. } => "DeadLetterFailed",
        }
    }
}

/// One line on stdout: the host drops the answer's text, and even its `Logs`, when the status says failure.
pub(crate) fn report(span: &Span, function: &'static str, id: &str, failure: &Failure) {
    let text = one_line(&failure.to_string());
    span::record_failure(span, failure.kind(), &text);
    tracing::error!(parent: span, "invocation {id} of {function} failed: {text}");
}
