//! A refusal that meets other steps on the same onboarding.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use futures::executor::block_on;
use object_store::{ObjectStore, ObjectStoreExt as _, memory::InMemory, path::Path};
use onboarding::{
    DiskState, OnboardingId, Reason, SubscriptionStatus,
    event::{EventId, KeyShared, ProvisionRequested, ProvisionStarted},
    finding::Code,
    journal::Journal,
};

use super::*;
use crate::{
    clock::Clock,
    step::refuse::refuse,
    test_support::{NOW, append, chain, opened, provisioning},
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
    let ended = refuse("provision_requested", &event, &app, Reason::ArmRefused, "why".to_owned()).await;
    let head = app.journal.load(onboarding).await.unwrap().unwrap();
    (ended.answer, head.onboarding.blockers().first().map(|blocker| blocker.finding.code()))
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

/// What becomes of an event, when the handler must not run.
async fn attempt_without_handler<D: EventData>(
    app: &App,
    event: &Event<D>,
) -> Result<(&'static str, String), StepError> {
    attempt("test", event, app, |_: Step<D>, _: App| async { panic!("the handler ran") }).await
}

#[tokio::test]
async fn what_has_ended_takes_nothing_in() {
    let app = crate::tests::app();
    let onboarding = opened(&app.journal).await;
    let status = SubscriptionStatus::Unsubscribed;
    append(&app.journal, onboarding, "left", Fact::Subscription { status }).await;
    let key = "https://contoso.vault.azure.net/keys/disks".parse().unwrap();
    let event = Event::new(
        EventId::of_origin("test", "late"),
        "test",
        onboarding,
        NOW,
        KeyShared { key, submission: None },
    );
    let done = attempt_without_handler(&app, &event).await.unwrap();
    assert_eq!(done, ("done", "the subscription has ended".to_owned()));
}

/// What is overtaken is not looked at: it costs no call, becomes no dead letter, and says nothing about the newer one.
#[tokio::test]
async fn an_older_submission_is_void_and_the_key_in_use_is_looked_at_all_the_same() {
    let app = crate::tests::app();
    let onboarding = provisioning(&app.journal).await;
    let [older, newer]: [azure_ids::KeyUrl; 2] = ["older", "newer"]
        .map(|name| format!("https://hsm-{name}.managedhsm.azure.net/keys/disks").parse().unwrap());
    let shared = |key: &azure_ids::KeyUrl, submission: Option<u64>| {
        let data = KeyShared { key: key.clone(), submission };
        Event::new(EventId::of_origin("test", &format!("{data:?}")), "test", onboarding, NOW, data)
    };
    let mut numbers = vec![];
    for key in [&older, &newer] {
        numbers.push(app.submissions.submit(onboarding, key).await.unwrap().number);
    }
    let handle = crate::functions::key_shared::handle;
    let refused = shared(&newer, Some(numbers[1]));
    refuse("key_shared", &refused, &app, Reason::TenantNotFound, "why".to_owned()).await;
    let (_, why) =
        Box::pin(attempt("key_shared", &shared(&older, Some(numbers[0])), &app, handle)).await.unwrap();
    assert_eq!(why, "another key was submitted after this one");
    let head = app.journal.load(onboarding).await.unwrap().unwrap();
    assert_eq!(head.onboarding.blockers().len(), 1, "the newer one is still refused");
    let looked_at =
        Box::pin(attempt("key_shared", &shared(&newer, Some(numbers[1])), &app, handle)).await.unwrap();
    assert_ne!(looked_at.1, why);
}

/// Forty machines of a window append to one journal: each call to Azure is made once all the same.
#[tokio::test]
async fn a_call_that_azure_accepted_is_not_made_again_because_another_step_appends_first() {
    let app = crate::tests::app();
    let onboarding = provisioning(&app.journal).await;
    let event =
        Event::new(EventId::of_origin("test", "disk"), "test", onboarding, NOW, ProvisionRequested {});
    let mut chain = chain();
    let (requested, _) = chain.remove(3);
    for fact in chain.into_iter().take(3).filter_map(|(fact, _)| fact) {
        append(&app.journal, onboarding, &format!("{fact:?}"), fact).await;
    }
    let calls = AtomicU32::new(0);
    let handler = |step: Step<ProvisionRequested>, app: App| {
        let is_first = calls.fetch_add(1, Ordering::SeqCst) == 0;
        let fact = requested.clone().unwrap();
        async move {
            if is_first {
                let status = SubscriptionStatus::Subscribed;
                append(&app.journal, onboarding, "other", Fact::Subscription { status }).await;
            }
            step.decide(fact)
        }
    };
    // There is no bus here: it fails where it publishes what it recorded.
    assert!(Box::pin(attempt("test", &event, &app, handler)).await.is_err());
    assert_eq!(calls.load(Ordering::SeqCst), 1);
    let head = app.journal.load(onboarding).await.unwrap().unwrap();
    let disks: Vec<_> = head.onboarding.disks().values().copied().collect();
    assert_eq!(disks, [DiskState::Requested]);
}

/// During a rolling update an older version of the app meets what a newer one wrote.
#[tokio::test]
async fn an_entry_of_a_newer_version_is_left_to_it_however_long_that_takes() {
    let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let mut app = crate::tests::app();
    app.journal = Journal::new(store.clone());
    let onboarding = provisioning(&app.journal).await;
    let path = Path::from(format!("journal/{onboarding}/{:010}.json", 3));
    store.put(&path, r#"{"format": 2, "number": 3}"#.into()).await.unwrap();
    let event = Event::new(EventId::of_origin("test", "old"), "test", onboarding, NOW, ProvisionRequested {});
    let error = attempt_without_handler(&app, &event).await.unwrap_err();
    assert!(matches!(error, StepError::LeaveToNewer { .. }), "{error:?}");
    let kept = store.get(&path).await.unwrap().bytes().await.unwrap();
    assert_eq!(&kept[..], br#"{"format": 2, "number": 3}"#, "and nothing is written over it");
}

#[tokio::test]
async fn a_refused_step_that_turns_out_to_be_done_is_not_shown_as_refused_any_more() {
    let app = crate::tests::app();
    let onboarding = provisioning(&app.journal).await;
    let event = |origin: &str| {
        Event::new(EventId::of_origin("test", origin), "test", onboarding, NOW, ProvisionRequested {})
    };
    refuse("provision_requested", &event("first"), &app, Reason::ArmRefused, "why".to_owned()).await;
    let refused = app.journal.load(onboarding).await.unwrap().unwrap().onboarding;
    assert_eq!(refused.blockers().len(), 1);
    let no_news = |_: Step<ProvisionRequested>, _: App| async { Ok(Next::NoNews("asked for before")) };
    attempt("provision_requested", &event("replayed"), &app, no_news).await.unwrap();
    let done = app.journal.load(onboarding).await.unwrap().unwrap().onboarding;
    assert!(done.blockers().is_empty(), "{:?}", done.blockers());
}

/// An id in a message is a hint; the journal says which set. Nobody is asked about the other one.
#[tokio::test]
async fn a_set_of_the_same_name_in_another_group_is_refused() {
    let app = crate::tests::app();
    let onboarding = provisioning(&app.journal).await;
    let head = app.journal.load(onboarding).await.unwrap().unwrap();
    let plan = head.onboarding.provision_plan().unwrap();
    let ours = crate::systems::disk_encryption_set::set_id(&app, &plan).unwrap();
    let requested = Fact::SetRequested { set: ours.clone(), operation: None, look_after_ms: 1 };
    append(&app.journal, onboarding, "set", requested).await;
    let other = ours.as_str().replace("/resourceGroups/g/", "/resourceGroups/other/").parse().unwrap();
    assert_ne!(other, ours);
    let id = EventId::of_origin("test", "other");
    let event = Event::new(id, "test", onboarding, NOW, ProvisionStarted { set: other });
    let handle = crate::functions::provision_started::handle;
    let refused = Box::pin(attempt("provision_started", &event, &app, handle)).await.unwrap_err();
    assert!(matches!(refused, StepError::Refuse { reason: Reason::AnotherSet, .. }), "{refused:?}");
}
