//! The commercial marketplace: buying, the fulfilment API, webhooks.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests too, which clippy cannot see")]

mod cloud;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::routing::post;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cloud::{ARM, Answer, Cloud, MARKETPLACE};
use http::{HeaderMap, StatusCode};
use reqwest::Method;
use sandbox::{Lags, Listing, MarketplaceAction, MarketplaceFault, Purchase, PurchaseOutcome};
use serde_json::{Value, json};
use uuid::Uuid;

const VERSION: &str = "api-version=2018-08-31";

struct Shop {
    cloud: Cloud,
    token: String,
}

impl Shop {
    /// A sandbox in which the vendor's administrator application is the listed publisher.
    async fn open(lags: Lags) -> Self {
        let cloud = Cloud::with_lags(lags).await;
        let token = cloud.token(&cloud.seed.vendor, MARKETPLACE).await;
        cloud.sandbox.configure_marketplace(listing(&cloud, "http://127.0.0.1:1/webhook"));
        Self { cloud, token }
    }

    fn buy(&self) -> PurchaseOutcome {
        self.cloud.sandbox.purchase(Purchase {
            tenant_id: self.cloud.seed.customer.tenant_id,
            purchaser_tenant_id: None,
            offer: "cmk-offer".into(),
            plan: "silver".into(),
            quantity: Some(5),
            name: "Contoso CMK".into(),
            email: "buyer@contoso.example".into(),
        })
    }

    async fn call(&self, method: Method, path: &str, body: Option<Value>) -> Answer {
        self.cloud.send(method, url(path), Some(&self.token), body).await
    }

    async fn resolve(&self, token: &str) -> Answer {
        let header = ("x-ms-marketplace-token", token);
        self.cloud.send_with(Method::POST, &url("/resolve"), &self.token, header).await
    }

    async fn activate(&self, id: Uuid) -> Answer {
        self.call(Method::POST, &format!("/{id}/activate"), None).await
    }

    async fn status(&self, id: Uuid) -> String {
        let shown = self.call(Method::GET, &format!("/{id}"), None).await.expect(200).body;
        shown["saasSubscriptionStatus"].as_str().unwrap().to_owned()
    }
}

fn listing(cloud: &Cloud, webhook_url: &str) -> Listing {
    Listing {
        publisher_tenant: cloud.seed.vendor.tenant_id,
        publisher_application: cloud.seed.vendor.administrator.client_id,
        publisher: "fabrikam".into(),
        landing_page_url: "http://127.0.0.1:1/api/signup".into(),
        webhook_url: webhook_url.into(),
        plans: vec!["silver".into(), "gold".into()],
    }
}

fn url(path: &str) -> String {
    let separator = if path.contains('?') { '&' } else { '?' };
    format!("https://marketplaceapi.microsoft.com/api/saas/subscriptions{path}{separator}{VERSION}")
}

#[tokio::test]
async fn a_purchase_is_resolved_then_activated_once() {
    let shop = Shop::open(Lags::default()).await;
    let bought = shop.buy();
    let resolved = shop.resolve(&bought.landing_token).await.expect(200).body;
    assert_eq!(resolved["id"], json!(bought.subscription_id));
    assert_eq!(
        resolved["subscription"]["beneficiary"]["tenantId"],
        json!(shop.cloud.seed.customer.tenant_id)
    );
    assert_eq!(resolved["quantity"], 5);
    let id = bought.subscription_id;
    assert_eq!(shop.status(id).await, "PendingFulfillmentStart");
    for wrong in [json!({ "planId": "gold" }), json!({ "planId": "silver", "quantity": "6" }), json!([])] {
        shop.call(Method::POST, &format!("/{id}/activate"), Some(wrong)).await.expect(400);
    }
    let body = json!({ "planId": "silver", "quantity": 5 });
    let activated = shop.call(Method::POST, &format!("/{id}/activate"), Some(body)).await.expect(200);
    assert_eq!(activated.body, Value::Null);
    assert_eq!(shop.status(id).await, "Subscribed");
    assert_eq!(shop.cloud.sandbox.subscription_status(id).as_deref(), Some("Subscribed"));
    shop.activate(id).await.expect(400);
    let shown = shop.call(Method::GET, &format!("/{id}"), None).await.body;
    assert!(shown["term"]["startDate"].is_string());
    let plans = shop.call(Method::GET, &format!("/{id}/listAvailablePlans"), None).await.expect(200).body;
    let names: Vec<&str> =
        plans["plans"].as_array().unwrap().iter().map(|plan| plan["planId"].as_str().unwrap()).collect();
    assert_eq!(names, ["gold", "silver"]);
    let unknown = format!("/{}/listAvailablePlans", Uuid::nil());
    shop.call(Method::GET, &unknown, None).await.expect_error(404, "EntityNotFound");
}

