//! A blob store that is slow or fails, or whose answers do not arrive: nothing is lost, and nothing is there twice.
//!
//! Between the app's own client of the store and Azurite stands somebody who makes the trouble.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use latchkey_functions::store;
use local_world::{
    cast::Network,
    step::{StepOutcome, StepReport},
    world::{LocalWorld, LocalWorldOptions},
};
use object_store::ObjectStore;
use onboarding::{
    claim::Claims,
    journal::{Journal, JournalError},
    suspects::Suspects,
};
use reqwest::{Client, Url};
use serde_json::Value;

use crate::{
    as_deployed::{a_world_as_deployed, azurite_program},
    store_between::{Behind, Between, Ends, Trouble},
    stored::{opened, token},
    support::{
        a_world_of, exchanges, history, options, play_through_failures, succeeded, until_nothing_is_left,
    },
};

const BUSY: Trouble = Trouble::Refused(503, "ServerBusy");
const BROKEN: Trouble = Trouble::Refused(500, "InternalError");
const BUSY_AFTER_EFFECT: Trouble = Trouble::RefusedAfterEffect(503, "ServerBusy");
const SLOW: Trouble = Trouble::Slow(Duration::from_secs(2));
/// Of how many entries nobody hears that they were written.
const UNHEARD: usize = 4;
/// The longest that a page may keep somebody waiting for one answer of the store: the platform gives up at 230 seconds.
const LONGEST: Duration = Duration::from_secs(75);

/// The store of a world in the shape that is deployed, when it is up.
fn behind(folder: PathBuf) -> Arc<Behind> {
    Arc::new(move || found(&folder))
}

fn found(folder: &Path) -> Option<(Url, Client)> {
    let memory: Value = serde_json::from_slice(&fs::read(folder.join("world.json")).ok()?).ok()?;
    let url = Url::parse(&format!("https://127.0.0.1:{}", memory["blob_port"].as_u64()?)).ok()?;
    // No name of Azure's is asked for: nobody is needed at the proxy.
    let network = Network::new("http://127.0.0.1:1", &folder.join("run/ca.pem")).ok()?;
    Some((url, network.client().ok()?))
}

/// As the app opens it, but with a token of the identity's.
async fn store_of_the_app(between: &Between, world: &LocalWorld) -> Arc<dyn ObjectStore> {
    let options = [
        ("azure_storage_account_name", "latchkeystore".to_owned()),
        ("azure_storage_endpoint", between.endpoint()),
        ("azure_allow_http", "true".to_owned()),
        ("azure_storage_token", token(world).await),
    ];
    let url = Url::parse("az://latchkey/troubles").unwrap();
    store::open(&url, options.map(|(name, value)| (name.to_owned(), value))).unwrap()
}

/// An entry is appended once, whatever these troubles are.
async fn an_entry_is_appended_once(store: &Arc<dyn ObjectStore>, between: &Between, troubles: &[Trouble]) {
    let journal = Journal::new(store.clone());
    let entry = opened(&format!("{troubles:?}"));
    let id = entry.onboarding().id();
    for trouble in troubles {
        between.strike("PUT", &format!("journal/{id}/"), 1, *trouble);
    }
    let appended = journal.append(None, entry.clone()).await;
    let struck: Vec<Trouble> = between.rest().into_iter().map(|(_, trouble)| trouble).collect();
    assert_eq!(struck, troubles);
    let head = appended.unwrap_or_else(|error| panic!("{troubles:?}: {error:?}"));
    assert_eq!(journal.load(id).await.unwrap().unwrap().onboarding, head.onboarding);
    assert_eq!(journal.history(id).await.unwrap().len(), 1);
    // Whoever comes later is told so.
    let later = journal.append(None, entry).await;
    assert!(matches!(later, Err(JournalError::Lost { number: 1, .. })), "{troubles:?}: {later:?}");
}

/// The client does not send it again, because it cannot know whether it was written. Whoever asked does it again, and
/// finds it.
async fn a_reset_before_the_answer_loses_nothing(store: &Arc<dyn ObjectStore>, between: &Between) {
    let journal = Journal::new(store.clone());
    let entry = opened("lost");
    let id = entry.onboarding().id();
    between.strike("PUT", &format!("journal/{id}/"), 1, Trouble::AnswerLost);
    let appended = journal.append(None, entry.clone()).await;
    assert_eq!(between.rest().len(), 1);
    assert!(matches!(appended, Err(JournalError::Store(_))), "{appended:?}");
    assert_eq!(journal.load(id).await.unwrap().unwrap().onboarding, *entry.onboarding());
    assert!(matches!(journal.append(None, entry).await, Err(JournalError::Lost { number: 1, .. })));
    assert_eq!(journal.history(id).await.unwrap().len(), 1);
}

/// What has no content of its own cannot be told apart by it: whoever is first here is not told that somebody else was.
async fn whoever_was_first_knows_it(store: &Arc<dyn ObjectStore>, between: &Between) {
    between.strike("PUT", "alarms/", 1, BUSY_AFTER_EFFECT);
    let suspects = Suspects::new(store.clone());
    assert!(suspects.raised(7).await.unwrap(), "the alarm would have been raised by nobody");
    assert!(!suspects.raised(7).await.unwrap());

    let (journal, claims) = (Journal::new(store.clone()), Claims::new(store.clone()));
    let head = journal.append(None, opened("claim")).await.unwrap();
    let key = "https://contoso-keys.vault.azure.net/keys/troubles".parse().unwrap();
    between.strike("PUT", "claims/", 1, BUSY_AFTER_EFFECT);
    claims.take(&journal, &key, &head.onboarding).await.unwrap();
    assert_eq!(between.rest().len(), 2);
}

