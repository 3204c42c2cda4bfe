//! Dead letters of Azure Service Bus: list, plan, replay, discard and archive them, with an account of every message.
//!
//! - [`browse`](browse()), [`find`], [`Grouping`]: look, without locking anything.
//! - [`Filter`], [`Plan`]: select messages, and record where they go and under which ids.
//! - [`Run`]: replay or discard the messages of a plan and no others. A log on disk ([`RunLog`]) lets a run that was killed
//!   at any moment continue, and a [`Report`] accounts for every message.
//! - [`send_few`]: replay a few messages without a log on disk.
//! - [`archive`], [`redact`], [`audit`]: keep letters in files; remove secrets from them; record who did what.
//! - [`printable`]: show what a message says without letting it write on the terminal.
//!
//! It knows Service Bus and CloudEvents, but no domain.
//!
//! # What a replay promises
//!
//! A message is sent first and then completed: it may be sent twice, but is never lost. Both copies carry the same
//! message id, which derives from the dead letter: a target with duplicate detection drops the second. Letters that are
//! not in the plan keep their order and their delivery counts.

pub mod archive;
pub mod audit;
mod browse;
mod carry;
mod digest;
mod few;
mod filter;
mod fingerprint;
mod group;
mod import;
mod letter;
mod letter_sender;
mod outcome;
mod pace;
mod plan;
pub mod printable;
pub mod redact;
mod report;
mod resend;
mod run;
mod run_error;
mod run_log;
mod run_options;
mod sweep;
pub mod typed;

pub use browse::{browse, digests, find};
pub use few::{Few, send_few};
pub use filter::Filter;
pub use group::{Group, Grouping, Replayable};
pub use import::{IMPORT, import};
pub use letter::{
    EventFacts, Letter, LetterId, LetterIdError, ORIGINAL_MESSAGE_ID, REPLAY_COUNT, REPLAY_OF,
    REPLAY_OF_TRACEPARENT, REPLAY_RUN,
};
pub use plan::{DuplicateDetection, Plan, PlanError, Planned, Target, lookout};
pub use report::{Counts, Outcome, Report};
pub use resend::resend;
pub use run::Run;
pub use run_error::RunError;
pub use run_log::{Progress, Record, Replayed, RunLog, RunLogError};
pub use run_options::{Action, RunEvent, RunOptions};