#[tokio::test]
async fn the_landing_page_address_carries_the_token_encoded_and_a_day_long() {
    let shop = Shop::open(Lags::default()).await;
    let bought = shop.buy();
    let landing = url::Url::parse(bought.landing_url.as_deref().unwrap()).unwrap();
    let (name, value) = landing.query_pairs().next().unwrap();
    assert_eq!((name.as_ref(), value.as_ref()), ("token", bought.landing_token.as_str()));
    assert!(!landing.query().unwrap().contains('+') && landing.query().unwrap().contains("%2B"));

    let encoded = landing.query().unwrap().strip_prefix("token=").unwrap();
    shop.resolve(encoded).await.expect_error(400, "BadArgument");
    shop.resolve("").await.expect_error(400, "BadArgument");
    shop.resolve("made+up==").await.expect_error(400, "BadArgument");
    shop.resolve(&bought.landing_token).await.expect(200);
    shop.resolve(&bought.landing_token).await.expect(200);
    let again = shop.cloud.sandbox.reopen_landing_page(bought.subscription_id).unwrap();
    assert_ne!(again.landing_token, bought.landing_token);
    shop.cloud.sandbox.advance_clock(Duration::from_secs(24 * 3_600));
    let cloud = &shop.cloud;
    let vendor = &cloud.seed.vendor;
    // The old token has expired along with the purchase; a fresh one tells the two refusals apart.
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", &vendor.administrator.client_id.to_string()),
        ("client_secret", &vendor.administrator.client_secret),
        ("scope", &format!("{MARKETPLACE}/.default")),
    ];
    let fresh = cloud.entra(vendor.tenant_id, &form).await.expect(200).body["access_token"]
        .as_str()
        .unwrap()
        .to_owned();
    let header = ("x-ms-marketplace-token", bought.landing_token.as_str());
    let late = cloud.send_with(Method::POST, &url("/resolve"), &fresh, header).await;
    late.expect_error(400, "BadArgument");
}

#[tokio::test]
async fn only_the_listed_application_may_call() {
    let shop = Shop::open(Lags::default()).await;
    let bought = shop.buy();
    let cloud = &shop.cloud;
    let path = format!("/{}", bought.subscription_id);
    let table = [
        None,
        Some("not.a.token".to_owned()),
        Some(cloud.token(&cloud.seed.vendor, ARM).await),
        Some(cloud.token(&cloud.seed.customer, MARKETPLACE).await),
    ];
    for token in table {
        cloud.send(Method::GET, url(&path), token.as_deref(), None).await.expect_error(403, "Forbidden");
    }
    shop.call(Method::GET, &path, None).await.expect(200);
    let unversioned = url(&path).replace(VERSION, "");
    cloud.send(Method::GET, unversioned, Some(&shop.token), None).await.expect_error(400, "BadArgument");
    shop.call(Method::GET, &format!("/{}", Uuid::nil()), None).await.expect_error(404, "EntityNotFound");
    let mut other = listing(cloud, "http://127.0.0.1:1/webhook");
    other.publisher_application = Uuid::new_v4();
    cloud.sandbox.configure_marketplace(other);
    shop.call(Method::GET, &path, None).await.expect_error(403, "Forbidden");
}

