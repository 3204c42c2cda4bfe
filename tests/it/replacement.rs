//! The key in use is replaced by another one, and nothing else ever takes its place.

use std::time::Duration;

use local_world::{
    cast::{CustomerKey, OnboardingPage},
    world::LocalWorld,
};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::support::{
    PATIENCE, SignedUp, a_world, consent_and_share, exchanges, facts_of, grant, history, page_of,
    plain_client, play, sign_up, succeeded, until,
};

const SETS_API: &str = "2025-01-02";

/// An active onboarding and another key, which the application may use.
async fn with_another_key(world: &LocalWorld) -> (OnboardingPage, CustomerKey) {
    let page = play(world).await.page;
    let other = world.customer().make_key("contoso-others").await.unwrap();
    grant(world, &other).await;
    (page, other)
}

async fn until_fact(world: &LocalWorld, page: &OnboardingPage, what: &str, is_so: impl Fn(&Value) -> bool) {
    let seen = async || Ok(is_so(&facts_of(page).await));
    if let Err(error) = world.wait_until(what, Instant::now() + PATIENCE, seen).await {
        panic!("{error:#}\n{:#}\n{:#?}", facts_of(page).await, world.steps());
    }
}

async fn share(world: &LocalWorld, page: &OnboardingPage, key: &CustomerKey) {
    world.customer().share_key(page, &key.url).await.unwrap();
    until_fact(world, page, "the candidate", |facts| facts["candidateKey"]["works"] == true).await;
}

fn code_of(facts: &Value) -> &str {
    facts["blocker"]["code"].as_str().unwrap_or_default()
}

async fn enable(world: &LocalWorld, key: &CustomerKey, enabled: bool) {
    world.customer().enable_key(key, enabled).await.unwrap();
}

async fn set_of(world: &LocalWorld) -> Value {
    world.vendor().disk_encryption_sets().await.unwrap()[0].clone()
}

fn patches(world: &LocalWorld) -> Vec<Value> {
    exchanges(world, "PATCH", "/diskEncryptionSets/latchkey-")
}

/// By the page's own forms, in a browser: asked twice, and nothing is changed by the first answer.
#[tokio::test]
async fn the_customer_is_asked_twice_and_then_the_set_has_the_other_key_and_nothing_else_is_changed() {
    let world = a_world().await;
    let (page, other) = with_another_key(&world).await;
    let before = set_of(&world).await;
    share(&world, &page, &other).await;
    let html = page_of(&world, &page).await;
    assert!(html.contains("Use this key from now on") && html.contains("Withdraw this key"), "{html}");
    let form = format!("keyUrl={}", other.url);
    let ask = |body: String| {
        let request = plain_client().post(page.below("replace-key"));
        request.header("content-type", "application/x-www-form-urlencoded").body(body).send()
    };
    let question = ask(form.clone()).await.unwrap().text().await.unwrap();
    assert!(question.contains("Yes, use this key from now on"), "{question}");
    assert_eq!((patches(&world).len(), facts_of(&page).await["replacement"].clone()), (0, Value::Null));
    assert!(ask(format!("{form}&confirmed=true")).await.unwrap().status().is_redirection());
    until_fact(&world, &page, "the other key", |facts| facts["replacement"]["state"] == "rewrapping").await;

    let after = set_of(&world).await;
    assert_eq!(after["properties"]["activeKey"], json!({ "keyUrl": other.url }));
    for same in ["federatedClientId", "rotationToLatestKeyVersionEnabled", "encryptionType"] {
        assert_eq!(after["properties"][same], before["properties"][same], "{same}");
    }
    assert_eq!((&after["identity"], &after["tags"]), (&before["identity"], &before["tags"]));
    let sent = patches(&world);
    let body: Value = serde_json::from_str(sent[0]["request"]["postData"]["text"].as_str().unwrap()).unwrap();
    assert_eq!(body, json!({ "properties": { "activeKey": { "keyUrl": other.url } } }));
    let facts = facts_of(&page).await;
    assert_eq!((facts["state"].as_str(), &facts["key"]), (Some("active"), &json!(other.url)));
    assert!(page_of(&world, &page).await.contains("Until this page says that the disks no longer need"));
    let told: Vec<String> =
        history(&world, &page).await.iter().map(|entry| entry["fact"]["fact"].to_string()).collect();
    let wanted = ["\"replacement-asked\"", "\"replacement-accepted\"", "\"key-replaced\""];
    assert!(told.ends_with(&wanted.map(str::to_owned)), "{told:?}");
    // Asked once more, for the key that is in use by now.
    let again = world.customer().say_of_key(&page, "replace-key", &other.url).await.unwrap();
    assert_eq!((again.as_u16(), patches(&world).len()), (409, 1));
    world.stop().await;
}

