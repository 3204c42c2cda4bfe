//! Event Grid functions: both handshakes, deliveries in both schemas, and what Event Grid is answered.

use serde_json::{Value, json};

use crate::support::{App, Running, client, response};

const TRIGGER: &str = r#"{"type":"eventGridTrigger","name":"event"}"#;

async fn running(app: App) -> Running {
    app.function("onEvent", TRIGGER).start().await
}

async fn post(running: &Running, kind: Option<&str>, body: &Value) -> (u16, String) {
    let url = running.url("/runtime/webhooks/EventGrid?functionName=onEvent&code=any");
    let mut request = client().post(url).json(body);
    if let Some(kind) = kind {
        request = request.header("aeg-event-type", kind);
    }
    let answer = request.send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

fn event(id: &str) -> Value {
    json!({"id": id, "topic": "t", "subject": "s", "eventType": "made", "eventTime": "2023-10-12T20:13:49.640002Z",
        "data": {"name": id}, "dataVersion": "1", "metadataVersion": "1"})
}

fn bodies(running: &Running) -> Vec<Value> {
    let requests = running.requests();
    requests.iter().map(|request| serde_json::from_str(request["body"].as_str().unwrap()).unwrap()).collect()
}

#[tokio::test]
async fn the_subscription_validation_is_answered_in_both_schemas() {
    let running = running(App::new()).await;
    let plain = json!([{"id": "1", "data": {"validationCode": "the code"}}]);
    let expected = (200, r#"{"validationResponse":"the code"}"#.to_owned());
    assert_eq!(post(&running, Some("SubscriptionValidation"), &plain).await, expected);
    let cloud_event = json!({"specversion": "1.0", "data": "{\"validationCode\":\"the code\"}"});
    assert_eq!(post(&running, Some("subscriptionvalidation"), &cloud_event).await, expected);
    assert_eq!(post(&running, Some("SubscriptionValidation"), &json!([])).await.0, 500);
    assert!(running.requests().is_empty(), "the handler never hears of a handshake");
    running.host.stop().await;
}

#[tokio::test]
async fn the_handshake_of_cloud_events_allows_who_asks() {
    let running = running(App::new()).await;
    let options = async |name: &str, origin: Option<&str>| {
        let url = running.url(&format!("/runtime/webhooks/eventgrid?functionName={name}"));
        let mut request = client().request(reqwest::Method::OPTIONS, url);
        if let Some(origin) = origin {
            request = request.header("WebHook-Request-Origin", origin).header("WebHook-Request-Rate", "120");
        }
        request.send().await.unwrap()
    };
    let answer = options("onEvent", Some("eventgrid.azure.net")).await;
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["webhook-allowed-origin"], "eventgrid.azure.net");
    assert_eq!(answer.headers()["webhook-allowed-rate"], "120");
    assert_eq!(options("onEvent", None).await.status(), 400);
    assert_eq!(options("nobody", Some("x")).await.status(), 404);
    running.host.stop().await;
}

#[tokio::test]
async fn every_event_of_a_delivery_is_an_invocation_of_its_own() {
    let running = running(App::new()).await;
    assert_eq!(post(&running, Some("Notification"), &json!([event("a"), event("b")])).await.0, 202);
    let mut bodies = bodies(&running);
    bodies.sort_by_key(|body| body["Data"]["event"]["id"].as_str().unwrap().to_owned());
    assert_eq!(bodies.len(), 2);
    assert_eq!(bodies[0]["Data"]["event"], event("a"), "an object, and not a text");
    assert_eq!(bodies[0]["Metadata"]["data"], json!({"name": "a"}));
    assert_eq!(bodies[1]["Metadata"]["sys"]["MethodName"], "onEvent");

    let cloud_event = json!({"id": "c", "source": "s", "specversion": "1.0", "type": "made", "data": "text"});
    assert_eq!(post(&running, Some("Notification"), &cloud_event).await.0, 202);
    let last = self::bodies(&running).pop().unwrap();
    assert_eq!(last["Data"]["event"], cloud_event);
    assert_eq!(last["Metadata"]["data"], "\"text\"");
    running.host.stop().await;
}

#[tokio::test]
async fn one_failure_makes_event_grid_deliver_the_whole_payload_again() {
    let app = App::new().order("onEvent.1", response("500 Internal Server Error", "", ""));
    let mut running = running(app).await;
    let payload = json!([event("a"), event("b")]);
    let (status, text) = post(&running, Some("Notification"), &payload).await;
    assert_eq!(status, 500);
    assert!(text.contains("does not indicate success: 500"), "{text}");
    assert_eq!(running.requests().len(), 2, "the other event was not held back");
    let mut ends = vec![running.finished("onEvent").await.is_ok(), running.finished("onEvent").await.is_ok()];
    ends.sort_unstable();
    assert_eq!(ends, [false, true]);
    assert_eq!(post(&running, Some("Notification"), &payload).await.0, 202);
    running.host.stop().await;
}

#[tokio::test]
async fn with_cardinality_many_a_delivery_is_one_invocation() {
    let trigger = r#"{"type":"eventGridTrigger","name":"events","cardinality":"many"}"#;
    let running = App::new().function("onEvent", trigger).start().await;
    assert_eq!(post(&running, Some("Notification"), &json!([event("a"), event("b")])).await.0, 202);
    let body = &bodies(&running)[0];
    let events: Value = serde_json::from_str(body["Data"]["events"].as_str().unwrap()).unwrap();
    assert_eq!(events, json!([event("a"), event("b")]));
    assert_eq!(body["Metadata"]["data"], r#"[{"name":"a"},{"name":"b"}]"#);
    running.host.stop().await;
}

#[tokio::test]
async fn everything_else_is_refused() {
    let running = running(App::new()).await;
    assert_eq!(post(&running, None, &json!([])).await.0, 400);
    assert_eq!(post(&running, Some("Greeting"), &json!([])).await.0, 400);
    assert_eq!(post(&running, Some("Unsubscribe"), &json!([])).await.0, 202);
    assert_eq!(post(&running, Some("Notification"), &json!("text")).await.0, 500);
    let status = async |path: &str| client().post(running.url(path)).send().await.unwrap().status().as_u16();
    assert_eq!(status("/runtime/webhooks/eventgrid").await, 404);
    assert_eq!(
        status("/runtime/webhooks/eventgrid?functionName=ONEVENT").await,
        404,
        "the name's case counts"
    );
    assert_eq!(status("/runtime/webhooks/other?functionName=onEvent").await, 404);
    assert!(running.requests().is_empty());
    running.host.stop().await;
}

#[tokio::test]
async fn an_event_can_be_delivered_by_hand() {
    let mut running = running(App::new()).await;
    let url = running.url("/admin/functions/onEvent");
    let by_hand = async |input: String| {
        let answer = client().post(&url).json(&json!({"input": input})).send().await.unwrap();
        assert_eq!(answer.status(), 202);
    };
    by_hand(event("a").to_string()).await;
    assert_eq!(running.finished("onEvent").await, Ok(()));
    assert_eq!(bodies(&running)[0]["Data"]["event"], event("a"));
    by_hand("no event".to_owned()).await;
    running
        .event("the refusal", |event| match event {
            functions_host::HostEvent::Output { line, .. } => line.contains("is not an event").then_some(()),
            _ => None,
        })
        .await;
    running.host.stop().await;
}
