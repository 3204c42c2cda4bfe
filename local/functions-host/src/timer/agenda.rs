//! When each timer runs next, for whoever moves the clock.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use time::OffsetDateTime;
use tokio::sync::watch;
use tokio::time::sleep;

use crate::clock::Clock;

/// The timers of one host. Clones are the same agenda.
#[derive(Debug, Clone)]
pub(crate) struct Agenda {
    /// By function. None: it is running, or about to say when it runs.
    timers: Arc<Mutex<BTreeMap<String, Option<OffsetDateTime>>>>,
    moves: watch::Sender<u64>,
}

impl Default for Agenda {
    fn default() -> Self {
        Self { timers: Arc::default(), moves: watch::Sender::new(0) }
    }
}

impl Agenda {
    /// A timer runs, or is about to say when it will.
    pub(crate) fn runs(&self, function: &str) {
        self.timers().insert(function.to_owned(), None);
    }

    /// A timer will never run again.
    pub(crate) fn ends(&self, function: &str) {
        self.timers().remove(function);
    }

    /// Waits until a timer's next run. In short stretches, so that a clock that is set does not delay it for hours, and
    /// anew whenever the clock was moved.
    pub(crate) async fn wait(&self, function: &str, next: OffsetDateTime, clock: &Clock) {
        const STRETCH: Duration = Duration::from_secs(30);
        let mut moves = self.moves.subscribe();
        self.timers().insert(function.to_owned(), Some(next));
        loop {
            moves.mark_unchanged();
            let left = Duration::try_from(next - clock.now()).unwrap_or_default();
            if left.is_zero() {
                return self.runs(function);
            }
            tokio::select! {
                () = sleep(left.min(STRETCH)) => {}
                // The sender lives as long as this agenda.
                _ = moves.changed() => {}
            }
        }
    }

    /// Wakes every timer, to look at the clock again.
    pub(crate) fn clock_moved(&self) {
        self.moves.send_modify(|count| *count = count.wrapping_add(1));
    }

    /// When the next timer runs.
    pub(crate) fn next(&self) -> Option<OffsetDateTime> {
        self.timers().values().copied().flatten().min()
    }

    /// Whether no timer runs or is due.
    pub(crate) fn is_quiet(&self, now: OffsetDateTime) -> bool {
        self.timers().values().all(|next| next.is_some_and(|next| next > now))
    }

    fn timers(&self) -> MutexGuard<'_, BTreeMap<String, Option<OffsetDateTime>>> {
        // The map is whole at every moment.
        self.timers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
