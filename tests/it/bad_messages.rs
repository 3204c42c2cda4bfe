//! Messages that can never succeed become dead letters with a reason, at once.

use local_world::world::LocalWorld;
use onboarding::{
    OnboardingId,
    event::{CustomerConsented, Event, EventData, EventId, KeyShared},
};
use service_bus::{Entity, Message, ServiceBusClient};
use time::OffsetDateTime;
use tokio::time::Instant;
use uuid::Uuid;

use crate::support::{PATIENCE, a_world, history, play, sign_up, until};

pub(crate) fn client(world: &LocalWorld) -> ServiceBusClient {
    ServiceBusClient::from_connection_string(&world.broker().connection_string()).unwrap()
}

async fn send(world: &LocalWorld, queue: &str, body: impl Into<Vec<u8>>) {
    let message = Message::new(body.into()).with_message_id(Uuid::new_v4().to_string());
    client(world).sender(Entity::queue(queue)).send(message).await.unwrap();
}

/// The reason and the description of the queue's one dead letter, read back through Service Bus.
pub(crate) async fn dead_letter(world: &LocalWorld, queue: &str) -> (String, String) {
    let receiver = client(world).receiver(Entity::queue(queue).dead_letter());
    let mut messages = receiver.receive(1, PATIENCE).await.unwrap();
    let message =
        messages.pop().unwrap_or_else(|| panic!("{queue} has no dead letter: {:#?}", world.steps()));
    receiver.complete(message.lock_token).await.unwrap();
    (message.dead_letter_reason.unwrap(), message.dead_letter_error_description.unwrap())
}

pub(crate) fn event<D: EventData>(onboarding: OnboardingId, data: D) -> String {
    let id = EventId::of_origin(D::KIND, &Uuid::new_v4().to_string());
    serde_json::to_string(&Event::new(id, "test", onboarding, OffsetDateTime::now_utc(), data)).unwrap()
}

#[tokio::test]
async fn what_cannot_be_decoded_is_refused_with_the_path_of_the_field() {
    let world = a_world().await;
    let somebody = OnboardingId::of_subscription(Uuid::new_v4());
    let good = event(
        somebody,
        KeyShared { key: "https://contoso.vault.azure.net/keys/k".parse().unwrap(), submission: None },
    );
    for (body, expected) in [
        ("not json".to_owned(), "expected"),
        (String::new(), "EOF"),
        (good.replace("1.0", "0.3"), "specversion"),
        (good.replace("key.shared.v1", "key.shared.v9"), "type"),
        (good.replace("contoso.vault.azure.net", "evil.example"), "data.key"),
        (good.replace(&somebody.to_string(), "nobody"), "subject"),
    ] {
        send(&world, "key_shared", body.clone()).await;
        let (reason, description) = dead_letter(&world, "key_shared").await;
        assert_eq!(reason, "Undecodable", "{body}");
        assert!(description.contains(expected), "{description}");
        assert!(!description.contains("evil"), "the body itself stays out: {description}");
    }
    world.stop().await;
}

#[tokio::test]
async fn an_unknown_onboarding_and_a_foreign_tenant_are_refused() {
    let world = a_world().await;
    let nobody = OnboardingId::of_subscription(Uuid::new_v4());
    let tenant = world.sandbox().seed().vendor.tenant_id.to_string().parse().unwrap();
    send(&world, "customer_consented", event(nobody, CustomerConsented { tenant })).await;
    assert_eq!(dead_letter(&world, "customer_consented").await.0, "UnknownOnboarding");

    let signed_up = sign_up(&world).await;
    let onboarding = signed_up.page.onboarding().parse().unwrap();
    send(&world, "customer_consented", event(onboarding, CustomerConsented { tenant })).await;
    assert_eq!(dead_letter(&world, "customer_consented").await.0, "ConsentOfAnotherTenant");
    until(&world, &signed_up.page, "awaiting-consent").await;
    world.stop().await;
}

#[tokio::test]
async fn every_message_once_more_in_any_order_changes_nothing() {
    let world = a_world().await;
    let signed_up = play(&world).await;
    let before = history(&world, &signed_up.page).await;
    let mut again: Vec<(String, String)> = before
        .iter()
        .flat_map(|entry| entry["messages"].as_array().unwrap().clone())
        .filter(|message| message["queue"] != onboarding::event::TOPIC)
        .map(|message| (message["queue"].as_str().unwrap().to_owned(), message["event"].to_string()))
        .collect();
    again.reverse();
    let steps_before = world.steps().len();
    for (queue, event) in &again {
        // Under new message ids, so that duplicate detection does not do the work of the journal.
        send(&world, queue, event.clone()).await;
    }
    let taken = async || Ok(world.steps().len() >= steps_before + again.len());
    world.wait_until("every message to be taken in again", Instant::now() + PATIENCE, taken).await.unwrap();
    crate::support::until_nothing_is_left(&world).await;
    assert_eq!(history(&world, &signed_up.page).await.len(), before.len());
    assert_eq!(world.vendor().disk_encryption_sets().await.unwrap().len(), 1);
    world.stop().await;
}
