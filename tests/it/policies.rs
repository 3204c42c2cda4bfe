//! What somebody's administrators forbid is told on the page to whoever can allow it, and the chain goes on once they do.

use local_world::{cast::OnboardingView, world::LocalWorld};
use reqwest::{Method, header};
use serde_json::json;
use uuid::Uuid;

use crate::support::{
    a_world_with, check_again, exchanges, plain_client, sign_up, told_to_the_operator, until, until_blocked,
};

/// Nothing counts as spreading, so every refusal is a blocker at once; checks come a second later.
const IMPATIENT: [(&str, &str); 2] =
    [("LATCHKEY_SPREADING_SECONDS", "0"), ("LATCHKEY_CHECK_FIRST_SECONDS", "1")];

/// As above, but nobody looks again by themselves.
const UNASKED: [(&str, &str); 2] =
    [("LATCHKEY_SPREADING_SECONDS", "0"), ("LATCHKEY_CHECK_FIRST_SECONDS", "3600")];

/// Says what a tenant's administrators forbid from now on.
async fn forbid(world: &LocalWorld, tenant: Uuid, policies: &[&str]) {
    let url = format!("{}/control/tenants/{tenant}/policies", world.sandbox().own_url());
    let reply = plain_client().put(url).json(&json!({ "policies": policies })).send().await.unwrap();
    assert!(reply.status().is_success(), "{policies:?}");
}

fn customer(world: &LocalWorld) -> Uuid {
    world.sandbox().seed().customer.tenant_id
}

fn assert_told(view: &OnboardingView, owner: &str, number: &str, where_to: &str) {
    let blocker = view.blocker.as_ref().unwrap();
    assert_eq!(blocker.owner, owner, "{blocker:?}");
    assert!(blocker.summary.contains(number), "{blocker:?}");
    assert!(blocker.mend[0].contains(where_to), "{blocker:?}");
}

#[tokio::test]
async fn a_policy_of_the_customers_is_told_on_the_page_and_lifting_it_is_found_by_itself() {
    let world = a_world_with(&IMPATIENT).await;
    let page = sign_up(&world).await.page;
    forbid(&world, customer(&world), &["conditionalAccess"]).await;
    world.customer().consent(&page).await.unwrap();
    let view = until_blocked(&world, &page, "policy-blocks").await;
    assert_told(&view, "customer", "AADSTS53003", "Conditional Access");
    let shown = plain_client().get(page.url().clone()).header(header::ACCEPT, "text/html");
    let html = shown.send().await.unwrap().text().await.unwrap();
    for words in ["Waiting for the customer", "Conditional Access policy of your tenant", "AADSTS53003"] {
        assert!(html.contains(words), "{words}: {html}");
    }

    forbid(&world, customer(&world), &[]).await;
    until(&world, &page, "awaiting-key").await;
    world.stop().await;
}

#[tokio::test]
async fn cross_tenant_access_is_told_to_the_side_that_forbids_it() {
    let world = a_world_with(&UNASKED).await;
    let page = sign_up(&world).await.page;
    forbid(&world, customer(&world), &["inboundAccess"]).await;
    world.customer().consent(&page).await.unwrap();
    let consented = async || {
        let view = world.customer().look(&page).await?;
        Ok(view.blocker.is_some_and(|blocker| blocker.code != "consent-missing"))
    };
    let until_then = tokio::time::Instant::now() + crate::support::PATIENCE;
    world
        .wait_until("the refusal", until_then, async || {
            // Until the service principal has spread, the refusal is another one.
            check_again(&world, &page).await;
            consented().await
        })
        .await
        .unwrap();
    let view = until_blocked(&world, &page, "policy-blocks").await;
    assert_told(&view, "customer", "AADSTS500213", "allow inbound access");

    forbid(&world, customer(&world), &[]).await;
    forbid(&world, world.sandbox().seed().vendor.tenant_id, &["outboundAccess"]).await;
    check_again(&world, &page).await;
    let view = until_blocked(&world, &page, "vendor-setup").await;
    let tenant = customer(&world).to_string();
    assert_told(&view, "vendor", "AADSTS500212", "The vendor has to mend this");
    let mend = told_to_the_operator(&world, &page).await;
    assert!(mend.contains(&format!("allow outbound access to tenant {tenant}")), "{mend}");

    forbid(&world, world.sandbox().seed().vendor.tenant_id, &[]).await;
    check_again(&world, &page).await;
    until(&world, &page, "awaiting-key").await;
    world.stop().await;
}

