//! Clocks that differ, and steps that were throttled together.

use std::sync::Arc;

use onboarding::{
    OnboardingId,
    event::{EventId, ProvisionRequested},
};
use time::OffsetDateTime;
use uuid::Uuid;

use super::*;
use crate::{clock::Clock, test_support::NOW};

struct At(OffsetDateTime);

impl Clock for At {
    fn now(&self) -> OffsetDateTime {
        self.0
    }
}

const DAY: Duration = Duration::from_secs(86_400);

fn event(origin: &str, time: OffsetDateTime) -> Event<ProvisionRequested> {
    let onboarding = OnboardingId::of_subscription(Uuid::from_u128(7));
    Event::new(EventId::of_origin("test", origin), "test", onboarding, time, ProvisionRequested {})
}

/// How long a step that never gets an answer is put off before it is given up, each attempt being taken in when it is due.
fn given_up_after(mut event: Event<ProvisionRequested>, app: &mut App) -> Duration {
    let deadline = app.settings.retry.deadline;
    let mut now = NOW;
    loop {
        app.clock = Arc::new(At(now));
        let Some((_, next)) = put_off(&event, app, None, Some(deadline), None) else {
            return Duration::try_from(now - NOW).unwrap();
        };
        now = next.due.unwrap();
        event = serde_json::from_value(next.event).unwrap();
        assert!(now - NOW < 2 * deadline, "put off without end: attempt {}", event.attempt);
    }
}

#[test]
fn a_step_is_given_up_at_its_deadline_whatever_time_its_event_says() {
    let mut app = crate::tests::app();
    let (deadline, longest) = (app.settings.retry.deadline, app.settings.retry.longest);
    for ahead in [Duration::ZERO, Duration::from_secs(5), DAY, 3_650 * DAY] {
        let lasted = given_up_after(event("future", NOW + ahead), &mut app);
        assert!((deadline..=deadline + 2 * longest).contains(&lasted), "{ahead:?}: {lasted:?}");
        let mut replayed = event("replayed", NOW - 30 * DAY);
        replayed.replayed_at = Some(NOW + ahead);
        let lasted = given_up_after(replayed, &mut app);
        assert!((deadline..=deadline + 2 * longest).contains(&lasted), "replayed {ahead:?}: {lasted:?}");
    }
    for ago in [2 * DAY + deadline, 3_650 * DAY] {
        assert_eq!(given_up_after(event("past", NOW - ago), &mut app), Duration::ZERO, "{ago:?}");
    }
    let (first, last) = (OffsetDateTime::UNIX_EPOCH, time::macros::datetime!(9999-12-31 23:59:59 UTC));
    assert_eq!(given_up_after(event("first", first), &mut app), Duration::ZERO);
    assert!(given_up_after(event("last", last), &mut app) <= deadline + 2 * longest);
}

/// Counted from our own time alone, the message would be due nine minutes ago, and come at once as often as it is put off.
#[test]
fn to_a_bus_whose_clock_is_ahead_later_is_later_all_the_same() {
    let mut app = crate::tests::app();
    app.clock = Arc::new(At(NOW));
    let sent = NOW + Duration::from_secs(600);
    let put_off_at = |sent| put_off(&event("ahead", NOW), &app, None, Some(DAY), sent).unwrap();
    let (wait, next) = put_off_at(Some(sent));
    assert!(!wait.is_zero() && next.due == Some(sent + wait), "{next:?}");
    // One that waited in its queue, and one from a bus whose clock is behind.
    let (wait, next) = put_off_at(Some(NOW - Duration::from_secs(600)));
    assert_eq!(next.due, Some(NOW + wait));
}

#[test]
fn two_hundred_steps_that_were_throttled_together_come_back_spread() {
    let mut app = crate::tests::app();
    app.clock = Arc::new(At(NOW));
    let (after, first) = (Duration::from_secs(30), app.settings.retry.first);
    let mut waits: Vec<Duration> = (0..200)
        .map(|n| put_off(&event(&n.to_string(), NOW), &app, Some(after), Some(DAY), None).unwrap())
        .map(|(_, next)| Duration::try_from(next.due.unwrap() - NOW).unwrap())
        .collect();
    waits.sort();
    assert!(waits[0] >= after && waits[199] <= after + first, "{waits:?}");
    assert!(waits[199] - waits[0] >= first.mul_f64(0.8), "{waits:?}");
    // Of 200, a tenth of the time gets 22 on average.
    let tenth = first / 10;
    assert!(waits.windows(51).all(|some| some[50] - some[0] > tenth), "{waits:?}");
    waits.dedup();
    assert!(waits.len() >= 190, "at the same instant: {waits:?}");
}
