//! The key of an active onboarding is watched: what is taken away is found after two looks, what comes back is found too.

use std::time::Duration;

use local_world::{
    cast::{CustomerKey, OnboardingPage},
    world::LocalWorld,
};
use reqwest::{Method, header};
use sandbox::FaultScript;
use serde_json::{Value, json};
use service_bus::{Entity, ServiceBusClient};
use uuid::Uuid;

use crate::support::{
    a_world_with, exchanges, grant, history, plain_client, sign_up, succeeded, until, until_blocked,
};

/// Looks every five seconds; what was seen is confirmed a second later.
const WATCHED: [(&str, &str); 4] = [
    ("LATCHKEY_WATCH_SECONDS", "5"),
    ("LATCHKEY_WATCH_SCHEDULE", "* * * * * *"),
    ("LATCHKEY_CHECK_FIRST_SECONDS", "1"),
    ("LATCHKEY_SPREADING_SECONDS", "0"),
];

/// As above, but nobody looks unless somebody asks.
const UNASKED: [(&str, &str); 4] = [
    ("LATCHKEY_WATCH_SECONDS", "3600"),
    ("LATCHKEY_WATCH_SCHEDULE", "0 0 0 1 1 *"),
    ("LATCHKEY_CHECK_FIRST_SECONDS", "1"),
    ("LATCHKEY_SPREADING_SECONDS", "0"),
];

const ROLE_ASSIGNMENTS: &str = "2022-04-01";

/// An active onboarding and its key.
struct Active {
    page: OnboardingPage,
    key: CustomerKey,
}

async fn active(world: &LocalWorld) -> Active {
    let page = sign_up(world).await.page;
    world.customer().consent(&page).await.unwrap();
    until(world, &page, "awaiting-key").await;
    let key = world.customer().make_key("contoso-keys").await.unwrap();
    grant(world, &key).await;
    world.customer().share_key(&page, &key.url).await.unwrap();
    // Nothing counts as spreading, so the first look may come before the grant.
    until(world, &page, "active").await;
    Active { page, key }
}

impl Active {
    /// A call of the customer's administrator to the vault.
    async fn vault(&self, world: &LocalWorld, method: Method, path: &str, body: Option<Value>) {
        let name = self.key.url.split("/keys/").nth(1).unwrap().split('/').next().unwrap();
        let path = path.replace("KEY", name);
        let reply = world.customer().azure().vault(method, &self.key.vault, &path, body.as_ref()).await;
        reply.unwrap().ok(&path).unwrap();
    }

    async fn set(&self, world: &LocalWorld, attributes: Value) {
        let body = json!({ "attributes": attributes });
        self.vault(world, Method::PATCH, "/keys/KEY", Some(body)).await;
    }

    async fn remove_grant(&self, world: &LocalWorld) {
        let azure = world.customer().azure();
        let all = format!("{}/providers/Microsoft.Authorization/roleAssignments", self.key.scope);
        let found = azure.arm(Method::GET, &all, ROLE_ASSIGNMENTS, None).await.unwrap().ok("roles").unwrap();
        let ours = found["value"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap());
        let on_key: Vec<&str> = ours.filter(|id| id.contains("/keys/")).collect();
        assert_eq!(on_key.len(), 1, "{found}");
        azure.arm(Method::DELETE, on_key[0], ROLE_ASSIGNMENTS, None).await.unwrap().ok("the grant").unwrap();
    }

    async fn withdraw_consent(&self, world: &LocalWorld) {
        let id = world.customer().service_principal(world.vendor().estate().application_id).await.unwrap();
        let path = format!("/servicePrincipals/{id}");
        world.customer().azure().graph(Method::DELETE, &path, None).await.unwrap().ok("withdrawing").unwrap();
    }
}

async fn forbid(world: &LocalWorld, policies: &[&str]) {
    let tenant: Uuid = world.sandbox().seed().customer.tenant_id;
    let url = format!("{}/control/tenants/{tenant}/policies", world.sandbox().own_url());
    let reply = plain_client().put(url).json(&json!({ "policies": policies })).send().await.unwrap();
    assert!(reply.status().is_success(), "{policies:?}");
}

async fn facts(world: &LocalWorld, page: &OnboardingPage) -> Vec<String> {
    let entries = history(world, page).await;
    let facts = entries.iter().map(|entry| entry["fact"]["fact"].as_str().unwrap().to_owned());
    // What was learnt of the key's age and versions is another story.
    facts.filter(|fact| fact != "key-looked").collect()
}

