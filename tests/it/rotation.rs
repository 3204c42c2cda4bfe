//! A key that was rotated stays rotated, whatever a step that runs again still remembers.

use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::Instant;

use local_world::{cast::OnboardingPage, world::LocalWorld};

use crate::support::{PATIENCE, a_world, exchanges, sign_up, until};

const KEY: &str = "rotated-keys";
const SETS_API: &str = "2025-01-02";

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
    assert!(view.disk_encryption_set.unwrap().eq_ignore_ascii_case(&set), "the set is adopted");
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
