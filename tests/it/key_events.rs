//! Event Grid tells of the customer's key: the customer subscribes as the page says, and a new version is seen at once.

use local_world::{cast::OnboardingPage, step::StepOutcome, world::LocalWorld};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::support::{PATIENCE, a_world, facts_of, page_of, plain_client, play};

/// Where the page has the events sent, and with which secret.
struct Offered {
    endpoint: String,
    secret: String,
}

async fn offered(world: &LocalWorld, page: &OnboardingPage) -> Offered {
    let html = page_of(world, page).await;
    let after = |text: &str| {
        let rest = html.split_once(text).unwrap_or_else(|| panic!("no {text} in {html}")).1;
        rest.split_whitespace().next().unwrap().to_owned()
    };
    Offered { endpoint: after("--endpoint "), secret: after("x-latchkey-key-events static ") }
}

/// Makes the subscription; the simulated Event Grid does its handshake and gives events only to whoever agreed.
async fn subscribe(world: &LocalWorld, offered: &Offered, schema: &str, data_case: &str) -> Value {
    let address = format!("{}/control/event-subscriptions", world.sandbox().own_url().trim_end_matches('/'));
    let headers = json!({ "x-latchkey-key-events": offered.secret });
    let body = json!({ "vault": "contoso-keys", "endpoint": offered.endpoint, "schema": schema,
        "dataCase": data_case, "headers": headers });
    let response = plain_client().post(address).json(&body).send().await.unwrap();
    assert_eq!(response.status().as_u16(), 201, "{:?}", response.text().await);
    response.json().await.unwrap()
}

fn looks(world: &LocalWorld) -> usize {
    let done = |outcome| !matches!(outcome, StepOutcome::Retry);
    world.steps().iter().filter(|step| step.function == "key_events" && done(step.outcome)).count()
}

async fn a_new_version_is_seen(schema: &str, data_case: &str) {
    let world = a_world().await;
    let page = play(&world).await.page;
    let offered = offered(&world, &page).await;
    assert_eq!(subscribe(&world, &offered, schema, data_case).await["standing"], "Active");
    let newer = world.customer().make_key("contoso-keys").await.unwrap();
    let version = newer.url.rsplit('/').next().unwrap();
    let seen = async || Ok(facts_of(&page).await["rotation"]["to"] == version);
    if let Err(error) = world.wait_until("the new version to be seen", Instant::now() + PATIENCE, seen).await
    {
        panic!("{error:#}: {:#?}", world.steps());
    }
    let looked = async || Ok(looks(&world) == 1);
    world.wait_until("one look", Instant::now() + PATIENCE, looked).await.unwrap();
    world.stop().await;
}

#[tokio::test]
async fn a_new_version_is_seen_at_once_through_event_grids_schema() {
    a_new_version_is_seen("EventGridSchema", "pascal").await;
}

#[tokio::test]
async fn a_new_version_is_seen_at_once_through_cloud_events() {
    a_new_version_is_seen("CloudEventSchemaV1_0", "camel").await;
}

/// Hundreds of events, made up by somebody who has the secret and by others who do not: one look for each minute.
#[tokio::test]
async fn forged_events_cost_one_look_a_minute() {
    let world = a_world().await;
    let page = play(&world).await.page;
    let Offered { endpoint, secret } = offered(&world, &page).await;
    let data = json!({ "VaultName": "contoso-keys", "ObjectType": "Key", "ObjectName": "disks" });
    let send = async |secret: &str, events: Value| {
        let request = plain_client().post(&endpoint).header("x-latchkey-key-events", secret).json(&events);
        request.send().await.unwrap().status().as_u16()
    };
    let asked = || world.sandbox().azure_calls().values().sum::<u64>();
    let before = asked();
    for number in 0..100 {
        assert_eq!(send("made up", json!([{ "id": number.to_string(), "data": data }])).await, 401);
    }
    assert_eq!((asked(), looks(&world)), (before, 0), "strangers cost nothing");

    let began = Instant::now();
    let batch: Vec<Value> =
        (0..100).map(|number| json!({ "id": number.to_string(), "data": data })).collect();
    for _ in 0..200 {
        assert_eq!(send(&secret, json!(batch)).await, 200);
    }
    let looked = async || Ok(looks(&world) > 0);
    world.wait_until("a look", Instant::now() + PATIENCE, looked).await.unwrap();
    let minutes = began.elapsed().as_secs() / 60 + 2;
    assert!(looks(&world) as u64 <= minutes, "{} looks in {minutes} minutes", looks(&world));
    let version = facts_of(&page).await["rotation"].clone();
    assert_eq!(version, Value::Null, "what an event says is not believed");
    world.stop().await;
}
