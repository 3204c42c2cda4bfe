//! Event Grid tells of the customer's key: the customer subscribes as the page says, and a new version is seen at once.

use anyhow::Context as _;
use local_world::{cast::OnboardingPage, step::StepOutcome, world::LocalWorld};
use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::support::{PATIENCE, a_world, facts_of, plain_client, play};

/// Where the page has the events sent, and with which secret.
pub(crate) struct Offered {
    endpoint: String,
    secret: String,
}

impl Offered {
    /// Read from the command that the page shows.
    pub(crate) async fn on(page: &OnboardingPage) -> anyhow::Result<Self> {
        let html = plain_client().get(page.url().clone()).send().await?.error_for_status()?.text().await?;
        let after = |text: &str| {
            let word = html.split_once(text).and_then(|(_, rest)| rest.split_whitespace().next());
            word.map(str::to_owned).with_context(|| format!("no {text} in {html}"))
        };
        Ok(Self { endpoint: after("--endpoint ")?, secret: after("x-latchkey-key-events static ")? })
    }

    /// Sends so many events about the key `disks` of a vault, as Event Grid would.
    pub(crate) async fn tell(&self, vault: &str, count: usize) -> anyhow::Result<StatusCode> {
        self.tell_with(&self.secret, vault, count).await
    }

    async fn tell_with(&self, secret: &str, vault: &str, count: usize) -> anyhow::Result<StatusCode> {
        let data = json!({ "VaultName": vault, "ObjectType": "Key", "ObjectName": "disks" });
        let events: Vec<Value> =
            (0..count).map(|number| json!({ "id": number.to_string(), "data": data })).collect();
        let request = plain_client().post(&self.endpoint).header("x-latchkey-key-events", secret);
        Ok(request.json(&events).send().await?.status())
    }
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
    let offered = Offered::on(&page).await.unwrap();
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
    let offered = Offered::on(&page).await.unwrap();
    for _ in 0..100 {
        assert_eq!(offered.tell_with("made up", "contoso-keys", 1).await.unwrap(), 401);
    }
    assert_eq!(looks(&world), 0, "strangers cost nothing");

    let began = Instant::now();
    for _ in 0..200 {
        assert_eq!(offered.tell("contoso-keys", 100).await.unwrap(), 200);
    }
    let looked = async || Ok(looks(&world) > 0);
    world.wait_until("a look", Instant::now() + PATIENCE, looked).await.unwrap();
    let minutes = began.elapsed().as_secs() / 60 + 2;
    assert!(looks(&world) as u64 <= minutes, "{} looks in {minutes} minutes", looks(&world));
    let version = facts_of(&page).await["rotation"].clone();
    assert_eq!(version, Value::Null, "what an event says is not believed");
    world.stop().await;
}
