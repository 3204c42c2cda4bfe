mod anchors;
mod cost;
mod pointer;
mod tampering;
mod told;

use object_store::{local::LocalFileSystem, memory::InMemory};
use time::Duration;

use super::{anchor::Anchors, *};
use crate::{
    About, Fact,
    finding::Finding,
    test_support::{CountingStore, cause, key, opened, service_principal},
};

type Store = Arc<dyn ObjectStore>;

/// A journal in memory and one on files; the folder goes with the last one.
fn stores() -> ([Store; 2], tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let files = LocalFileSystem::new_with_prefix(folder.path()).unwrap();
    ([Arc::new(InMemory::new()), Arc::new(files)], folder)
}

fn consented(onboarding: &Onboarding, origin: &str) -> Decision {
    let fact = Fact::ConsentProven { service_principal: service_principal() };
    onboarding.decide(cause(origin), fact).unwrap().unwrap()
}

/// One more check of a key that still waits for its grant.
fn checked(onboarding: &Onboarding, after: Duration) -> Decision {
    let number = onboarding.number();
    let cause = crate::Cause { now: cause("").now + after, ..cause(&format!("check {number}")) };
    let fact = match onboarding.blockers().get(&crate::Subject::CandidateKey) {
        Some(blocker) => Fact::CheckDue { entry: Some(blocker.entry) },
        None => Fact::Found {
            about: About::Key(key("k").without_version()),
            finding: Finding::GrantMissing { service_principal: None, key: key("k").without_version() },
            token_of: None,
        },
    };
    onboarding.decide(cause, fact).unwrap().unwrap()
}

/// The history of one onboarding up to this entry, a check every six hours.
async fn history_of(journal: &Journal, entries: u64) -> Head {
    let mut head = journal.append(None, opened()).await.unwrap();
    for number in 2..=entries {
        let after = Duration::hours(6 * i64::try_from(number).unwrap());
        head = journal.append(Some(&head), checked(&head.onboarding, after)).await.unwrap();
    }
    head
}

async fn text_of(store: &Store, path: &Path) -> String {
    String::from_utf8(store.get(path).await.unwrap().bytes().await.unwrap().to_vec()).unwrap()
}

/// Replaces every occurrence of one text by another in an object.
async fn change(store: &Store, path: &Path, from: &str, to: &str) {
    let text = text_of(store, path).await;
    assert!(text.contains(from), "{text}");
    store.put(path, text.replace(from, to).into()).await.unwrap();
}

fn pointer_of(onboarding: OnboardingId) -> Path {
    Path::from(format!("heads/{onboarding}.json"))
}

fn is_tampered_at<T>(result: &Result<T, JournalError>, expected: u64) -> bool {
    matches!(result, Err(JournalError::Tampered { number, .. }) if *number == expected)
}

#[tokio::test]
async fn an_entry_is_read_back_as_it_was_written() {
    let (stores, _folder) = stores();
    for store in stores {
        let journal = Journal::new(store);
        let first = journal.append(None, opened()).await.unwrap();
        let id = first.onboarding.id();
        let second = journal.append(Some(&first), consented(&first.onboarding, "consent")).await.unwrap();
        let loaded = journal.load(id).await.unwrap().unwrap();
        assert_eq!((loaded.onboarding, loaded.hash), (second.onboarding, second.hash));
        assert_eq!(journal.history(id).await.unwrap().len(), 2);
        assert_eq!(journal.onboardings().await.unwrap(), [id]);
    }
}

#[tokio::test]
async fn two_steps_cannot_both_append() {
    let (stores, _folder) = stores();
    for store in stores {
        let journal = Journal::new(store);
        let head = journal.append(None, opened()).await.unwrap();
        let [one, other] = ["one", "other"].map(|origin| consented(&head.onboarding, origin));
        journal.append(Some(&head), one).await.unwrap();
        let lost = journal.append(Some(&head), other).await;
        assert!(matches!(lost, Err(JournalError::Lost { number: 2, .. })), "{lost:?}");
        assert!(matches!(journal.append(None, opened()).await, Err(JournalError::Lost { number: 1, .. })));
    }
}

#[tokio::test]
async fn of_two_steps_at_the_same_time_one_is_lost() {
    let journal = Journal::new(Arc::new(CountingStore::new(Arc::new(InMemory::new()))));
    let head = journal.append(None, opened()).await.unwrap();
    let [one, other] = ["one", "other"].map(|origin| consented(&head.onboarding, origin));
    let (one, other) = tokio::join!(journal.append(Some(&head), one), journal.append(Some(&head), other));
    assert!(one.is_ok() != other.is_ok(), "{one:?} {other:?}");
    let loaded = journal.load(head.onboarding.id()).await.unwrap().unwrap();
    assert_eq!(loaded.hash, one.or(other).unwrap().hash);
}

#[tokio::test]
async fn an_entry_that_is_not_ours_is_an_error_with_its_field() {
    let store = Arc::new(InMemory::new());
    let journal = Journal::new(store.clone());
    let head = journal.append(None, opened()).await.unwrap();
    let id = head.onboarding.id();
    store.put(&path_of(id, 2), r#"{"format":1,"number":"two"}"#.into()).await.unwrap();
    let error = journal.load(id).await.unwrap_err();
    assert!(error.to_string().contains("number"), "{error}");
}

#[tokio::test]
async fn what_an_event_published_can_be_published_again() {
    let journal = Journal::new(Arc::new(InMemory::new()));
    let head = journal.append(None, opened()).await.unwrap();
    let decision = checked(&head.onboarding, Duration::ZERO);
    let head = journal.append(Some(&head), decision).await.unwrap();
    let decision = checked(&head.onboarding, Duration::HOUR);
    let (event, messages) = (decision.cause.event.clone(), decision.messages.clone());
    assert!(!messages.is_empty());
    let head = journal.append(Some(&head), decision).await.unwrap();
    let number = head.onboarding.taken().entry_of(&event).unwrap();
    assert_eq!(journal.messages_of(head.onboarding.id(), number).await.unwrap(), messages);
}
