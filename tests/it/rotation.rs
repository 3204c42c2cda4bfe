//! A key that was rotated stays rotated, whatever a step that runs again still remembers; a new version is followed
//! until the disks need no older one.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::Instant;

use local_world::{
    cast::OnboardingPage,
    step::{StepOutcome, StepReport},
    world::LocalWorld,
};
use onboarding::{
    OnboardingId,
    event::{Event, EventData as _, EventId, KeyEventReceived},
};
use service_bus::{Entity, Message, ServiceBusClient};
use uuid::Uuid;

use crate::support::{
    PATIENCE, a_world, exchanges, facts_of, history, options, page_of, plain_client, play, sign_up,
    told_to_the_operator, until,
};

const KEY: &str = "rotated-keys";
const SETS_API: &str = "2025-01-02";
const TAKES_OVER: Duration = Duration::from_secs(2_400);
const REWRAPS: Duration = Duration::from_secs(1_800);
/// How often the watch looks.
const QUARTER: Duration = Duration::from_secs(900);

/// The run that asked for the set was killed before it wrote that down; meanwhile the customer made a new version of
/// the key, and the service took it up. The next run still has the version that was shared.
#[tokio::test]
async fn a_set_that_was_rotated_is_adopted_and_its_key_is_not_put_back() {
    let world = a_world().await;
    let page = sign_up(&world).await.page;
    world.customer().consent(&page).await.unwrap();
    until(&world, &page, "awaiting-key").await;
    let shared = world.customer().make_key(KEY).await.unwrap();
    let newer = world.customer().make_key(KEY).await.unwrap();
    assert_ne!(shared.url, newer.url);
    let principal = world.customer().service_principal(world.vendor().estate().application_id).await.unwrap();
    world.customer().grant(&shared, principal).await.unwrap();
    let set = make_the_set(&world, &page, &newer.url).await;
    let asked = exchanges(&world, "PUT", &set).len();

    world.customer().share_key(&page, &shared.url).await.unwrap();
    let view = until(&world, &page, "active").await;
    assert_eq!(view.disk_encryption_set.as_deref(), set.rsplit('/').next(), "the set is adopted");
    assert_eq!(exchanges(&world, "PUT", &set).len(), asked, "and not put again");
    assert_eq!(exchanges(&world, "PATCH", &set).len(), 0);
    let sets = world.vendor().disk_encryption_sets().await.unwrap();
    assert_eq!(sets.len(), 1);
    assert_eq!(sets[0]["properties"]["activeKey"]["keyUrl"], newer.url);
    world.stop().await;
}

/// The set as the killed run asked for it, under the newer version. The grant may still be spreading.
async fn make_the_set(world: &LocalWorld, page: &OnboardingPage, key: &str) -> String {
    let (vendor, estate) = (world.vendor(), world.vendor().estate());
    let group = estate.identity.id.split("/providers/").next().unwrap();
    let id = format!("{group}/providers/Microsoft.Compute/diskEncryptionSets/latchkey-{}", page.onboarding());
    let body = json!({
        "location": estate.region,
        "tags": { "latchkey-onboarding": page.onboarding() },
        "identity": {
            "type": "UserAssigned",
            "userAssignedIdentities": { estate.identity.id.as_str(): {} },
        },
        "properties": {
            "activeKey": { "keyUrl": key },
            "encryptionType": "EncryptionAtRestWithCustomerKey",
            "federatedClientId": estate.application_id,
            "rotationToLatestKeyVersionEnabled": true,
        },
    });
    let ask =
        async || Ok(vendor.azure().arm(Method::PUT, &id, SETS_API, Some(&body)).await?.ok("the set").ok());
    let _: Value = world.wait_for("the set", Instant::now() + PATIENCE, ask).await.unwrap();
    id
}

/// A world in which Azure takes forty minutes to take over a new version, and half an hour more until no disk needs the
/// old one. Its sweeps are rare, because time is moved on.
async fn a_world_that_rotates() -> (LocalWorld, OnboardingPage) {
    let mut options = options();
    (options.lags.key_rotation, options.lags.disk_rewrap) = (TAKES_OVER, REWRAPS);
    options.settings.insert("LATCHKEY_SWEEP_SCHEDULE".to_owned(), "0 */15 * * * *".to_owned());
    let world = LocalWorld::start(options).await.unwrap();
    let page = play(&world).await.page;
    (world, page)
}

