//! How fast a run goes.

use std::time::Duration;

use tokio::time::Instant;

use crate::run_options::RunOptions;

/// While one group of letters is being sent another is completed, and two are waiting for the disk.
const GROUPS: usize = 4;

/// Timers are good to some milliseconds.
const TIMER: Duration = Duration::from_millis(20);

/// The pace of a run.
#[derive(Debug)]
pub(crate) struct Pace {
    pub(crate) next: Instant,
    interval: Duration,
    pub(crate) concurrency: usize,
    pub(crate) lock_patience: Duration,
}

impl Pace {
    pub(crate) fn new(options: &RunOptions) -> Self {
        let interval = options
            .rate
            .filter(|rate| *rate > 0.0)
            .map_or(Duration::ZERO, |rate| Duration::try_from_secs_f64(1.0 / rate).unwrap_or(Duration::MAX));
        let (concurrency, lock_patience) = (options.concurrency.max(1), options.lock_patience);
        Self { next: Instant::now(), interval, concurrency, lock_patience }
    }

    /// How many letters are carried out together: several groups are under way at a time.
    pub(crate) fn group(&self) -> usize {
        (self.concurrency / GROUPS).max(1)
    }

    /// One more message goes. Time that was not used is not made up for, but for the little by which timers are late.
    pub(crate) fn count_one(&mut self) {
        let now = Instant::now();
        self.next = self.next.max(now.checked_sub(TIMER).unwrap_or(now)) + self.interval;
    }
}
