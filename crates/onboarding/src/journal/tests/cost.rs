//! What a step costs does not grow with the age of its onboarding: counted in calls and bytes, not in time.

use super::*;
use crate::test_support::Counts;

/// A store with the newest entry of an onboarding of this age, and something in the place of the older ones.
async fn aged(entries: u64) -> (CountingStore, OnboardingId) {
    let inner: Store = Arc::new(InMemory::new());
    let mut onboarding = opened().onboarding;
    let id = onboarding.id();
    for number in 1..entries {
        inner.put(&path_of(id, number), "{}".into()).await.unwrap();
    }
    onboarding.number = entries - 1;
    let before = Head { onboarding, messages: vec![], hash: String::new() };
    let newest = checked(&before.onboarding, Duration::ZERO);
    Journal::new(inner.clone()).append(Some(&before), newest).await.unwrap();
    (CountingStore::new(inner), id)
}

/// One step: the present is loaded, and an entry is appended.
async fn step(store: &CountingStore, id: OnboardingId) -> Counts {
    let journal = Journal::new(Arc::new(store.clone()));
    let head = journal.load(id).await.unwrap().unwrap();
    journal.append(Some(&head), checked(&head.onboarding, Duration::HOUR)).await.unwrap();
    store.take()
}

const AGES: [u64; 4] = [10, 100, 1_000, 20_000];

#[tokio::test]
async fn a_step_makes_the_same_few_calls_at_every_age() {
    for entries in AGES {
        let (store, id) = aged(entries).await;
        let counts = step(&store, id).await;
        let calls = (counts.gets, counts.heads, counts.puts, counts.lists);
        assert_eq!(calls, (2, 1, 2, 0), "{entries} entries");
        assert!(counts.bytes_read + counts.bytes_written < 20_000, "{entries} entries: {counts:?}");
    }
}

#[tokio::test]
async fn without_a_pointer_the_calls_grow_with_the_digits_of_the_number() {
    for entries in AGES {
        let (store, id) = aged(entries).await;
        store.delete(&pointer_of(id)).await.unwrap();
        let counts = step(&store, id).await;
        let digits = u64::from(entries.ilog2());
        assert!(counts.heads <= 2 * digits + 3, "{entries} entries: {counts:?}");
        assert_eq!((counts.gets, counts.puts, counts.lists), (2, 2, 0), "{entries} entries");
    }
}

#[tokio::test]
async fn after_a_kill_between_entry_and_pointer_a_step_looks_a_little_further() {
    for entries in AGES {
        let (store, id) = aged(entries).await;
        let pointer = store.get(&pointer_of(id)).await.unwrap().bytes().await.unwrap();
        step(&store, id).await;
        store.put(&pointer_of(id), pointer.into()).await.unwrap();
        store.take();
        let counts = step(&store, id).await;
        assert_eq!((counts.heads, counts.gets), (3, 2), "{entries} entries");
    }
}

/// Also with all of it remembered: entries at the same moment, of which nothing is too old.
#[tokio::test]
async fn the_size_of_an_entry_is_bounded() {
    let mut onboarding = opened().onboarding;
    let mut sizes = vec![];
    for _ in 0..600 {
        let decision = checked(&onboarding, Duration::ZERO);
        onboarding = decision.onboarding.clone();
        sizes.push(bytes_of(decision, None).len());
    }
    let (full, last) = (sizes[300], *sizes.last().unwrap());
    assert!(last.abs_diff(full) < 200, "{full} bytes, then {last}");
    assert!(last < 64 * 1024, "{last} bytes");
}
