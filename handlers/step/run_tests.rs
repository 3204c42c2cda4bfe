//! A refusal that meets other steps on the same onboarding.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use futures::executor::block_on;
use onboarding::{
    OnboardingId, SubscriptionStatus,
    event::{CustomerConsented, EventId, KeyShared, ProvisionRequested},
    finding::Code,
    journal::Journal,
};

use super::*;
use crate::{
    clock::Clock,
    test_support::{ID, NOW, append, provisioning},
};

/// A step asks for the time between loading and appending: then other steps append first, so often.
struct OthersAppendFirst {
    journal: Journal,
    onboarding: OnboardingId,
    left: AtomicU32,
}

impl Clock for OthersAppendFirst {
    fn now(&self) -> OffsetDateTime {
        let left = self.left.load(Ordering::SeqCst);
        if left > 0 {
            self.left.store(left - 1, Ordering::SeqCst);
            let status = match left % 2 {
                0 => SubscriptionStatus::PendingFulfillmentStart,
                _ => SubscriptionStatus::Subscribed,
            };
            let other = format!("other {left}");
            block_on(append(&self.journal, self.onboarding, &other, Fact::Subscription { status }));
        }
        NOW
    }
}

/// What a refusal answers, and what the onboarding waits for, when others append first so many times.
async fn refuse_behind(others: u32) -> (Result<Outcome, StepFailed>, Option<Code>) {
    let mut app = crate::tests::app();
    let onboarding = provisioning(&app.journal).await;
    let journal = app.journal.clone();
    app.clock = Arc::new(OthersAppendFirst { journal, onboarding, left: AtomicU32::new(others) });
    let id = EventId::of_origin("test", "refused");
    let event = Event::new(id, "test", onboarding, NOW, ProvisionRequested {});
    let ended = refused("provision_requested", &event, &app, "ArmRefused", "why".to_owned()).await;
    let head = app.journal.load(onboarding).await.unwrap().unwrap();
    (ended.answer, head.state.blocker().map(|blocker| blocker.finding.code))
}

#[tokio::test]
async fn a_refusal_is_told_whichever_step_appends_first() {
    for others in [0, 1, 3] {
        let (answer, waits_for) = refuse_behind(others).await;
        assert!(matches!(answer, Ok(Outcome::Refuse { .. })), "{others}: {answer:?}");
        assert_eq!(waits_for, Some(Code::StepRefused), "{others}");
    }
}

#[tokio::test]
async fn a_refusal_that_cannot_be_told_is_no_dead_letter_yet() {
    let (answer, waits_for) = refuse_behind(1001).await;
    assert!(answer.is_err(), "{answer:?}");
    assert_eq!(waits_for, None);
}

async fn step_of<D: EventData>(app: &App, onboarding: OnboardingId, data: D) -> Step<D> {
    let event = Event::new(EventId::of_origin("test", "late"), "test", onboarding, NOW, data);
    let head = app.journal.load(onboarding).await.unwrap();
    let cause = cause_of("test", &event, app);
    Step { event, onboarding: head.map(|head| head.state), cause }
}

/// The app of these tests reaches nobody: an answer at all shows that nobody was asked.
#[tokio::test]
async fn whoever_has_left_is_not_asked_any_more() {
    let app = crate::tests::app();
    let onboarding = provisioning(&app.journal).await;
    let status = SubscriptionStatus::Unsubscribed;
    append(&app.journal, onboarding, "left", Fact::Subscription { status }).await;
    let key = "https://contoso.vault.azure.net/keys/disks".parse().unwrap();
    let shared = step_of(&app, onboarding, KeyShared { key }).await;
    let next = crate::functions::key_shared::handle(shared, app.clone()).await;
    assert!(matches!(next, Ok(Next::NoNews("the subscription has ended"))), "{next:?}");
    let consented = step_of(&app, onboarding, CustomerConsented { tenant: ID.parse().unwrap() }).await;
    let next = crate::functions::customer_consented::handle(consented, app).await;
    assert!(matches!(next, Ok(Next::NoNews("the subscription has ended"))), "{next:?}");
}