/// Lets time pass until the watch has seen this of the rotation.
async fn until_rotation(world: &LocalWorld, page: &OnboardingPage, field: &str, within: Duration) -> Value {
    let seen = async || Ok(!facts_of(page).await["rotation"][field].is_null());
    world.advance_until(field, within, seen).await.unwrap();
    facts_of(page).await
}

/// Has the key looked at, as its watch does.
async fn look(world: &LocalWorld, page: &OnboardingPage) -> Value {
    let done = || {
        let is_done =
            |step: &&StepReport| step.function == "key_events" && step.outcome != StepOutcome::Retry;
        world.steps().iter().filter(is_done).count()
    };
    let before = done();
    let onboarding: OnboardingId = page.onboarding().parse().unwrap();
    let id = EventId::of_origin(KeyEventReceived::KIND, &Uuid::new_v4().to_string());
    let event = Event::new(id, "test", onboarding, world.now(), KeyEventReceived {});
    let message = event.to_message(None);
    let body = Message::new(message.event.to_string()).with_message_id(message.message_id);
    let client = ServiceBusClient::from_connection_string(&world.broker().connection_string()).unwrap();
    client.sender(Entity::queue(KeyEventReceived::QUEUE)).send(body).await.unwrap();
    let looked = async || Ok(done() > before);
    world.wait_until("a look", Instant::now() + PATIENCE, looked).await.unwrap();
    facts_of(page).await
}

fn version_of(url: &str) -> &str {
    url.rsplit('/').next().unwrap()
}

fn codes(facts: &Value) -> Vec<(&str, &str)> {
    let blockers = facts["blockers"].as_array().unwrap();
    blockers.iter().map(|one| (one["code"].as_str().unwrap(), one["owner"].as_str().unwrap())).collect()
}

async fn change_key(world: &LocalWorld, path: &str, method: Method, body: Value) -> Value {
    let path = format!("/keys/disks{path}");
    let changed = world.customer().azure().vault(method, "contoso-keys", &path, Some(&body)).await.unwrap();
    changed.ok("changing the key").unwrap()
}

async fn change_set(world: &LocalWorld, properties: Value) {
    let set = world.vendor().disk_encryption_sets().await.unwrap()[0]["id"].as_str().unwrap().to_owned();
    let body = json!({ "properties": properties });
    let azure = world.vendor().azure();
    azure.arm(Method::PATCH, &set, SETS_API, Some(&body)).await.unwrap().ok("changing the set").unwrap();
    let settled = async || {
        let read = azure.arm(Method::GET, &set, SETS_API, None).await?.ok("reading the set")?;
        Ok(read["properties"]["provisioningState"] == "Succeeded")
    };
    world.wait_until("the set to be changed", Instant::now() + PATIENCE, settled).await.unwrap();
}

/// Seen by the watch alone, from the new version to the end.
#[tokio::test]
async fn the_page_says_which_versions_to_keep_at_each_stage_of_a_rotation() {
    let (world, page) = a_world_that_rotates().await;
    let old = facts_of(&page).await["key"].as_str().unwrap().to_owned();
    let new = world.customer().make_key("contoso-keys").await.unwrap().url;
    let (old_version, new_version) = (version_of(&old).to_owned(), version_of(&new).to_owned());

    let facts = until_rotation(&world, &page, "to", 2 * QUARTER).await;
    let rotation = &facts["rotation"];
    assert_eq!((&rotation["to"], &rotation["from"]), (&json!(new_version), &json!([old_version])));
    assert_eq!((&rotation["takenOverAt"], &facts["key"]), (&Value::Null, &json!(old)));
    assert_eq!((facts["state"].as_str(), codes(&facts)), (Some("active"), vec![]));
    let html = page_of(&world, &page).await;
    assert!(html.contains("normally within an hour"), "{html}");
    for version in [&old_version, &new_version] {
        assert!(html.contains(&format!("<li>{version}</li>")), "{html}");
    }

    let facts = until_rotation(&world, &page, "takenOverAt", TAKES_OVER + QUARTER).await;
    assert_eq!((&facts["key"], &facts["keyVersion"]["version"]), (&json!(new), &json!(new_version)));
    let lag = facts["rotation"]["lagSeconds"].as_u64().unwrap();
    assert!((2_400..3_600).contains(&lag), "{lag}");
    let html = page_of(&world, &page).await;
    assert!(
        html.contains("It can take an hour") && html.contains(&format!("<li>{old_version}</li>")),
        "{html}"
    );

    // The set names no older version any more, and the documented hour has not passed.
    let entries = history(&world, &page).await.len();
    world.advance(REWRAPS + QUARTER).await.unwrap();
    let sets = world.vendor().disk_encryption_sets().await.unwrap();
    let previous = sets[0]["properties"]["previousKeys"].as_array().map_or(0, Vec::len);
    assert_eq!((previous, &facts_of(&page).await["rotation"]["overAt"]), (0, &Value::Null));
    assert_eq!(history(&world, &page).await.len(), entries, "and that is no news");
    assert!(!page_of(&world, &page).await.contains("You can disable them"));

    let facts = until_rotation(&world, &page, "overAt", 3 * QUARTER).await;
    let html = page_of(&world, &page).await;
    let after = html.split_once("You can disable them:").unwrap_or_else(|| panic!("{html}")).1;
    assert!(after.starts_with(&format!("</p><ul><li>{old_version}</li></ul>")), "{after}");
    assert_eq!((facts["state"].as_str(), history(&world, &page).await.len()), (Some("active"), entries + 1));
    let written = exchanges(&world, "PUT", "/diskEncryptionSets/latchkey-").len();
    assert_eq!((written, exchanges(&world, "PATCH", "/diskEncryptionSets/latchkey-").len()), (1, 0));
    world.stop().await;
}

