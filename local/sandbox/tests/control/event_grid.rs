//! Key events to a webhook: handshakes, both forms, retries by the sandbox's clock, and what raises no event.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};

use crate::cloud::{Cloud, KEYS};
use crate::own::Own;
use crate::receiver::{Handshake, PATIENCE, Receiver};

struct Watched {
    cloud: Cloud,
    own: Own,
    receiver: Receiver,
    endpoint: String,
}

impl Watched {
    /// A vault called `watched` with one key that was there before anybody listened.
    async fn start() -> Self {
        let cloud = Cloud::start().await;
        let group = cloud.group(&cloud.seed.customer).await;
        cloud.make_vault(&cloud.seed.customer, &group, "watched").await;
        cloud.make_key(&cloud.seed.customer, "watched", "old").await;
        let receiver = Receiver::default();
        let endpoint = receiver.listen().await;
        Self { own: Own::of(&cloud), cloud, receiver, endpoint }
    }

    async fn subscribe(&self, more: Value) -> (u16, Value) {
        let mut body = json!({ "vault": "watched", "endpoint": self.endpoint });
        for (name, value) in more.as_object().unwrap() {
            body[name] = value.clone();
        }
        self.own.post("/control/event-subscriptions", body).await
    }

    async fn subscribed(&self, more: Value) -> Value {
        let answer = self.subscribe(more).await;
        self.own.expect(answer, 201)
    }

    async fn key(&self, method: Method, path: &str, body: Value) -> Value {
        let url = format!("https://watched.vault.azure.net/keys/{path}?{KEYS}");
        self.cloud.vault(&self.cloud.seed.customer, method, url, Some(body)).await.expect(200).body
    }

    async fn pass(&self, seconds: u64) {
        let answer = self.own.post("/control/clock", json!({ "forwardSeconds": seconds })).await;
        self.own.expect(answer, 200);
    }

