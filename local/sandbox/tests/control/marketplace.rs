//! The marketplace as it is played by the control API: purchases, changes, and a network that repeats and reorders.

use reqwest::Method;
use serde_json::{Value, json};

use crate::cloud::{Cloud, MARKETPLACE};
use crate::own::Own;
use crate::receiver::Receiver;

struct Shop {
    cloud: Cloud,
    own: Own,
    receiver: Receiver,
    token: String,
}

const VERSION: &str = "api-version=2018-08-31";

impl Shop {
    async fn open() -> Self {
        let cloud = Cloud::start().await;
        let receiver = Receiver::default();
        let webhook = receiver.listen().await;
        let own = Own::of(&cloud);
        let vendor = &cloud.seed.vendor;
        let listing = json!({
            "publisherTenant": vendor.tenant_id,
            "publisherApplication": vendor.administrator.client_id,
            "publisher": "fabrikam",
            "landingPageUrl": "http://127.0.0.1:1/landing",
            "webhookUrl": webhook,
            "plans": ["silver", "gold"],
        });
        let (status, answer) = own.call(Method::PUT, "/control/marketplace/listing", Some(listing)).await;
        assert_eq!(status, 204, "{answer}");
        let token = cloud.token(vendor, MARKETPLACE).await;
        Self { cloud, own, receiver, token }
    }

    /// A bought and activated subscription.
    async fn subscribed(&self) -> String {
        let body = json!({ "tenantId": self.cloud.seed.customer.tenant_id, "offer": "cmk", "plan": "silver", "quantity": 5 });
        let answer = self.own.post("/control/marketplace/purchases", body).await;
        let bought = self.own.expect(answer, 201);
        assert!(bought["landingUrl"].as_str().unwrap().starts_with("http://127.0.0.1:1/landing?token="));
        let id = bought["subscriptionId"].as_str().unwrap().to_owned();
        self.api(Method::POST, &format!("/{id}/activate"), None).await.expect(200);
        id
    }

    async fn api(&self, method: Method, path: &str, body: Option<Value>) -> crate::cloud::Answer {
        let url = format!("https://marketplaceapi.microsoft.com/api/saas/subscriptions{path}?{VERSION}");
        self.cloud.send(method, url, Some(&self.token), body).await
    }

    async fn act(&self, id: &str, body: Value) -> Value {
        let answer = self.own.post(&format!("/control/marketplace/subscriptions/{id}/actions"), body).await;
        self.own.expect(answer, 200)
    }

    async fn shown(&self, id: &str) -> Value {
        self.api(Method::GET, &format!("/{id}"), None).await.expect(200).body
    }
}

#[tokio::test]
async fn a_whole_life_calls_the_webhook_each_time() {
    let shop = Shop::open().await;
    let id = shop.subscribed().await;
    for body in [
        json!({ "action": "ChangePlan", "plan": "gold" }),
        json!({ "action": "ChangeQuantity", "quantity": 7, "token": "v2" }),
        json!({ "action": "Renew" }),
        json!({ "action": "Suspend" }),
        json!({ "action": "Reinstate" }),
    ] {
        let done = shop.act(&id, body.clone()).await;
        assert_eq!(done["delivery"], json!({ "accepted": true, "attempts": [{ "status": 200 }] }), "{body}");
        if ["ChangePlan", "ChangeQuantity", "Reinstate"].contains(&body["action"].as_str().unwrap()) {
            let path = format!("/{id}/operations/{}", done["operationId"].as_str().unwrap());
            shop.api(Method::PATCH, &path, Some(json!({ "status": "Success" }))).await.expect(200);
        }
    }
    shop.act(&id, json!({ "action": "Unsubscribe" })).await;
    let actions: Vec<_> =
        shop.receiver.received().into_iter().map(|(_, body)| body["action"].clone()).collect();
    assert_eq!(actions, ["ChangePlan", "ChangeQuantity", "Renew", "Suspend", "Reinstate", "Unsubscribe"]);
    let issuers: Vec<String> = shop.receiver.received().iter().map(|(headers, _)| issuer(headers)).collect();
    assert!(issuers[0].starts_with("https://sts.windows.net/"), "{issuers:?}");
    assert!(issuers[1].ends_with("/v2.0"), "{issuers:?}");

    let overview = shop.own.get("/control/marketplace").await;
    let subscription = &overview["subscriptions"][0];
    assert_eq!(subscription["saasSubscriptionStatus"], "Unsubscribed");
    assert_eq!(subscription["operations"].as_array().unwrap().len(), 6);
    assert_eq!(overview["listing"]["publisher"], "fabrikam");
}

fn claims(headers: &http::HeaderMap) -> Value {
    use base64::Engine as _;
    let token = headers["authorization"].to_str().unwrap().split('.').nth(1).unwrap();
    let claims = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(token).unwrap();
    serde_json::from_slice(&claims).unwrap()
}

