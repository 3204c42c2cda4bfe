//! Whatever was changed or removed in a history shows when it is verified; how much, depends on the anchors.

use super::*;
use crate::journal::anchor::AnchorError;

/// A history of six entries, anchored at the fourth.
async fn anchored_history(store: &Store) -> (Journal, Anchors, OnboardingId) {
    let (journal, anchors) = (Journal::new(store.clone()), Anchors::new(store.clone()));
    let mut head = history_of(&journal, 4).await;
    anchors.write(&journal, cause("").now).await.unwrap().unwrap();
    for days in [50, 51] {
        let next = checked(&head.onboarding, Duration::days(days));
        head = journal.append(Some(&head), next).await.unwrap();
    }
    (journal, anchors, head.onboarding.id())
}

async fn tampered_at(journal: &Journal, anchors: &Anchors, id: OnboardingId) -> Option<u64> {
    match journal.verify(anchors, id).await {
        Ok(_) => None,
        Err(AnchorError::Journal(JournalError::Tampered { number, .. })) => Some(number),
        Err(error) => panic!("{error}"),
    }
}

/// Cuts entries off the end, and has the pointer name the one that is then the last: nothing else shows it.
async fn cut_off(store: &Store, id: OnboardingId, removed: std::ops::RangeInclusive<u64>) {
    let last = removed.start() - 1;
    for number in removed {
        store.delete(&path_of(id, number)).await.unwrap();
    }
    let hash = sha256(text_of(store, &path_of(id, last)).await.as_bytes());
    point_to(store, id, last, &hash).await;
}

async fn point_to(store: &Store, id: OnboardingId, number: u64, hash: &str) {
    let pointer = serde_json::json!({ "format": 1, "number": number, "hash": hash });
    store.put(&pointer_of(id), pointer.to_string().into()).await.unwrap();
}

#[tokio::test]
async fn an_untouched_history_says_what_was_checked() {
    let (stores, _folder) = stores();
    for store in stores {
        let (journal, anchors, id) = anchored_history(&store).await;
        let verified = journal.verify(&anchors, id).await.unwrap().unwrap();
        assert_eq!((verified.entries, verified.anchors), (6, 1));
        let anchored = verified.anchored.unwrap();
        assert_eq!((anchored.entry, anchored.at), (4, cause("").now));
    }
}

#[tokio::test]
async fn a_changed_entry_shows_at_the_one_after_it() {
    let (stores, _folder) = stores();
    for store in stores {
        let (journal, anchors, id) = anchored_history(&store).await;
        change(&store, &path_of(id, 2), "gold", "lead").await;
        assert_eq!(tampered_at(&journal, &anchors, id).await, Some(3));
        assert!(is_tampered_at(&journal.history(id).await, 3));
    }
}

#[tokio::test]
async fn a_changed_last_entry_shows_at_the_pointer() {
    let (stores, _folder) = stores();
    for store in stores {
        let (journal, anchors, id) = anchored_history(&store).await;
        change(&store, &path_of(id, 6), "gold", "lead").await;
        assert_eq!(tampered_at(&journal, &anchors, id).await, Some(6));
    }
}

#[tokio::test]
async fn an_entry_that_is_taken_out_of_the_middle_shows() {
    let (stores, _folder) = stores();
    for store in stores {
        let (journal, anchors, id) = anchored_history(&store).await;
        store.delete(&path_of(id, 2)).await.unwrap();
        assert_eq!(tampered_at(&journal, &anchors, id).await, Some(2));
    }
}

#[tokio::test]
async fn an_entry_cut_off_the_end_shows_at_the_pointer() {
    let (stores, _folder) = stores();
    for store in stores {
        let (journal, anchors, id) = anchored_history(&store).await;
        store.delete(&path_of(id, 6)).await.unwrap();
        assert_eq!(tampered_at(&journal, &anchors, id).await, Some(6));
        assert!(is_tampered_at(&journal.load(id).await, 6), "and every step stops there");
    }
}

#[tokio::test]
async fn entries_cut_off_together_with_the_pointer_show_at_the_anchor_and_not_after_it() {
    let (stores, _folder) = stores();
    for store in stores {
        let (journal, anchors, id) = anchored_history(&store).await;
        cut_off(&store, id, 5..=6).await;
        assert_eq!(
            tampered_at(&journal, &anchors, id).await,
            None,
            "what came after the anchor nobody can miss"
        );
        cut_off(&store, id, 4..=4).await;
        assert_eq!(tampered_at(&journal, &anchors, id).await, Some(4));
    }
}

#[tokio::test]
async fn an_onboarding_that_was_removed_altogether_shows_at_the_anchor() {
    let (stores, _folder) = stores();
    for store in stores {
        let (journal, anchors, id) = anchored_history(&store).await;
        for number in 1..=6 {
            store.delete(&path_of(id, number)).await.unwrap();
        }
        store.delete(&pointer_of(id)).await.unwrap();
        assert_eq!(tampered_at(&journal, &anchors, id).await, Some(1));
    }
}

/// Whoever can write everything, and knows how, makes a chain that holds together.
#[tokio::test]
async fn a_history_that_was_written_anew_shows_at_the_anchor_only() {
    let (stores, _folder) = stores();
    for store in stores {
        let (journal, anchors, id) = anchored_history(&store).await;
        let mut previous = sha256(text_of(&store, &path_of(id, 2)).await.as_bytes());
        for number in 3..=6 {
            let text = text_of(&store, &path_of(id, number)).await.replace("gold", "lead");
            let mut entry: Value = serde_json::from_str(&text).unwrap();
            entry["previous"] = previous.into();
            let text = entry.to_string();
            previous = sha256(text.as_bytes());
            store.put(&path_of(id, number), text.into()).await.unwrap();
        }
        point_to(&store, id, 6, &previous).await;
        let without_anchors = Anchors::new(Arc::new(InMemory::new()));
        assert_eq!(tampered_at(&journal, &without_anchors, id).await, None);
        assert_eq!(tampered_at(&journal, &anchors, id).await, Some(4));
    }
}
