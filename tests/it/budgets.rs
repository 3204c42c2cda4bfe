//! What whoever holds a link can set off is bounded: one test for each row of `docs/budgets.md` that needs a world.

use futures::{StreamExt as _, stream};
use latchkey_functions::{
    Settings,
    signing::{Link, Signer},
};
use local_world::{cast::OnboardingPage, world::LocalWorld};
use reqwest::{Client, StatusCode, header};
use serde_json::{Value, json};
use time::OffsetDateTime;

use crate::support::{
    a_world_with, exchanges, history, plain_client, sign_up, until, until_blocked, until_nothing_is_left,
};

/// Nobody looks by themselves, and a look that is asked for lasts longer than the test.
const ASKED_ONCE: [(&str, &str); 3] = [
    ("LATCHKEY_SPREADING_SECONDS", "0"),
    ("LATCHKEY_CHECK_FIRST_SECONDS", "3600"),
    ("LATCHKEY_LOOK_AGAIN_SECONDS", "86400"),
];

/// The window of a budget may end during a test; then some of the next is spent, too.
fn assert_spent(taken: usize, budget: usize, what: &str) {
    assert!((budget..=2 * budget).contains(&taken), "{what}: {taken} instead of {budget}");
}

/// The responses to so many requests, many of them at once.
async fn sent(
    count: usize,
    request: impl AsyncFn(Client, usize) -> reqwest::Response,
) -> Vec<reqwest::Response> {
    let client = plain_client();
    let requests = (0..count).map(|n| request(client.clone(), n));
    stream::iter(requests).buffer_unordered(16).collect().await
}

/// How many were taken; every other one is told when to try again.
fn taken(responses: &[reqwest::Response], status: StatusCode) -> usize {
    let (taken, refused): (Vec<_>, Vec<_>) =
        responses.iter().partition(|response| response.status() == status);
    for response in &refused {
        assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
        let wait: u64 = response.headers()[header::RETRY_AFTER].to_str().unwrap().parse().unwrap();
        assert!((1..=86_400).contains(&wait), "{wait}");
    }
    taken.len()
}

fn calls_to_entra(world: &LocalWorld) -> usize {
    exchanges(world, "POST", "/oauth2/v2.0/token").len()
}

#[tokio::test]
async fn four_hundred_clicks_on_check_again_cost_one_look_and_postpone_nothing() {
    let world = a_world_with(&ASKED_ONCE).await;
    let page = sign_up(&world).await.page;
    let next_check =
        async || history(&world, &page).await.last().unwrap()["blockers"][0]["nextCheck"].clone();
    let (before, calls) = (next_check().await, calls_to_entra(&world));
    let click = async |client: Client, _| {
        client.post(page.below("check")).header(header::ACCEPT, "application/json").send().await.unwrap()
    };
    let mut responses = sent(400, click).await;
    let looks = taken(&responses, StatusCode::ACCEPTED);
    assert_spent(looks, 1, "looks");
    let refused = responses.iter().position(|response| response.status() != StatusCode::ACCEPTED).unwrap();
    let told: Value = responses.swap_remove(refused).json().await.unwrap();
    assert_eq!(told["answer"], "asked-before", "{told}");
    until_nothing_is_left(&world).await;
    let entries = history(&world, &page).await;
    let checks = entries.iter().filter(|entry| entry["fact"]["fact"] == "check-due").count();
    assert_eq!(checks, looks, "{entries:#?}");
    assert!(entries.len() <= 1 + 2 * looks, "{entries:#?}");
    assert!(calls_to_entra(&world) - calls <= 3 * looks, "{}", calls_to_entra(&world) - calls);
    assert_eq!(next_check().await, before, "the customer's own check comes when it would have come");
    world.stop().await;
}