/// The service principal is made by hand, as Microsoft's article has it, which a consent policy does not take for an
/// administrator's approval.
#[tokio::test]
async fn a_consent_policy_is_content_once_an_administrator_approves_on_the_page() {
    let world = a_world_with(&IMPATIENT).await;
    let page = sign_up(&world).await.page;
    let azure = world.customer().azure();
    let body = json!({ "appId": world.vendor().estate().application_id });
    for (policy, number) in [("administratorConsent", "AADSTS90094"), ("riskyApplication", "AADSTS900941")] {
        forbid(&world, customer(&world), &[policy]).await;
        if policy == "administratorConsent" {
            let made = azure.graph(Method::POST, "/servicePrincipals", Some(&body)).await.unwrap();
            made.ok("a service principal made by hand").unwrap();
        }
        let look = async || {
            let view = world.customer().look(&page).await?;
            Ok(view.blocker.filter(|blocker| blocker.summary.contains(number)))
        };
        let until_then = tokio::time::Instant::now() + crate::support::PATIENCE;
        let blocker = world.wait_for(number, until_then, look).await.unwrap();
        assert_eq!((blocker.code.as_str(), blocker.owner.as_str()), ("policy-blocks", "customer"));
        assert!(blocker.mend[0].contains("consent link as an Application Administrator"), "{blocker:?}");
    }
    world.customer().consent(&page).await.unwrap();
    until(&world, &page, "awaiting-key").await;
    world.stop().await;
}

/// A token that was got before the policy is good for an hour; Azure's disk service gets one of its own.
#[tokio::test]
async fn a_policy_that_comes_after_the_consent_stops_the_disk_service_and_is_named() {
    let world = a_world_with(&IMPATIENT).await;
    let page = sign_up(&world).await.page;
    world.customer().consent(&page).await.unwrap();
    until(&world, &page, "awaiting-key").await;
    let key = world.customer().make_key("contoso-keys").await.unwrap();
    let principal = world.customer().service_principal(world.vendor().estate().application_id).await.unwrap();
    world.customer().grant(&key, principal).await.unwrap();
    forbid(&world, customer(&world), &["conditionalAccess"]).await;
    world.customer().share_key(&page, &key.url).await.unwrap();
    let view = until_blocked(&world, &page, "policy-blocks").await;
    assert_told(&view, "customer", "AADSTS53003", "Conditional Access");
    assert!(!exchanges(&world, "PUT", "diskEncryptionSets").is_empty(), "the disk service was asked");

    forbid(&world, customer(&world), &[]).await;
    until(&world, &page, "active").await;
    world.stop().await;
}

/// The token that proved the key is good for an hour; the operator asks how things are now.
#[tokio::test]
async fn the_operators_check_sees_a_policy_that_came_after_the_last_token() {
    let world = crate::support::a_world().await;
    let page = crate::support::play(&world).await.page;
    let check = async || -> serde_json::Value {
        let path = format!("/api/operations/onboardings/{}/check", page.onboarding());
        let asked = plain_client().post(world.url().join(&path).unwrap()).json(&json!({}));
        asked.send().await.unwrap().json().await.unwrap()
    };
    assert_eq!(check().await, json!({"works": true}));
    forbid(&world, customer(&world), &["conditionalAccess"]).await;
    let forbidden = check().await;
    assert_eq!(
        (&forbidden["works"], &forbidden["code"]),
        (&json!(false), &json!("policy-blocks")),
        "{forbidden}"
    );
    forbid(&world, customer(&world), &[]).await;
    assert_eq!(check().await, json!({"works": true}));
    world.stop().await;
}
