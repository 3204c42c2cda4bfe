//! The host's contract, through the real router.

use std::sync::{Arc, Mutex};

use axum::{Router, body::Body, http::Request, http::StatusCode, routing::get};
use custom_handler::{
    BoxError, DeadLetter, Functions, Message, MessageMetadata, Outcome, Timer, testing::Invocation,
};
use serde::Deserialize;
use serde_json::json;
use tower::ServiceExt as _;

#[derive(Debug, Deserialize)]
struct Order {
    customer: Customer,
}

#[derive(Debug, Deserialize)]
struct Customer {
    id: u32,
}

#[derive(Clone, Default)]
struct Refusals(Arc<Mutex<Vec<(String, String, String)>>>);

impl DeadLetter for Refusals {
    fn dead_letter<'a>(
        &'a self,
        function: &'a str,
        metadata: &'a MessageMetadata,
        reason: &'a str,
        description: &'a str,
    ) -> futures::future::BoxFuture<'a, Result<(), BoxError>> {
        Box::pin(async move {
            metadata.lock_token.ok_or("no lock token")?;
            self.0.lock().unwrap().push((function.to_owned(), reason.to_owned(), description.to_owned()));
            Ok(())
        })
    }
}

async fn on_order(message: Message<Order>, _: ()) -> Result<Outcome, String> {
    match message.body.customer.id {
        0 => panic!("customer 0"),
        1 => Err("no answer from the warehouse".to_owned()),
        2 => Ok(Outcome::Refuse { reason: "Unknown".into(), description: "no such customer".into() }),
        3 => std::future::pending().await,
        _ => Ok(Outcome::Complete),
    }
}

fn app(refusals: &Refusals) -> Router {
    Functions::new(())
        .dead_letter_with(refusals.clone())
        .time_limit(std::time::Duration::from_millis(50))
        .queue("orders", on_order)
        .timer(
            "sweep",
            |timer: Timer, ()| async move { if timer.is_past_due { Err("late") } else { Ok(()) } },
        )
        .http("hello", Router::new().route("/api/hello", get(|| async { "hello" })))
        .into_router()
}

fn order(body: &str) -> Invocation {
    Invocation::of_message("orders", body.as_bytes())
        .with_metadata("LockToken", json!("4e773554-f6b7-4ea2-b07d-4c5fd5aba741"))
}

#[tokio::test]
async fn success_is_200_with_a_json_object() {
    let answer = order(r#"{"customer":{"id":7}}"#).run(app(&Refusals::default())).await;
    assert_eq!((answer.status, answer.body), (StatusCode::OK, json!({})));
    let answer = Invocation::of_timer("sweep").run(app(&Refusals::default())).await;
    assert_eq!((answer.status, answer.body), (StatusCode::OK, json!({})));
}

#[tokio::test]
async fn an_error_a_panic_and_a_hang_fail_the_invocation_with_a_json_object() {
    for (id, expected) in [(0, "customer 0"), (1, "no answer from the warehouse"), (3, "did not end within")]
    {
        let answer = order(&format!(r#"{{"customer":{{"id":{id}}}}}"#)).run(app(&Refusals::default())).await;
        assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
        assert!(answer.body["error"].as_str().unwrap().contains(expected), "{:?}", answer.body);
    }
}

#[tokio::test]
async fn a_refusal_is_dead_lettered_and_then_the_invocation_succeeds() {
    let refusals = Refusals::default();
    let answer = order(r#"{"customer":{"id":2}}"#).run(app(&refusals)).await;
    assert_eq!(answer.status, StatusCode::OK);
    let expected = ("orders".to_owned(), "Unknown".to_owned(), "no such customer".to_owned());
    assert_eq!(*refusals.0.lock().unwrap(), [expected]);
}

#[tokio::test]
async fn an_undecodable_body_is_refused_with_the_path_of_the_bad_field() {
    for (body, expected) in [
        (r#"{"customer":{"id":"seven"}}"#, "customer.id: invalid type"),
        (r#"{"customer":{}}"#, "customer: missing field `id`"),
        ("not json", "expected"),
        ("", "EOF"),
        (r#"{"customer":{"id":7}} and more"#, "trailing characters"),
    ] {
        let refusals = Refusals::default();
        let answer = order(body).run(app(&refusals)).await;
        assert_eq!(answer.status, StatusCode::OK, "{body}");
        let refusals = refusals.0.lock().unwrap();
        assert_eq!(refusals[0].1, "Undecodable");
        assert!(refusals[0].2.contains(expected), "{:?}", refusals[0]);
    }
}

#[tokio::test]
async fn a_refusal_that_cannot_be_carried_out_fails_the_invocation() {
    let refusals = Refusals::default();
    let without_token = Invocation::of_message("orders", b"not json");
    assert_eq!(without_token.run(app(&refusals)).await.status, StatusCode::INTERNAL_SERVER_ERROR);
    let without_settlement = Functions::new(()).queue("orders", on_order).into_router();
    assert_eq!(order("not json").run(without_settlement).await.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert!(refusals.0.lock().unwrap().is_empty());
}

#[tokio::test]
async fn only_the_host_reaches_queue_functions() {
    let send =
        |request: Request<Body>| async { app(&Refusals::default()).oneshot(request).await.unwrap().status() };
    let invocation = r#"{"Data":{"message":"e30="},"Metadata":{}}"#;
    assert_eq!(send(Request::post("/orders").body(invocation.into()).unwrap()).await, StatusCode::NOT_FOUND);
    assert_eq!(
        send(Request::post("/api/orders").body(invocation.into()).unwrap()).await,
        StatusCode::NOT_FOUND
    );
    assert_eq!(send(Request::get("/").body(Body::empty()).unwrap()).await, StatusCode::OK);
    assert_eq!(send(Request::get("/api/hello").body(Body::empty()).unwrap()).await, StatusCode::OK);
    let named = Request::post("/nobody").header("X-Azure-Functions-InvocationId", "x");
    assert_eq!(send(named.body(invocation.into()).unwrap()).await, StatusCode::NOT_FOUND);
}
