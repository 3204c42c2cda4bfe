//! The pointer to the newest entry is a hint that may be missing, behind or broken; only ahead it may not be.

use super::*;

async fn assert_found(journal: &Journal, newest: &Head) {
    let found = journal.load(newest.onboarding.id()).await.unwrap().unwrap();
    assert_eq!((&found.onboarding, &found.hash), (&newest.onboarding, &newest.hash));
}

#[tokio::test]
async fn the_newest_entry_is_found_without_a_pointer_and_the_next_step_writes_one() {
    let (stores, _folder) = stores();
    for store in stores {
        for entries in [1, 2, 3, 4, 7, 8, 9, 20] {
            let store: Store =
                Arc::new(object_store::prefix::PrefixStore::new(store.clone(), entries.to_string()));
            let journal = Journal::new(store.clone());
            let newest = history_of(&journal, entries).await;
            let pointer = pointer_of(newest.onboarding.id());
            store.delete(&pointer).await.unwrap();
            assert_found(&journal, &newest).await;
            let next = checked(&newest.onboarding, Duration::days(300));
            let next = journal.append(Some(&newest), next).await.unwrap();
            assert!(text_of(&store, &pointer).await.contains(&next.hash));
        }
    }
}

#[tokio::test]
async fn a_pointer_that_is_behind_costs_a_few_looks_more() {
    let (stores, _folder) = stores();
    for store in stores {
        let journal = Journal::new(store.clone());
        let mut newest = history_of(&journal, 5).await;
        let pointer = pointer_of(newest.onboarding.id());
        let old = text_of(&store, &pointer).await;
        for further in 1..=6 {
            let next = checked(&newest.onboarding, Duration::days(100 + further));
            newest = journal.append(Some(&newest), next).await.unwrap();
            store.put(&pointer, old.clone().into()).await.unwrap();
            assert_found(&journal, &newest).await;
        }
    }
}

#[tokio::test]
async fn a_pointer_that_cannot_be_read_is_as_good_as_none() {
    let (stores, _folder) = stores();
    for store in stores {
        let journal = Journal::new(store.clone());
        let newest = history_of(&journal, 6).await;
        store.put(&pointer_of(newest.onboarding.id()), "not ours".into()).await.unwrap();
        assert_found(&journal, &newest).await;
    }
}

#[tokio::test]
async fn a_pointer_to_an_entry_that_is_gone_or_changed_shows() {
    let (stores, _folder) = stores();
    for store in stores {
        let journal = Journal::new(store.clone());
        let id = history_of(&journal, 6).await.onboarding.id();
        change(&store, &path_of(id, 6), "gold", "lead").await;
        assert!(is_tampered_at(&journal.load(id).await, 6));
        store.delete(&path_of(id, 6)).await.unwrap();
        assert!(is_tampered_at(&journal.load(id).await, 6));
    }
}

#[tokio::test]
async fn an_onboarding_that_nobody_opened_is_none() {
    let (stores, _folder) = stores();
    for store in stores {
        let id = opened().onboarding.id();
        assert!(Journal::new(store).load(id).await.unwrap().is_none());
    }
}
