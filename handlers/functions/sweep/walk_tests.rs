//! What a walk finds, and what the step makes of it, for every queue.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use futures::TryStreamExt as _;
use onboarding::{
    Fact, Onboarding, Subject, SubscriptionStatus,
    event::{CheckCause, CheckDue, Event, EventId},
    replacement::Asker,
};
use time::OffsetDateTime;

use super::*;
use crate::{
    budgets,
    clock::Clock,
    functions::check_due,
    pages::signing::Link,
    step::{Next, Step},
    test_support::{self, NOW, append},
};

struct At(OffsetDateTime);

impl Clock for At {
    fn now(&self) -> OffsetDateTime {
        self.0
    }
}

async fn found_after(app: &mut App, time: Duration) -> Vec<(OnboardingId, u64)> {
    app.clock = Arc::new(At(NOW + time));
    let stretch = app.walk.next(app.journal.onboardings().await.unwrap()).await.unwrap();
    stands_still(app, &stretch).await.unwrap().standing
}

async fn onboarding(app: &App, id: OnboardingId) -> Onboarding {
    app.journal.load(id).await.unwrap().unwrap().onboarding
}

/// The queues to which the step on a walk's message sends.
async fn restarted(app: &App, id: OnboardingId, entry: u64) -> BTreeSet<String> {
    let check = CheckDue { entry: Some(entry), because: Some(CheckCause::Standstill) };
    let now = app.clock.now();
    let event = Event::new(EventId::of_origin("walk", &format!("{now}")), "sweep", id, now, check);
    let step = Step::on(event, onboarding(app, id).await, app);
    let Next::Decided(decision) = check_due::handle(step, app.clone()).await.unwrap() else {
        panic!("no news")
    };
    let queues = decision.messages().iter().map(|message| message.queue.clone()).collect();
    let head = app.journal.load(id).await.unwrap();
    app.journal.append(head.as_ref(), *decision).await.unwrap();
    queues
}

/// The chain as far as nobody has to act; each fact with the queue whose message takes it on from there.
fn chain() -> Vec<(Option<Fact>, &'static str)> {
    test_support::chain()
}

/// Whichever message of the chain is lost: it is sent again, and the vendor is named after that did not help.
#[tokio::test]
async fn a_lost_message_of_any_queue_of_the_chain_is_found_by_the_walk() {
    let mut covered = BTreeSet::new();
    for lost in 0..chain().len() {
        let mut app = crate::tests::app();
        let id = test_support::provisioning(&app.journal).await;
        for (fact, _) in chain().into_iter().take(lost + 1) {
            if let Some(fact) = fact {
                append(&app.journal, id, &format!("{fact:?}"), fact).await;
            }
        }
        let queue = chain()[lost].1;
        assert_eq!(
            found_after(&mut app, Duration::from_secs(3599)).await,
            [],
            "{queue}: it may be under way"
        );
        for hours in 1..=3 {
            let found = found_after(&mut app, Duration::from_secs(3600 * hours)).await;
            let [(found, entry)] = found[..] else { panic!("{queue}: {found:?}") };
            assert_eq!(restarted(&app, found, entry).await, BTreeSet::from([queue.to_owned()]));
        }
        assert_eq!(
            found_after(&mut app, Duration::from_secs(3600 * 100)).await,
            [],
            "{queue}: the vendor's turn"
        );
        let named = onboarding(&app, id).await;
        let codes: Vec<String> =
            named.blockers().iter().map(|(_, blocker)| blocker.finding.code().name()).collect();
        assert_eq!(codes, ["stands-still"], "{queue}");
        covered.insert(queue);
    }
    // Before a key is proven somebody's turn is always named, with a check of its own; a sign-up that is not opened has no
    // onboarding; a check is sent until it is made, and the marketplace is asked every day. A key is looked at again an
    // interval later, also when an event of its vault is lost. The grace ladder has reminders, which are sent until the
    // journal shows that they were heeded, also for its machines. So has an onboarding that leaves, during its hold; what is
    // undone afterwards stands still like the chain, and the properties of the decision play that its messages are lost.
    // What a lost replay leaves is a refused step, which is the vendor's; and once it has found something, the walk goes on
    // with it.
    let others = [
        "signup_requested",
        "customer_consented",
        "key_shared",
        "check_due",
        "marketplace_changed",
        "subscription_check_due",
        "watch_due",
        "rung_due",
        "window_due",
        "machine_switch_requested",
        "leaving_due",
        "disk_return_requested",
        "set_removal_requested",
        "access_check_requested",
        "key_events",
        // See the next test: an active onboarding is at rest but for that.
        "key_replacement_requested",
        "replay_due",
    ];
    covered.extend(others);
    assert_eq!(covered, crate::queue_functions().collect(), "every queue is thought of");
}