fn issuer(headers: &http::HeaderMap) -> String {
    let claims = claims(headers);
    let caller = claims.get("appid").or(claims.get("azp")).unwrap();
    assert_eq!(caller, MARKETPLACE);
    claims["iss"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn what_the_real_marketplace_does_now_and_then_is_played_as_told() {
    let shop = Shop::open().await;
    let told = |body: Value| shop.own.call(Method::PUT, "/control/marketplace/behaviour", Some(body));
    assert_eq!(told(json!({ "surprise": 1 })).await.0, 400);
    let behaviour = json!({ "subscriptionLagMilliseconds": 2_000, "unknownOperationIsBadRequest": true });
    assert_eq!(told(behaviour).await.0, 204);

    // A partner buys for the customer.
    let body = json!({
        "tenantId": shop.cloud.seed.customer.tenant_id, "purchaserTenantId": shop.cloud.seed.vendor.tenant_id,
        "offer": "cmk", "plan": "silver",
    });
    let answer = shop.own.post("/control/marketplace/purchases", body).await;
    let id = shop.own.expect(answer, 201)["subscriptionId"].as_str().unwrap().to_owned();
    let shown = shop.shown(&id).await;
    assert_eq!(shown["purchaser"]["tenantId"], json!(shop.cloud.seed.vendor.tenant_id));
    assert_eq!(shown["beneficiary"]["tenantId"], json!(shop.cloud.seed.customer.tenant_id));
    assert_eq!(shown["allowedCustomerOperations"], json!(["Read"]));

    // It is activated by itself, and says so by the webhook, with a token of few claims and an id that leads nowhere.
    let subscribe = json!({ "action": "Subscribe", "token": "v2Spare", "organisationId": true });
    shop.act(&id, subscribe).await;
    let (headers, webhook) = shop.receiver.received().remove(0);
    assert_eq!((&webhook["action"], &webhook["status"]), (&json!("Subscribe"), &json!("Succeeded")));
    let claims = claims(&headers);
    assert!(claims.get("nbf").is_none() && claims.get("idtyp").is_none(), "{claims}");
    let organisation = webhook["id"].as_str().unwrap();
    assert!(organisation.starts_with("org:") && organisation.contains(','), "{organisation}");
    shop.api(Method::GET, &format!("/{id}/operations/{organisation}"), None).await.expect(400);

    // The operation is concluded before the subscription shows it.
    shop.cloud.sandbox.advance_clock(std::time::Duration::from_secs(2));
    let done = shop.act(&id, json!({ "action": "Suspend", "token": "v1Spare" })).await;
    let path = format!("/{id}/operations/{}", done["operationId"].as_str().unwrap());
    assert_eq!(shop.api(Method::GET, &path, None).await.expect(200).body["status"], "Succeeded");
    assert_eq!(shop.shown(&id).await["saasSubscriptionStatus"], "Subscribed");
    shop.cloud.sandbox.advance_clock(std::time::Duration::from_secs(2));
    assert_eq!(shop.shown(&id).await["saasSubscriptionStatus"], "Suspended");

    assert_eq!(told(json!({})).await.0, 204);
    shop.api(Method::GET, &format!("/{id}/operations/{organisation}"), None).await.expect(404);
    shop.act(&id, json!({ "action": "Unsubscribe" })).await;
    assert_eq!(shop.shown(&id).await["saasSubscriptionStatus"], "Unsubscribed");
}

#[tokio::test]
async fn webhooks_are_retried_repeated_and_reordered_as_told() {
    let shop = Shop::open().await;
    let id = shop.subscribed().await;
    shop.receiver.answer_with(&[500, 503, 200]);
    let done = shop.act(&id, json!({ "action": "Renew", "attempts": 5, "pauseMilliseconds": 10 })).await;
    let attempts = json!([{ "status": 500 }, { "status": 503 }, { "status": 200 }]);
    assert_eq!(done["delivery"], json!({ "accepted": true, "attempts": attempts }));

    let first = shop.act(&id, json!({ "action": "Suspend", "deliver": false })).await;
    assert!(first.get("delivery").is_none());
    let second = shop.act(&id, json!({ "action": "Unsubscribe", "deliver": false })).await;
    assert_eq!(shop.receiver.received().len(), 3, "nothing was delivered yet");
    let operations = [&second["operationId"], &first["operationId"], &second["operationId"]];
    let answer = shop.own.post("/control/marketplace/deliveries", json!({ "operations": operations })).await;
    shop.own.expect(answer, 200);
    let actions: Vec<_> =
        shop.receiver.received().into_iter().skip(3).map(|(_, body)| body["action"].clone()).collect();
    assert_eq!(actions, ["Unsubscribe", "Suspend", "Unsubscribe"]);
}

#[tokio::test]
async fn a_4xx_refuses_a_change_and_undoes_nothing_that_has_happened() {
    let shop = Shop::open().await;
    let id = shop.subscribed().await;
    shop.receiver.answer_with(&[400, 400]);
    let done = shop.act(&id, json!({ "action": "ChangePlan", "plan": "gold", "attempts": 3 })).await;
    assert_eq!(done["delivery"], json!({ "accepted": false, "attempts": [{ "status": 400 }] }));
    let path = format!("/{id}/operations/{}", done["operationId"].as_str().unwrap());
    assert_eq!(shop.api(Method::GET, &path, None).await.expect(200).body["status"], "Failed");
    assert_eq!(shop.shown(&id).await["planId"], "silver");
    shop.act(&id, json!({ "action": "Suspend" })).await;
    assert_eq!(shop.shown(&id).await["saasSubscriptionStatus"], "Suspended");
}

#[tokio::test]
async fn the_publisher_changes_and_cancels_by_the_api_and_hears_of_it() {
    let shop = Shop::open().await;
    let id = shop.subscribed().await;
    for wrong in [
        json!({}),
        json!({ "planId": "gold", "quantity": 2 }),
        json!({ "planId": "lead" }),
        json!({ "planId": "silver" }),
    ] {
        shop.api(Method::PATCH, &format!("/{id}"), Some(wrong)).await.expect_error(400, "BadArgument");
    }
    let accepted =
        shop.api(Method::PATCH, &format!("/{id}"), Some(json!({ "planId": "gold" }))).await.expect(202);
    let location = accepted.header("operation-location").to_owned();
    let (_, webhook) = shop.receiver.wait_for(1).await.remove(0);
    assert_eq!(
        (webhook["operationRequestSource"].as_str(), webhook["planId"].as_str()),
        (Some("Partner"), Some("gold"))
    );
    let shown = shop.cloud.send(Method::GET, location, Some(&shop.token), None).await.expect(200).body;
    assert_eq!(shown["id"], webhook["id"]);
    shop.cloud.sandbox.advance_clock(std::time::Duration::from_secs(10));
    assert_eq!(shop.shown(&id).await["planId"], "gold");

    shop.api(Method::DELETE, &format!("/{id}"), None).await.expect(202);
    shop.receiver.wait_for(2).await;
    assert_eq!(shop.shown(&id).await["saasSubscriptionStatus"], "Unsubscribed");
    let again = shop.api(Method::DELETE, &format!("/{id}"), None).await.expect(202);
    assert!(again.header("operation-location").contains(&id));
    shop.api(Method::PATCH, &format!("/{id}"), Some(json!({ "quantity": 3 })))
        .await
        .expect_error(400, "BadArgument");
}

#[tokio::test]
async fn what_cannot_be_done_is_refused_with_the_path() {
    let shop = Shop::open().await;
    let id = shop.subscribed().await;
    let actions = format!("/control/marketplace/subscriptions/{id}/actions");
    for (path, body, status, field) in [
        (&*actions, json!({ "action": "ChangePlan" }), 400, Some("plan")),
        (&*actions, json!({ "action": "ChangeQuantity", "plan": "gold" }), 400, Some("quantity")),
        (&*actions, json!({ "action": "Renew", "plan": "gold" }), 400, Some("plan")),
        (&*actions, json!({ "action": "Explode" }), 400, Some("action")),
        (&*actions, json!({ "action": "ChangePlan", "plan": "silver" }), 400, Some("plan")),
        (&*actions, json!({ "action": "ChangePlan", "plan": "lead" }), 400, Some("plan")),
        (&*actions, json!({ "action": "ChangeQuantity", "quantity": 5 }), 400, Some("quantity")),
        ("/control/marketplace/purchases", json!({ "tenantId": id, "surprise": 1 }), 400, Some("surprise")),
        (&*actions, json!({ "action": "Renew", "attempts": 0 }), 400, Some("attempts")),
        (&*actions, json!({ "action": "Reinstate" }), 409, None),
        ("/control/marketplace/deliveries", json!({ "operations": [id] }), 400, Some("operations[0]")),
        (
            "/control/marketplace/purchases",
            json!({ "tenantId": id, "offer": "o", "plan": "p" }),
            400,
            Some("tenantId"),
        ),
    ] {
        let answer = shop.own.post(path, body.clone()).await;
        assert_eq!(shop.own.expect(answer, status)["error"]["path"].as_str(), field, "{body}");
    }
    let unknown = "/control/marketplace/subscriptions/00000000-0000-4000-8000-000000000000/actions";
    let answer = shop.own.post(unknown, json!({ "action": "Renew" })).await;
    shop.own.expect(answer, 404);
}
