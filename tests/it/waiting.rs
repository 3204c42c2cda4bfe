//! Waiting on somebody is not a failure: nothing is lost, the check comes by itself, and the chain goes on.

use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::support::{
    PATIENCE, a_world_with, history, plain_client, sign_up, until, until_blocked, until_nothing_is_left,
};

/// Nothing counts as spreading, so every refusal is a blocker at once; checks come a second later.
const IMPATIENT: [(&str, &str); 2] =
    [("LATCHKEY_SPREADING_SECONDS", "0"), ("LATCHKEY_CHECK_FIRST_SECONDS", "1")];

#[tokio::test]
async fn a_grant_that_comes_late_is_found_by_itself_and_the_chain_goes_on() {
    let world = a_world_with(&IMPATIENT).await;
    let page = sign_up(&world).await.page;
    // The service principal spreads for a while, which here is a blocker that a check resolves.
    world.customer().consent(&page).await.unwrap();
    until(&world, &page, "awaiting-key").await;

    let key = world.customer().make_key("contoso-keys").await.unwrap();
    world.customer().share_key(&page, &key.url).await.unwrap();
    let view = until_blocked(&world, &page, "grant-missing").await;
    let blocker = view.blocker.unwrap();
    assert_eq!(blocker.owner, "customer");
    let principal = world.customer().service_principal(world.vendor().estate().application_id).await.unwrap();
    assert!(
        blocker.mend[0].contains(&principal.to_string()),
        "the command names whom to grant to: {:?}",
        blocker.mend
    );
    until_nothing_is_left(&world).await;

    world.customer().grant(&key, principal).await.unwrap();
    until(&world, &page, "active").await;
    let checks =
        history(&world, &page).await.iter().filter(|entry| entry["fact"]["fact"] == "check-due").count();
    assert!(checks > 0, "the grant was found by a check");
    until_nothing_is_left(&world).await;
    world.stop().await;
}

#[tokio::test]
async fn a_disabled_key_waits_for_the_customer_who_presses_check_again() {
    let world = a_world_with(&[("LATCHKEY_CHECK_FIRST_SECONDS", "3600")]).await;
    let page = sign_up(&world).await.page;
    world.customer().consent(&page).await.unwrap();
    until(&world, &page, "awaiting-key").await;
    let key = world.customer().make_key("contoso-keys").await.unwrap();
    let principal = world.customer().service_principal(world.vendor().estate().application_id).await.unwrap();
    world.customer().grant(&key, principal).await.unwrap();
    let (vault, path) = ("contoso-keys", key.url.split_once("/keys/").unwrap().1);
    let enable = async |enabled: bool| {
        let body = json!({"attributes": {"enabled": enabled}});
        let reply =
            world.customer().azure().vault(Method::PATCH, vault, &format!("/keys/{path}"), Some(&body)).await;
        assert_eq!(reply.unwrap().status, StatusCode::OK);
    };
    enable(false).await;
    world.customer().share_key(&page, &key.url).await.unwrap();
    until_blocked(&world, &page, "key-disabled").await;

    enable(true).await;
    world.customer().check_again(&page).await.unwrap();
    until(&world, &page, "active").await;
    world.stop().await;
}

#[tokio::test]
async fn a_matter_past_its_deadline_becomes_a_dead_letter_with_the_last_error() {
    let world =
        a_world_with(&[("LATCHKEY_RETRY_DEADLINE_SECONDS", "12"), ("LATCHKEY_SPREADING_SECONDS", "11")])
            .await;
    let page = sign_up(&world).await.page;
    world.customer().consent(&page).await.unwrap();
    until(&world, &page, "awaiting-key").await;
    let key = world.customer().make_key("contoso-keys").await.unwrap();
    crate::dead_letters::vaults_are_unavailable(world.sandbox());
    world.customer().share_key(&page, &key.url).await.unwrap();
    let refused = async || Ok(world.broker().counts("key_shared").unwrap().dead_letter == 1);
    world.wait_until("the dead letter", tokio::time::Instant::now() + PATIENCE, refused).await.unwrap();
    let (reason, description) = crate::bad_messages::dead_letter(&world, "key_shared").await;
    assert_eq!(reason, "DeadlineExceeded");
    assert!(description.contains("the key vault did not respond"), "{description}");
    world.stop().await;
}

/// A customer hands in the wrong key, which is retried as a grant that may be spreading, and then the right one.
#[tokio::test]
async fn a_key_that_was_handed_in_by_mistake_does_not_stop_the_one_that_works() {
    let world = a_world_with(&[("LATCHKEY_SPREADING_SECONDS", "20")]).await;
    let page = sign_up(&world).await.page;
    world.customer().consent(&page).await.unwrap();
    until(&world, &page, "awaiting-key").await;
    let key = world.customer().make_key("contoso-keys").await.unwrap();
    let principal = world.customer().service_principal(world.vendor().estate().application_id).await.unwrap();
    world.customer().grant(&key, principal).await.unwrap();
    let body = json!({"kty": "RSA"});
    let path = "/keys/by-mistake/create";
    let made = world.customer().azure().vault(Method::POST, "contoso-keys", path, Some(&body)).await;
    made.unwrap().ok("a key that nobody granted").unwrap();
    world.customer().share_key(&page, "https://contoso-keys.vault.azure.net/keys/by-mistake").await.unwrap();
    world.customer().share_key(&page, &key.url).await.unwrap();
    until(&world, &page, "active").await;
    // The other key is retried until its time for spreading is over; then nobody's turn comes of it.
    until_nothing_is_left(&world).await;
    let view = until(&world, &page, "active").await;
    assert!(view.blocker.is_none(), "{:?}", view.blocker);
    assert_eq!(view.key.as_deref().map(|shown| shown.starts_with(&key.url)), Some(true), "{:?}", view.key);
    world.stop().await;
}

/// The customer has done what was asked. What the page and the list said before must not stay there: it is not the
/// customer's turn any more.
#[tokio::test]
async fn a_submitted_key_that_cannot_be_checked_until_the_deadline_is_the_vendors_turn() {
    let world =
        a_world_with(&[("LATCHKEY_RETRY_DEADLINE_SECONDS", "8"), ("LATCHKEY_SPREADING_SECONDS", "7")]).await;
    let page = sign_up(&world).await.page;
    world.customer().consent(&page).await.unwrap();
    until_blocked(&world, &page, "key-not-shared").await;
    let key = world.customer().make_key("contoso-keys").await.unwrap();
    crate::dead_letters::vaults_are_unavailable(world.sandbox());
    world.customer().share_key(&page, &key.url).await.unwrap();
    let view = until_blocked(&world, &page, "step-refused").await;
    let codes: Vec<(&str, &str)> =
        view.blockers.iter().map(|blocker| (blocker.code.as_str(), blocker.owner.as_str())).collect();
    assert_eq!(codes, [("step-refused", "vendor")]);
    assert_eq!(view.key.as_deref(), Some(key.url.as_str()), "the page shows which key it is about");
    let url = world.url().join("/api/operations/onboardings").unwrap();
    let list: serde_json::Value = plain_client().get(url).send().await.unwrap().json().await.unwrap();
    assert_eq!(list["onboardings"][0]["blockers"][0]["code"], "step-refused", "{list}");
    world.stop().await;
}
