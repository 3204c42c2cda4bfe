//! The Functions host's own test data, on the handler's side: each request that the host is known to send is understood,
//! and each answer of ours is read by the host as it was meant.
//!
//! Data: azure-functions-host, `test/WebJobs.Script.Tests/HttpWorker/` (`DefaultHttpWorkerServiceTests.cs`,
//! `HttpScriptInvocationResultExtensionsTests.cs`, `HttpScriptInvocationContextExtensionTests.cs`) and the end-to-end
//! sample `CustomHandlerRetry`. [`host_reads`] writes down how the host reads an answer, traps included.

use std::time::Duration;

use axum::{
    Router,
    body::Body,
    extract::OriginalUri,
    http::{HeaderMap, Request, StatusCode, header},
    routing::get,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use custom_handler::{
    Completion, Functions, HttpRequest, HttpResponse, Message, Outcome, Outputs, Settings, Timer,
    testing::{Answer, Invocation, TestFunctions},
};
use serde_json::{Map, Value, json};

/// What the host makes of an answer.
#[derive(Debug, PartialEq)]
enum Reading {
    Failed,
    Succeeded {
        logs: Vec<String>,
        messages: Vec<(String, Vec<String>)>,
        http: Option<Http>,
    },
    /// The invocation never ends: a success without a result.
    Hangs,
}

#[derive(Debug, PartialEq)]
struct Http {
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
}

/// `DefaultHttpWorkerService.ProcessDefaultInvocationRequest`, then `HttpScriptInvocationResultExtensions`.
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
    let result: Map<String, Value> = match serde_json::from_slice(body) {
        Ok(Value::Object(result)) => result,
        Ok(Value::Null) => return Reading::Hangs,
        _ => return Reading::Failed,
    };
    // Members are matched whatever their case; the names of bindings are not.
    let member =
        |name: &str| result.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value);
    let texts = |value: &Value| -> Vec<String> {
        value.as_array().into_iter().flatten().map(|text| text.as_str().unwrap().to_owned()).collect()
    };
    let mut messages = Vec::new();
    let mut http = None;
    for (name, value) in member("Outputs").and_then(Value::as_object).into_iter().flatten() {
        if name == "res" {
            match http_response(value) {
                Some(response) => http = Some(response),
                None => return Reading::Failed,
            }
        } else {
            messages.push((name.clone(), sent(value)));
        }
    }
    messages.extend(member("ReturnValue").map(|value| ("$return".to_owned(), sent(value))));
    Reading::Succeeded { logs: member("Logs").map(texts).unwrap_or_default(), messages, http }
}

/// The bodies of the messages that a queue output sends (`GetBindingValue`, `FunctionBinding.ReadAsEnumerable`).
fn sent(value: &Value) -> Vec<String> {
    match value {
        Value::Null => vec![],
        Value::String(text) if STANDARD.decode(text).is_ok() => vec!["System.Byte[]".to_owned()],
        Value::String(text) => match serde_json::from_str(text) {
            Ok(Value::Array(elements)) => elements.iter().flat_map(sent).collect(),
            Ok(object @ Value::Object(_)) => vec![format!("{object:#}")],
            _ => vec![text.clone()],
        },
        Value::Array(elements) => elements.iter().map(element).collect(),
        other => vec![element(other)],
    }
}

fn element(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => format!("{other:#}"),
    }
}

/// `GetHttpOutputBindingResponse`, then `HttpBinding` and `RawScriptResult`.
fn http_response(value: &Value) -> Option<Http> {
    let object = match value {
        Value::String(text) => serde_json::from_str(text).ok()?,
        other => other.clone(),
    };
    let object = object.as_object()?;
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    // `status` is ignored; a status that cannot be parsed is 200.
    let status = object.get("statusCode").map(text).and_then(|status| status.parse().ok()).unwrap_or(200);
    let headers = object.get("headers").and_then(Value::as_object).into_iter().flatten();
    Some(Http {
        status,
        headers: headers.map(|(name, value)| (name.clone(), text(value))).collect(),
        body: object.get("body").map(element).unwrap_or_default(),
    })
}

fn read(answer: &Answer) -> Reading {
    // The kit has checked the content type.
    host_reads(answer.status, "application/json", &serde_json::to_vec(&answer.body).unwrap())
}