/// Nothing is put in use that was not shown to work, and what is taken back is not either.
#[tokio::test]
async fn a_key_that_is_lost_before_azure_is_asked_leaves_the_key_in_use_and_another_try_works() {
    let world = a_world().await;
    let (page, other) = with_another_key(&world).await;
    let in_use = facts_of(&page).await["key"].clone();
    share(&world, &page, &other).await;
    enable(&world, &other, false).await;
    world.customer().replace_key(&page, &other.url).await.unwrap();
    until_fact(&world, &page, "the lost key", |facts| code_of(facts) == "key-disabled").await;
    let facts = facts_of(&page).await;
    assert_eq!((facts["state"].as_str(), &facts["key"]), (Some("active"), &in_use));
    assert_eq!((facts["candidateKey"]["works"].as_bool(), patches(&world).len()), (Some(false), 0));
    let refused = world.customer().say_of_key(&page, "replace-key", &other.url).await.unwrap();
    assert_eq!(refused.as_u16(), 409, "it does not work");

    enable(&world, &other, true).await;
    crate::support::check_again(&world, &page).await;
    until_fact(&world, &page, "the candidate", |facts| facts["candidateKey"]["works"] == true).await;
    world.customer().replace_key(&page, &other.url).await.unwrap();
    until_fact(&world, &page, "the other key", |facts| facts["key"] == json!(other.url)).await;
    assert_eq!(succeeded(&patches(&world)), 1);
    world.stop().await;
}

#[tokio::test]
async fn a_candidate_is_taken_back_and_can_be_shared_again() {
    let world = a_world().await;
    let (page, other) = with_another_key(&world).await;
    share(&world, &page, &other).await;
    let taken = world.customer().say_of_key(&page, "withdraw-key", &other.url).await.unwrap();
    assert_eq!((taken.as_u16(), &facts_of(&page).await["candidateKey"]), (200, &Value::Null));
    let refused = world.customer().say_of_key(&page, "replace-key", &other.url).await.unwrap();
    assert_eq!(refused.as_u16(), 409);
    share(&world, &page, &other).await;
    assert_eq!(patches(&world).len(), 0);
    world.stop().await;
}

/// Somebody gave the set another key by hand: that is not written over.
#[tokio::test]
async fn a_set_that_somebody_changed_meanwhile_is_left_alone_and_the_vendor_is_named() {
    let world = a_world().await;
    let (page, other) = with_another_key(&world).await;
    share(&world, &page, &other).await;
    let third = world.customer().make_key("contoso-third").await.unwrap();
    grant(&world, &third).await;
    let set = set_of(&world).await["id"].as_str().unwrap().to_owned();
    let by_hand = json!({ "properties": { "activeKey": { "keyUrl": third.url } } });
    let azure = world.vendor().azure();
    // The grant may still be spreading.
    let change =
        async || Ok(azure.arm(Method::PATCH, &set, SETS_API, Some(&by_hand)).await?.ok("by hand").ok());
    let _: Value = world.wait_for("the change by hand", Instant::now() + PATIENCE, change).await.unwrap();
    // Only whoever reads the set itself sees its operation end.
    let is_third = async || {
        let read = azure.arm(Method::GET, &set, SETS_API, None).await?.ok("reading the set")?;
        Ok(read["properties"]["activeKey"]["keyUrl"] == json!(third.url))
    };
    world.wait_until("the third key", Instant::now() + PATIENCE, is_third).await.unwrap();
    let by_us = patches(&world).len();
    world.customer().replace_key(&page, &other.url).await.unwrap();
    until_fact(&world, &page, "the vendor", |facts| code_of(facts) == "replacement-failed").await;
    let facts = facts_of(&page).await;
    assert_eq!(
        (facts["blocker"]["owner"].as_str(), facts["state"].as_str()),
        (Some("vendor"), Some("active"))
    );
    assert_eq!(patches(&world).len(), by_us);
    assert_eq!(set_of(&world).await["properties"]["activeKey"]["keyUrl"], json!(third.url));
    world.stop().await;
}

