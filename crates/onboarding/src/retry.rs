//! When a step that got no answer is tried again, and when we stop trying.
//!
//! The wait doubles from the first to the longest, with full jitter (a random part between nothing and all of it), so
//! that steps which failed together do not come back together. The wait that is drawn comes on top of the server's
//! `Retry-After`, so that steps which were throttled together do not come back together either.
//! A matter is given up by age, not only by count: past the deadline the last error becomes the dead letter's reason.

use std::time::Duration;

/// The longest wait of all, whoever asks for it: beyond it times cannot be added up.
const LONGEST_WAIT: Duration = Duration::from_secs(86_400);

/// How steps are retried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// The longest wait before the second attempt.
    pub first: Duration,
    /// The longest wait before any attempt.
    pub longest: Duration,
    /// How old a matter may become before it is given up.
    pub deadline: Duration,
}

impl RetryPolicy {
    /// How long to wait before the attempt after this one: a day at the most.
    ///
    /// `jitter` is a random number from 0 to 1; the caller draws it, so that this stays a pure function.
    #[must_use]
    pub fn wait(&self, attempt: u32, jitter: f64, retry_after: Option<Duration>) -> Duration {
        let doublings = attempt.saturating_sub(1).min(30);
        let ceiling = self.first.saturating_mul(1 << doublings).min(self.longest).min(LONGEST_WAIT);
        // A tenth of the ceiling at the least: full jitter may draw nothing at all, and that would be a busy loop. The
        // draw is squeezed, not cut off: whatever drew less than a tenth would come back at the same instant.
        let drawn = ceiling.mul_f64(0.1 + 0.9 * jitter.clamp(0.0, 1.0));
        retry_after.map_or(drawn, |after| after.saturating_add(drawn).min(LONGEST_WAIT))
    }

    /// Whether a matter of this age is past its deadline.
    #[must_use]
    pub fn is_over(&self, age: Duration) -> bool {
        age > self.deadline
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: RetryPolicy = RetryPolicy {
        first: Duration::from_secs(2),
        longest: Duration::from_secs(300),
        deadline: Duration::from_secs(86_400),
    };

    #[test]
    fn the_wait_doubles_up_to_the_longest() {
        let waits: Vec<u64> =
            [1, 2, 3, 8, 9, 1000].map(|attempt| POLICY.wait(attempt, 1.0, None).as_secs()).into();
        assert_eq!(waits, [2, 4, 8, 256, 300, 300]);
    }

    #[test]
    fn the_server_is_never_asked_sooner_than_it_said() {
        assert_eq!(POLICY.wait(1, 0.5, Some(Duration::from_secs(1200))), Duration::from_millis(1_201_100));
        assert_eq!(POLICY.wait(5, 1.0, Some(Duration::from_secs(1))), Duration::from_secs(33));
    }

    #[test]
    fn steps_that_were_throttled_together_come_back_apart() {
        let after = Duration::from_secs(10);
        let waits: Vec<Duration> =
            (0..20).map(|n| POLICY.wait(1, f64::from(n) / 19.0, Some(after))).collect();
        let (first, last) = (waits.iter().min().unwrap(), waits.iter().max().unwrap());
        assert!(*first >= after && *last - *first >= Duration::from_secs(1), "{waits:?}");
    }

    #[test]
    fn a_wait_without_end_is_a_day() {
        let day = Duration::from_secs(86_400);
        assert_eq!(POLICY.wait(1, 1.0, Some(Duration::MAX)), day);
        assert_eq!(RetryPolicy { longest: Duration::MAX, ..POLICY }.wait(u32::MAX, 1.0, None), day);
        assert_eq!(
            RetryPolicy { first: Duration::MAX, longest: Duration::MAX, ..POLICY }.wait(1, 1.0, None),
            day
        );
    }

    #[test]
    fn there_is_always_some_wait() {
        assert_eq!(POLICY.wait(1, 0.0, None), Duration::from_millis(200));
    }
}
