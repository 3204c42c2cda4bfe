//! The sandbox's own clock: the machine's time plus whatever a test has skipped.
//!
//! Spreading delays, token lifetimes and key expiry all read this clock, so that a test can let an hour pass
//! without waiting for it. TLS is not on it: clients judge certificates by the machine's clock.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use time::OffsetDateTime;

/// Tells the sandbox what time it is.
#[derive(Debug, Default)]
pub(crate) struct Clock {
    skipped_milliseconds: AtomicI64,
    /// What somebody else moves, who shares it with others than the sandbox.
    shared_milliseconds: Option<Arc<AtomicI64>>,
}

impl Clock {
    pub(crate) fn shared(shared_milliseconds: Option<Arc<AtomicI64>>) -> Self {
        Self { shared_milliseconds, ..Self::default() }
    }

    /// The present moment in UTC, skipped time included.
    pub(crate) fn now(&self) -> OffsetDateTime {
        let skipped = self.skipped_milliseconds.load(Ordering::SeqCst);
        let shared = self.shared_milliseconds.as_ref().map_or(0, |shared| shared.load(Ordering::SeqCst));
        machine_now() + time::Duration::milliseconds(skipped) + time::Duration::milliseconds(shared)
    }

    /// Lets time pass at once, for everything that reads this clock.
    pub(crate) fn advance(&self, by: Duration) {
        let milliseconds = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
        self.skipped_milliseconds.fetch_add(milliseconds, Ordering::SeqCst);
    }

    /// Whether it is one with the clock of others, and not the sandbox's to move.
    pub(crate) fn is_shared(&self) -> bool {
        self.shared_milliseconds.is_some()
    }
}

/// The machine's time, for what outsiders judge by theirs.
pub(crate) fn machine_now() -> OffsetDateTime {
    OffsetDateTime::now_utc()
}
