//! Webhooks of the marketplace: repeated, out of order, forged.

use std::time::Duration;

use local_world::{step::StepOutcome, world::LocalWorld};
use reqwest::{StatusCode, header};
use sandbox::MarketplaceAction;
use serde_json::json;

use tokio::time::Instant;

use crate::support::{
    PATIENCE, a_world, consent_and_share, exchanges, history, options, plain_client, play, run_timer, until,
    until_nothing_is_left,
};

#[tokio::test]
async fn repeated_and_reordered_webhooks_end_in_what_the_marketplace_says() {
    let world = a_world().await;
    let signed_up = play(&world).await;
    let subscription = signed_up.purchase.subscription_id;
    let sandbox = world.sandbox();
    let suspend = sandbox.send_webhook(subscription, MarketplaceAction::Suspend).await.unwrap();
    assert_eq!(suspend.status, 200);
    until(&world, &signed_up.page, "suspended").await;
    let reinstate = sandbox.send_webhook(subscription, MarketplaceAction::Reinstate).await.unwrap();
    assert_eq!(reinstate.status, 200);
    until(&world, &signed_up.page, "active").await;

    // Two more happen before either is told, and the newer is told first.
    let older = sandbox.begin_action(subscription, MarketplaceAction::Suspend).unwrap();
    let newer = sandbox.begin_action(subscription, MarketplaceAction::Reinstate).unwrap();
    assert_eq!(sandbox.deliver_webhook(newer).await.unwrap(), 200);
    let concluded = async || Ok(world.fulfilment().subscription_status(subscription).await? == "Subscribed");
    world.wait_until("the reinstatement", Instant::now() + PATIENCE, concluded).await.unwrap();
    until_nothing_is_left(&world).await;
    let (steps, entries) = (world.steps().len(), history(&world, &signed_up.page).await.len());
    assert_eq!(sandbox.deliver_webhook(older).await.unwrap(), 200);
    // The older one reaches its function, which believes the marketplace and not the webhook.
    let taken = async || Ok(world.steps().len() > steps);
    world.wait_until("the older webhook to be taken in", Instant::now() + PATIENCE, taken).await.unwrap();
    for operation in [older, newer, suspend.operation_id, older] {
        assert_eq!(
            sandbox.deliver_webhook(operation).await.unwrap(),
            200,
            "and again, as the marketplace repeats"
        );
    }
    until_nothing_is_left(&world).await;
    until(&world, &signed_up.page, "active").await;
    assert_eq!(history(&world, &signed_up.page).await.len(), entries, "nothing new was learnt");
    world.stop().await;
}

/// The operation is concluded at once, and the subscription shows it only two seconds later.
#[tokio::test]
async fn nothing_is_lost_when_the_subscription_lags_behind_its_operation() {
    let mut options = options();
    options.lags.subscription = Duration::from_secs(2);
    let world = LocalWorld::start(options).await.unwrap();
    let signed_up = play(&world).await;
    let subscription = signed_up.purchase.subscription_id;
    for (action, state) in [
        (MarketplaceAction::Suspend, "suspended"),
        (MarketplaceAction::Reinstate, "active"),
        (MarketplaceAction::Suspend, "suspended"),
        (MarketplaceAction::Unsubscribe, "leaving"),
    ] {
        let sent = world.sandbox().send_webhook(subscription, action.clone()).await.unwrap();
        assert_eq!(sent.status, 200, "{action:?}");
        until(&world, &signed_up.page, state).await;
    }
    until_nothing_is_left(&world).await;
    world.stop().await;
}

/// Nobody tells the app; it asks by itself once a day.
#[tokio::test]
async fn a_subscription_that_ended_while_its_webhook_was_lost_is_noticed() {
    let world = a_world().await;
    let signed_up = play(&world).await;
    world.sandbox().begin_action(signed_up.purchase.subscription_id, MarketplaceAction::Unsubscribe).unwrap();
    run_timer(&world, "check_subscriptions").await.unwrap();
    until(&world, &signed_up.page, "leaving").await;
    until_nothing_is_left(&world).await;
    let entries = history(&world, &signed_up.page).await.len();
    run_timer(&world, "check_subscriptions").await.unwrap();
    until_nothing_is_left(&world).await;
    assert_eq!(history(&world, &signed_up.page).await.len(), entries, "what is known is no news");
    world.stop().await;
}

/// Of a plan with automatic activation the webhook tells, whether or not anybody opens the landing page. Billing has
/// begun, so that there is nothing to activate.
#[tokio::test]
async fn a_purchase_that_a_subscribe_webhook_announces_is_opened_and_not_activated_again() {
    let world = a_world().await;
    let purchase = world.purchase().await.unwrap();
    let subscription = purchase.subscription_id;
    let announced = world.sandbox().send_webhook(subscription, MarketplaceAction::Subscribe).await.unwrap();
    assert_eq!(announced.status, 200);
    let opened = async || {
        let steps = world.steps();
        Ok(steps
            .iter()
            .any(|step| step.function == "marketplace_changed" && step.outcome == StepOutcome::Waiting))
    };
    world.wait_until("the onboarding to be opened", Instant::now() + PATIENCE, opened).await.unwrap();

    // The customer comes by the landing page after all, and finds the same onboarding.
    let page = world.customer().sign_up(&purchase.landing).await.unwrap();
    consent_and_share(&world, &page, "contoso-keys").await;
    until(&world, &page, "active").await;
    until_nothing_is_left(&world).await;
    assert_eq!(exchanges(&world, "POST", "/activate").len(), 0);
    let opened =
        history(&world, &page).await.iter().filter(|entry| entry["fact"]["fact"] == "opened").count();
    assert_eq!(opened, 1);
    world.stop().await;
}

#[tokio::test]
async fn a_webhook_without_the_marketplaces_token_is_refused() {
    let world = a_world().await;
    let url = world.url().join("/api/marketplace/webhook").unwrap();
    let body = json!({"subscriptionId": "9b1b5b3e-0000-4000-8000-000000000001", "action": "Unsubscribe"})
        .to_string();
    for authorization in [None, Some("Bearer"), Some("Bearer nonsense"), Some("Basic bm8=")] {
        let mut request = plain_client().post(url.clone()).body(body.clone());
        if let Some(value) = authorization {
            request = request.header(header::AUTHORIZATION, value);
        }
        assert_eq!(request.send().await.unwrap().status(), StatusCode::UNAUTHORIZED, "{authorization:?}");
    }
    assert!(!world.steps().iter().any(|step| step.function == "marketplace_changed"));
    world.stop().await;
}
