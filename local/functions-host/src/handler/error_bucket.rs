//! How many errors of the handler process are too many.

use std::time::Duration;

use tokio::time::Instant;

/// Counts errors; a pause of more than 30 minutes after the last one starts a new count.
#[derive(Default)]
pub(super) struct ErrorBucket {
    count: u32,
    last: Option<Instant>,
}

impl ErrorBucket {
    const PAUSE: Duration = Duration::from_secs(30 * 60);

    /// How many there are now, this one included.
    pub(super) fn push(&mut self, now: Instant) -> u32 {
        if self.last.is_some_and(|last| now - last > Self::PAUSE) {
            self.count = 0;
        }
        self.last = Some(now);
        self.count += 1;
        self.count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_count_while_each_comes_within_half_an_hour_of_the_last() {
        let start = Instant::now();
        let minutes = |count: u64| start + Duration::from_secs(60 * count);
        let mut errors = ErrorBucket::default();
        let counts = [0, 29, 59, 90, 91, 92].map(|minute| errors.push(minutes(minute)));
        assert_eq!(counts, [1, 2, 3, 1, 2, 3]);
    }
}
