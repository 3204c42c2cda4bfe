//! Who is let in, what is answered, and what is not even read.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use axum::{
    body::{Bytes, to_bytes},
    http::{Request, request::Builder},
};
use futures::stream;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use super::*;
use crate::test_support::{append, chain, provisioning};

/// An onboarding whose set follows the key `disks` in the vault `contoso`.
async fn following(app: &App) -> OnboardingId {
    let id = provisioning(&app.journal).await;
    for (fact, _) in chain().into_iter().take(3) {
        if let Some(fact) = fact {
            append(&app.journal, id, &format!("{fact:?}"), fact).await;
        }
    }
    id
}

async fn answer_to(app: &App, request: Builder, body: Body) -> (u16, HeaderMap, Value) {
    let response = routes().with_state(app.clone()).oneshot(request.body(body).unwrap()).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, 10_000).await.unwrap();
    (parts.status.as_u16(), parts.headers, serde_json::from_slice(&body).unwrap_or_default())
}

fn to(id: impl std::fmt::Display) -> Builder {
    Request::post(format!("/api/key-events/{id}")).header("aeg-event-type", "Notification")
}

fn event_of(vault: &str, key: &str) -> Body {
    let data = json!({"VaultName": vault, "ObjectType": "Key", "ObjectName": key});
    Body::from(json!([{"id": "1", "eventType": "t", "data": data}]).to_string())
}

/// The body of Microsoft's page. The address in it belongs to nobody who would be asked.
fn handshake(code: &str) -> Body {
    let data = json!({"validationCode": code, "validationUrl": "https://rp-eastus2.eventgrid.azure.net:553/validate"});
    let event = json!([{"id": "2d1781af", "topic": "/subscriptions/s", "subject": "", "data": data,
        "eventType": "Microsoft.EventGrid.SubscriptionValidationEvent", "metadataVersion": "1", "dataVersion": "1"}]);
    Body::from(event.to_string())
}

#[tokio::test]
async fn both_handshakes_are_answered_as_event_grid_wants_them() {
    let app = crate::tests::app();
    let id = OnboardingId::of_subscription(uuid::Uuid::from_u128(7));
    let post =
        || Request::post(format!("/api/key-events/{id}")).header("aeg-event-type", "SubscriptionValidation");
    let (status, _, body) = answer_to(&app, post(), handshake("512d38b6-c7b8")).await;
    assert_eq!((status, body), (200, json!({"validationResponse": "512d38b6-c7b8"})));
    for body in [Body::empty(), Body::from("[]"), Body::from("{}"), handshake(&"5".repeat(200))] {
        assert_eq!(answer_to(&app, post(), body).await.0, 400);
    }
    assert_eq!(answer_to(&app, post(), Body::from(vec![b' '; 9000])).await.0, 413);

    let options = |origin: &str| {
        Request::options(format!("/api/key-events/{id}"))
            .header("WebHook-Request-Origin", origin)
            .header("WebHook-Request-Callback", "https://rp.example/validate")
            .header("WebHook-Request-Rate", "120")
    };
    let (status, headers, _) = answer_to(&app, options("eventgrid.azure.net"), Body::empty()).await;
    assert_eq!((status, &headers["webhook-allowed-origin"]), (200, &HeaderValue::from_static(ORIGIN)));
    assert_eq!(headers["webhook-allowed-rate"], RATE);
    assert_eq!(answer_to(&app, options("evil.example"), Body::empty()).await.0, 403);
}

#[tokio::test]
async fn without_the_secret_of_this_onboarding_no_body_is_read() {
    let app = crate::tests::app();
    let id = following(&app).await;
    let other = OnboardingId::of_subscription(uuid::Uuid::from_u128(8));
    let of_other = app.signer.key_events_secret(other);
    let secrets = [None, Some(""), Some("AAAA"), Some(of_other.as_str())];
    for (secret, id) in
        secrets.into_iter().zip(std::iter::repeat(id.to_string())).chain([(None, "x".to_owned())])
    {
        let read = Arc::<AtomicUsize>::default();
        let count = read.clone();
        let chunks = stream::repeat_with(move || {
            count.fetch_add(1, Ordering::SeqCst);
            Ok::<_, std::io::Error>(Bytes::from_static(b" "))
        });
        let request = secret.into_iter().fold(to(id), |request, secret| request.header(HEADER, secret));
        assert_eq!(answer_to(&app, request, Body::from_stream(chunks)).await.0, 401, "{secret:?}");
        assert_eq!(read.load(Ordering::SeqCst), 0, "{secret:?}");
    }
}

/// This app reaches no Service Bus: had anything been sent, the answer would be another.
#[tokio::test]
async fn what_is_about_another_key_sends_nothing() {
    let app = crate::tests::app();
    let id = following(&app).await;
    let secret = app.signer.key_events_secret(id);
    let known = || to(id).header(HEADER, &secret);
    for (vault, key) in [("contoso", "other"), ("other", "disks")] {
        assert_eq!(answer_to(&app, known(), event_of(vault, key)).await.0, 200, "{vault}/{key}");
    }
    for body in ["", "{", "7"] {
        assert_eq!(answer_to(&app, known(), Body::from(body)).await.0, 400, "{body}");
    }
    assert_eq!(answer_to(&app, known(), Body::from(vec![b' '; body::WEBHOOK + 1])).await.0, 413);
    let nobody = OnboardingId::of_subscription(uuid::Uuid::from_u128(8));
    let request = to(nobody).header(HEADER, app.signer.key_events_secret(nobody));
    assert_eq!(answer_to(&app, request, event_of("contoso", "disks")).await.0, 200, "never opened");
}

/// The same event, forged hundreds of times: once this minute's message is sent, neither journal nor bus is asked.
#[tokio::test]
async fn a_flood_costs_nothing_once_its_minute_is_used_up() {
    let app = crate::tests::app();
    let id = following(&app).await;
    app.windows.use_up(id, app.clock.now());
    let secret = app.signer.key_events_secret(id);
    for _ in 0..300 {
        let request = to(id).header(HEADER, &secret);
        // A test that is slow enough to reach the next minute uses that up too.
        app.windows.use_up(id, app.clock.now());
        assert_eq!(answer_to(&app, request, event_of("contoso", "disks")).await.0, 200);
    }
}
