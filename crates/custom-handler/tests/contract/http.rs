//! Forwarded HTTP, and the line between it and invocations.

use std::{convert::Infallible, time::Duration};

use axum::{
    Router,
    body::Body,
    extract::{Path, State},
    http::{Method, Request, StatusCode, header},
    routing::{any, get, post},
};
use custom_handler::{
    Functions, Message, Outcome, Settings, Timer,
    testing::{Invocation, TestFunctions},
};

async fn complete(_: Message<String>, _: &'static str) -> Result<Outcome, Infallible> {
    Ok(Outcome::Complete)
}

async fn tick(_: Timer, _: &'static str) -> Result<(), Infallible> {
    Ok(())
}

fn functions() -> Functions<&'static str> {
    let hello = Router::new()
        .route(
            "/api/hello/{name}",
            get(async |State(state): State<&'static str>, Path(name): Path<String>| {
                ([("x-own", "1")], format!("{state} {name}"))
            }),
        )
        .route("/api/hello", post(async |body: String| (StatusCode::CREATED, body)));
    let trouble = Router::new()
        .route("/api/panic", get(async || -> String { panic!("in a route") }))
        .route("/api/hang", get(async || std::future::pending::<()>().await));
    let settings = Settings::default().with_deadline(Some(Duration::from_secs(1))).with_body_limit(3 << 20);
    Functions::new("hello")
        .with_settings(settings)
        .http("hello", hello)
        .http("trouble", trouble)
        .queue("orders", complete)
        .timer("nightly", tick)
}

async fn fetch(method: &str, path: &str, body: impl Into<Body>) -> (StatusCode, String) {
    // The host adds this header to whatever it forwards.
    let request = Request::builder().method(method).uri(path).header("X-Azure-Functions-InvocationId", "i-1");
    let answer = TestFunctions::new(functions()).request(request.body(body.into()).unwrap()).await;
    (answer.status(), String::from_utf8(answer.into_body().to_vec()).unwrap())
}

