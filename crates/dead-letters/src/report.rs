//! What became of every message of a plan.

use serde::Serialize;

use crate::letter::LetterId;

/// What became of one message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "fate", rename_all = "snake_case")]
pub enum Fate {
    /// Sent and removed; then seen neither in the queue nor among its dead letters, also not as one of the step's own
    /// retries: somebody received it and completed it. Whether that somebody did the right thing, the queue cannot
    /// tell.
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
    /// Sent and removed; nobody looked what became of it.
    Replayed,
    /// Archived and removed.
    Discarded,
    /// Left where it is, by decision.
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
    /// Not come to yet: the run was stopped.
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
    /// How many of each fate.
    pub counts: Counts,
    /// Messages that may have been sent twice, under the same id, because a run was killed between sending and knowing.
    /// A target with duplicate detection has dropped the second.
    pub doubtful: Vec<LetterId>,
    /// Whether nothing is left to do.
    pub finished: bool,
    /// Each message.
    pub messages: Vec<(LetterId, Fate)>,
}

/// How many messages met which fate. They add up to the plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Counts {
    /// See [`Fate::Succeeded`].
    pub succeeded: usize,
    /// See [`Fate::DeadAgain`].
    pub dead_again: usize,
    /// See [`Fate::Waiting`].
    pub waiting: usize,
    /// See [`Fate::Replayed`].
    pub replayed: usize,
    /// See [`Fate::Discarded`].
    pub discarded: usize,
    /// See [`Fate::Skipped`].
    pub skipped: usize,
    /// See [`Fate::Gone`].
    pub gone: usize,
    /// See [`Fate::SentOnly`] and [`Fate::InDoubt`].
    pub unfinished: usize,
    /// See [`Fate::Left`].
    pub left: usize,
}

impl Report {
    /// The account of these fates.
    pub fn new(
        run: &str,
        plan: &str,
        messages: Vec<(LetterId, Fate)>,
        doubtful: Vec<LetterId>,
        finished: bool,
    ) -> Self {
        let mut counts = Counts::default();
        for (_, fate) in &messages {
            *match fate {
                Fate::Succeeded => &mut counts.succeeded,
                Fate::DeadAgain { .. } => &mut counts.dead_again,
                Fate::Waiting => &mut counts.waiting,
                Fate::Replayed => &mut counts.replayed,
                Fate::Discarded => &mut counts.discarded,
                Fate::Skipped { .. } => &mut counts.skipped,
                Fate::Gone => &mut counts.gone,
                Fate::SentOnly | Fate::InDoubt => &mut counts.unfinished,
                Fate::Left => &mut counts.left,
            } += 1;
        }
        let (run, plan, planned) = (run.to_owned(), plan.to_owned(), messages.len());
        Self { run, plan, planned, counts, doubtful, finished, messages }
    }

    /// Whether every message went the way that was wished for.
    pub fn is_well(&self) -> bool {
        let Counts { succeeded, replayed, discarded, .. } = self.counts;
        self.finished && succeeded + replayed + discarded == self.planned
    }
}
