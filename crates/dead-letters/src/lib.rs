//! Dead letters of Azure Service Bus, for people who have to be able to trust what is done to them.
//!
//! - [`browse`](browse()), [`find`], [`Grouping`]: look, without touching.
//! - [`Filter`], [`Plan`]: say exactly which messages are meant, where they go and under which ids.
//! - [`Run`]: replay or discard what a plan says and nothing else, with a log on disk ([`RunLog`]) from which a run
//!   that was killed at any moment goes on, and with an account of every message ([`Report`]).
//! - [`archive`], [`redact`], [`audit`]: keep letters in files; take secrets out of them; record who did what.
//! - [`printable`]: show what a message says without letting it write on the terminal.
//!
//! It knows Service Bus and CloudEvents, and neither the terminal nor any domain.
//!
//! # What a replay promises
//!
//! A message is sent first and completed then: it may be sent twice, it is never lost. Whatever is sent twice carries
//! the same message id, which derives from the dead letter: a target with duplicate detection drops the second.
//! Letters that are not in the plan keep their order and their delivery counts.

pub mod archive;
pub mod audit;
mod browse;
mod carry;
mod digest;
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
