//! Time, as the broker sees it.
//!
//! The store never asks what time it is: it is told, with every call. Only this module reads the machine's clock, and
//! adds what [`Control::advance_clock`](crate::Control::advance_clock) has asked for, so that a test sees a lock or a
//! message expire without waiting for it. Time-outs of a connection are not on this clock: advancing it never makes a
//! peer look silent.
//!
//! Messages can also live in another time than the connections ([`Options::ahead_milliseconds`](crate::Options::ahead_milliseconds)): clients
//! date their tokens by the machine's clock, whatever time it is among the messages.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// An instant, in milliseconds since the Unix epoch: the resolution of AMQP's `timestamp` type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Timestamp(i64);

impl Timestamp {
    /// The instant `milliseconds` after the Unix epoch.
    pub(crate) const fn from_milliseconds(milliseconds: i64) -> Self {
        Self(milliseconds)
    }

    /// Milliseconds since the Unix epoch.
    pub(crate) const fn milliseconds(self) -> i64 {
        self.0
    }

    /// The instant `duration` later, or the last one that can be written down.
    pub(crate) fn after(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(whole_milliseconds(duration)))
    }

    /// The same instant, as the standard library has it.
    pub(crate) fn system_time(self) -> SystemTime {
        UNIX_EPOCH + Duration::from_millis(u64::try_from(self.0).unwrap_or(0))
    }

    /// How long it takes from this instant to `later`; zero when that has passed.
    pub(crate) fn until(self, later: Self) -> Duration {
        Duration::from_millis(u64::try_from(later.0.saturating_sub(self.0)).unwrap_or(0))
    }
}

/// The machine's clock, and what has been added to it.
#[derive(Debug, Default)]
pub(crate) struct Clock {
    advanced_milliseconds: AtomicI64,
    /// How far messages are ahead of connections. Whoever started the broker moves it.
    ahead_milliseconds: Arc<AtomicI64>,
}

impl Clock {
    pub(crate) fn ahead(ahead_milliseconds: Arc<AtomicI64>) -> Self {
        Self { ahead_milliseconds, ..Self::default() }
    }

    /// The time among the messages.
    pub(crate) fn now(&self) -> Timestamp {
        let ahead = self.ahead_milliseconds.load(Ordering::SeqCst);
        Timestamp(self.on_the_wire().0.saturating_add(ahead))
    }

    /// The time that the connections' tokens and waits are measured by.
    pub(crate) fn on_the_wire(&self) -> Timestamp {
        Timestamp(machine_milliseconds().saturating_add(self.advanced_milliseconds.load(Ordering::SeqCst)))
    }

    pub(crate) fn advance(&self, by: Duration) {
        self.advanced_milliseconds.fetch_add(whole_milliseconds(by), Ordering::SeqCst);
    }
}

fn whole_milliseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[expect(clippy::disallowed_methods, reason = "this is the one clock of the crate")]
fn machine_milliseconds() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map(whole_milliseconds).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_advanced_clock_runs_ahead_by_exactly_that_much() {
        let clock = Clock::default();
        let before = clock.now();
        clock.advance(Duration::from_secs(3600));
        assert!(before.until(clock.now()) >= Duration::from_secs(3600));
        assert!(before.until(clock.now()) < Duration::from_secs(3660));
    }

    #[test]
    fn messages_are_ahead_of_connections_by_what_is_shared_and_both_can_be_advanced() {
        let ahead = Arc::new(AtomicI64::new(0));
        let clock = Clock::ahead(ahead.clone());
        ahead.store(86_400_000, Ordering::SeqCst);
        let day = Duration::from_secs(86_400);
        assert!(clock.on_the_wire().until(clock.now()) >= day);
        clock.advance(day);
        let apart = clock.on_the_wire().until(clock.now());
        assert!(apart >= day && apart < day + Duration::from_secs(60), "{apart:?}");
    }

    #[test]
    fn a_time_that_has_passed_is_no_time_away() {
        let late = Timestamp::from_milliseconds(2000);
        assert_eq!(late.until(Timestamp::from_milliseconds(1000)), Duration::ZERO);
    }
}
