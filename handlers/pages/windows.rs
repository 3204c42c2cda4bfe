//! One message for each onboarding and minute, however many events ask for it.
//!
//! Service Bus drops the copies of a message anyway; this saves sending them, and reading the journal for them. Kept in the
//! memory of one instance, for the present minute only.

use std::{collections::HashSet, sync::Mutex};

use onboarding::OnboardingId;
use time::OffsetDateTime;

/// Who was sent a message in the present minute.
#[derive(Debug, Default)]
pub(crate) struct Windows(Mutex<Sent>);

#[derive(Debug, Default)]
struct Sent {
    minute: i64,
    to: HashSet<OnboardingId>,
}

/// The minute of a time, counted from 1970.
pub(crate) fn minute_of(now: OffsetDateTime) -> i64 {
    now.unix_timestamp().div_euclid(60)
}

impl Windows {
    /// Whether this onboarding was sent its message of this minute.
    pub(crate) fn is_used(&self, onboarding: OnboardingId, now: OffsetDateTime) -> bool {
        self.in_minute_of(now, |sent| sent.contains(&onboarding))
    }

    /// It was sent its message of this minute.
    pub(crate) fn use_up(&self, onboarding: OnboardingId, now: OffsetDateTime) {
        self.in_minute_of(now, |sent| sent.insert(onboarding));
    }

    fn in_minute_of<T>(&self, now: OffsetDateTime, of: impl FnOnce(&mut HashSet<OnboardingId>) -> T) -> T {
        let mut sent = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let minute = minute_of(now);
        if sent.minute != minute {
            *sent = Sent { minute, to: HashSet::new() };
        }
        of(&mut sent.to)
    }
}

#[cfg(test)]
mod tests {
    use time::Duration;
    use uuid::Uuid;

    use super::*;
    use crate::test_support::NOW;

    #[test]
    fn a_window_is_used_up_by_one_onboarding_for_one_minute() {
        let windows = Windows::default();
        let [one, other] = [1, 2].map(|n| OnboardingId::of_subscription(Uuid::from_u128(n)));
        assert!(!windows.is_used(one, NOW));
        windows.use_up(one, NOW);
        assert!(windows.is_used(one, NOW + Duration::seconds(59)));
        assert!(!windows.is_used(other, NOW));
        assert!(!windows.is_used(one, NOW + Duration::MINUTE));
        assert_eq!(windows.0.lock().unwrap().to.len(), 0, "what is past is forgotten");
    }
}
