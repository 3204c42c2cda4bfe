//! The Functions host's own test data, on the handler's side: each request that the host is known to send is understood,
//! and the host reads each of our answers as it was meant.
//!
//! Data: azure-functions-host, `test/WebJobs.Script.Tests/HttpWorker/DefaultHttpWorkerServiceTests.cs`. [`host_reads`]
//! writes down how the host reads an answer, traps included.

use std::time::Duration;

use axum::{
    Router,
    body::Body,
    extract::OriginalUri,
    http::{HeaderMap, Request, StatusCode},
    routing::get,
};
use custom_handler::{
    Functions, Message, Outcome, Settings,
    testing::{Answer, Invocation, TestFunctions},
};
use serde_json::Value;

/// What the host makes of an answer.
#[derive(Debug, PartialEq)]
enum Reading {
    Failed,
    Succeeded,
    /// The invocation never ends: a success without a result.
    Hangs,
}

/// `DefaultHttpWorkerService.ProcessDefaultInvocationRequest`, for functions without output bindings.
fn host_reads(status: StatusCode, content_type: &str, body: &[u8]) -> Reading {
    if !status.is_success() {
        return Reading::Failed;
    }
    if body.is_empty() {
        return Reading::Hangs;
    }
    if !["application/json", "text/json"].contains(&content_type.split(';').next().unwrap().trim()) {
        return Reading::Failed;
    }
    match serde_json::from_slice(body) {
        Ok(Value::Object(_)) => Reading::Succeeded,
        Ok(Value::Null) => Reading::Hangs,
        _ => Reading::Failed,
    }
}

fn read(answer: &Answer) -> Reading {
    // The kit has checked the content type.
    host_reads(answer.status, "application/json", &serde_json::to_vec(&answer.body).unwrap())
}

/// The rows of the host's own tests, so that what follows is measured by the right rule.
#[test]
fn the_rule_by_which_answers_are_read_is_the_hosts() {
    let json = "application/json; charset=utf-8";
    for (status, content_type, body, expected) in [
        (200, json, r#"{"key1":"value1","key2":"value2"}"#, Reading::Succeeded),
        (200, json, "Hello World", Reading::Failed),
        (200, "text/plain", "TestMessage", Reading::Failed),
        (400, json, "", Reading::Failed),
        (500, json, r#"{"Logs":["lost"]}"#, Reading::Failed),
        (204, json, "", Reading::Hangs),
        (200, json, "null", Reading::Hangs),
        (200, json, r#"{"Logs":null}"#, Reading::Succeeded),
    ] {
        let status = StatusCode::from_u16(status).unwrap();
        assert_eq!(host_reads(status, content_type, body.as_bytes()), expected, "{body}");
    }
}

/// Nothing that happens inside is answered so that an invocation hangs, or is taken for what it is not.
#[tokio::test]
async fn no_end_of_a_function_is_misread() {
    async fn as_told(message: Message<String>, (): ()) -> Result<Outcome, String> {
        match message.body.as_str() {
            "fail" => Err("no".to_owned()),
            "panic" => panic!("told to"),
            "hang" => std::future::pending().await,
            "refuse" => Ok(Outcome::Refuse { reason: "R".to_owned(), description: "d".to_owned() }),
            _ => Ok(Outcome::Complete),
        }
    }
    let settings = Settings::default().with_deadline(Some(Duration::from_secs(1))).with_body_limit(2_000);
    let functions = TestFunctions::new(Functions::new(()).with_settings(settings).queue("f", as_told));
    for (body, succeeds) in [
        ("complete".to_owned(), true),
        ("fail".to_owned(), false),
        ("panic".to_owned(), false),
        ("hang".to_owned(), false),
        ("refuse".to_owned(), false),
        ("x".repeat(2_000), false),
    ] {
        let reading = read(&functions.invoke(Invocation::queue("f").binary(&body)).await);
        let expected = if succeeds { Reading::Succeeded } else { Reading::Failed };
        assert_eq!(reading, expected, "{body}");
    }
    for envelope in ["", "null", "Hello World", "{}"] {
        assert_eq!(read(&functions.send("f", Some("i"), envelope).await), Reading::Failed, "{envelope}");
    }
    assert_eq!(read(&functions.invoke(Invocation::queue("unknown")).await), Reading::Failed);
}

/// `BuildAndGetUri`, `GetPathValue` and forwarding: the path is the request's own when it is forwarded, the function's
/// name otherwise.
#[tokio::test]
async fn a_forwarded_request_keeps_its_path_query_headers_and_body() {
    let echo = async |OriginalUri(uri): OriginalUri, headers: HeaderMap, body: String| {
        let header = |name: &str| headers[name].to_str().unwrap().to_owned();
        format!("{uri} {} {} {body}", header("accept"), header("accept-charset"))
    };
    let routes = Router::new().route("/api/testFunctionName", get(echo));
    let functions = TestFunctions::new(Functions::new(()).http("testFunctionName", routes));
    let request = Request::get("/api/testFunctionName?id=149656222&name=Ink%20And%20Toner")
        .header("Accept", "text/plain")
        .header("Accept-Charset", "UTF-8")
        .header("X-Azure-Functions-InvocationId", "4e773554-f6b7-4ea2-b07d-4c5fd5aba741")
        .header("X-Azure-Functions-HostVersion", "4.1037.0.0")
        .header("User-Agent", "Azure-Functions-Host/4.1037.0.0")
        .body(Body::from("\"hello world\""))
        .unwrap();
    let answer = functions.request(request).await;
    assert_eq!(
        answer.body().as_ref(),
        b"/api/testFunctionName?id=149656222&name=Ink%20And%20Toner text/plain UTF-8 \"hello world\""
    );
    // A forwarded failure is the client's own business: the invocation has succeeded.
    let missing = functions.request(Request::get("/api/else").body(Body::empty()).unwrap()).await;
    assert_eq!(missing.status(), StatusCode::NOT_FOUND);
}