async fn what_is_cut_short_is_not_taken_for_whole(store: &Arc<dyn ObjectStore>, between: &Between) {
    let journal = Journal::new(store.clone());
    let entry = opened("cut");
    let id = entry.onboarding().id();
    journal.append(None, entry.clone()).await.unwrap();
    for within in [format!("journal/{id}/"), format!("heads/{id}")] {
        between.strike("GET", &within, 1, Trouble::CutShort);
        // The client asks for the rest.
        assert_eq!(journal.load(id).await.unwrap().unwrap().onboarding, *entry.onboarding(), "{within}");
        assert_eq!(between.rest().len(), 1, "{within}");
    }
    between.strike("GET", "comp=list", 1, Trouble::CutShort);
    let cut = journal.history(id).await;
    assert_eq!(between.rest().len(), 1);
    assert!(
        cut.as_ref().is_ok_and(|entries| entries.len() == 1) || matches!(cut, Err(JournalError::Store(_)))
    );
    assert_eq!(journal.history(id).await.unwrap().len(), 1);
}

/// A store that never answers is an error, in time for whoever waits.
async fn silence_is_an_error_in_time(store: &Arc<dyn ObjectStore>, between: &Between) {
    let journal = Journal::new(store.clone());
    let entry = opened("silent");
    let id = entry.onboarding().id();
    journal.append(None, entry.clone()).await.unwrap();
    between.strike("GET", &format!("heads/{id}"), usize::MAX, Trouble::Silent);
    let since = Instant::now();
    let error = journal.load(id).await.unwrap_err();
    let (took, struck) = (since.elapsed(), between.rest().len());
    assert!(took < LONGEST, "{took:?}");
    assert!(struck > 1, "it was asked once");
    let JournalError::Store(source) = &error else { panic!("{error:?}") };
    let said = format!("{error}: {source:?}");
    assert!(said.contains("the journal") && said.to_lowercase().contains("timedout"), "{said}");
    assert_eq!(journal.load(id).await.unwrap().unwrap().onboarding, *entry.onboarding());
}

#[tokio::test]
async fn nothing_is_lost_or_there_twice_in_a_store_that_is_slow_or_fails() {
    let folder = tempfile::tempdir().unwrap();
    let Some(world) = a_world_as_deployed(folder.path()).await else { return };
    let resetting = Between::start(behind(folder.path().to_owned()), Ends::Reset).await;
    let store = store_of_the_app(&resetting, &world).await;
    a_reset_before_the_answer_loses_nothing(&store, &resetting).await;
    what_is_cut_short_is_not_taken_for_whole(&store, &resetting).await;

    let between = Between::start(behind(folder.path().to_owned()), Ends::Closed).await;
    let store = store_of_the_app(&between, &world).await;
    for troubles in [
        &[SLOW][..],
        &[BUSY, BUSY, BROKEN],
        &[BUSY_AFTER_EFFECT],
        &[Trouble::AnswerLost],
        &[Trouble::RefusedAfterEffect(500, "InternalError"), BUSY],
        &[BUSY, SLOW],
    ] {
        an_entry_is_appended_once(&store, &between, troubles).await;
    }
    whoever_was_first_knows_it(&store, &between).await;
    what_is_cut_short_is_not_taken_for_whole(&store, &between).await;
    silence_is_an_error_in_time(&store, &between).await;
    world.stop().await;
}

/// Every seventh request of the app to its store has one of these troubles, from its start until the customer is done;
/// and of the first entries, nobody hears that they were written.
#[tokio::test]
async fn an_onboarding_becomes_active_although_the_store_fails_again_and_again() {
    let folder = tempfile::tempdir().unwrap();
    let Some(azurite) = azurite_program() else { return };
    let between = Between::start(behind(folder.path().to_owned()), Ends::Reset).await;
    let troubles = [BUSY, Trouble::AnswerLost, BUSY_AFTER_EFFECT, Trouble::CutShort, SLOW, BROKEN];
    between.strike_every(7, &troubles);
    between.strike("PUT", "/journal/", UNHEARD, Trouble::AnswerLost);
    let mut options =
        LocalWorldOptions { dir: Some(folder.path().to_owned()), as_deployed: Some(azurite), ..options() };
    let reached = [("AZURE_STORAGE_ENDPOINT", between.endpoint()), ("AZURE_ALLOW_HTTP", "true".to_owned())];
    options.settings.extend(reached.map(|(name, value)| (name.to_owned(), value)));
    let world = a_world_of(options).await;
    let signed_up = play_through_failures(&world).await;
    let struck = between.rest();
    for trouble in troubles {
        assert!(struck.iter().any(|(_, struck)| *struck == trouble), "{trouble:?} never struck: {struck:#?}");
    }
    until_nothing_is_left(&world).await;
    let put_off = |step: &&StepReport| {
        step.outcome == StepOutcome::Retry
            && step.detail.as_deref().unwrap_or_default().contains("the journal")
    };
    let steps = world.steps();
    assert!(steps.iter().filter(put_off).count() >= UNHEARD, "{steps:#?}");

    let entries = history(&world, &signed_up.page).await;
    let numbers: Vec<u64> = entries.iter().map(|entry| entry["number"].as_u64().unwrap()).collect();
    assert_eq!(numbers, (1..=entries.len() as u64).collect::<Vec<_>>());
    let events: BTreeSet<String> = entries.iter().map(|entry| entry["event"].to_string()).collect();
    assert_eq!(events.len(), entries.len(), "an event is in the journal twice: {entries:#?}");
    assert_eq!(succeeded(&exchanges(&world, "PUT", "/diskEncryptionSets/")), 1);
    world.stop().await;
}