#[tokio::test]
async fn an_older_version_that_is_disabled_too_early_is_named() {
    let (world, page) = a_world_that_rotates().await;
    let old = facts_of(&page).await["key"].as_str().unwrap().to_owned();
    world.customer().make_key("contoso-keys").await.unwrap();
    until_rotation(&world, &page, "takenOverAt", TAKES_OVER + 2 * QUARTER).await;
    let of_old = format!("/{}", version_of(&old));
    change_key(&world, &of_old, Method::PATCH, json!({ "attributes": { "enabled": false } })).await;
    let facts = look(&world, &page).await;
    assert_eq!(
        (facts["state"].as_str(), codes(&facts)),
        (Some("active"), vec![("old-version-disabled", "customer")])
    );
    let mend = facts["blocker"]["mend"][0].as_str().unwrap();
    assert!(mend.contains(version_of(&old)) && mend.ends_with("--enabled true"), "{mend}");
    change_key(&world, &of_old, Method::PATCH, json!({ "attributes": { "enabled": true } })).await;
    assert_eq!(codes(&look(&world, &page).await), []);
    world.stop().await;
}

/// Only the newest version is disabled; the disks still use the one before. That is no revocation.
#[tokio::test]
async fn a_newest_version_that_is_disabled_is_the_customers_turn_and_the_key_still_works() {
    let (world, page) = a_world_that_rotates().await;
    let new = world.customer().make_key("contoso-keys").await.unwrap().url;
    let of_new = format!("/{}", version_of(&new));
    change_key(&world, &of_new, Method::PATCH, json!({ "attributes": { "enabled": false } })).await;
    let facts = look(&world, &page).await;
    assert_eq!(
        (facts["state"].as_str(), codes(&facts)),
        (Some("active"), vec![("new-version-unusable", "customer")])
    );
    let address = format!("/api/operations/onboardings/{}/check", page.onboarding());
    let check = plain_client().post(world.url().join(&address).unwrap()).send().await.unwrap();
    assert_eq!(check.json::<Value>().await.unwrap(), json!({ "works": true }));
    // The customer enables it and has it checked.
    change_key(&world, &of_new, Method::PATCH, json!({ "attributes": { "enabled": true } })).await;
    world.customer().check_again(&page).await.unwrap();
    let mended = async || Ok(codes(&facts_of(&page).await).is_empty());
    world.wait_until("the check", Instant::now() + PATIENCE, mended).await.unwrap();
    world.stop().await;
}

