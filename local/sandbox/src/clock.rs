//! The sandbox's own clock: the machine's time plus whatever a test has skipped.
//!
//! Spreading delays, token lifetimes and key expiry all read this clock, so that a test can let an hour pass
//! without waiting for it.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use time::OffsetDateTime;

/// Tells the sandbox what time it is.
#[derive(Debug, Default)]
pub(crate) struct Clock {
    skipped_milliseconds: AtomicI64,
}

impl Clock {
    /// The present moment in UTC, skipped time included.
    pub(crate) fn now(&self) -> OffsetDateTime {
        let skipped = self.skipped_milliseconds.load(Ordering::SeqCst);
        OffsetDateTime::now_utc() + time::Duration::milliseconds(skipped)
    }

    /// Lets time pass at once, for everything that reads this clock.
    pub(crate) fn advance(&self, by: Duration) {
        let milliseconds = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
        self.skipped_milliseconds.fetch_add(milliseconds, Ordering::SeqCst);
    }
}