    /// The subscription as it stands, once it is as wanted.
    async fn until(&self, wanted: impl Fn(&Value) -> bool) -> Value {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let all = self.own.get("/control/event-subscriptions").await;
            let held = all["eventSubscriptions"][0].clone();
            if wanted(&held) {
                return held;
            }
            assert!(Instant::now() < deadline, "{all}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

#[tokio::test]
async fn a_new_version_is_told_in_event_grids_form_after_the_handshake() {
    let watched = Watched::start().await;
    let held = watched.subscribed(json!({ "name": "keys", "headers": { "x-latchkey": "a word" } })).await;
    assert_eq!(held["standing"], "Active");
    assert!(!held.to_string().contains("a word"), "a header may be a password");
    let made = watched.key(Method::POST, "fresh/create", json!({ "kty": "RSA" })).await;
    let kid = made["key"]["kid"].as_str().unwrap();

    let received = watched.receiver.wait_for(2).await;
    let (headers, handshake) = &received[0];
    assert_eq!(headers["aeg-event-type"], "SubscriptionValidation");
    assert_eq!(handshake[0]["eventType"], "Microsoft.EventGrid.SubscriptionValidationEvent");
    let (headers, events) = &received[1];
    assert_eq!(headers["aeg-event-type"], "Notification");
    assert_eq!(headers["aeg-subscription-name"], "KEYS");
    assert_eq!(
        (&headers["x-latchkey"], &headers["aeg-delivery-count"]),
        (&"a word".parse().unwrap(), &"0".parse().unwrap())
    );
    let event = &events[0];
    assert_eq!(events.as_array().unwrap().len(), 1);
    assert_eq!(event["eventType"], "Microsoft.KeyVault.KeyNewVersionCreated");
    assert_eq!((event["subject"].as_str(), event["dataVersion"].as_str()), (Some("fresh"), Some("1")));
    assert!(event["topic"].as_str().unwrap().ends_with("/providers/Microsoft.KeyVault/vaults/watched"));
    let version = kid.rsplit('/').next().unwrap();
    assert_eq!(
        event["data"],
        json!({ "Id": kid, "VaultName": "watched", "ObjectType": "Key", "ObjectName": "fresh", "Version": version, "NBF": null, "EXP": null })
    );
}

#[tokio::test]
async fn cloud_events_have_their_own_handshake_and_form() {
    let watched = Watched::start().await;
    let exp = time::OffsetDateTime::now_utc().unix_timestamp() + 90 * 86_400;
    watched.subscribed(json!({ "schema": "CloudEventSchemaV1_0", "dataCase": "camel" })).await;
    watched.key(Method::POST, "fresh/create", json!({ "kty": "RSA", "attributes": { "exp": exp } })).await;
    let received = watched.receiver.wait_for(2).await;
    let (headers, body) = &received[0];
    assert_eq!(
        (body, &headers["webhook-request-origin"]),
        (&json!("options"), &"eventgrid.azure.net".parse().unwrap())
    );
    assert!(headers.contains_key("webhook-request-callback") && headers.contains_key("webhook-request-rate"));
    let (headers, event) = &received[1];
    assert!(headers["content-type"].to_str().unwrap().starts_with("application/cloudevents+json"));
    assert_eq!(
        (event["specversion"].as_str(), event["type"].as_str()),
        (Some("1.0"), Some("Microsoft.KeyVault.KeyNewVersionCreated"))
    );
    assert_eq!(
        (event["data"]["objectName"].as_str(), event["data"]["exp"].as_i64()),
        (Some("fresh"), Some(exp))
    );
    assert!(event["source"].as_str().unwrap().ends_with("/vaults/watched"));
}

#[tokio::test]
async fn nobody_is_sent_events_who_did_not_agree() {
    let watched = Watched::start().await;
    for schema in ["EventGridSchema", "CloudEventSchemaV1_0"] {
        for how in [Handshake::Wrongly, Handshake::Refuse] {
            watched.receiver.shake_hands(how);
            let answer = watched.subscribe(json!({ "schema": schema })).await;
            let refused = watched.own.expect(answer, 400);
            assert_eq!(refused["error"]["path"], "endpoint", "{refused}");
        }
    }
    for (more, path) in [
        (json!({ "endpoint": "https://example.com/hook" }), "endpoint"),
        (json!({ "endpoint": "http://127.0.0.1:1/" }), "endpoint"),
        (json!({ "vault": "nobody" }), "vault"),
        (json!({ "eventTypes": ["Microsoft.KeyVault.KeyDisabled"] }), "eventTypes[0]"),
        (json!({ "maxDeliveryAttempts": 31 }), "maxDeliveryAttempts"),
        (json!({ "eventTimeToLiveMinutes": 0 }), "eventTimeToLiveMinutes"),
        (json!({ "headers": { "a b": "c" } }), "headers.a b"),
        (json!({ "schema": "Other" }), "schema"),
    ] {
        let answer = watched.subscribe(more).await;
        assert_eq!(watched.own.expect(answer, 400)["error"]["path"], path);
    }
    assert_eq!(watched.own.get("/control/event-subscriptions").await["eventSubscriptions"], json!([]));
}

#[tokio::test]
async fn a_silent_endpoint_is_validated_by_hand() {
    let watched = Watched::start().await;
    watched.receiver.shake_hands(Handshake::Silently);
    let held = watched.subscribed(json!({})).await;
    assert_eq!(held["standing"], "AwaitingManualAction");
    let (_, handshake) = watched.receiver.received().remove(0);
    let url = handshake[0]["data"]["validationUrl"].as_str().unwrap();
    let path = url.strip_prefix(&watched.own.base).unwrap();
    let wrong = path.split_once("code=").unwrap().0.to_owned() + "code=guess";
    assert_eq!(watched.own.request(Method::GET, &wrong).send().await.unwrap().status().as_u16(), 400);
    assert_eq!(watched.own.request(Method::GET, path).send().await.unwrap().status().as_u16(), 200);
    assert_eq!(watched.until(|held| held["standing"] == "Active").await["standing"], "Active");
    watched.key(Method::POST, "fresh/create", json!({ "kty": "RSA" })).await;
    watched.receiver.wait_for(2).await;
}

#[tokio::test]
async fn expiry_comes_with_time_for_versions_made_after_the_subscription() {
    let watched = Watched::start().await;
    let day = 86_400;
    let exp = time::OffsetDateTime::now_utc().unix_timestamp() + 40 * day;
    watched.key(Method::PATCH, "old", json!({ "attributes": { "exp": exp } })).await;
    watched.subscribed(json!({})).await;
    watched.key(Method::POST, "fresh/create", json!({ "kty": "RSA", "attributes": { "exp": exp } })).await;
    let kinds = |received: Vec<(http::HeaderMap, Value)>| {
        received
            .into_iter()
            .skip(1)
            .map(|(_, events)| events[0]["eventType"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    watched.receiver.wait_for(2).await;
    watched.pass(11 * 86_400).await;
    watched.receiver.wait_for(3).await;
    watched.pass(30 * 86_400).await;
    let received = watched.receiver.wait_for(4).await;
    let names: Vec<_> = received.iter().skip(1).map(|(_, events)| events[0]["subject"].clone()).collect();
    assert_eq!(names, ["fresh"; 3], "nothing of the key that was there before");
    assert_eq!(received[3].1[0]["data"]["EXP"], exp.to_string(), "as text, as in the documented example");
    assert_eq!(
        kinds(received),
        ["KeyNewVersionCreated", "KeyNearExpiry", "KeyExpired"]
            .map(|kind| format!("Microsoft.KeyVault.{kind}"))
    );
}

#[tokio::test]
async fn a_rotation_policy_says_when_the_end_is_announced_and_its_rotation_is_told() {
    let watched = Watched::start().await;
    watched.subscribed(json!({})).await;
    let exp = time::OffsetDateTime::now_utc().unix_timestamp() + 60 * 86_400;
    watched.key(Method::POST, "fresh/create", json!({ "kty": "RSA", "attributes": { "exp": exp } })).await;
    let action = |kind: &str, trigger: Value| json!({ "trigger": trigger, "action": { "type": kind } });
    let policy = json!({
        "lifetimeActions": [
            action("Rotate", json!({ "timeBeforeExpiry": "P10D" })),
            action("Notify", json!({ "timeBeforeExpiry": "P50D" })),
        ],
        "attributes": { "expiryTime": "P1Y" },
    });
    watched.key(Method::PUT, "fresh/rotationpolicy", policy).await;
    watched.receiver.wait_for(2).await;
    // 49 days are left, which is near by the policy and would not be without it.
    watched.pass(11 * 86_400).await;
    let received = watched.receiver.wait_for(3).await;
    assert_eq!(received[2].1[0]["eventType"], "Microsoft.KeyVault.KeyNearExpiry");
    let first = received[2].1[0]["data"]["Version"].clone();
    watched.pass(40 * 86_400).await;
    let received = watched.receiver.wait_for(4).await;
    let event = &received[3].1[0];
    assert_eq!(event["eventType"], "Microsoft.KeyVault.KeyNewVersionCreated");
    assert_ne!(event["data"]["Version"], first, "nobody asked for the key, and it was rotated all the same");
    assert!(event["data"]["EXP"].is_string());
}

#[tokio::test]
async fn disabling_and_deleting_raise_nothing_and_a_change_of_access_does() {
    let watched = Watched::start().await;
    watched.subscribed(json!({})).await;
    watched.key(Method::PATCH, "old", json!({ "attributes": { "enabled": false } })).await;
    let url = format!("https://watched.vault.azure.net/keys/old?{KEYS}");
    let customer = &watched.cloud.seed.customer;
    watched.cloud.vault(customer, Method::DELETE, url, None).await.expect(200);
    let vault = format!(
        "/subscriptions/{}/resourceGroups/rg/providers/Microsoft.KeyVault/vaults/watched?api-version=2023-07-01",
        customer.subscription_id
    );
    let body = json!({ "properties": { "enableRbacAuthorization": false } });
    watched.cloud.arm(customer, Method::PATCH, &*vault, Some(body)).await.expect(200);
    let received = watched.receiver.wait_for(2).await;
    assert_eq!(received[1].1[0]["eventType"], "Microsoft.KeyVault.VaultAccessPolicyChanged");
    assert_eq!(received.len(), 2);
}

#[tokio::test]
async fn a_failed_delivery_is_repeated_on_the_documented_schedule() {
    let watched = Watched::start().await;
    watched.subscribed(json!({ "maxDeliveryAttempts": 3 })).await;
    watched.receiver.answer_with(&[503, 500]);
    watched.key(Method::POST, "fresh/create", json!({ "kty": "RSA" })).await;
    watched.receiver.wait_for(2).await;
    let held = watched.until(|held| held["pending"][0]["failedAttempts"] == 1).await;
    assert_eq!(held["pending"].as_array().unwrap().len(), 1);
    watched.pass(10).await;
    watched.receiver.wait_for(3).await;
    watched.until(|held| held["pending"][0]["failedAttempts"] == 2).await;
    watched.pass(30).await;
    let received = watched.receiver.wait_for(4).await;
    let ids: Vec<_> = received.iter().skip(1).map(|(_, events)| events[0]["id"].clone()).collect();
    assert!(ids.iter().all(|id| *id == ids[0]), "the same event: {ids:?}");
    assert_eq!(received[3].0["aeg-delivery-count"], "2");
    let held = watched.until(|held| held["pending"] == json!([])).await;
    assert_eq!(held["dropped"], 0);

    watched.receiver.answer_with(&[401]);
    watched.key(Method::POST, "refused/create", json!({ "kty": "RSA" })).await;
    let held = watched.until(|held| held["dropped"] == 1).await;
    assert_eq!(held["pending"], json!([]), "401 is not repeated");
    watched.receiver.answer_with(&[500, 500, 500]);
    watched.key(Method::POST, "given-up/create", json!({ "kty": "RSA" })).await;
    watched.until(|held| held["pending"][0]["failedAttempts"] == 1).await;
    watched.pass(10).await;
    watched.until(|held| held["pending"][0]["failedAttempts"] == 2).await;
    watched.pass(30).await;
    watched.until(|held| held["dropped"] == 2).await;
}

#[tokio::test]
async fn events_can_be_sent_again_in_any_order_and_from_a_forged_topic() {
    let watched = Watched::start().await;
    let held = watched.subscribed(json!({})).await;
    watched.key(Method::POST, "one/create", json!({ "kty": "RSA" })).await;
    watched.receiver.wait_for(2).await;
    watched.key(Method::POST, "two/create", json!({ "kty": "RSA" })).await;
    watched.receiver.wait_for(3).await;
    let sent = watched.until(|held| held["sent"].as_array().unwrap().len() == 2).await["sent"].clone();
    let path = format!("/control/event-subscriptions/{}/deliveries", held["id"].as_str().unwrap());
    let body =
        json!({ "events": [sent[1]["id"], sent[0]["id"], sent[0]["id"]], "topic": "/subscriptions/forged" });
    let (status, _) = watched.own.post(&path, body).await;
    assert_eq!(status, 202);
    let received = watched.receiver.wait_for(6).await;
    assert!(received[3..].iter().all(|(_, events)| events[0]["topic"] == "/subscriptions/forged"));
    let repeated = received[3..].iter().filter(|(_, events)| events[0]["id"] == sent[0]["id"]).count();
    assert_eq!(repeated, 2);
    let answer = watched.own.post(&path, json!({ "events": ["00000000-0000-4000-8000-000000000000"] })).await;
    assert_eq!(watched.own.expect(answer, 400)["error"]["path"], "events[0]");
    let delete = format!("/control/event-subscriptions/{}", held["id"].as_str().unwrap());
    assert_eq!(watched.own.call(Method::DELETE, &delete, None).await.0, 204);
    assert_eq!(watched.own.call(Method::DELETE, &delete, None).await.0, 404);
}