/// The rows of the host's own tests, so that what follows is measured by the right rule.
#[test]
fn the_rule_by_which_answers_are_read_is_the_hosts() {
    let succeeded = |messages: &[(&str, &[&str])]| Reading::Succeeded {
        logs: vec![],
        messages: messages
            .iter()
            .map(|(name, texts)| ((*name).to_owned(), texts.iter().map(|&text| text.to_owned()).collect()))
            .collect(),
        http: None,
    };
    let json = "application/json; charset=utf-8";
    for (status, content_type, body, expected) in [
        (200, json, r#"{"key1":"value1","key2":"value2"}"#, succeeded(&[])),
        (200, json, "Hello World", Reading::Failed),
        (200, "text/plain", "TestMessage", Reading::Failed),
        (400, json, "", Reading::Failed),
        (500, json, r#"{"Logs":["lost"]}"#, Reading::Failed),
        (204, json, "", Reading::Hangs),
        (200, json, "null", Reading::Hangs),
        (200, json, r#"{"Logs":null}"#, succeeded(&[])),
        (200, json, r#"{"ReturnValue":"Hello return"}"#, succeeded(&[("$return", &["Hello return"])])),
        (200, json, r#"{"Outputs":{"out":"output1Value"}}"#, succeeded(&[("out", &["System.Byte[]"])])),
        (200, json, r#"{"Outputs":{"out":"[\"a\",\"b c\"]"}}"#, succeeded(&[("out", &["a", "b c"])])),
        (200, json, r#"{"Outputs":{"out":["test"]}}"#, succeeded(&[("out", &["test"])])),
        (200, json, r#"{"Outputs":{"res":"SomeBlah"}}"#, Reading::Failed),
    ] {
        let status = StatusCode::from_u16(status).unwrap();
        assert_eq!(host_reads(status, content_type, body.as_bytes()), expected, "{body}");
    }
    for (value, status, body) in [
        (json!({ "statusCode": "204" }), 204, ""),
        (json!({}), 200, ""),
        (json!({ "body": "hello" }), 200, "hello"),
        (json!({ "body": "hello", "statusCode": "300" }), 300, "hello"),
        (
            json!({ "body": "foobar", "statusCode": "301", "headers": { "header1": "header1Value" } }),
            301,
            "foobar",
        ),
        (json!({ "status": "418" }), 200, ""),
    ] {
        let got = http_response(&value).unwrap();
        assert_eq!((got.status, got.body.as_str()), (status, body), "{value}");
    }
}

#[tokio::test]
async fn outputs_logs_and_return_value_are_read_as_they_were_meant() {
    // Each text is one that the host would spoil if it stood alone: base64, a JSON object, a JSON array, nothing.
    let texts =
        ["output1Value", "output2Value", "test", "{\"a\":1}", "[1,2]", "", "Hello return", "4", "null"];
    let returns = move |_: Message<String>, ()| async move {
        let outputs = Outputs::new().log("invocation log1").log("invocation log2");
        let outputs = texts.iter().fold(outputs, |outputs, text| outputs.message("output1", *text));
        Ok::<_, String>(outputs.message("output2", "output2Value").message("$return", "Hello return"))
    };
    let functions = TestFunctions::new(Functions::new(()).queue("testFunctionName", returns));
    let answer = functions.invoke(Invocation::queue("testFunctionName").text("HelloWorld")).await;
    let owned = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect::<Vec<_>>();
    assert_eq!(
        read(&answer),
        Reading::Succeeded {
            logs: owned(&["invocation log1", "invocation log2"]),
            messages: vec![
                ("output1".to_owned(), owned(&texts)),
                ("output2".to_owned(), owned(&["output2Value"])),
                ("$return".to_owned(), owned(&["Hello return"])),
            ],
            http: None,
        }
    );
}

#[tokio::test]
async fn every_http_result_is_read_as_it_was_meant() {
    let location = (&header::LOCATION, "/orders/7");
    for (response, status, content_type, body) in [
        (HttpResponse::new(StatusCode::NO_CONTENT), 204, None, ""),
        (HttpResponse::new(StatusCode::OK), 200, None, ""),
        (
            HttpResponse::new(StatusCode::CREATED).text("my world"),
            201,
            Some("text/plain; charset=utf-8"),
            "my world",
        ),
        (
            HttpResponse::new(StatusCode::OK).text("aGVsbG8="),
            200,
            Some("text/plain; charset=utf-8"),
            "aGVsbG8=",
        ),
        (
            HttpResponse::new(StatusCode::OK).json(&json!({ "a": [1] })).unwrap(),
            200,
            Some("application/json"),
            "{\"a\":[1]}",
        ),
        (HttpResponse::new(StatusCode::MOVED_PERMANENTLY).header(location.0, location.1), 301, None, ""),
    ] {
        let expected = response.clone();
        let answers = async |_: HttpRequest, response: HttpResponse| Ok::<_, String>(response);
        let functions = TestFunctions::new(Functions::new(response).http_invoked("f", answers));
        let answer = functions.invoke(Invocation::http("f", "GET", "http://localhost/api/f")).await;
        let Reading::Succeeded { http: Some(http), .. } = read(&answer) else {
            panic!("{expected:?} is read as {:?}", read(&answer))
        };
        assert_eq!((http.status, http.body.as_str()), (status, body));
        let header =
            |name: &str| http.headers.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str());
        assert_eq!(header("content-type"), content_type);
        assert_eq!(header("location"), (status == 301).then_some("/orders/7"));
    }
}

/// Nothing that happens inside is answered so that an invocation hangs, or is taken for what it is not.
#[tokio::test]
async fn no_end_of_a_function_is_misread() {
    async fn as_told(message: Message<String>, (): ()) -> Result<Completion, String> {
        match message.body.as_str() {
            "fail" => Err("no".to_owned()),
            "panic" => panic!("told to"),
            "hang" => std::future::pending().await,
            "refuse" => Ok(Outcome::Refuse { reason: "R".to_owned(), description: "d".to_owned() }.into()),
            "send" => Ok(Outputs::new().message("out", "x").into()),
            _ => Ok(().into()),
        }
    }
    let settings = Settings::default().with_deadline(Some(Duration::from_secs(1))).with_body_limit(2_000);
    let functions = TestFunctions::new(Functions::new(()).with_settings(settings).queue("f", as_told));
    for (body, succeeds) in [
        ("complete".to_owned(), true),
        ("send".to_owned(), true),
        ("fail".to_owned(), false),
        ("panic".to_owned(), false),
        ("hang".to_owned(), false),
        ("refuse".to_owned(), false),
        ("x".repeat(2_000), false),
    ] {
        let reading = read(&functions.invoke(Invocation::queue("f").binary(&body)).await);
        let expected =
            if succeeds { matches!(reading, Reading::Succeeded { .. }) } else { reading == Reading::Failed };
        assert!(expected, "{body}: {reading:?}");
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

/// `HttpScriptInvocationContextExtensionTests` and the sample `CustomHandlerRetry`: no policy, no context; with one, the
/// function fails until its last attempt and can tell which that is. Timers have it, too, and HTTP requests.
#[tokio::test]
async fn the_retry_context_is_told_to_functions_of_every_kind() {
    fn attempt(retry: Option<&custom_handler::RetryContext>) -> Result<Outputs, String> {
        match retry {
            Some(retry) if retry.retry_count < retry.max_retry_count => {
                Err(format!("{} of {}", retry.retry_count, retry.max_retry_count))
            }
            retry => {
                let failed_before = retry.is_some_and(|retry| retry.exception.is_some());
                Ok(Outputs::new().message("out", failed_before.to_string()))
            }
        }
    }
    let functions = TestFunctions::new(
        Functions::new(())
            .queue("queue", async |message: Message<String>, ()| attempt(message.metadata.retry.as_ref()))
            .timer("timer", async |timer: Timer, ()| attempt(timer.retry.as_ref()))
            .http_invoked("http", async |request: HttpRequest, ()| {
                Ok::<_, String>((HttpResponse::new(StatusCode::OK), attempt(request.retry.as_ref())?))
            }),
    );
    let invocations = || {
        [
            Invocation::queue("queue").binary("x"),
            Invocation::timer("timer"),
            Invocation::http("http", "GET", "http://localhost/api/http"),
        ]
    };
    for (retry, expected) in
        [(None, Ok("false")), (Some(0), Err("0 of 2")), (Some(1), Err("1 of 2")), (Some(2), Ok("true"))]
    {
        for mut invocation in invocations() {
            if let Some(count) = retry {
                invocation = invocation.retry(count, 2);
            }
            let answer = functions.invoke(invocation).await;
            match expected {
                Ok(text) => assert_eq!(answer.messages("out"), [text], "{}", answer.error()),
                Err(text) => assert_eq!(answer.error(), text),
            }
        }
    }
}
