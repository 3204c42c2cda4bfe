//! What is kept, in a store that we did not write: who is first when many are at once, and lists that come in pages.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use futures::{StreamExt as _, TryStreamExt as _, stream};
use local_world::world::LocalWorld;
use object_store::{
    Certificate, ClientOptions, ObjectStore, ObjectStoreExt as _, PutPayload, azure::MicrosoftAzureBuilder,
    prefix::PrefixStore,
};
use onboarding::{
    Cause, Decision, Onboarding, OnboardingId, Purchase, SubscriptionStatus,
    claim::{ClaimError, Claims},
    due::DueChecks,
    event::EventId,
    journal::{Journal, JournalError},
};
use serde_json::Value;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::{as_deployed::a_world_as_deployed, support::plain_client};

/// More than Azure Storage lists in one page, which is 5,000.
const MORE_THAN_A_PAGE: usize = 5_100;
const AT_ONCE: usize = 16;

pub(crate) async fn token(world: &LocalWorld) -> String {
    let settings = world.settings();
    let identity = world.vendor().estate().identity.client_id.to_string();
    let query =
        [("api-version", "2019-08-01"), ("resource", "https://storage.azure.com"), ("client_id", &identity)];
    let url = reqwest::Url::parse_with_params(&settings["IDENTITY_ENDPOINT"], query).unwrap();
    let request = plain_client().get(url).header("x-identity-header", &settings["IDENTITY_HEADER"]);
    let answer: Value = request.send().await.unwrap().json().await.unwrap();
    answer["access_token"].as_str().unwrap().to_owned()
}

/// The store of the world's journal, by the identity's token, in a folder that the app does not look into.
async fn store(world: &LocalWorld) -> Arc<dyn ObjectStore> {
    let settings = world.settings();
    let authority = std::fs::read(&settings["SSL_CERT_FILE"]).unwrap();
    let trusting = ClientOptions::new().with_root_certificate(Certificate::from_pem(&authority).unwrap());
    let azure = MicrosoftAzureBuilder::new()
        .with_account(&settings["AZURE_STORAGE_ACCOUNT_NAME"])
        .with_endpoint(settings["AZURE_STORAGE_ENDPOINT"].clone())
        .with_container_name("latchkey")
        .with_bearer_token_authorization(token(world).await)
        .with_client_options(trusting)
        .build()
        .unwrap();
    Arc::new(PrefixStore::new(azure, "stored"))
}

pub(crate) fn opened(origin: &str) -> Decision {
    let subscription = Uuid::new_v4();
    let id = OnboardingId::of_subscription(subscription);
    opened_as(id, subscription, origin)
}

pub(crate) fn opened_as(id: OnboardingId, subscription: Uuid, origin: &str) -> Decision {
    let cause = Cause {
        event: EventId::of_origin("test", origin),
        function: "test",
        now: OffsetDateTime::now_utc(),
        traceparent: None,
        first_check: Duration::from_secs(60),
        hold: Duration::from_secs(7 * 86_400),
    };
    let purchase = Purchase {
        subscription,
        plan: "gold".to_owned(),
        quantity: None,
        status: SubscriptionStatus::PendingFulfillmentStart,
    };
    let tenant = Uuid::new_v4().to_string().parse().unwrap();
    Onboarding::open(id, tenant, "westeurope".parse().unwrap(), purchase, cause)
}

async fn of_many_at_once_one_is_first(store: &Arc<dyn ObjectStore>) {
    let journal = Journal::new(store.clone());
    let subscription = Uuid::new_v4();
    let id = OnboardingId::of_subscription(subscription);
    let entries = (0..AT_ONCE).map(|place| opened_as(id, subscription, &place.to_string()));
    let appended = futures::future::join_all(entries.map(|entry| journal.append(None, entry))).await;
    let (first, lost): (Vec<_>, Vec<_>) = appended.into_iter().partition(Result::is_ok);
    assert_eq!(first.len(), 1);
    for lost in lost {
        assert!(matches!(lost, Err(JournalError::Lost { number: 1, .. })), "{:?}", lost.err());
    }
    let kept = journal.load(id).await.unwrap().unwrap();
    // Each of them is bound to another tenant.
    assert_eq!(kept.onboarding, first.into_iter().next().unwrap().unwrap().onboarding);

    let claims = Claims::new(store.clone());
    let key = "https://contoso-keys.vault.azure.net/keys/one".parse().unwrap();
    let mut heads = Vec::new();
    for place in 0..AT_ONCE {
        heads.push(journal.append(None, opened(&format!("claim {place}"))).await.unwrap());
    }
    let taken = heads.iter().map(|head| claims.take(&journal, &key, &head.onboarding));
    let taken = futures::future::join_all(taken).await;
    assert_eq!(taken.iter().filter(|taken| taken.is_ok()).count(), 1, "{taken:?}");
    assert!(taken.iter().all(|taken| matches!(taken, Ok(()) | Err(ClaimError::Claimed(_)))), "{taken:?}");
}

/// That the store lists the reminders in more than one page, as Azure does: else nothing is shown by getting them all.
async fn there_is_another_page(world: &LocalWorld) {
    let settings = world.settings();
    let url = format!(
        "{}/latchkey?restype=container&comp=list&prefix=stored/due/",
        settings["AZURE_STORAGE_ENDPOINT"]
    );
    let request = world.network().client().unwrap().get(url).bearer_auth(token(world).await);
    let listed = request.header("x-ms-version", "2021-12-02").send().await.unwrap().text().await.unwrap();
    assert_eq!(listed.matches("<Blob>").count(), 5_000, "{}", &listed[..listed.len().min(500)]);
    assert!(listed.contains("</NextMarker>"), "the next page has a name");
}

async fn lists_come_whole(store: &Arc<dyn ObjectStore>) {
    let (reminders, journal) = (DueChecks::new(store.clone()), Journal::new(store.clone()));
    let now = OffsetDateTime::now_utc();
    let before = journal.onboardings().await.unwrap().len();
    let ids: Vec<OnboardingId> =
        (0..MORE_THAN_A_PAGE).map(|_| OnboardingId::of_subscription(Uuid::new_v4())).collect();
    let reminders = &reminders;
    stream::iter(ids.iter().enumerate())
        .map(async |(place, id)| {
            let at = now + Duration::from_secs(place as u64);
            reminders.set_rung(*id, at).await?;
            let entry = object_store::path::Path::from(format!("journal/{id}/1"));
            store.put(&entry, PutPayload::new()).await.map(drop)
        })
        .buffer_unordered(AT_ONCE)
        .try_collect::<()>()
        .await
        .unwrap();
    let due = reminders.due_at(now + Duration::from_secs(86_400)).await.unwrap();
    let in_order: Vec<OnboardingId> = due.iter().map(|check| check.onboarding).collect();
    assert!(in_order == ids, "{} of {} reminders, the oldest first", in_order.len(), ids.len());
    let listed = journal.onboardings().await.unwrap();
    let all: BTreeSet<_> = listed.iter().collect();
    assert_eq!((listed.len(), all.len()), (before + ids.len(), before + ids.len()));
    assert!(ids.iter().all(|id| all.contains(id)));
}

#[tokio::test]
async fn of_many_at_once_one_is_first_and_lists_over_many_pages_come_whole() {
    let folder = tempfile::tempdir().unwrap();
    let Some(world) = a_world_as_deployed(folder.path()).await else { return };
    let store = store(&world).await;
    of_many_at_once_one_is_first(&store).await;
    lists_come_whole(&store).await;
    there_is_another_page(&world).await;
    world.stop().await;
}