/// What the customer's side takes away, how it is called, and how it comes back.
#[derive(Debug, Clone, Copy)]
enum Taken {
    KeyDisabled,
    GrantDeleted,
    KeyExpired,
    KeyDeleted,
    Policy,
    Consent,
}

impl Taken {
    const ALL: [(Self, &str); 6] = [
        (Self::KeyDisabled, "key-disabled"),
        (Self::GrantDeleted, "grant-missing"),
        (Self::KeyExpired, "key-expired"),
        (Self::KeyDeleted, "key-not-found"),
        (Self::Policy, "policy-blocks"),
        (Self::Consent, "consent-missing"),
    ];

    async fn away(self, world: &LocalWorld, active: &Active) {
        match self {
            Self::KeyDisabled => active.set(world, json!({ "enabled": false })).await,
            Self::GrantDeleted => active.remove_grant(world).await,
            Self::KeyExpired => active.set(world, json!({ "exp": 1_700_000_000 })).await,
            Self::KeyDeleted => active.vault(world, Method::DELETE, "/keys/KEY", None).await,
            Self::Policy => forbid(world, &["conditionalAccess"]).await,
            Self::Consent => active.withdraw_consent(world).await,
        }
    }

    async fn back(self, world: &LocalWorld, active: &Active) {
        match self {
            Self::KeyDisabled => active.set(world, json!({ "enabled": true })).await,
            Self::GrantDeleted => grant(world, &active.key).await,
            Self::KeyExpired => active.set(world, json!({ "exp": 4_000_000_000_u64 })).await,
            Self::KeyDeleted => active.vault(world, Method::POST, "/deletedkeys/KEY/recover", None).await,
            Self::Policy => forbid(world, &[]).await,
            Self::Consent => {
                world.customer().consent(&active.page).await.unwrap();
                grant(world, &active.key).await;
            }
        }
    }
}

/// With a token that is still good, the policy and the consent show only to a full look, which comes each hour: here the
/// customer asks for it. Everything else is found by the watch itself.
#[tokio::test]
async fn what_is_taken_away_is_found_and_what_comes_back_too_and_nothing_is_done_twice() {
    let world = a_world_with(&WATCHED).await;
    let active = active(&world).await;
    for (taken, code) in Taken::ALL {
        let before = facts(&world, &active.page).await.len();
        taken.away(&world, &active).await;
        if matches!(taken, Taken::Policy | Taken::Consent) {
            world.customer().check_again(&active.page).await.unwrap();
        }
        let view = until(&world, &active.page, "revoked").await;
        let blocker = view.blocker.unwrap();
        assert_eq!((blocker.code.as_str(), blocker.owner.as_str()), (code, "customer"), "{taken:?}");
        let entries = facts(&world, &active.page).await;
        assert_eq!(entries[before..], ["found"], "{taken:?}");
        assert_told(&world, &active.page, code).await;

        taken.back(&world, &active).await;
        until(&world, &active.page, "active").await;
    }
    let kinds: Vec<Value> = announced(&world).await.iter().map(|event| event["type"].clone()).collect();
    let (revoked, recovered) = ("latchkey.onboarding.revoked.v1", "latchkey.onboarding.recovered.v1");
    let story = std::iter::once("latchkey.onboarding.activated.v1");
    let story: Vec<&str> = story.chain([revoked, recovered].repeat(6)).collect();
    assert_eq!(kinds, story, "each once");
    assert_eq!(world.vendor().disk_encryption_sets().await.unwrap().len(), 1);
    assert_eq!(succeeded(&exchanges(&world, "PUT", "/diskEncryptionSets/latchkey-")), 1);
    assert_eq!(succeeded(&exchanges(&world, "POST", "/activate")), 1);
    world.stop().await;
}

/// The page says what was found, since when, what Azure's documentation says about it and what it does not say.
async fn assert_told(world: &LocalWorld, page: &OnboardingPage, code: &str) {
    let shown = plain_client().get(page.url().clone()).header(header::ACCEPT, "text/html");
    let html = shown.send().await.unwrap().text().await.unwrap();
    let hour = match code {
        "key-disabled" | "key-not-found" => "disk I/O generally starts to fail one hour later",
        "key-expired" => "Users report otherwise",
        _ => "gives no time for this case",
    };
    let always = ["Waiting for the customer", "Latchkey found this twice in a row", "Check again", " UTC."];
    for words in always.into_iter().chain([hour]) {
        assert!(html.contains(words), "{code}: {words}: {html}");
    }
    let json = plain_client().get(page.url().clone()).header(header::ACCEPT, "application/json");
    let json: Value = json.send().await.unwrap().json().await.unwrap();
    assert_eq!(json["keyHealth"]["code"], code);
    assert!(json["keyHealth"]["since"].is_string(), "{json}");
    let announced = announced(world).await;
    let last = announced.last().unwrap();
    assert_eq!(
        (&last["type"], &last["data"]["code"]),
        (&json!("latchkey.onboarding.revoked.v1"), &json!(code))
    );
}

