//! What can be done to a call, and how often it was.

use std::time::Duration;

use http::StatusCode;

/// What is done to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It is carried out later.
    Slow(Duration),
    /// It is refused with 429, and `Retry-After` if that is given; nothing happens.
    Throttled { retry_after_seconds: Option<u32> },
    /// It is answered with this status, before its effect or after it.
    Status { status: StatusCode, after_effect: bool },
    /// The connection ends before the service sees the call: nothing happens.
    Unseen,
    /// It is carried out, then the connection ends without an answer.
    AnswerLost,
    /// It is answered as if carried out, but what it changed is lost.
    EffectLost,
    /// It is carried out, and its answer breaks off in the middle.
    CutOff,
    /// It is carried out, and its body is replaced by something that is no JSON.
    Garbled,
    /// It is carried out twice; the second answer is given.
    Duplicated,
}

impl Fault {
    /// The name that it has in a script.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Slow(_) => "slow",
            Self::Throttled { .. } => "throttled",
            Self::Status { .. } => "status",
            Self::Unseen => "unseen",
            Self::AnswerLost => "answerLost",
            Self::EffectLost => "effectLost",
            Self::CutOff => "cutOff",
            Self::Garbled => "garbled",
            Self::Duplicated => "duplicated",
        }
    }
}

/// How often a fault was meant and how often it struck.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Count {
    pub(crate) matched: u64,
    pub(crate) fired: u64,
}
