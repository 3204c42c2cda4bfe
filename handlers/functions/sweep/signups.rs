//! The sign-ups that are not opened yet.
//!
//! Before an onboarding is opened it has no journal, so nobody would see that the message of its sign-up died, and its page
//! would say "opening" until it says that nothing more is tried. `signup` leaves a marker, and only after the marketplace accepted the landing token: a
//! stranger leaves none.

use onboarding::{
    OnboardingId,
    event::{Event, EventData, EventId, SignupRequested},
    expiring::Past,
};
use uuid::Uuid;

use super::{SweepError, load};
use crate::{App, systems::signups::SENT_AGAIN, trace_context};

/// Sends again what was not opened in time, some at a time.
pub(super) async fn send_again(app: &App) -> Result<(), SweepError> {
    for (past, subscription) in not_opened(app).await? {
        let onboarding = OnboardingId::of_subscription(subscription);
        let id = EventId::of_origin(SignupRequested::KIND, &format!("{onboarding}\n{}", Uuid::new_v4()));
        let mut event =
            Event::new(id, "sweep", onboarding, app.clock.now(), SignupRequested { subscription });
        event.traceparent = Some(trace_context::new_trace());
        app.bus.publish(&event.to_message(None)).await?;
        app.signups.remove(&past).await?;
    }
    Ok(())
}

/// What is to be sent again, already marked for the next time. The markers of all others are taken away.
async fn not_opened(app: &App) -> Result<Vec<(Past, Uuid)>, SweepError> {
    let mut again = vec![];
    for past in app.signups.past(app.clock.now()).await? {
        let read = past.name.split_once('/').and_then(|(subscription, times)| {
            Some((subscription.parse::<Uuid>().ok()?, times.parse::<u32>().ok()?))
        });
        let Some((subscription, times)) = read else {
            app.signups.remove(&past).await?;
            continue;
        };
        let onboarding = OnboardingId::of_subscription(subscription);
        if load(app, onboarding).await?.is_some() {
            app.signups.remove(&past).await?;
        } else if times >= SENT_AGAIN {
            tracing::error!(%onboarding, "a sign-up was not opened: look at the dead letters of signup_requested");
            app.signups.remove(&past).await?;
        } else {
            tracing::warn!(%onboarding, times, "a sign-up was not opened yet: it is sent again");
            let until = app.clock.now() + app.settings.standstill;
            app.signups.create(until, &format!("{subscription}/{}", times + 1)).await?;
            again.push((past, subscription));
        }
    }
    Ok(again)
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Duration};

    use time::OffsetDateTime;

    use super::*;
    use crate::{
        clock::Clock,
        test_support::{NOW, opened},
    };

    struct At(OffsetDateTime);

    impl Clock for At {
        fn now(&self) -> OffsetDateTime {
            self.0
        }
    }

    async fn sent_after(app: &mut App, hours: u64) -> Vec<u128> {
        app.clock = Arc::new(At(NOW + Duration::from_secs(3600 * hours + 1)));
        let again = not_opened(app).await.unwrap();
        for (past, _) in &again {
            app.signups.remove(past).await.unwrap();
        }
        again.into_iter().map(|(_, subscription)| subscription.as_u128()).collect()
    }

    #[tokio::test]
    async fn a_sign_up_that_died_is_sent_again_twice_and_then_left_to_the_operator() {
        let mut app = crate::tests::app();
        let subscription = Uuid::from_u128(7);
        app.signups.create(NOW + app.settings.standstill, &format!("{subscription}/0")).await.unwrap();
        assert_eq!(sent_after(&mut app, 0).await, []);
        assert_eq!(sent_after(&mut app, 1).await, [7]);
        assert_eq!(sent_after(&mut app, 1).await, [], "not before it had its time again");
        assert_eq!(sent_after(&mut app, 3).await, [7]);
        assert_eq!(sent_after(&mut app, 5).await, []);
        assert_eq!(
            app.signups.past(NOW + Duration::from_secs(999_999)).await.unwrap(),
            [],
            "nothing is left"
        );
    }

    #[tokio::test]
    async fn what_was_opened_is_not_sent_again() {
        let mut app = crate::tests::app();
        opened(&app.journal).await;
        app.signups
            .create(NOW + app.settings.standstill, &format!("{}/0", Uuid::from_u128(7)))
            .await
            .unwrap();
        assert_eq!(sent_after(&mut app, 1).await, []);
        assert_eq!(app.signups.past(NOW + Duration::from_secs(999_999)).await.unwrap(), []);
    }
}
