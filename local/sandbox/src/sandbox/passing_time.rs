//! The sandbox's time, for whoever moves it: what it is, what comes due next, and doing at once what has come due.

use std::sync::Arc;
use std::time::Duration;

use time::OffsetDateTime;

use super::Sandbox;
use crate::{arm, event_grid, key_vault};

impl Sandbox {
    /// The sandbox's time.
    pub fn now(&self) -> OffsetDateTime {
        self.cloud.clock.now()
    }

    /// Lets time pass at once for everything inside: spreading, token lifetimes, key expiry, rotation.
    pub fn advance_clock(&self, by: Duration) {
        arm::advance_clock(&self.cloud, by);
    }

    /// Does at once what has come due, which the sandbox otherwise does when somebody looks, or soon. Whoever moves
    /// [`Options::ahead_milliseconds`](crate::Options::ahead_milliseconds) calls it before, so that what happened before
    /// counts from before, and after. A rotation has to make an RSA key, which takes a while.
    pub async fn catch_up(&self) {
        let cloud = Arc::clone(&self.cloud);
        let caught_up = tokio::task::spawn_blocking(move || {
            key_vault::catch_up(&cloud, None);
            arm::rotate_all_if_due(&cloud);
            arm::notice_lost_keys(&cloud);
            event_grid::take_note(&cloud);
        });
        if let Err(error) = caught_up.await {
            tracing::error!(%error, "doing what has come due failed; it is tried again");
        }
    }

    /// When something happens next by itself: a key is rotated or its end announced, a machine stops whose key is lost,
    /// an event is sent again.
    pub fn next_due(&self) -> Option<OffsetDateTime> {
        let now = self.now();
        let stop = arm::next_stop(&self.cloud);
        let others = self.cloud.read(|state| [key_vault::next_due(state, now), event_grid::next_due(state)]);
        others.into_iter().chain([stop]).flatten().min()
    }

    /// Whether no event waits to be sent now.
    pub fn is_quiet(&self) -> bool {
        let now = self.now();
        self.cloud.read(event_grid::next_due).is_none_or(|next| next > now)
    }
}
