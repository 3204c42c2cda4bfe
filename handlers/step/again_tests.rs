//! A step that was done, and whose message comes again: the host was stopped before it heard of the end.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use object_store::memory::InMemory;
use onboarding::{
    OnboardingId,
    due::DueChecks,
    event::{CustomerConsented, EventId},
    finding::Finding,
    journal::Journal,
};

use super::*;
use crate::test_support::{CountingStore, Counts, ID, NOW, opened};

/// More often than a message is delivered.
const TIMES: u32 = 10;

struct Scene {
    app: App,
    store: CountingStore,
    id: OnboardingId,
}

impl Scene {
    async fn opened() -> Self {
        let store = CountingStore::new(Arc::new(InMemory::new()));
        let mut app = crate::tests::app();
        app.journal = Journal::new(Arc::new(store.clone()));
        app.due = DueChecks::new(Arc::new(store.clone()));
        let id = opened(&app.journal).await;
        Self { app, store, id }
    }

    /// Runs a step of which this is found out; answers how it ended, what it cost, and how often was asked outside.
    async fn deliver(&self, fact: &Fact) -> (&'static str, Counts, u32) {
        self.store.take();
        let asked = Arc::new(AtomicU32::new(0));
        let data = CustomerConsented { tenant: ID.parse().unwrap() };
        let event = Event::new(EventId::of_origin("test", "done"), "test", self.id, NOW, data);
        let handler = |step: Step<CustomerConsented>, _: App| {
            asked.fetch_add(1, Ordering::SeqCst);
            let fact = fact.clone();
            async move { step.decide(fact) }
        };
        let (outcome, _) = attempt("customer_consented", &event, &self.app, handler).await.unwrap();
        (outcome, self.store.take(), asked.load(Ordering::SeqCst))
    }

    async fn number(&self) -> u64 {
        self.app.journal.load(self.id).await.unwrap().unwrap().onboarding.number()
    }
}

#[tokio::test]
async fn a_step_that_was_done_and_comes_ten_times_over_asks_nobody_and_changes_nothing() {
    let scene = Scene::opened().await;
    let proven = Fact::ConsentProven { service_principal: ID.parse().unwrap() };
    let (outcome, _, asked) = scene.deliver(&proven).await;
    assert_eq!((outcome, asked, scene.number().await), ("waiting", 1, 2));
    for time in 0..TIMES {
        let (outcome, counts, asked) = scene.deliver(&proven).await;
        assert_eq!((outcome, asked), ("duplicate", 0), "{time}");
        // The pointer, the entry, and a look whether there is a newer one.
        let look = Counts { gets: 2, heads: 1, ..Counts::default() };
        assert_eq!(Counts { bytes_read: 0, ..counts }, look, "{time}");
        assert_eq!(scene.number().await, 2, "{time}");
    }
}

/// What was no news was not written down: it is looked at again, and again it is no news.
#[tokio::test]
async fn a_step_without_news_that_comes_ten_times_over_looks_once_each_time_and_writes_nothing() {
    let scene = Scene::opened().await;
    let missing = Finding::ConsentMissing { tenant: ID.parse().unwrap() };
    let found = Fact::Found { about: onboarding::About::Consent, finding: missing, token_of: None };
    for time in 0..TIMES {
        let (outcome, counts, asked) = scene.deliver(&found).await;
        assert_eq!((outcome, asked), ("done", 1), "{time}");
        let look = Counts { gets: 2, heads: 1, ..Counts::default() };
        assert_eq!(Counts { bytes_read: 0, ..counts }, look, "{time}");
        assert_eq!(scene.number().await, 1, "{time}");
    }
}
