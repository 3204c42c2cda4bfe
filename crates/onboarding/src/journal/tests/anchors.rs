//! Anchors: a chain of their own, that names what changed.

use super::*;
use crate::{Purchase, SubscriptionStatus, journal::anchor::AnchorError};
use time::OffsetDateTime;

fn anchor_path(number: u64) -> Path {
    Path::from(format!("anchors/{number:010}.json"))
}

/// An onboarding of another customer.
async fn another(journal: &Journal) -> OnboardingId {
    let subscription = uuid::Uuid::from_u128(8);
    let region: azure_ids::Region = "westeurope".parse().unwrap();
    let id = OnboardingId::of_subscription(subscription);
    let status = SubscriptionStatus::PendingFulfillmentStart;
    let purchase = Purchase { subscription, plan: "gold".to_owned(), quantity: None, status };
    let decision = Onboarding::open(id, crate::test_support::tenant(), region, purchase, cause("another"));
    journal.append(None, decision).await.unwrap();
    id
}

#[tokio::test]
async fn an_anchor_names_only_what_changed_since_the_one_before() {
    let folder = tempfile::tempdir().unwrap();
    let store: Store = Arc::new(LocalFileSystem::new_with_prefix(folder.path()).unwrap());
    let (journal, anchors) = (Journal::new(store.clone()), Anchors::new(store));
    let one = history_of(&journal, 3).await;
    let other = another(&journal).await;
    let pointer =
        std::fs::File::options().write(true).open(folder.path().join(format!("heads/{other}.json"))).unwrap();
    let written_at = pointer.metadata().unwrap().modified().unwrap();
    let now = OffsetDateTime::from(written_at);
    let first = anchors.write(&journal, now - Duration::HOUR).await.unwrap().unwrap();
    assert_eq!(first.heads.keys().copied().collect::<Vec<_>>(), {
        let mut both = vec![one.onboarding.id(), other];
        both.sort();
        both
    });
    assert_eq!(first.heads[&one.onboarding.id()].number, 3);

    pointer.set_modified(written_at - std::time::Duration::from_secs(7200)).unwrap();
    let second = anchors.write(&journal, now + Duration::HOUR).await.unwrap().unwrap();
    assert_eq!(second.heads.keys().copied().collect::<Vec<_>>(), [one.onboarding.id()]);
    let third = anchors.write(&journal, now + Duration::HOUR * 2).await.unwrap().unwrap();
    assert_eq!((third.number, third.heads.len()), (3, 0), "nothing changed, and that is written down too");
    assert_eq!(anchors.all().await.unwrap(), [first, second, third]);
}

#[tokio::test]
async fn of_two_instances_that_anchor_at_once_one_writes() {
    let store: Store = Arc::new(CountingStore::new(Arc::new(InMemory::new())));
    let (journal, anchors) = (Journal::new(store.clone()), Anchors::new(store));
    history_of(&journal, 2).await;
    let now = cause("").now;
    let (one, other) = tokio::join!(anchors.write(&journal, now), anchors.write(&journal, now));
    let written = [one.unwrap(), other.unwrap()];
    assert_eq!(written.iter().flatten().count(), 1, "{written:?}");
    assert_eq!(anchors.all().await.unwrap().len(), 1);
}

#[tokio::test]
async fn an_anchor_that_was_changed_or_removed_shows() {
    let (stores, _folder) = stores();
    for store in stores {
        let (journal, anchors) = (Journal::new(store.clone()), Anchors::new(store.clone()));
        let id = history_of(&journal, 2).await.onboarding.id();
        for day in 0..3 {
            anchors.write(&journal, cause("").now + Duration::days(day)).await.unwrap().unwrap();
        }
        let second = text_of(&store, &anchor_path(2)).await;
        change(&store, &anchor_path(2), "2026-02-02", "2026-02-03").await;
        let changed = journal.verify(&anchors, id).await;
        assert!(matches!(changed, Err(AnchorError::Tampered { number: 3 })), "{changed:?}");
        store.delete(&anchor_path(2)).await.unwrap();
        let removed = anchors.all().await;
        assert!(matches!(removed, Err(AnchorError::Tampered { number: 2 })), "{removed:?}");
        let next = anchors.write(&journal, cause("").now).await;
        assert!(matches!(next, Err(AnchorError::Tampered { number: 2 })), "nothing is built on it: {next:?}");
        store.put(&anchor_path(2), second.into()).await.unwrap();
        assert_eq!(anchors.all().await.unwrap().len(), 3);
    }
}
