//! The world changes between two steps: what no longer fits is dropped, visibly, and the rest goes on.

use local_world::{cast::OnboardingPage, world::LocalWorld};
use reqwest::{Method, StatusCode};
use sandbox::FaultScript;
use serde_json::{Value, json};

use crate::support::{
    SignedUp, a_world_with, exchanges, history, options, plain_client, sign_up, succeeded, until,
    until_blocked, until_nothing_is_left,
};

/// What a disk can be read and listed with.
const DISKS: &str = "2023-04-02";

/// Quick checks, so that a disk that is tagged later is found soon.
const QUICK: [(&str, &str); 1] = [("LATCHKEY_CHECK_FIRST_SECONDS", "1")];

/// An onboarding whose one disk is about to be encrypted: reading it fails until the script of faults is taken back.
async fn about_to_encrypt(world: &LocalWorld) -> (SignedUp, String) {
    let rule = json!({
        "call": { "method": "GET", "host": "management.azure.com", "path": "*/disks/disk-customer-1" },
        "fault": { "kind": "status", "status": 503 }
    });
    let signed_up = sign_up(world).await;
    let page = &signed_up.page;
    let disk = world.vendor().disk_named("disk-customer-1").await.unwrap().id;
    world.sandbox().set_faults(FaultScript::parse(&json!({ "faults": [rule] }).to_string()).unwrap());
    crate::support::consent_and_share(world, page, "contoso-keys").await;
    until(world, page, "encrypting").await;
    (signed_up, disk)
}

fn no_faults(world: &LocalWorld) {
    world.sandbox().set_faults(FaultScript::parse(&json!({ "faults": [] }).to_string()).unwrap());
}

async fn on_disk(world: &LocalWorld, method: Method, disk: &str, body: Option<&Value>) {
    let reply = world.vendor().azure().arm(method, disk, DISKS, body).await.unwrap();
    assert!(reply.status.is_success(), "{}", reply.status);
}