#[tokio::test]
async fn ids_of_a_request_come_back_and_lists_have_pages() {
    let shop = Shop::open(Lags::default()).await;
    for _ in 0..101 {
        shop.buy();
    }
    let header = ("x-ms-correlationid", "7b1f0f5e-0000-4000-8000-000000000000");
    let first = shop.cloud.send_with(Method::GET, &url(""), &shop.token, header).await.expect(200);
    assert_eq!(first.header("x-ms-correlationid"), header.1);
    assert!(Uuid::parse_str(first.header("x-ms-requestid")).is_ok(), "one that was not sent is made");
    assert_eq!(first.body["subscriptions"].as_array().unwrap().len(), 100);
    let next = first.body["@nextLink"].as_str().unwrap();
    let second = shop.cloud.send(Method::GET, next, Some(&shop.token), None).await.expect(200);
    assert_eq!(second.body["subscriptions"].as_array().unwrap().len(), 1);
    assert_eq!(second.body["@nextLink"], "");
}

#[tokio::test]
async fn an_activation_may_take_a_while_to_show() {
    let shop = Shop::open(Lags { activation: Duration::from_secs(60), ..Lags::default() }).await;
    let id = shop.buy().subscription_id;
    shop.activate(id).await.expect(200);
    assert_eq!(shop.status(id).await, "PendingFulfillmentStart");
    shop.activate(id).await.expect(400);
    shop.cloud.sandbox.advance_clock(Duration::from_secs(60));
    assert_eq!(shop.status(id).await, "Subscribed");
}

#[tokio::test]
async fn a_subscription_may_lag_behind_its_operation() {
    let shop = Shop::open(Lags { subscription: Duration::from_secs(2), ..Lags::default() }).await;
    let id = shop.buy().subscription_id;
    shop.activate(id).await.expect(200);
    shop.cloud.sandbox.begin_action(id, MarketplaceAction::Suspend).unwrap();
    assert_eq!(shop.status(id).await, "Subscribed");
    shop.cloud.sandbox.advance_clock(Duration::from_secs(2));
    assert_eq!(shop.status(id).await, "Suspended");
}

#[tokio::test]
async fn changes_are_answered_by_the_publisher_or_by_time() {
    let shop = Shop::open(Lags::default()).await;
    let id = shop.buy().subscription_id;
    let change =
        |plan: &str| shop.cloud.sandbox.begin_action(id, MarketplaceAction::ChangePlan { plan: plan.into() });
    assert!(matches!(change("gold"), Err(MarketplaceFault::DoesNotFit { .. })), "not before activation");
    shop.activate(id).await.expect(200);
    let plan = || async { shop.call(Method::GET, &format!("/{id}"), None).await.body["planId"].clone() };
    let answer = |operation: Uuid, status: &'static str| {
        let shop = &shop;
        async move {
            let body = json!({ "status": status });
            shop.call(Method::PATCH, &format!("/{id}/operations/{operation}"), Some(body)).await
        }
    };
    let operation = change("gold").unwrap();
    let shown = shop.call(Method::GET, &format!("/{id}/operations/{operation}"), None).await.expect(200).body;
    assert_eq!((shown["status"].as_str(), shown["planId"].as_str()), (Some("InProgress"), Some("gold")));
    let open = shop.call(Method::GET, &format!("/{id}/operations"), None).await.expect(200).body;
    assert_eq!(open["operations"].as_array().unwrap().len(), 1);
    answer(operation, "Maybe").await.expect(400);
    answer(operation, "Failure").await.expect(200);
    assert_eq!(plan().await, "silver");
    answer(operation, "Success").await.expect_error(409, "Conflict");
    answer(change("gold").unwrap(), "Success").await.expect(200);
    assert_eq!(plan().await, "gold");
    let operation = change("silver").unwrap();
    shop.cloud.sandbox.advance_clock(Duration::from_secs(10));
    assert_eq!(plan().await, "silver", "accepted after ten seconds");
    answer(operation, "Failure").await.expect_error(409, "Conflict");
    answer(Uuid::new_v4(), "Success").await.expect(404);

    shop.cloud.sandbox.begin_action(id, MarketplaceAction::Suspend).unwrap();
    assert_eq!(shop.status(id).await, "Suspended");
    let operation = shop.cloud.sandbox.begin_action(id, MarketplaceAction::Reinstate).unwrap();
    answer(operation, "Success").await.expect(200);
    assert_eq!(shop.status(id).await, "Subscribed");
    shop.cloud.sandbox.begin_action(id, MarketplaceAction::Unsubscribe).unwrap();
    assert_eq!(shop.status(id).await, "Unsubscribed");
    shop.activate(id).await.expect_error(404, "EntityNotFound");
}

