//! What a run does, how, and what it says meanwhile.

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
    /// This many go first, and the others only when none of them died again.
    pub canary: Option<usize>,
    /// The run ends when more than this part of what was sent died again.
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

/// What happens, for whoever watches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunEvent {
    /// One more message is done with.
    Handled,
    /// Some letters are locked by somebody else, an earlier run for instance.
    WaitsForLocks {
        /// How many are still to be taken.
        left: usize,
    },
    /// The outcomes of so many are known.
    Outcomes {
        /// How many.
        known: usize,
        /// Of how many.
        of: usize,
    },
}
