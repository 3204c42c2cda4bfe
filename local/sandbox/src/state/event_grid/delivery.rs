//! An event on its way to a subscription.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::state::event_grid::subscription::EventSubscription;

use super::event::KeyEvent;

/// After each attempt that failed, in seconds; the last one repeats itself.
const SCHEDULE: [i64; 10] = [10, 30, 60, 300, 600, 1_800, 3_600, 10_800, 21_600, 43_200];

/// An event on its way.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Delivery {
    pub(crate) id: Uuid,
    pub(crate) subscription: Uuid,
    pub(crate) event: KeyEvent,
    /// How many attempts failed.
    pub(crate) failed: u32,
    #[serde(with = "time::serde::rfc3339")]
    pub(crate) next: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    pub(crate) begun: OffsetDateTime,
}

impl Delivery {
    pub(crate) fn new(subscription: Uuid, event: KeyEvent, now: OffsetDateTime) -> Self {
        Self { id: Uuid::new_v4(), subscription, event, failed: 0, next: now, begun: now }
    }

    /// When to try again after one more failure; none when it is given up.
    pub(crate) fn after_failure(
        &self,
        subscription: &EventSubscription,
        now: OffsetDateTime,
    ) -> Option<OffsetDateTime> {
        let place = usize::try_from(self.failed).unwrap_or(usize::MAX).min(SCHEDULE.len() - 1);
        let next = now + time::Duration::seconds(SCHEDULE[place]);
        let deadline = self.begun + time::Duration::minutes(i64::from(subscription.time_to_live_minutes));
        (self.failed + 1 < subscription.max_attempts && next < deadline).then_some(next)
    }
}
