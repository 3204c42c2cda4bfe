use object_store::{local::LocalFileSystem, memory::InMemory};

use super::*;
use crate::{
    Fact,
    test_support::{cause, opened, service_principal},
};

fn consented(onboarding: &Onboarding, origin: &str) -> Decision {
    let fact = Fact::ConsentProven { service_principal: service_principal() };
    onboarding.decide(cause(origin), fact).unwrap().unwrap()
}

#[tokio::test]
async fn an_entry_is_read_back_as_it_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let stores: [Arc<dyn ObjectStore>; 2] =
        [Arc::new(InMemory::new()), Arc::new(LocalFileSystem::new_with_prefix(folder.path()).unwrap())];
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
    let journal = Journal::new(Arc::new(InMemory::new()));
    let head = journal.append(None, opened()).await.unwrap();
    let [one, other] = ["one", "other"].map(|origin| consented(&head.onboarding, origin));
    journal.append(Some(&head), one).await.unwrap();
    let lost = journal.append(Some(&head), other).await;
    assert!(matches!(lost, Err(JournalError::Lost { number: 2, .. })), "{lost:?}");
    assert!(matches!(journal.append(None, opened()).await, Err(JournalError::Lost { number: 1, .. })));
}

#[tokio::test]
async fn a_changed_entry_breaks_the_chain() {
    let store = Arc::new(InMemory::new());
    let journal = Journal::new(store.clone());
    let head = journal.append(None, opened()).await.unwrap();
    let id = head.onboarding.id();
    journal.append(Some(&head), consented(&head.onboarding, "consent")).await.unwrap();
    let path = path_of(id, 1);
    let text = String::from_utf8(store.get(&path).await.unwrap().bytes().await.unwrap().to_vec()).unwrap();
    store.put(&path, text.replace("gold", "lead").into()).await.unwrap();
    assert!(matches!(journal.history(id).await, Err(JournalError::Tampered { number: 2, .. })));
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
    let decision = consented(&head.onboarding, "consent");
    let (event, messages) = (decision.cause.event.clone(), decision.messages.clone());
    let head = journal.append(Some(&head), decision).await.unwrap();
    let number = head.onboarding.taken().entry_of(&event).unwrap();
    assert_eq!(journal.messages_of(head.onboarding.id(), number).await.unwrap(), messages);
}
