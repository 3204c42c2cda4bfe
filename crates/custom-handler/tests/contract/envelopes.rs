//! What comes that is no invocation, or not one that can be taken.

use std::convert::Infallible;

use axum::{body::Body, http::StatusCode};
use custom_handler::{
    Functions, Message, Outcome, Settings,
    testing::{Invocation, TestFunctions},
};
use serde_json::json;

async fn complete(_: Message<String>, _: ()) -> Result<Outcome, Infallible> {
    Ok(Outcome::Complete)
}

fn functions() -> TestFunctions {
    TestFunctions::new(Functions::new(()).queue("orders", complete))
}

#[tokio::test]
async fn an_unknown_function_is_not_found() {
    let answer = functions().invoke(Invocation::queue("Orders").binary("x")).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    assert!(!answer.error().is_empty());
}

#[tokio::test]
async fn what_is_no_invocation_fails_with_a_json_object() {
    for (body, part) in [
        ("", "no body"),
        ("hello", "not a JSON object"),
        ("null", "not a JSON object"),
        ("[]", "not a JSON object"),
        ("{\"Metadata\":{}}", "missing field `Data`"),
        ("{\"Data\":[]}", "Data: invalid type"),
        ("{\"Data\":{}}", "Data is empty"),
        ("{\"Data\":{\"a\":\"\",\"b\":\"\"}}", "several members (a, b)"),
        ("{\"Data\":{\"a\":\"\"},\"Metadata\":7}", "Metadata: invalid type"),
        ("{\"Data\":{\"a\":\"\"}", "EOF"),
    ] {
        let answer = functions().send("orders", Some("i-1"), body).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{body}");
        assert!(answer.error().contains(part), "{body}: {}", answer.error());
    }
    // A member that we do not know is the host's business, and metadata may be missing.
    let answer = functions().send("orders", Some("i-1"), "{\"Data\":{\"a\":\"\"},\"More\":1}").await;
    assert!(answer.succeeded(), "{}", answer.error());
}

#[tokio::test]
async fn a_deeply_nested_body_is_refused_and_not_followed() {
    let deep = format!("{{\"Data\":{{\"a\":{}1{}}}}}", "[".repeat(100_000), "]".repeat(100_000));
    let answer = functions().send("orders", Some("i-1"), deep).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert!(answer.error().contains("recursion limit"), "{}", answer.error());
}

#[tokio::test]
async fn an_invocation_over_the_limit_fails_and_one_at_the_limit_does_not() {
    let envelope = |size: usize| {
        let frame = json!({ "Data": { "m": "\"\"" } }).to_string();
        frame.replace("\\\"\\\"", &format!("\\\"{}\\\"", "x".repeat(size - frame.len())))
    };
    let settings = Settings::default().with_body_limit(5_000);
    let functions = TestFunctions::new(Functions::new(()).with_settings(settings).queue("orders", complete));
    assert_eq!(envelope(5_000).len(), 5_000);
    let answer = functions.send("orders", Some("i-1"), envelope(5_000)).await;
    assert!(answer.succeeded(), "{}", answer.error());
    let answer = functions.send("orders", Some("i-1"), envelope(5_001)).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert!(answer.error().contains("5000 bytes"), "{}", answer.error());
}

#[tokio::test]
async fn a_large_message_needs_no_setting() {
    let answer = functions().invoke(Invocation::queue("orders").binary("x".repeat(4 << 20))).await;
    assert!(answer.succeeded(), "{}", answer.error());
}

#[tokio::test]
async fn a_request_that_breaks_off_fails() {
    let broken =
        futures::stream::iter([Ok("{\"Data\":"), Err(std::io::Error::other("the connection broke"))]);
    let answer = functions().send("orders", Some("i-1"), Body::from_stream(broken)).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert!(answer.error().contains("the connection broke"), "{}", answer.error());
}
