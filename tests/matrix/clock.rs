//! The time of a stage. It is the stage's own, so that whatever waits comes due without anybody waiting for it.

use std::time::Duration;

use latchkey_functions::Clock;
use local_world::world::WorldClock;
use time::OffsetDateTime;

use crate::stage::Stage;

/// The stage's clock, for the app that plays on it.
pub(crate) struct AppClock(pub(crate) WorldClock);

impl Clock for AppClock {
    fn now(&self) -> OffsetDateTime {
        self.0.now()
    }
}

impl Stage {
    /// So much time passes for everybody. What comes due in it is left to whoever runs it.
    pub(crate) async fn pass(&self, by: Duration) {
        self.sandbox.catch_up().await;
        self.clock.move_forward(by).unwrap();
        self.sandbox.catch_up().await;
        self.broker.control().clock_moved();
    }

    /// Time passes until the broker's next message comes due.
    pub(crate) async fn pass_to_next_message(&self) {
        let Some(due) = self.broker.next_due() else { return };
        let by = Duration::try_from(OffsetDateTime::from(due) - self.clock.now()).unwrap_or_default();
        // The clocks count in milliseconds.
        self.pass(by + Duration::from_millis(1)).await;
    }
}