/// What the vendor's own systems were told so far, in order.
pub(crate) async fn announced(world: &LocalWorld) -> Vec<Value> {
    let client = ServiceBusClient::from_connection_string(&world.broker().connection_string()).unwrap();
    let told = client.receiver(Entity::subscription("onboarding_events", "vendor"));
    let told = told.peek(0, 100).await.unwrap();
    told.iter().map(|message| serde_json::from_slice(&message.body).unwrap()).collect()
}

#[tokio::test]
async fn a_vault_that_does_not_answer_is_unreachable_never_revoked_and_recovers_by_itself() {
    let world = a_world_with(&WATCHED).await;
    let active = active(&world).await;
    let before = facts(&world, &active.page).await.len();
    let rule =
        json!({ "call": { "host": "*.vault.azure.net" }, "fault": { "kind": "status", "status": 503 } });
    world.sandbox().set_faults(FaultScript::parse(&json!({ "faults": [rule] }).to_string()).unwrap());
    let view = until(&world, &active.page, "unreachable").await;
    assert_eq!(view.blocker.unwrap().owner, "azure");
    // Some looks later it is still only that.
    let looks = exchanges(&world, "GET", ".vault.azure.net").len();
    let later = async || Ok(exchanges(&world, "GET", ".vault.azure.net").len() > looks + 8);
    let limit = tokio::time::Instant::now() + crate::support::PATIENCE;
    world.wait_until("more looks", limit, later).await.unwrap();
    assert_eq!(facts(&world, &active.page).await[before..], ["found"], "one entry, however long it lasts");

    world.sandbox().set_faults(FaultScript::parse(r#"{"faults": []}"#).unwrap());
    until(&world, &active.page, "active").await;
    assert_eq!(facts(&world, &active.page).await[before..], ["found", "key-proven"]);
    world.stop().await;
}

/// One look that sees a revocation is not believed.
#[tokio::test]
async fn a_refusal_that_only_one_look_saw_is_no_news() {
    let world = a_world_with(&UNASKED).await;
    let active = active(&world).await;
    let before = facts(&world, &active.page).await.len();
    active.set(&world, json!({ "enabled": false })).await;
    world.customer().check_again(&active.page).await.unwrap();
    let looks = |world: &LocalWorld| {
        world
            .steps()
            .iter()
            .filter(|step| step.function == "watch_due")
            .map(|step| step.detail.clone())
            .collect::<Vec<_>>()
    };
    let limit = tokio::time::Instant::now() + crate::support::PATIENCE;
    world.wait_until("the first look", limit, async || Ok(looks(&world).len() == 1)).await.unwrap();
    active.set(&world, json!({ "enabled": true })).await;
    world.wait_until("the second look", limit, async || Ok(looks(&world).len() == 2)).await.unwrap();
    assert_eq!(facts(&world, &active.page).await.len(), before, "{:?}", looks(&world));
    assert_eq!(world.customer().look(&active.page).await.unwrap().state, "active");
    world.stop().await;
}

/// "Check again" on the page and the operator's check answer in every state, and say what they found.
#[tokio::test]
async fn asking_answers_in_every_state() {
    let world = a_world_with(&UNASKED).await;
    let signed_up = crate::support::sign_up(&world).await;
    let page = &signed_up.page;
    let on_page = async || -> String {
        // Asked twice within a second, the second time is not looked at.
        tokio::time::sleep(Duration::from_millis(1_100)).await;
        let asked = plain_client().post(page.below("check")).header(header::ACCEPT, "application/json");
        let answer: Value = asked.send().await.unwrap().json().await.unwrap();
        assert!(answer["message"].as_str().unwrap().len() > 20, "{answer}");
        answer["answer"].as_str().unwrap().to_owned()
    };
    let by_operator = async || -> Value {
        let path = format!("/api/operations/onboardings/{}/check", page.onboarding());
        let asked = plain_client().post(world.url().join(&path).unwrap()).json(&json!({}));
        let found: Value = asked.send().await.unwrap().json().await.unwrap();
        if found["works"] == true { json!("works") } else { found["code"].clone() }
    };
    assert_eq!((on_page().await.as_str(), by_operator().await), ("looks-again", json!("consent-missing")));
    world.customer().consent(page).await.unwrap();
    until(&world, page, "awaiting-key").await;
    assert_eq!((on_page().await.as_str(), by_operator().await), ("looks-again", json!("key-not-shared")));
    let key = world.customer().make_key("contoso-keys").await.unwrap();
    grant(&world, &key).await;
    world.customer().share_key(page, &key.url).await.unwrap();
    until(&world, page, "active").await;
    assert_eq!((on_page().await.as_str(), by_operator().await), ("looks-at-key", json!("works")));
    let active = Active { page: page.clone(), key };
    active.set(&world, json!({ "enabled": false })).await;
    on_page().await;
    until(&world, page, "revoked").await;
    assert_eq!((on_page().await.as_str(), by_operator().await), ("looks-at-key", json!("key-disabled")));
    let unsubscribe = sandbox::MarketplaceAction::Unsubscribe;
    world.sandbox().send_webhook(signed_up.purchase.subscription_id, unsubscribe).await.unwrap();
    until(&world, page, "leaving").await;
    assert_eq!((on_page().await.as_str(), by_operator().await), ("looks-at-key", json!("key-disabled")));
    world.stop().await;
}

/// What docs/costs.md says of a look: the day is made of 24 full looks and 72 usual ones.
#[tokio::test]
async fn a_usual_look_is_one_call_and_writes_nothing_and_a_day_stays_within_its_budget() {
    let calls = |world: &LocalWorld| {
        exchanges(world, "GET", ".vault.azure.net").len() + exchanges(world, "POST", ".vault.azure.net").len()
    };
    let ended = |world: &LocalWorld, how: &str| {
        let steps = world.steps();
        steps.iter().filter(|step| step.detail.as_deref() == Some(how)).count()
    };
    let looks = |world: &LocalWorld| world.steps().iter().filter(|step| step.function == "watch_due").count();
    let patience = || tokio::time::Instant::now() + crate::support::PATIENCE;
    let usual = "nothing is wrong with the key";
    let world = a_world_with(&UNASKED).await;
    let asked = active(&world).await;
    let before = calls(&world);
    world.customer().check_again(&asked.page).await.unwrap();
    world.wait_until("a full look", patience(), async || Ok(looks(&world) == 1)).await.unwrap();
    let full = calls(&world) - before;
    assert!((4..=5).contains(&full), "{full} calls in a full look");
    world.stop().await;

    // The first look is a full one, and may write down what it learnt of the key.
    let world = a_world_with(&WATCHED).await;
    let healthy = active(&world).await;
    world.wait_until("a usual look", patience(), async || Ok(ended(&world, usual) >= 1)).await.unwrap();
    let (before, counted) = (calls(&world), ended(&world, usual));
    let (entries, worked) = (facts(&world, &healthy.page).await.len(), last_worked(&healthy.page).await);
    world
        .wait_until("usual looks", patience(), async || Ok(ended(&world, usual) >= counted + 3))
        .await
        .unwrap();
    let (made, looked) = (calls(&world) - before, ended(&world, usual) - counted);
    assert!(made.abs_diff(looked) <= 1, "{made} calls in {looked} looks, of which one may be under way");
    assert_eq!(last_worked(&healthy.page).await, worked, "nothing is written down");
    assert_eq!(facts(&world, &healthy.page).await.len(), entries, "and there is no entry");
    assert!(24 * full + 72 <= 200, "{full} calls in a full look");
    world.stop().await;
}

async fn last_worked(page: &OnboardingPage) -> String {
    let json = plain_client().get(page.url().clone()).header(header::ACCEPT, "application/json");
    let json: Value = json.send().await.unwrap().json().await.unwrap();
    json["keyHealth"]["lastWorked"].as_str().unwrap().to_owned()
}

/// Without a fault in between: two looks, about a moment apart.
#[tokio::test]
async fn asking_again_finds_what_nobody_else_looked_for() {
    let world = a_world_with(&UNASKED).await;
    let active = active(&world).await;
    active.set(&world, json!({ "enabled": false })).await;
    world.customer().check_again(&active.page).await.unwrap();
    until_blocked(&world, &active.page, "key-disabled").await;
    active.set(&world, json!({ "enabled": true })).await;
    world.customer().check_again(&active.page).await.unwrap();
    until(&world, &active.page, "active").await;
    world.stop().await;
}