#[tokio::test]
async fn what_is_open_when_a_subscription_ends_never_brings_it_back() {
    let shop = Shop::open(Lags::default()).await;
    let id = shop.buy().subscription_id;
    shop.activate(id).await.expect(200);
    let begin = |action| shop.cloud.sandbox.begin_action(id, action);
    let success = |operation: Uuid| {
        let shop = &shop;
        async move {
            let path = format!("/{id}/operations/{operation}");
            shop.call(Method::PATCH, &path, Some(json!({ "status": "Success" }))).await
        }
    };
    // Suspended before it was answered: only an active subscription can be changed.
    let change = begin(MarketplaceAction::ChangeQuantity { quantity: 9 }).unwrap();
    begin(MarketplaceAction::Suspend).unwrap();
    success(change).await.expect_error(409, "Conflict");
    let reinstate = begin(MarketplaceAction::Reinstate).unwrap();
    let twice = begin(MarketplaceAction::Reinstate);
    assert!(matches!(twice, Err(MarketplaceFault::Locked { .. })), "{twice:?}");
    begin(MarketplaceAction::Unsubscribe).unwrap();
    success(reinstate).await.expect_error(409, "Conflict");
    shop.cloud.sandbox.advance_clock(Duration::from_secs(11));
    let shown = shop.call(Method::GET, &format!("/{id}"), None).await.expect(200).body;
    assert_eq!((&shown["saasSubscriptionStatus"], &shown["quantity"]), (&json!("Unsubscribed"), &json!(5)));
    for operation in [change, reinstate] {
        let shown =
            shop.call(Method::GET, &format!("/{id}/operations/{operation}"), None).await.expect(200).body;
        assert_eq!(shown["status"], "Failed");
    }
}

#[tokio::test]
async fn what_changes_nothing_or_waits_for_something_is_refused() {
    let shop = Shop::open(Lags::default()).await;
    let id = shop.buy().subscription_id;
    shop.activate(id).await.expect(200);
    let path = format!("/{id}");
    let patch = |body: Value| shop.call(Method::PATCH, &path, Some(body));
    for (body, words) in [
        (json!({ "quantity": 5 }), "The new quantity is the same as the current quantity"),
        (json!({ "quantity": 0 }), "the quantity 0 is not possible"),
        (json!({ "planId": "silver" }), "the plan 'silver' is not available"),
    ] {
        let refused = patch(body).await.expect_error(400, "BadArgument");
        assert!(refused.message().contains(words), "{}", refused.body);
    }
    patch(json!({ "planId": "gold" })).await.expect(202);
    let locked = patch(json!({ "quantity": 6 })).await.expect_error(400, "BadArgument");
    assert!(locked.message().contains("is locked due to pending operations"), "{}", locked.body);
    let locked = shop.call(Method::DELETE, &path, None).await.expect_error(409, "Conflict");
    assert!(locked.message().starts_with("Delete cannot be completed"), "{}", locked.body);
    shop.cloud.sandbox.advance_clock(Duration::from_secs(10));
    shop.call(Method::DELETE, &path, None).await.expect(202);

    let flat = shop.cloud.sandbox.purchase(Purchase {
        tenant_id: shop.cloud.seed.customer.tenant_id,
        purchaser_tenant_id: None,
        offer: "cmk-offer".into(),
        plan: "silver".into(),
        quantity: None,
        name: "flat".into(),
        email: "buyer@contoso.example".into(),
    });
    let resolved = shop.resolve(&flat.landing_token).await.expect(200).body;
    assert_eq!(resolved["quantity"], Value::Null);
    shop.activate(flat.subscription_id).await.expect(200);
    let path = format!("/{}", flat.subscription_id);
    shop.call(Method::PATCH, &path, Some(json!({ "quantity": 2 }))).await.expect_error(400, "BadArgument");
    // Its time runs out; cancelling it then is answered as always, with an operation that can be looked at.
    shop.cloud.sandbox.begin_action(flat.subscription_id, MarketplaceAction::Suspend).unwrap();
    shop.cloud.pass(31 * 24 * 3_600);
    let token = shop.cloud.token(&shop.cloud.seed.vendor, MARKETPLACE).await;
    let over = shop.cloud.send(Method::DELETE, url(&path), Some(&token), None).await.expect(202);
    let ended = shop.cloud.send(Method::GET, over.header("operation-location"), Some(&token), None).await;
    assert_eq!(ended.expect(200).body["action"], "Unsubscribe");
}

