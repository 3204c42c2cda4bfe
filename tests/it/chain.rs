//! From sign-up to an encrypted disk and an activated subscription.

use local_world::{
    step::StepOutcome,
    world::{LocalWorld, LocalWorldOptions},
};
use serde_json::Value;

use crate::support::{
    a_world_where_nothing_spreads_by_itself, consent_and_share, exchanges, history, options,
    play_while_it_spreads, sign_up, succeeded, until, until_nothing_is_left,
};

#[tokio::test]
async fn a_customer_goes_from_sign_up_to_an_encrypted_disk() {
    let folder = tempfile::tempdir().unwrap();
    let world = a_world_where_nothing_spreads_by_itself(folder.path(), &[]).await;
    let signed_up = play_while_it_spreads(&world).await;
    let view = until(&world, &signed_up.page, "active").await;

    assert_the_disk_is_under_the_customers_key(&world, view.disk_encryption_set.as_deref().unwrap()).await;
    assert_the_set_is_as_the_article_has_it(&world).await;
    assert_eq!(
        world.fulfilment().subscription_status(signed_up.purchase.subscription_id).await.unwrap(),
        "Subscribed"
    );
    assert_nothing_failed(&world);
    assert_activation_came_after_the_disk_was_read_back(&world);
    until_nothing_is_left(&world).await;
    assert_the_history_holds_together(&history(&world, &signed_up.page).await);
    world.stop().await;
}

async fn assert_the_disk_is_under_the_customers_key(world: &LocalWorld, set: &str) {
    let disk = world.vendor().disk_named("disk-customer-1").await.unwrap();
    assert_eq!(disk.encryption.as_deref(), Some("EncryptionAtRestWithCustomerKey"));
    assert!(disk.is_under_set(set), "{disk:?} {set}");
}

async fn assert_the_set_is_as_the_article_has_it(world: &LocalWorld) {
    let sets = world.vendor().disk_encryption_sets().await.unwrap();
    assert_eq!(sets.len(), 1);
    let (set, estate) = (&sets[0], world.vendor().estate());
    assert_eq!(set["identity"]["type"], "UserAssigned");
    let properties = &set["properties"];
    assert_eq!(properties["federatedClientId"], estate.application_id.to_string());
    assert_eq!(properties["rotationToLatestKeyVersionEnabled"], true);
    assert_eq!(properties["provisioningState"], "Succeeded");
    let key_url = properties["activeKey"]["keyUrl"].as_str().unwrap();
    assert_eq!(key_url.split('/').count(), 6, "a versioned key URL: {key_url}");
    assert!(
        properties["activeKey"]["sourceVault"].is_null(),
        "a vault of another subscription cannot be named"
    );
}

/// A refusal right after consent, and one right after the grant, are not failures.
fn assert_nothing_failed(world: &LocalWorld) {
    let steps = world.steps();
    let bad = |outcome| matches!(outcome, StepOutcome::Failed | StepOutcome::Refused);
    assert!(!steps.iter().any(|step| bad(step.outcome)), "{steps:#?}");
    assert_eq!(world.watched(|watched| watched.failed_invocations.clone()), []);
}

fn assert_activation_came_after_the_disk_was_read_back(world: &LocalWorld) {
    let activations = exchanges(world, "POST", "/activate");
    assert_eq!(activations.len(), 1);
    let encrypted = |entry: &Value| {
        let text = entry["response"]["content"]["text"].as_str().unwrap_or_default();
        let body: Value = serde_json::from_str(text).unwrap_or_default();
        body["properties"]["encryption"]["type"] == "EncryptionAtRestWithCustomerKey"
            && body["properties"]["provisioningState"] == "Succeeded"
    };
    let reads = exchanges(world, "GET", "/disks/disk-customer-1");
    let read_back = reads.iter().find(|entry| encrypted(entry)).expect("the disk was read back");
    let time = |entry: &Value| entry["startedDateTime"].as_str().unwrap().to_owned();
    assert!(time(read_back) < time(&activations[0]));
}

fn assert_the_history_holds_together(entries: &[Value]) {
    let facts: Vec<&str> = entries.iter().map(|entry| entry["fact"]["fact"].as_str().unwrap()).collect();
    assert_eq!(
        facts,
        [
            "opened",
            "consent-proven",
            "key-proven",
            "set-requested",
            "set-ready",
            "disk-requested",
            "disk-encrypted",
            "activated"
        ]
    );
}

#[tokio::test]
async fn an_onboarding_survives_a_restart_of_the_world() {
    let folder = tempfile::tempdir().unwrap();
    let lasting = || LocalWorldOptions { dir: Some(folder.path().to_owned()), ..options() };
    let world = LocalWorld::start(lasting()).await.unwrap();
    let signed_up = sign_up(&world).await;
    world.stop().await;

    let world = LocalWorld::start(lasting()).await.unwrap();
    until(&world, &signed_up.page, "awaiting-consent").await;
    consent_and_share(&world, &signed_up.page, "contoso-keys").await;
    until(&world, &signed_up.page, "active").await;
    world.stop().await;

    let world = LocalWorld::start(lasting()).await.unwrap();
    let view = until(&world, &signed_up.page, "active").await;
    assert_the_disk_is_under_the_customers_key(&world, view.disk_encryption_set.as_deref().unwrap()).await;
    assert_eq!(succeeded(&exchanges(&world, "PUT", "/diskEncryptionSets/")), 0, "nothing was made anew");
    world.stop().await;
}
