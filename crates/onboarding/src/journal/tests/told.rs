//! The history as an evidence pack gets it.

use super::*;
use crate::{
    Stage,
    journal::{Chapter, anchor::AnchorError, anchor::Anchors},
};

#[tokio::test]
async fn the_history_is_told_with_the_hashes_that_were_anchored() {
    let store: Store = Arc::new(InMemory::new());
    let (journal, anchors) = (Journal::new(store.clone()), Anchors::new(store.clone()));
    let head = history_of(&journal, 5).await;
    let id = head.onboarding.id();
    let anchor = anchors.write(&journal, cause("").now).await.unwrap().unwrap();
    let told = journal.told(&anchors, id).await.unwrap().unwrap();
    assert_eq!(told.present, head.onboarding);
    assert_eq!(told.entries.len(), 5);
    let first = &told.entries[0];
    assert_eq!(
        (first.chapter, first.stage, first.working_key.is_none()),
        (Chapter::Purchase, Stage::AwaitingConsent, true)
    );
    assert!(first.says.starts_with("The purchase was read from the marketplace."), "{}", first.says);
    assert_eq!(told.anchors.len(), 1);
    let named = &told.anchors[0];
    assert_eq!((named.entry, &named.entry_hash), (5, &anchor.heads[&id].hash));
    assert_eq!(named.entry_hash, told.entries[4].hash);
    let stored = store.get(&Path::from("anchors/0000000001.json")).await.unwrap().bytes().await.unwrap();
    assert_eq!(named.hash, crate::hash::sha256(&stored));
    assert!(
        journal
            .told(&anchors, OnboardingId::of_subscription(uuid::Uuid::from_u128(99)))
            .await
            .unwrap()
            .is_none()
    );
}

#[tokio::test]
async fn nothing_is_told_of_a_history_that_was_tampered_with() {
    let store: Store = Arc::new(InMemory::new());
    let (journal, anchors) = (Journal::new(store.clone()), Anchors::new(store.clone()));
    let id = history_of(&journal, 4).await.onboarding.id();
    change(&store, &path_of(id, 2), "found", "fOund").await;
    assert!(journal.told(&anchors, id).await.is_err(), "what it says is not known");

    let store: Store = Arc::new(InMemory::new());
    let (journal, anchors) = (Journal::new(store.clone()), Anchors::new(store.clone()));
    let id = history_of(&journal, 4).await.onboarding.id();
    anchors.write(&journal, cause("").now).await.unwrap();
    store.delete(&path_of(id, 4)).await.unwrap();
    store.delete(&pointer_of(id)).await.unwrap();
    let error = journal.told(&anchors, id).await.unwrap_err();
    assert!(matches!(error, AnchorError::Journal(JournalError::Tampered { number: 4, .. })), "{error}");
}
