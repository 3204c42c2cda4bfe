//! The outcome of every message of a plan.

use serde::Serialize;

use crate::letter::LetterId;

/// The outcome of one message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
// Scripts read the report: the member keeps its name.
#[serde(tag = "fate", rename_all = "snake_case")]
pub enum Outcome {
    /// Sent and removed; then found neither in the queue nor among its dead letters, nor as a retry of the step's own: a
    /// receiver has completed it. The queue does not show whether that receiver did the right thing.
    Succeeded,
    /// Sent and removed; its replay is a dead letter again.
    DeadAgain {
        /// The new dead letter.
        again: LetterId,
        /// Why it died this time.
        reason: String,
    },
    /// Sent and removed; its replay, or a retry of it, was still in the queue when we stopped looking.
    Waiting,
    /// Sent and removed; its outcome was not looked for.
    Replayed,
    /// Archived and removed.
    Discarded,
    /// Deliberately left where it is.
    Skipped {
        /// Why.
        why: String,
    },
    /// It was not there any more, and this run has not sent it.
    Gone,
    /// Sent, and not removed yet: the run has to go on.
    SentOnly,
    /// May have been sent, and not removed yet: the run has to go on.
    InDoubt,
    /// Not reached yet: the run was stopped.
    Left,
}

/// The account of a run: every message of the plan once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The run, which is named after its plan.
    pub run: String,
    /// The plan's hash.
    pub plan: String,
    /// How many messages the plan has.
    pub planned: usize,
    /// How many have each outcome.
    pub counts: Counts,
    /// Messages that may have been sent twice, under the same id, because a run was killed between sending and knowing.
    /// A target with duplicate detection has dropped the second.
    pub doubtful: Vec<LetterId>,
    /// Whether nothing is left to do.
    pub finished: bool,
    /// Each message.
    pub messages: Vec<(LetterId, Outcome)>,
}

/// How many messages had which outcome. They add up to the plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Counts {
    /// See [`Outcome::Succeeded`].
    pub succeeded: usize,
    /// See [`Outcome::DeadAgain`].
    pub dead_again: usize,
    /// See [`Outcome::Waiting`].
    pub waiting: usize,
    /// See [`Outcome::Replayed`].
    pub replayed: usize,
    /// See [`Outcome::Discarded`].
    pub discarded: usize,
    /// See [`Outcome::Skipped`].
    pub skipped: usize,
    /// See [`Outcome::Gone`].
    pub gone: usize,
    /// See [`Outcome::SentOnly`] and [`Outcome::InDoubt`].
    pub unfinished: usize,
    /// See [`Outcome::Left`].
    pub left: usize,
}

impl Report {
    /// The account of these outcomes.
    pub fn new(
        run: &str,
        plan: &str,
        messages: Vec<(LetterId, Outcome)>,
        doubtful: Vec<LetterId>,
        finished: bool,
    ) -> Self {
        let mut counts = Counts::default();
        for (_, outcome) in &messages {
            *match outcome {
                Outcome::Succeeded => &mut counts.succeeded,
                Outcome::DeadAgain { .. } => &mut counts.dead_again,
                Outcome::Waiting => &mut counts.waiting,
                Outcome::Replayed => &mut counts.replayed,
                Outcome::Discarded => &mut counts.discarded,
                Outcome::Skipped { .. } => &mut counts.skipped,
                Outcome::Gone => &mut counts.gone,
                Outcome::SentOnly | Outcome::InDoubt => &mut counts.unfinished,
                Outcome::Left => &mut counts.left,
            } += 1;
        }
        let (run, plan, planned) = (run.to_owned(), plan.to_owned(), messages.len());
        Self { run, plan, planned, counts, doubtful, finished, messages }
    }

    /// Whether every message was replayed or discarded as planned, and none failed again.
    pub fn is_well(&self) -> bool {
        let Counts { succeeded, replayed, discarded, .. } = self.counts;
        self.finished && succeeded + replayed + discarded == self.planned
    }
}
