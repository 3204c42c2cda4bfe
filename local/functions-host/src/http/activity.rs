//! Whether anything still moves between a client and the handler.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// How long nothing may move in either direction.
const ACTIVITY_LIMIT: Duration = Duration::from_secs(240);

/// When something last moved.
pub(super) struct Activity {
    started: Instant,
    last_milliseconds: AtomicU64,
}

impl Activity {
    pub(super) fn new() -> Self {
        Self { started: Instant::now(), last_milliseconds: AtomicU64::new(0) }
    }

    pub(super) fn moved(&self) {
        let now = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last_milliseconds.store(now, Ordering::Relaxed);
    }

    /// Returns when nothing has moved for the limit.
    pub(super) async fn ceases(&self) {
        loop {
            let last = Duration::from_millis(self.last_milliseconds.load(Ordering::Relaxed));
            let end = self.started + last + ACTIVITY_LIMIT;
            if Instant::now() >= end {
                return;
            }
            sleep_until(end).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn only_silence_for_the_whole_limit_ends_an_exchange() {
        let activity = Activity::new();
        let ceases = activity.ceases();
        tokio::pin!(ceases);
        for _ in 0..3 {
            assert!(tokio::time::timeout(Duration::from_secs(200), &mut ceases).await.is_err());
            activity.moved();
        }
        let silent = Instant::now();
        ceases.await;
        assert!(silent.elapsed() >= Duration::from_secs(239), "{:?}", silent.elapsed());
    }
}
