//! Whole entries: a recorded journal, an entry with a field that nobody knows yet, and an entry of a newer format.

use std::sync::Arc;

use object_store::{ObjectStoreExt, memory::InMemory, path::Path};
use serde_json::{Value, json};

use super::folder;
use crate::{
    About, Fact, OnboardingId, Stage,
    finding::Finding,
    journal::{Journal, JournalError, anchor::Anchors, path_of},
    test_support::{TENANT, cause, key, opened, proof, service_principal, set, set_name},
};

/// What was recorded, file by file.
const RECORDED: [&str; 8] = ["1", "2", "3", "4", "5", "6", "pointer", "anchor"];

fn place_of(recorded: &str, id: OnboardingId) -> Path {
    match recorded {
        "pointer" => Path::from(format!("heads/{id}.json")),
        "anchor" => Path::from("anchors/0000000001.json"),
        number => path_of(id, number.parse().unwrap()),
    }
}

/// The same again, as we write it today: up to a set that was asked for, with a blocker, a check and a later message.
async fn written_today() -> (Arc<InMemory>, OnboardingId) {
    let store = Arc::new(InMemory::new());
    let journal = Journal::new(store.clone());
    let mut head = journal.append(None, opened()).await.unwrap();
    let id = head.onboarding.id();
    let shared = key("k").without_version();
    let facts = [
        Fact::ConsentProven { service_principal: service_principal() },
        Fact::Found {
            about: About::Key(shared.clone()),
            finding: Finding::GrantMissing { service_principal: Some(service_principal()), key: shared },
            token_of: Some(service_principal()),
        },
        Fact::CheckDue { entry: None },
        Fact::KeyProven { proof: proof("k", TENANT) },
        Fact::SetRequested { set: set(&set_name()), operation: None, look_after_ms: 2000 },
    ];
    for (place, fact) in facts.into_iter().enumerate() {
        let decision = head.onboarding.decide(cause(&place.to_string()), fact).unwrap().unwrap();
        head = journal.append(Some(&head), decision).await.unwrap();
    }
    Anchors::new(store.clone()).write(&journal, cause("").now).await.unwrap().unwrap();
    (store, id)
}

async fn text_of(store: &InMemory, path: &Path) -> String {
    String::from_utf8(store.get(path).await.unwrap().bytes().await.unwrap().to_vec()).unwrap()
}

/// The recorded journal in a store.
async fn recorded() -> (Arc<InMemory>, OnboardingId) {
    let (today, id) = written_today().await;
    let store = Arc::new(InMemory::new());
    for file in RECORDED {
        let path = folder("journal").join(format!("{file}.json"));
        if !path.exists() && std::env::var_os(super::WRITE_MISSING).is_some() {
            std::fs::create_dir_all(folder("journal")).unwrap();
            std::fs::write(&path, text_of(&today, &place_of(file, id)).await).unwrap();
        }
        let bytes = std::fs::read(&path).unwrap_or_else(|_| {
            panic!("there is no {}; set {}=1 to have it written", path.display(), super::WRITE_MISSING)
        });
        store.put(&place_of(file, id), bytes.into()).await.unwrap();
    }
    (store, id)
}

#[tokio::test]
async fn a_recorded_journal_is_read_and_verified() {
    let (store, id) = recorded().await;
    let journal = Journal::new(store.clone());
    let verified = journal.verify(&Anchors::new(store), id).await.unwrap().unwrap();
    assert_eq!((verified.entries, verified.anchors, verified.anchored.unwrap().entry), (6, 1, 6));
    let head = journal.load(id).await.unwrap().unwrap();
    assert_eq!((head.onboarding.stage(), head.messages.len()), (Stage::Provisioning, 1));
    assert!(head.messages[0].due.is_some());
    assert_eq!(journal.messages_of(id, 4).await.unwrap()[0].event["resumed"], true);
}

/// To the byte, because the hashes are of bytes.
#[tokio::test]
async fn a_recorded_journal_is_written_the_same_today() {
    let ((recorded, id), (today, _)) = (recorded().await, written_today().await);
    for file in RECORDED {
        let place = place_of(file, id);
        assert_eq!(text_of(&recorded, &place).await, text_of(&today, &place).await, "{file}");
    }
}

/// During a rolling update the version before reads what the version after writes.
#[tokio::test]
async fn an_entry_with_fields_that_nobody_knows_yet_is_read() {
    let (store, id) = recorded().await;
    let journal = Journal::new(store.clone());
    let before = journal.load(id).await.unwrap().unwrap();
    store.delete(&place_of("pointer", id)).await.unwrap();
    let mut entry: Value = serde_json::from_str(&text_of(&store, &path_of(id, 6)).await).unwrap();
    for pointer in ["", "/fact", "/state", "/state/purchase", "/state/key", "/state/taken", "/messages/0"] {
        entry.pointer_mut(pointer).unwrap()["fromTheVersionAfter"] = json!({ "any": [1, 2] });
    }
    store.put(&path_of(id, 6), entry.to_string().into()).await.unwrap();
    let after = journal.load(id).await.unwrap().unwrap();
    assert_eq!((after.onboarding, after.messages), (before.onboarding, before.messages));
}

#[tokio::test]
async fn an_entry_of_a_newer_format_is_neither_read_nor_overwritten() {
    let (store, id) = recorded().await;
    let journal = Journal::new(store.clone());
    let head = journal.load(id).await.unwrap().unwrap();
    let future = std::fs::read_to_string(folder("../future/entry.json")).unwrap();
    store.put(&path_of(id, 7), future.clone().into()).await.unwrap();

    let newer = |error: &JournalError| matches!(error, JournalError::Newer { format: 2, .. });
    assert!(newer(&journal.load(id).await.unwrap_err()), "no step decides on what it cannot read");
    assert!(newer(&journal.history(id).await.unwrap_err()));
    // A step that had loaded before the newer version appended.
    let status = crate::SubscriptionStatus::Suspended;
    let late = head.onboarding.decide(cause("late"), Fact::Subscription { status }).unwrap().unwrap();
    let lost = journal.append(Some(&head), late).await;
    assert!(matches!(lost, Err(JournalError::Lost { number: 7, .. })), "{lost:?}");
    assert_eq!(text_of(&store, &path_of(id, 7)).await, future);
}

#[tokio::test]
async fn a_format_that_never_was_is_unreadable() {
    let (store, id) = recorded().await;
    store.put(&path_of(id, 7), r#"{"format":0}"#.into()).await.unwrap();
    let error = Journal::new(store).load(id).await.unwrap_err();
    assert!(matches!(error, JournalError::Unreadable { .. }), "{error:?}");
}
