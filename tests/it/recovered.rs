//! What died of an outage is sent again when the outage is over, and nothing else is.

use local_world::{
    cast::{CustomerKey, OnboardingPage},
    world::LocalWorld,
};
use onboarding::event::{CustomerConsented, KeyShared};
use serde_json::{Value, json};
use service_bus::{Entity, Message, ServiceBusClient};
use tokio::time::Instant;
use uuid::Uuid;

use crate::{
    bad_messages::{client, event},
    dead_letters::{vaults_are_available, vaults_are_unavailable},
    support::{
        PATIENCE, SignedUp, a_world_with, grant, history, plain_client, play, sign_up, until,
        until_nothing_is_left,
    },
    traces::{Collector, ancestry},
};

async fn key_of(world: &LocalWorld, vault: &str) -> CustomerKey {
    let key = world.customer().make_key(vault).await.unwrap();
    grant(world, &key).await;
    key
}

async fn until_dead(world: &LocalWorld, queue: &str, count: usize) {
    let dead = async || Ok(world.broker().counts(queue).unwrap().dead_letter == count);
    let waited = world.wait_until("the dead letters", Instant::now() + PATIENCE, dead).await;
    waited.unwrap_or_else(|error| panic!("{queue}: {error:#}: {:#?}", world.steps()));
}

async fn send(world: &LocalWorld, queue: &str, body: String) {
    let message = Message::new(body).with_message_id(Uuid::new_v4().to_string());
    client(world).sender(Entity::queue(queue)).send(message).await.unwrap();
}

/// The dead letters of a queue: for whom, and why.
async fn letters(bus: &ServiceBusClient, queue: &str) -> Vec<(String, String)> {
    let dead = bus.receiver(Entity::queue(queue).dead_letter()).peek(0, 100).await.unwrap();
    let about = |body: &[u8]| serde_json::from_slice::<Value>(body).map(|event| event["subject"].clone());
    let read = dead.into_iter().map(|letter| {
        let subject = about(&letter.body).ok().and_then(|subject| subject.as_str().map(str::to_owned));
        (subject.unwrap_or_default(), letter.dead_letter_reason.unwrap())
    });
    read.collect()
}

/// What the journal says of letters that were sent again.
async fn audited(world: &LocalWorld, page: &OnboardingPage, fact: &str) -> Vec<Value> {
    let entries = history(world, page).await;
    entries.into_iter().map(|entry| entry["fact"].clone()).filter(|one| one["fact"] == fact).collect()
}