/// The other key is held by another onboarding, or lies in another tenant or region.
#[tokio::test]
async fn no_key_of_another_onboarding_or_tenant_is_put_in_use() {
    let world = a_world().await;
    let (page, _) = with_another_key(&world).await;
    let SignedUp { page: second, purchase } = sign_up(&world).await;
    world.vendor().make_disk_for("disk-second", purchase.subscription_id).await.unwrap();
    consent_and_share(&world, &second, "contoso-second").await;
    until(&world, &second, "active").await;
    let theirs = facts_of(&second).await["key"].as_str().unwrap().to_owned();
    world.customer().share_key(&page, &theirs).await.unwrap();
    until_fact(&world, &page, "the claim", |facts| code_of(facts) == "key-claimed").await;
    let refused = world.customer().say_of_key(&page, "replace-key", &theirs).await.unwrap();
    assert_eq!(refused.as_u16(), 409);
    // The operator is not let either: the claim is asked again by the step.
    let replace = format!("/api/operations/onboardings/{}/replace", page.onboarding());
    let request = plain_client().post(world.url().join(&replace).unwrap()).json(&json!({ "key": theirs }));
    assert_eq!(request.send().await.unwrap().status().as_u16(), 202);
    let done = |step: &local_world::step::StepReport| step.function == "key_replacement_requested";
    let ran = async || Ok(world.steps().iter().any(done));
    world.wait_until("the step", Instant::now() + PATIENCE, ran).await.unwrap();
    let facts = facts_of(&page).await;
    assert_eq!((code_of(&facts), &facts["replacement"]), ("key-claimed", &Value::Null));
    assert_eq!(patches(&world).len(), 0);
    world.stop().await;
}

/// The customer disabled the key in use. Azure needs it for the disks until it can be used again.
#[tokio::test]
async fn a_revoked_key_is_replaced_and_it_stays_revoked_until_the_disks_can_be_wrapped_anew() {
    let mut options = crate::support::options();
    options.lags.disk_rewrap = Duration::from_secs(600);
    let world = LocalWorld::start(options).await.unwrap();
    let (page, other) = with_another_key(&world).await;
    let used =
        CustomerKey { url: facts_of(&page).await["key"].as_str().unwrap().to_owned(), ..other.clone() };
    let used = CustomerKey { vault: "contoso-keys".to_owned(), ..used };
    enable(&world, &used, false).await;
    crate::support::check_again(&world, &page).await;
    until(&world, &page, "revoked").await;
    share(&world, &page, &other).await;
    world.customer().replace_key(&page, &other.url).await.unwrap();
    until_fact(&world, &page, "the other key", |facts| facts["key"] == json!(other.url)).await;
    let facts = facts_of(&page).await;
    assert_eq!((facts["state"].as_str(), code_of(&facts)), (Some("revoked"), "key-disabled"));
    assert_eq!(facts["blocker"]["subject"]["kind"], "former-key");
    enable(&world, &used, true).await;
    crate::support::check_again(&world, &page).await;
    until(&world, &page, "active").await;
    world.stop().await;
}
