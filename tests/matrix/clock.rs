//! The time of a stage, for the app that plays on it.

use latchkey_functions::Clock;
use local_world::world::WorldClock;
use time::OffsetDateTime;

/// The clock of the stage's world.
pub(crate) struct AppClock(pub(crate) WorldClock);

impl Clock for AppClock {
    fn now(&self) -> OffsetDateTime {
        self.0.now()
    }
}
