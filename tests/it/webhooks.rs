//! Webhooks of the marketplace: repeated, out of order, forged.

use reqwest::{StatusCode, header};
use sandbox::MarketplaceAction;
use serde_json::json;

use crate::support::{a_world, history, plain_client, play, until, until_nothing_is_left};

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
    until_nothing_is_left(&world).await;
    let entries = history(&world, &signed_up.page).await.len();
    // The older one again, and again, after the newer one.
    for operation in
        [suspend.operation_id, reinstate.operation_id, suspend.operation_id, suspend.operation_id]
    {
        assert_eq!(sandbox.deliver_webhook(operation).await.unwrap(), 200);
    }
    until_nothing_is_left(&world).await;
    until(&world, &signed_up.page, "active").await;
    assert_eq!(history(&world, &signed_up.page).await.len(), entries, "nothing new was learnt");
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