#[tokio::test]
async fn what_stops_azure_names_the_customer_first_and_then_the_vendor() {
    let (world, page) = a_world_that_rotates().await;
    let tomorrow = world.now().unix_timestamp() + 86_400;
    let not_yet = json!({ "kty": "RSA", "attributes": { "enabled": true, "nbf": tomorrow } });
    change_key(&world, "/create", Method::POST, not_yet).await;
    world.advance(TAKES_OVER).await.unwrap();
    let facts = look(&world, &page).await;
    assert_eq!(codes(&facts), [("new-version-unusable", "customer")]);
    let summary = facts["blocker"]["summary"].as_str().unwrap();
    assert!(
        summary.contains("key-not-yet-valid") && summary.contains("stopped looking for new versions"),
        "{summary}"
    );

    let good = world.customer().make_key("contoso-keys").await.unwrap().url;
    world.advance(TAKES_OVER).await.unwrap();
    let facts = look(&world, &page).await;
    assert_eq!(codes(&facts), [("key-rotation-failed", "vendor")], "{facts}");
    assert_eq!(
        facts["blocker"]["mend"].as_array().unwrap().len(),
        1,
        "the vendor's commands are the vendor's"
    );
    let mend = told_to_the_operator(&world, &page).await;
    assert!(mend.contains(&format!("--key-url {good} --enable-auto-key-rotation true")), "{mend}");

    change_set(&world, json!({ "activeKey": { "keyUrl": good }, "rotationToLatestKeyVersionEnabled": true }))
        .await;
    let facts = look(&world, &page).await;
    assert_eq!((codes(&facts), &facts["key"]), (vec![], &json!(good)));
    world.stop().await;
}

#[tokio::test]
async fn a_set_that_somebody_changed_is_the_vendors_turn_until_it_is_changed_back() {
    let (world, page) = a_world_that_rotates().await;
    change_set(&world, json!({ "rotationToLatestKeyVersionEnabled": false })).await;
    let facts = look(&world, &page).await;
    assert_eq!((facts["state"].as_str(), codes(&facts)), (Some("active"), vec![("set-changed", "vendor")]));
    change_set(&world, json!({ "rotationToLatestKeyVersionEnabled": true })).await;
    assert_eq!(codes(&look(&world, &page).await), []);
    world.stop().await;
}

/// Azure has changed to the new version, and Latchkey has not seen it yet. The version from before says nothing about the
/// key any more: disabling it is too early, and no revocation.
#[tokio::test]
async fn a_version_that_was_replaced_unnoticed_is_no_revocation() {
    let (world, page) = a_world_that_rotates().await;
    let old = facts_of(&page).await["key"].as_str().unwrap().to_owned();
    let new = world.customer().make_key("contoso-keys").await.unwrap().url;
    look(&world, &page).await;
    world.jump(TAKES_OVER).await.unwrap();
    let set = world.vendor().disk_encryption_sets().await.unwrap()[0]["id"].as_str().unwrap().to_owned();
    let read = world.vendor().azure().arm(Method::GET, &set, SETS_API, None).await.unwrap();
    assert_eq!(read.ok("the set").unwrap()["properties"]["activeKey"]["keyUrl"], new);
    let of_old = format!("/{}", version_of(&old));
    change_key(&world, &of_old, Method::PATCH, json!({ "attributes": { "enabled": false } })).await;
    let facts = look(&world, &page).await;
    assert_eq!(
        (facts["state"].as_str(), codes(&facts), &facts["key"]),
        (Some("active"), vec![("old-version-disabled", "customer")], &json!(new))
    );
    world.stop().await;
}

/// Azure has not changed to the new version yet, so the disks still need the one in use: that it was disabled is seen by the
/// next looks, and not only by the full one of the hour.
#[tokio::test]
async fn a_version_in_use_that_is_disabled_while_a_newer_one_waits_is_noticed_within_two_looks() {
    let mut options = options();
    // Azure takes the new version over much later than the looks come.
    options.lags.key_rotation = Duration::from_secs(100_000);
    options.settings.insert("LATCHKEY_SWEEP_SCHEDULE".to_owned(), "0 */15 * * * *".to_owned());
    let world = LocalWorld::start(options).await.unwrap();
    let page = play(&world).await.page;
    let in_use = facts_of(&page).await["key"].as_str().unwrap().to_owned();
    world.customer().make_key("contoso-keys").await.unwrap();
    until_rotation(&world, &page, "seenAt", QUARTER * 2).await;
    let full = || exchanges(&world, "POST", "/wrapKey").len();
    let worked = full();
    let a_full_look = async || Ok(full() > worked);
    world.advance_until("a full look", QUARTER * 5, a_full_look).await.unwrap();
    let of_old = format!("/{}", version_of(&in_use));
    change_key(&world, &of_old, Method::PATCH, json!({ "attributes": { "enabled": false } })).await;
    let is_revoked = async || Ok(facts_of(&page).await["state"] == "revoked");
    world.advance_until("the revocation", QUARTER * 2, is_revoked).await.unwrap();
    assert_eq!(codes(&facts_of(&page).await)[0], ("key-disabled", "customer"));
    world.stop().await;
}