#[tokio::test]
async fn twenty_consents_that_nobody_gave_cost_no_more_than_five() {
    let world = a_world_with(&ASKED_ONCE).await;
    let page = sign_up(&world).await.page;
    let settings = Settings::read(|name| world.settings().get(name).cloned()).unwrap();
    let signer = Signer::new(&settings.signing_key, &settings.signing_keys_accepted);
    let callback = world.url().join("/api/consent/callback").unwrap();
    let tenant = world.sandbox().seed().customer.tenant_id.to_string();
    let calls = calls_to_entra(&world);
    let hint = async |client: Client, n: usize| {
        let cookie = format!("browser-{n}");
        let (id, now) = (page.onboarding().parse().unwrap(), OffsetDateTime::now_utc());
        let state = signer.consent_state(Link::issued(id, 0, now), tenant.parse().unwrap(), &cookie, now);
        let mut url = callback.clone();
        let query = [("admin_consent", "True"), ("tenant", tenant.as_str()), ("state", state.as_str())];
        url.query_pairs_mut().extend_pairs(query);
        let cookie = format!("latchkey_consent_{}={cookie}", page.onboarding());
        client.get(url).header(header::COOKIE, cookie).send().await.unwrap()
    };
    let responses = sent(20, hint).await;
    let hints = taken(&responses, StatusCode::SEE_OTHER);
    assert_spent(hints, 5, "hints");
    until_nothing_is_left(&world).await;
    assert_eq!(world.steps().iter().filter(|step| step.function == "customer_consented").count(), hints);
    assert!(calls_to_entra(&world) - calls <= 3 * hints, "{}", calls_to_entra(&world) - calls);
    world.stop().await;
}

#[tokio::test]
async fn of_a_hundred_keys_that_are_submitted_twenty_are_taken() {
    let world = a_world_with(&ASKED_ONCE).await;
    let page = awaiting_key(&world).await;
    let submit = async |client: Client, n: usize| {
        let key = json!({ "keyUrl": format!("https://no-such-vault.vault.azure.net/keys/k{n}") });
        client.post(page.share_key()).json(&key).send().await.unwrap()
    };
    let keys = taken(&sent(100, submit).await, StatusCode::ACCEPTED);
    assert_spent(keys, 20, "keys");
    until_nothing_is_left(&world).await;
    assert_eq!(world.steps().iter().filter(|step| step.function == "key_shared").count(), keys);
    world.stop().await;
}

#[tokio::test]
async fn the_operator_may_look_sixty_times_a_minute() {
    let world = a_world_with(&ASKED_ONCE).await;
    let page = awaiting_key(&world).await;
    let key = "https://no-such-vault.vault.azure.net/keys/k";
    let url = world.url().join(&format!("/api/operations/onboardings/{}/check", page.onboarding())).unwrap();
    let check =
        async |client: Client, _| client.post(url.clone()).json(&json!({ "key": key })).send().await.unwrap();
    assert_spent(taken(&sent(200, check).await, StatusCode::OK), 60, "checks");
    let assess = world.url().join("/api/operations/dead-letters/assess").unwrap();
    let letter = json!({
        "function": "key_shared", "reason": "DeadlineExceeded", "onboarding": page.onboarding(), "key": key,
    });
    let question = json!({ "letters": [letter], "check": true });
    // A new window may have begun: then its budget is spent by asking.
    let mut answer = Value::Null;
    for _ in 0..200 {
        let asked = plain_client().post(assess.clone()).json(&question).send().await.unwrap();
        answer = asked.json::<Value>().await.unwrap()["letters"][0].clone();
        if answer["replay"] == "unknown" {
            break;
        }
    }
    assert!(answer["why"].as_str().unwrap().contains("very often"), "{answer}");
    world.stop().await;
}

/// Opens the landing page again and again with one token that the marketplace knows.
#[tokio::test]
async fn a_landing_page_that_is_opened_a_hundred_times_asks_the_marketplace_once() {
    let world = a_world_with(&ASKED_ONCE).await;
    let signed_up = sign_up(&world).await;
    let landing = signed_up.purchase.landing.clone();
    let open = async |client: Client, _| client.get(landing.clone()).send().await.unwrap();
    assert_eq!(taken(&sent(100, open).await, StatusCode::SEE_OTHER), 100);
    assert_eq!(exchanges(&world, "POST", "/api/saas/subscriptions/resolve").len(), 1);
    world.stop().await;
}

async fn awaiting_key(world: &LocalWorld) -> OnboardingPage {
    let page = sign_up(world).await.page;
    world.customer().consent(&page).await.unwrap();
    until_nothing_is_left(world).await;
    // The service principal may spread for longer than the one look that the consent gets.
    world.sandbox().advance_clock(std::time::Duration::from_secs(60));
    world.customer().check_again(&page).await.ok();
    until(world, &page, "awaiting-key").await;
    until_blocked(world, &page, "key-not-shared").await;
    page
}
