//! The faults: a column of the matrix each.

use std::time::Duration;

use serde_json::{Value, json};

/// How long the app waits for an answer, on a machine that may be busy; and where it is to wait in vain.
const PATIENCE: Duration = Duration::from_secs(10);
const LITTLE_PATIENCE: Duration = Duration::from_secs(1);
/// Longer than the app waits then.
pub(crate) const TOO_SLOW: Duration = Duration::from_millis(1_500);

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nothing does: what all others are compared with.
    None,
    /// One call to Azure, by this fault of the sandbox's.
    Call(Call),
    /// The message, the request or the tick comes twice.
    Twice,
    /// Of several messages that wait, the newest comes first.
    NewestFirst,
    /// The first message of each queue dies of its delivery limit.
    Dies,
    /// Azure is out for longer than the deadline, for each queue's function from its first run on.
    Outage,
    /// Whatever came before comes again, each time the story stands.
    Old,
    /// The process is gone at one of the function's awaits.
    Killed,
    /// One call to the store fails before it has an effect.
    StoreRefuses,
    /// One call to the store has its effect and fails.
    StoreAnswerLost,
    /// The store takes nothing in during one run.
    StoreFull,
    /// Service Bus takes nothing in during one run.
    BusRefuses,
    /// Service Bus takes a message in and the answer is lost.
    BusAnswerLost,
}

/// What becomes of a call to Azure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Call {
    Unseen,
    AnswerLost,
    TimeOut,
    ThrottledWithRetryAfter,
    Throttled,
    Unavailable,
    FailedAfterEffect,
    Garbled,
}

/// What is counted until a fault strikes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    Call,
    Run,
    Await,
    StoreCall,
}

/// The columns, with what the table calls them.
pub(crate) const COLUMNS: [(&str, Fault); 19] = [
    ("call not seen", Fault::Call(Call::Unseen)),
    ("answer lost", Fault::Call(Call::AnswerLost)),
    ("time-out", Fault::Call(Call::TimeOut)),
    ("429, Retry-After", Fault::Call(Call::ThrottledWithRetryAfter)),
    ("429", Fault::Call(Call::Throttled)),
    ("503", Fault::Call(Call::Unavailable)),
    ("500 after effect", Fault::Call(Call::FailedAfterEffect)),
    ("garbled", Fault::Call(Call::Garbled)),
    ("twice", Fault::Twice),
    ("newest first", Fault::NewestFirst),
    ("old again", Fault::Old),
    ("dies", Fault::Dies),
    ("long outage", Fault::Outage),
    ("killed", Fault::Killed),
    ("store refuses", Fault::StoreRefuses),
    ("store answer lost", Fault::StoreAnswerLost),
    ("store full", Fault::StoreFull),
    ("bus refuses", Fault::BusRefuses),
    ("bus answer lost", Fault::BusAnswerLost),
];

impl Fault {
    pub(crate) fn patience(self) -> Duration {
        match self {
            Self::Call(Call::TimeOut) | Self::BusAnswerLost => LITTLE_PATIENCE,
            _ => PATIENCE,
        }
    }

    /// Whether it ends with a dead letter, by design.
    pub(crate) fn kills_messages(self) -> bool {
        matches!(self, Self::Dies | Self::Outage)
    }

    /// What is counted until it strikes; nothing for one that strikes throughout a story.
    pub(crate) fn place(self) -> Option<Place> {
        match self {
            Self::None | Self::NewestFirst | Self::Old | Self::Dies | Self::Outage => None,
            Self::Call(_) => Some(Place::Call),
            Self::Twice | Self::StoreFull | Self::BusRefuses | Self::BusAnswerLost => Some(Place::Run),
            Self::Killed => Some(Place::Await),
            Self::StoreRefuses | Self::StoreAnswerLost => Some(Place::StoreCall),
        }
    }
}

impl Call {
    /// As a fault script of the sandbox has it.
    pub(crate) fn script(self) -> Value {
        match self {
            Self::Unseen => json!({ "kind": "unseen" }),
            Self::AnswerLost => json!({ "kind": "answerLost" }),
            Self::TimeOut => json!({ "kind": "slow", "milliseconds": TOO_SLOW.as_millis() }),
            Self::ThrottledWithRetryAfter => json!({ "kind": "throttled", "retryAfterSeconds": 1 }),
            Self::Throttled => json!({ "kind": "throttled", "retryAfterSeconds": 0 }),
            Self::Unavailable => json!({ "kind": "status", "status": 503 }),
            Self::FailedAfterEffect => json!({ "kind": "status", "status": 500, "afterEffect": true }),
            Self::Garbled => json!({ "kind": "garbled" }),
        }
    }
}