/// Two customers, an outage of all vaults that is longer than the deadline, and letters that no outage caused.
#[tokio::test(flavor = "multi_thread")]
async fn after_an_outage_its_dead_letters_are_sent_again_and_the_others_stay() {
    let (collector, address) = Collector::start().await;
    let world = a_world_with(&[
        ("OTEL_EXPORTER_OTLP_ENDPOINT", &format!("http://{address}")),
        ("LATCHKEY_RETRY_DEADLINE_SECONDS", "4"),
        ("LATCHKEY_SPREADING_SECONDS", "3"),
        ("LATCHKEY_WATCH_SECONDS", "5"),
        ("LATCHKEY_WATCH_SCHEDULE", "* * * * * *"),
        ("LATCHKEY_CHECK_FIRST_SECONDS", "1"),
    ])
    .await;
    let active = play(&world).await.page;
    let SignedUp { page: waiting, purchase } = sign_up(&world).await;
    world.vendor().make_disk_for("disk-2", purchase.subscription_id).await.unwrap();
    world.customer().consent(&waiting).await.unwrap();
    until(&world, &waiting, "awaiting-key").await;
    let (another, first) = (key_of(&world, "contoso-2").await, key_of(&world, "contoso-3").await);

    vaults_are_unavailable(world.sandbox());
    // A key beside the one in use.
    let mine = active.onboarding().parse().unwrap();
    let shared = |key: &CustomerKey| KeyShared { key: key.url.parse().unwrap(), submission: None };
    world.customer().share_key(&active, &another.url).await.unwrap();
    world.customer().share_key(&waiting, &first.url).await.unwrap();
    // A contradiction is none of the outage's, even if it comes while it lasts; nor is what is addressed to nobody.
    let consented = CustomerConsented { tenant: Uuid::new_v4().to_string().parse().unwrap() };
    send(&world, "customer_consented", event(mine, consented)).await;
    let nobody = onboarding::OnboardingId::of_subscription(Uuid::new_v4());
    send(&world, "key_shared", event(nobody, shared(&another))).await;
    until(&world, &active, "unreachable").await;
    until_dead(&world, "key_shared", 3).await;
    until_dead(&world, "customer_consented", 1).await;

    vaults_are_available(world.sandbox());
    until(&world, &active, "active").await;
    until_dead(&world, "key_shared", 2).await;
    let replayed = async || Ok(audited(&world, &active, "letters-replayed").await.len() == 1);
    world.wait_until("the audit", Instant::now() + PATIENCE, replayed).await.unwrap();
    let chosen = audited(&world, &active, "letters-chosen").await;
    let named = chosen[0]["letters"][0].as_str().unwrap();
    assert!(named.starts_with("key_shared/"), "{chosen:?}");
    let became = audited(&world, &active, "letters-replayed").await;
    assert_eq!(became[0]["replayed"], json!([named]), "{became:?} {:#?}", world.steps());
    let candidate = async || {
        let entries = history(&world, &active).await;
        Ok(entries.iter().any(|entry| entry["fact"]["proof"]["version"].to_string().contains("contoso-2")))
    };
    world.wait_until("the other key to be proven", Instant::now() + PATIENCE, candidate).await.unwrap();

    // Nothing has shown yet that the other customer's vault answers again.
    let bus = client(&world);
    let left = letters(&bus, "key_shared").await;
    let other = (waiting.onboarding().to_owned(), "DeadlineExceeded".to_owned());
    let foreign = (nobody.to_string(), "UnknownOnboarding".to_owned());
    assert!(left.contains(&other) && left.contains(&foreign), "{left:?}");
    let resume = format!("/api/operations/onboardings/{}/resume", waiting.onboarding());
    let resumed = plain_client().post(world.url().join(&resume).unwrap()).send().await.unwrap();
    assert!(resumed.status().is_success(), "{}", resumed.status());
    until(&world, &waiting, "active").await;
    until_dead(&world, "key_shared", 1).await;
    assert_eq!(letters(&bus, "key_shared").await, [foreign]);
    assert_eq!(letters(&bus, "customer_consented").await[0].1, "ConsentOfAnotherTenant");
    assert_linked(&collector).await;
    for queue in ["key_shared", "customer_consented"] {
        let dead = bus.receiver(Entity::queue(queue).dead_letter());
        for letter in dead.receive(10, PATIENCE).await.unwrap() {
            dead.complete(letter.lock_token).await.unwrap();
        }
    }
    until_nothing_is_left(&world).await;
    world.stop().await;
}

/// What was sent again belongs to the trace of the recovery, and has a link to the one in which it died.
async fn assert_linked(collector: &Collector) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let spans = collector.until_there_is("process replay_due").await;
        let replayed = spans.values().find(|span| {
            let is_linked = span.links.iter().any(|link| link.trace_id != span.trace_id);
            span.name == "process key_shared" && is_linked
        });
        if let Some(replayed) = replayed {
            let line = ancestry(&spans, replayed);
            assert!(line[1..].contains(&"process replay_due".to_owned()), "{line:?}");
            assert!(
                line.contains(&"process watch_due".to_owned())
                    || line.contains(&"process key_shared".to_owned())
            );
            return;
        }
        assert!(Instant::now() < deadline, "no replay is linked: {:?}", spans.len());
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}