#[tokio::test]
async fn a_forwarded_request_is_answered_by_its_route_unchanged() {
    assert_eq!(fetch("GET", "/api/hello/Ada?x=1", "").await, (StatusCode::OK, "hello Ada".to_owned()));
    assert_eq!(
        fetch("POST", "/api/hello", "raw \u{1F980}").await,
        (StatusCode::CREATED, "raw \u{1F980}".to_owned())
    );
    assert_eq!(fetch("DELETE", "/api/hello", "").await.0, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(fetch("GET", "/api/other", "").await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn the_body_limit_holds_for_extractors() {
    assert_eq!(fetch("POST", "/api/hello", "x".repeat(3 << 20)).await.0, StatusCode::CREATED);
    assert_eq!(fetch("POST", "/api/hello", "x".repeat((3 << 20) + 1)).await.0, StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn trouble_in_a_route_is_answered_without_its_cause() {
    let (status, body) = fetch("GET", "/api/panic", "").await;
    assert_eq!(
        (status, body.as_str()),
        (StatusCode::INTERNAL_SERVER_ERROR, "{\"error\":\"the request failed\"}")
    );
    let (status, body) = fetch("GET", "/api/hang", "").await;
    assert_eq!(
        (status, body.as_str()),
        (StatusCode::GATEWAY_TIMEOUT, "{\"error\":\"the request took too long\"}")
    );
}

#[tokio::test]
async fn the_hosts_question_is_answered_at_once_even_beside_a_route_of_that_path() {
    let slow = Router::new().route("/", any(async || std::future::pending::<()>().await));
    let plain = TestFunctions::new(functions());
    let with_root = TestFunctions::new(functions().http("root", slow));
    for functions in [plain, with_root] {
        let answer = functions.request(Request::get("/").body(Body::empty()).unwrap()).await;
        assert_eq!((answer.status(), answer.body().as_ref()), (StatusCode::OK, b"{}".as_slice()));
    }
    let own = Router::new().route("/", get(async || "home"));
    let functions = TestFunctions::new(functions().http("root", own));
    let forwarded =
        Request::get("/").header("X-Azure-Functions-InvocationId", "i-1").body(Body::empty()).unwrap();
    assert_eq!(functions.request(forwarded).await.body().as_ref(), b"home");
}

#[tokio::test]
async fn no_forwarded_path_reaches_a_queue_function() {
    let invocation = "{\"Data\":{\"m\":\"eA==\"},\"Metadata\":{}}";
    for path in
        ["/api/orders", "/orders/", "//orders", "/orders/x", "/ORDERS", "/api/../orders", "/api/nightly"]
    {
        assert_eq!(fetch("POST", path, invocation).await.0, StatusCode::NOT_FOUND, "{path}");
    }
    for method in ["GET", "PUT", "DELETE", "HEAD"] {
        let (status, body) = fetch(method, "/orders", invocation).await;
        assert_eq!(status, StatusCode::METHOD_NOT_ALLOWED, "{method}");
        assert!(method == "HEAD" || body.starts_with("{\"error\""), "{method}: {body}");
    }
    assert_eq!(fetch("POST", "/orders", invocation).await.0, StatusCode::OK);
}

#[tokio::test]
async fn an_invocation_needs_the_hosts_header_exactly_once() {
    let functions = TestFunctions::new(functions());
    let body = "{\"Data\":{\"m\":\"eA==\"},\"Metadata\":{}}";
    for id in [None, Some(""), Some(" ")] {
        assert_eq!(functions.send("orders", id, body).await.status, StatusCode::BAD_REQUEST, "{id:?}");
    }
    // A client's own header is forwarded beside the host's.
    let twice = Request::post("/orders")
        .header("X-Azure-Functions-InvocationId", "a")
        .header("X-Azure-Functions-InvocationId", "b");
    let answer = functions.request(twice.body(Body::from(body)).unwrap()).await;
    assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_test_can_hold_the_code_to_the_files() {
    let registered: Vec<_> = functions().registered().iter().map(|one| (one.name, one.trigger)).collect();
    assert_eq!(
        registered,
        [
            ("hello", "httpTrigger"),
            ("nightly", "timerTrigger"),
            ("orders", "serviceBusTrigger"),
            ("trouble", "httpTrigger"),
        ]
    );
    let functions = TestFunctions::new(functions());
    assert_eq!(functions.methods_at("/api/hello").await, [Method::POST]);
    assert_eq!(functions.methods_at("/api/hello/x").await, [Method::GET, Method::HEAD]);
    assert_eq!(functions.methods_at("/api/hang").await, [Method::GET, Method::HEAD]);
    assert!(functions.methods_at("/api/other").await.is_empty());
}

#[tokio::test]
async fn a_function_that_panicked_runs_again() {
    let functions = TestFunctions::new(functions());
    for _ in 0..3 {
        let request = Request::get("/api/panic").body(Body::empty()).unwrap();
        assert_eq!(functions.request(request).await.status(), StatusCode::INTERNAL_SERVER_ERROR);
    }
    assert!(functions.invoke(Invocation::queue("orders").binary("x")).await.succeeded());
}

#[test]
fn names_that_the_host_could_not_tell_apart_are_refused() {
    for name in ["", "1st", "a/b", "{name}", "*", "ä", "Orders", "orders"] {
        let attempt = std::panic::catch_unwind(|| functions().timer(name, tick));
        assert!(attempt.is_err(), "{name:?}");
    }
    let no_routes = std::panic::catch_unwind(|| functions().http("empty", Router::new()));
    assert!(no_routes.is_err());
    let same_route = || Router::new().route("/orders", post(async || ()));
    let overlap = std::panic::catch_unwind(|| functions().http("clash", same_route()).into_router());
    assert!(overlap.is_err(), "a route may not take the place of a queue function");
}

#[tokio::test]
async fn a_routers_own_fallback_does_not_take_over() {
    let routes = Router::new().route("/api/x", get(async || "x")).fallback(async || "mine");
    let functions = TestFunctions::new(functions().http("x", routes));
    let answer = functions.request(Request::get("/api/nowhere").body(Body::empty()).unwrap()).await;
    assert_eq!(answer.status(), StatusCode::NOT_FOUND);
    assert_eq!(answer.headers()[header::CONTENT_TYPE], "application/json");
}
