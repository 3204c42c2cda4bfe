//! What a run does, its options, and the events that it reports.

use std::{path::PathBuf, time::Duration};

/// What is done with the letters of a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Send them, then remove them.
    Replay,
    /// Put them into this file, then remove them.
    Discard {
        /// The file; appended to.
        archive: PathBuf,
    },
}

impl Action {
    /// The word for the log and the audit.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Replay => "replay",
            Self::Discard { .. } => "discard",
        }
    }
}

/// How a plan is carried out.
#[derive(Debug, Clone)]
pub struct RunOptions {
    /// Messages a second, at most.
    pub rate: Option<f64>,
    /// Messages under way at a time. With one, they go out in the order in which they lie.
    pub concurrency: usize,
    /// This many are sent first, and the others only if none of these was dead-lettered again.
    pub canary: Option<usize>,
    /// The run stops when more than this part of what was sent was dead-lettered again.
    pub stop_on_failure: Option<f64>,
    /// How long to look for outcomes. Zero: not at all.
    pub outcome_wait: Duration,
    /// How long to wait for letters that somebody else has locked. Service Bus knows no lock of more than five
    /// minutes that nobody renews.
    pub lock_patience: Duration,
    /// Go on when some of the letters are gone already, instead of calling the plan stale.
    pub accept_gone: bool,
}

impl Default for RunOptions {
    fn default() -> Self {
        Self {
            rate: None,
            concurrency: 256,
            canary: None,
            stop_on_failure: None,
            outcome_wait: Duration::from_secs(30),
            lock_patience: Duration::from_secs(330),
            accept_gone: false,
        }
    }
}

/// What happens during a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunEvent {
    /// One more message is finished.
    Handled,
    /// Some letters are locked by somebody else, an earlier run for instance.
    WaitsForLocks {
        /// How many are still to be taken.
        left: usize,
    },
    /// Some outcomes are known.
    Outcomes {
        /// How many.
        known: usize,
        /// Of how many.
        of: usize,
    },
}