#[derive(Clone, Default)]
struct Received(Arc<Mutex<VecDeque<(HeaderMap, Value)>>>);

/// A publisher's webhook that answers 200. Gives its address.
async fn a_webhook(received: Received) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let routes = Router::new().route(
        "/api/marketplace/webhook",
        post(|State(Received(all)): State<Received>, headers: HeaderMap, body: String| async move {
            all.lock().unwrap().push_back((headers, serde_json::from_str(&body).unwrap()));
            StatusCode::OK
        }),
    );
    tokio::spawn(async move { axum::serve(listener, routes.with_state(received)).await });
    format!("http://{address}/api/marketplace/webhook")
}

#[tokio::test]
async fn webhooks_carry_a_checkable_token_and_can_be_repeated() {
    let shop = Shop::open(Lags::default()).await;
    let cloud = &shop.cloud;
    let received = Received::default();
    let address = a_webhook(received.clone()).await;
    cloud.sandbox.configure_marketplace(listing(cloud, &address));
    let id = shop.buy().subscription_id;
    shop.activate(id).await.expect(200);
    let sent = cloud.sandbox.send_webhook(id, MarketplaceAction::Suspend).await.unwrap();
    assert_eq!(sent.status, 200);
    assert_eq!(cloud.sandbox.deliver_webhook(sent.operation_id).await.unwrap(), 200);
    let mut all = received.0.lock().unwrap().drain(..).collect::<Vec<_>>();
    let ((_, first), (headers, second)) = (all.remove(0), all.remove(0));
    assert_eq!(first, second, "the same webhook twice");
    assert_eq!((first["action"].as_str(), first["status"].as_str()), (Some("Suspend"), Some("Succeeded")));
    assert_eq!(first["subscription"]["saasSubscriptionStatus"], "Suspended");

    let header = headers["authorization"].to_str().unwrap();
    let claims = header.strip_prefix("Bearer ").unwrap().split('.').nth(1).unwrap();
    let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap();
    let vendor = &cloud.seed.vendor;
    assert_eq!(claims["aud"], json!(vendor.administrator.client_id));
    assert_eq!(claims["appid"], MARKETPLACE);
    assert_eq!(claims["tid"], json!(vendor.tenant_id));
    assert_eq!(claims["iss"], format!("https://sts.windows.net/{}/", vendor.tenant_id));
}

#[tokio::test]
async fn a_webhook_that_cannot_be_delivered_says_so() {
    let shop = Shop::open(Lags::default()).await;
    let cloud = &shop.cloud;
    let id = shop.buy().subscription_id;
    shop.activate(id).await.expect(200);
    let unheard = cloud.sandbox.send_webhook(id, MarketplaceAction::Renew).await;
    assert!(matches!(unheard, Err(MarketplaceFault::Unanswered(_))));
    for elsewhere in ["https://example.com/hook", "http://example.com/hook", "nonsense"] {
        cloud.sandbox.configure_marketplace(listing(cloud, elsewhere));
        let refused = cloud.sandbox.send_webhook(id, MarketplaceAction::Renew).await;
        assert!(matches!(refused, Err(MarketplaceFault::Address)), "{elsewhere}");
    }
    let unknown = cloud.sandbox.send_webhook(Uuid::nil(), MarketplaceAction::Renew).await;
    assert!(matches!(unknown, Err(MarketplaceFault::Unknown(_))));
}