#[tokio::test]
async fn a_lost_message_of_a_change_of_the_key_is_found_by_the_walk() {
    let mut app = crate::tests::app();
    let id = test_support::revoked(&mut app).await;
    assert_eq!(found_after(&mut app, Duration::from_secs(3600 * 100)).await, [], "it is at rest");
    let proof = Box::new(test_support::proof("other"));
    let asked = Fact::ReplacementAsked { proof, by: Asker::Customer };
    append(&app.journal, id, "asked", asked).await;
    assert_eq!(found_after(&mut app, Duration::from_secs(3599)).await, [], "it may be under way");
    let found = found_after(&mut app, Duration::from_secs(3600)).await;
    let [(found, entry)] = found[..] else { panic!("{found:?}") };
    let sent = restarted(&app, found, entry).await;
    assert_eq!(sent, BTreeSet::from(["key_replacement_requested".to_owned()]));
}

#[tokio::test]
async fn a_lost_reminder_is_set_again() {
    let mut app = crate::tests::app();
    let id = test_support::opened(&app.journal).await;
    let waiting = onboarding(&app, id).await;
    assert!(waiting.blockers().get(&Subject::Consent).is_some());
    assert_eq!(app.due.due_at(NOW + Duration::from_secs(9999)).await.unwrap(), [], "it was lost");
    assert_eq!(found_after(&mut app, Duration::from_secs(3600)).await, []);
    assert_eq!(app.due.due_at(app.clock.now()).await.unwrap(), [], "it is not long past yet");
    assert_eq!(found_after(&mut app, Duration::from_secs(3661)).await, []);
    assert_eq!(app.due.due_at(app.clock.now()).await.unwrap().len(), 1);
}

#[tokio::test]
async fn the_keys_that_were_submitted_are_forgotten_once_it_has_ended() {
    let mut app = crate::tests::app();
    let id = test_support::opened(&app.journal).await;
    let key = "https://contoso.vault.azure.net/keys/disks".parse().unwrap();
    assert_eq!(app.submissions.submit(id, &key).await.unwrap().number, 1);
    found_after(&mut app, Duration::from_secs(60)).await;
    assert!(app.submissions.submit(id, &key).await.unwrap().is_repeated, "it still counts");
    append(&app.journal, id, "left", Fact::Subscription { status: SubscriptionStatus::Unsubscribed }).await;
    found_after(&mut app, Duration::from_secs(120)).await;
    assert!(!app.submissions.submit(id, &key).await.unwrap().is_repeated, "nothing is left of it");
}

/// Used states and budgets of windows that are past: the sweep is the only one that takes them away.
#[tokio::test]
async fn a_sweep_takes_away_what_is_past_its_use() {
    let mut app = crate::tests::app();
    let id = test_support::opened(&app.journal).await;
    app.clock = Arc::new(At(NOW));
    let link = Link::issued(id, 0, NOW);
    let state = app.signer.consent_state(link, test_support::ID.parse().unwrap(), "cookie", NOW);
    let state = app.signer.check_consent_state(&state, |_| Some("cookie".to_owned()), NOW).unwrap();
    app.used_states.use_up(&state).await.unwrap();
    assert_eq!(budgets::take_one(&app, &budgets::CONSENTS, id).await.unwrap(), None);
    let left = async |app: &App, folder: &str| {
        let objects: Vec<_> = app.store.list(Some(&folder.into())).try_collect().await.unwrap();
        objects.len()
    };
    super::super::take_away(&app).await.unwrap();
    assert_eq!((left(&app, "consent-states").await, left(&app, "budgets").await), (1, 1));
    app.clock = Arc::new(At(NOW + Duration::from_secs(2 * 3600)));
    super::super::take_away(&app).await.unwrap();
    assert_eq!((left(&app, "consent-states").await, left(&app, "budgets").await), (0, 0));
}

#[tokio::test]
async fn a_rung_whose_reminder_was_lost_has_one_again() {
    let mut app = crate::tests::app();
    let id = test_support::revoked(&mut app).await;
    let announced_at = Duration::from_secs(100);
    let standstill = app.settings.standstill;
    found_after(&mut app, standstill + announced_at).await;
    assert_eq!(app.due.due_at(NOW + announced_at).await.unwrap(), [], "it may be under way");
    found_after(&mut app, standstill + announced_at + Duration::from_secs(1)).await;
    let due = app.due.due_at(NOW + announced_at).await.unwrap();
    assert_eq!(due.iter().map(|due| (due.onboarding, due.entry)).collect::<Vec<_>>(), [(id, None)]);
}