async fn facts(world: &LocalWorld, page: &OnboardingPage) -> Vec<String> {
    let entries = history(world, page).await;
    entries.iter().map(|entry| entry["fact"]["fact"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_disk_that_is_given_to_another_customer_meanwhile_is_left_alone_and_not_billed() {
    let world = a_world_with(&QUICK).await;
    let (SignedUp { page, .. }, disk) = about_to_encrypt(&world).await;
    let tagged = json!({ "tags": { "latchkey-subscription": "0a1b2c3d-9999-2222-3333-444455556666" } });
    on_disk(&world, Method::PATCH, &disk, Some(&tagged)).await;
    let before = succeeded(&exchanges(&world, "PATCH", "/disks/"));
    no_faults(&world);

    let view = until_blocked(&world, &page, "no-disks").await;
    assert_eq!((view.activated, view.disks.len()), (false, 0));
    assert!(facts(&world, &page).await.contains(&"disk-dropped".to_owned()));
    assert_eq!(succeeded(&exchanges(&world, "PATCH", "/disks/")), before, "nothing was changed");
    let read = world.vendor().disk(&disk).await.unwrap();
    assert_eq!(read.encryption.as_deref(), Some("EncryptionAtRestWithPlatformKey"));
    world.stop().await;
}

/// Encrypted already, and given to somebody else before the subscription was activated.
#[tokio::test]
async fn a_disk_that_is_given_away_before_the_activation_is_not_billed() {
    let world = a_world_with(&QUICK).await;
    let rule = json!({
        "call": { "method": "POST", "path": "*/activate" },
        "fault": { "kind": "status", "status": 503 }
    });
    let page = sign_up(&world).await.page;
    let disk = world.vendor().disk_named("disk-customer-1").await.unwrap().id;
    world.sandbox().set_faults(FaultScript::parse(&json!({ "faults": [rule] }).to_string()).unwrap());
    crate::support::consent_and_share(&world, &page, "contoso-keys").await;
    until(&world, &page, "activating").await;
    let tagged = json!({ "tags": { "latchkey-subscription": "0a1b2c3d-9999-2222-3333-444455556666" } });
    on_disk(&world, Method::PATCH, &disk, Some(&tagged)).await;
    no_faults(&world);

    let view = until_blocked(&world, &page, "no-disks").await;
    assert_eq!((view.activated, view.disks.len()), (false, 0));
    assert!(facts(&world, &page).await.contains(&"disk-dropped".to_owned()));
    assert_eq!(succeeded(&exchanges(&world, "POST", "/activate")), 0, "nobody is billed");
    world.stop().await;
}

#[tokio::test]
async fn a_disk_that_is_deleted_meanwhile_is_dropped_and_the_chain_goes_on_with_its_successor() {
    // What is deleted is gone at once: reading the disk, to see whether it is, fails until then.
    let mut options = options();
    options.lags.operation_polls = 0;
    options.settings.extend(QUICK.map(|(name, value)| (name.to_owned(), value.to_owned())));
    let world = LocalWorld::start(options).await.unwrap();
    let (SignedUp { page, purchase }, disk) = about_to_encrypt(&world).await;
    on_disk(&world, Method::DELETE, &disk, None).await;
    no_faults(&world);
    until_blocked(&world, &page, "no-disks").await;
    world.vendor().make_disk_for("disk-customer-2", purchase.subscription_id).await.unwrap();
    let view = until(&world, &page, "active").await;
    assert_eq!(view.disks.len(), 1);
    until_nothing_is_left(&world).await;
    world.stop().await;
}

/// Whoever leaves takes no key along.
#[tokio::test]
async fn a_key_can_be_used_again_when_its_onboarding_has_ended() {
    let at_once = [
        ("LATCHKEY_LEAVING_HOLD_SECONDS", "0"),
        ("LATCHKEY_LEAVING_APPROVAL", "policy"),
        ("LATCHKEY_LEAVING_PROOF_SECONDS", "0"),
    ];
    let settings: Vec<_> = QUICK.into_iter().chain(at_once).collect();
    let world = a_world_with(&settings).await;
    let first = crate::support::play(&world).await;
    let key = world.customer().look(&first.page).await.unwrap().key.unwrap();
    let unsubscribe = sandbox::MarketplaceAction::Unsubscribe;
    world.sandbox().send_webhook(first.purchase.subscription_id, unsubscribe).await.unwrap();
    until(&world, &first.page, "ended").await;

    let second = sign_up(&world).await.page;
    world.customer().consent(&second).await.unwrap();
    until(&world, &second, "awaiting-key").await;
    world.customer().share_key(&second, &key).await.unwrap();
    until_blocked(&world, &second, "no-disks").await;
    world.stop().await;
}

/// Both keys wait for a grant; the one that was submitted first gets it first.
#[tokio::test]
async fn of_two_keys_the_one_that_was_submitted_last_counts() {
    let world = a_world_with(&QUICK).await;
    let page = sign_up(&world).await.page;
    let customer = world.customer();
    customer.consent(&page).await.unwrap();
    until(&world, &page, "awaiting-key").await;
    let wrong = customer.make_key("contoso-wrong").await.unwrap();
    let right = customer.make_key("contoso-keys").await.unwrap();
    customer.share_key(&page, &wrong.url).await.unwrap();
    customer.share_key(&page, &right.url).await.unwrap();
    crate::support::grant(&world, &wrong).await;
    // The grant of the older key spreads within a second, and its message is tried again every second at the least.
    tokio::time::sleep(std::time::Duration::from_secs(4)).await;
    crate::support::grant(&world, &right).await;
    let view = until(&world, &page, "active").await;
    assert_eq!(view.key.as_deref(), Some(right.url.as_str()));
    until_nothing_is_left(&world).await;
    world.stop().await;
}

/// The older one is looked at by its reminder, which the chain set itself; the newer one waits for its grant.
#[tokio::test]
async fn an_older_key_that_begins_to_work_does_not_win_over_one_that_was_submitted_later() {
    let world = a_world_with(&QUICK).await;
    let page = sign_up(&world).await.page;
    let customer = world.customer();
    customer.consent(&page).await.unwrap();
    until(&world, &page, "awaiting-key").await;
    let older = customer.make_key("contoso-older").await.unwrap();
    crate::support::grant(&world, &older).await;
    customer.enable_key(&older, false).await.unwrap();
    customer.share_key(&page, &older.url).await.unwrap();
    until_blocked(&world, &page, "key-disabled").await;
    let newer = customer.make_key("contoso-keys").await.unwrap();
    customer.share_key(&page, &newer.url).await.unwrap();
    customer.enable_key(&older, true).await.unwrap();
    // A check of what was blocked is due each few seconds.
    until_blocked(&world, &page, "grant-missing").await;
    crate::support::grant(&world, &newer).await;
    let view = until(&world, &page, "active").await;
    assert_eq!(view.key.as_deref(), Some(newer.url.as_str()));
    until_nothing_is_left(&world).await;
    world.stop().await;
}

#[tokio::test]
async fn a_purchase_that_was_cancelled_before_the_landing_page_shows_that_it_ended_and_nothing_more() {
    let world = a_world_with(&QUICK).await;
    let purchase = world.purchase().await.unwrap();
    let unsubscribe = sandbox::MarketplaceAction::Unsubscribe;
    world.sandbox().begin_action(purchase.subscription_id, unsubscribe).unwrap();
    let page = world.customer().sign_up(&purchase.landing).await.unwrap();
    let view = until(&world, &page, "ended").await;
    assert_eq!((view.consent_url, view.blockers.len()), (None, 0));
    let shown = plain_client().get(page.url().clone()).send().await.unwrap().text().await.unwrap();
    assert!(shown.contains("The subscription has ended.") && !shown.contains("Service principal"), "{shown}");
    let consent = plain_client().get(page.below("consent")).send().await.unwrap();
    assert_eq!(consent.status(), StatusCode::GONE, "consent is not asked for any more");
    world.stop().await;
}
