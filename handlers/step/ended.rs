//! How a step ended.

use custom_handler::Outcome;

/// The invocation failed; the host returns the message to the queue.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct StepFailed(pub(super) String);

/// How a step ended, for the log and for the host.
pub(super) struct Ended {
    pub(super) outcome: &'static str,
    pub(super) detail: String,
    pub(super) answer: Result<Outcome, StepFailed>,
}

impl Ended {
    /// The message is done with.
    pub(super) fn done(detail: String) -> Self {
        Self { outcome: "done", detail, answer: Ok(Outcome::Complete) }
    }
}
