//! The request and response facts of Microsoft's own tests of its host, pair by pair, through the front door.
//!
//! azure-functions-host, `test/WebJobs.Script.Tests/HttpWorker/` (`DefaultHttpWorkerServiceTests.cs`,
//! `HttpScriptInvocationResultExtensionsTests.cs`), `Extensions/HttpScriptInvocationContextExtensionTests.cs`, and
//! `WebHostEndToEnd/SamplesEndToEndTests_CustomHandler*.cs`. What is not visible from outside is tried beside the code:
//! the literal body of a queue invocation in `invocation/value.rs`, configuration in `configuration/host_json_tests.rs`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use broker::{Broker, QueueOptions};
use functions_host::HostEvent;
use serde_json::{Value, json};
use service_bus::ServiceBusClient;

use crate::support::{App, PATIENCE, client, json as json_answer, response};

const FORWARDING: &str = "AzureFunctionsJobHost__customHandler__enableForwardingHttpRequest";
const NO_PREFIX: &str = "AzureFunctionsJobHost__extensions__http__routePrefix";
const HTTP: &str = r#"{"type":"httpTrigger","name":"testInputReq","route":"{*any}"},{"type":"http","direction":"out","name":"res"}"#;

fn header(request: &Value, name: &str) -> Option<String> {
    let headers = request["headers"].as_array().unwrap();
    headers.iter().find(|pair| pair[0] == name).map(|pair| pair[1].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn requests_that_are_not_forwarded_travel_in_the_envelope() {
    let app =
        App::new().function("testFunctionName", HTTP).setting(FORWARDING, "false").setting(NO_PREFIX, "");
    let running = app.start().await;
    let url = running.url("/?id=149656222&name=Ink%20And%20Toner");
    let request = client().get(url).header("Accept", "text/plain").header("Accept-Charset", "UTF-8");
    assert_eq!(request.body("\"hello world\"").send().await.unwrap().status(), 204);
    let request = &running.requests()[0];
    assert_eq!(
        (request["method"].as_str(), request["path"].as_str()),
        (Some("POST"), Some("/testFunctionName"))
    );
    assert_eq!(header(request, "x-azure-functions-invocationid").unwrap().len(), 36);
    assert_eq!(header(request, "x-azure-functions-hostversion").unwrap(), "4.1037.0.0");
    assert_eq!(header(request, "user-agent").unwrap(), "Azure-Functions-Host/4.1037.0.0");
    assert_eq!(header(request, "content-type").unwrap(), "application/json; charset=utf-8");
    let body: Value = serde_json::from_str(request["body"].as_str().unwrap()).unwrap();
    let members: Vec<&String> = body.as_object().unwrap().keys().collect();
    assert_eq!(members, ["Data", "Metadata"]);
    let data = &body["Data"]["testInputReq"];
    assert_eq!(data["Method"], "GET");
    assert_eq!(data["Query"], json!({"id": "149656222", "name": "Ink And Toner"}));
    assert_eq!(data["Body"], "\"hello world\"");
    assert_eq!(
        (&data["Headers"]["Accept"], &data["Headers"]["Accept-Charset"]),
        (&json!(["text/plain"]), &json!(["UTF-8"]))
    );
    assert_eq!(body["Metadata"]["name"], "\"Ink And Toner\"");
    assert_eq!(body["Metadata"]["RetryContext"], Value::Null, "no policy, no context");
    running.host.stop().await;
}

#[tokio::test]
async fn the_path_of_a_request_depends_on_section_flag_and_function() {
    let handler = env!("CARGO_BIN_EXE_functions-host-raw-handler");
    let section = |name: &str, forwarding: bool| {
        format!(
            r#"{{"version":"2.0","{name}":{{"enableForwardingHttpRequest":{forwarding},"description":{{"defaultExecutablePath":"{handler}"}}}}}}"#
        )
    };
    let cases = [
        ("customHandler", true, "/", "/"),
        ("customHandler", true, "/api/hello", "/api/hello"),
        ("customHandler", false, "/api/hello", "/testFunctionName"),
        ("httpWorker", true, "/api/hello", "/testFunctionName"),
        ("httpWorker", false, "/", "/testFunctionName"),
    ];
    for (name, forwarding, path, expected) in cases {
        let app = App::new().file("host.json", &section(name, forwarding)).setting(NO_PREFIX, "");
        let running = app.function("testFunctionName", HTTP).start().await;
        // The raw handler's own answer to `GET /` is for the host's question for readiness.
        client().post(running.url(path)).body("x").send().await.unwrap();
        assert_eq!(running.requests()[0]["path"], expected, "{name} {forwarding} {path}");
        running.host.stop().await;
    }
}

/// What a handler's answer to a JSON invocation comes to.
struct Pair {
    answer: String,
    /// Status and body that the client gets.
    client: (u16, &'static str),
    /// A part of the failure; `None` for a success.
    failure: Option<&'static str>,
    logs: &'static [&'static str],
}

fn pairs() -> Vec<Pair> {
    let pair =
        |answer: String, status, body, failure, logs| Pair { answer, client: (status, body), failure, logs };
    let two_logs: &[&str] = &["invocation log1", "invocation log2"];
    vec![
        pair(
            json_answer(
                r#"{"Logs":["invocation log1","invocation log2"],"Outputs":{"res":{"statusCode":"201","body":"my world"}}}"#,
            ),
            201,
            "my world",
            None,
            two_logs,
        ),
        pair(
            json_answer(
                r#"{"Logs":["invocation log1","invocation log2"],"Outputs":{"res":{"body":"my world","statusCode":"201"}},"ReturnValue":"Hello return"}"#,
            ),
            201,
            "my world",
            None,
            two_logs,
        ),
        pair(json_answer(r#"{"key1":"value1","key2":"value2"}"#), 204, "", None, &[]),
        pair(json_answer(r#"{"Logs":null,"Outputs":{"res":{"body":"x"}}}"#), 200, "x", None, &[]),
        pair(
            json_answer(r#"{"Outputs":{"res":"SomeBlah"}}"#),
            500,
            "",
            Some("httpOutputBindingResponse"),
            &[],
        ),
        pair(json_answer("Hello World"), 500, "", Some("StatusCode: 200"), &[]),
        pair(json_answer("Hello World"), 500, "", Some("Hello World"), &[]),
        pair(response("200 OK", "text/plain", "TestMessage"), 500, "", Some("MediaTypeFormatter"), &[]),
        pair(
            response("400 Bad Request", "", ""),
            500,
            "",
            Some("does not indicate success: 400 (Bad Request)"),
            &[],
        ),
        // Logs of a failure are lost.
        pair(
            response("500 Internal Server Error", "application/json", r#"{"Logs":["lost"]}"#),
            500,
            "",
            Some("500 (Internal Server Error)"),
            &[],
        ),
    ]
}

#[tokio::test]
async fn answers_of_the_handler_come_to_what_microsofts_tests_say() {
    let pairs = pairs();
    let mut app = App::new().function("test", HTTP).setting(FORWARDING, "false");
    for (index, pair) in pairs.iter().enumerate() {
        app = app.order(&format!("test.{}", index + 1), &pair.answer);
    }
    let mut running = app.start().await;
    for Pair { answer, client: (status, body), failure, logs } in &pairs {
        let before = running.lines().len();
        let seen = client().get(running.url("/api/x")).send().await.unwrap();
        assert_eq!(
            (seen.status().as_u16(), seen.text().await.unwrap().as_str()),
            (*status, *body),
            "{answer}"
        );
        match (running.finished("test").await, failure) {
            (Ok(()), None) => {}
            (Err(error), Some(part)) => assert!(error.contains(part), "{answer}: {error}"),
            (result, _) => panic!("{answer}: {result:?}"),
        }
        assert_eq!(&running.lines()[before..], *logs, "{answer}");
    }
    running.host.stop().await;
}

#[tokio::test]
async fn the_value_of_the_http_output_is_read_as_a_response() {
    let cases = [
        (r#"{"statusCode":"204"}"#, 204, "", None),
        ("{}", 200, "", None),
        (r#"{"body":"hello"}"#, 200, "hello", None),
        (r#"{"body":"hello","statusCode":"300"}"#, 300, "hello", None),
        (
            r#"{"body":"foobar","statusCode":"301","headers":{"header1":"header1Value","header2":"header2Value"}}"#,
            301,
            "foobar",
            Some(("header1", "header1Value")),
        ),
    ];
    let mut app = App::new().function("test", HTTP).setting(FORWARDING, "false");
    for (index, (value, ..)) in cases.iter().enumerate() {
        app = app.order(
            &format!("test.{}", index + 1),
            json_answer(&format!(r#"{{"Outputs":{{"res":{value}}}}}"#)),
        );
    }
    let running = app.start().await;
    for (value, status, body, header) in cases {
        let seen = client().get(running.url("/api/x")).send().await.unwrap();
        assert_eq!(seen.status().as_u16(), status, "{value}");
        if let Some((name, expected)) = header {
            assert_eq!(seen.headers()[name], expected);
        }
        assert_eq!(seen.text().await.unwrap(), body, "{value}");
    }
    running.host.stop().await;
}

#[tokio::test]
async fn outputs_of_queues_are_texts_bytes_or_as_they_are() {
    const TRIGGER: &str = r#"{"type":"httpTrigger","name":"req"}"#;
    let queue = |name: &str, more: &str| {
        format!(
            r#"{{"type":"serviceBus","direction":"out","name":"{name}","queueName":"next","connection":"Bus"{more}}}"#
        )
    };
    let bindings = |more: &str| {
        [TRIGGER.to_owned(), queue("output1", more), queue("output2", more), queue("$return", more)].join(",")
    };
    let base64 = |text: &str| STANDARD.encode(text);
    let answer = |output1: &str, output2: &str, returned: &str| {
        let answer = json!({"Logs": ["invocation log1", "invocation log2"],
            "Outputs": {"output1": output1, "output2": output2}, "ReturnValue": returned});
        json_answer(&answer.to_string())
    };
    let (encoded1, encoded2, encoded3) =
        (base64("output1Value"), base64("output2Value"), base64("Hello return"));
    let app = App::new()
        .function("plain", &bindings(""))
        .function("binary", &bindings(r#","dataType":"Binary""#))
        .order("plain.1", answer("output1Value", "output2Value", "Hello return"))
        .order("plain.2", answer(&encoded1, &encoded2, &encoded3))
        .order("binary", answer(&encoded1, &encoded2, &encoded3));
    let queues = vec![QueueOptions::new("next")];
    let broker = Broker::start(broker::Options { queues, ..broker::Options::default() }).await.unwrap();
    let bus = ServiceBusClient::from_connection_string(&broker.connection_string()).unwrap();
    let mut running = app.setting("Bus", &broker.connection_string()).start().await;
    // Text that is base64 becomes bytes, and those are sent as .NET writes their type.
    let bytes = "System.Byte[]";
    let cases = [
        ("plain", [bytes, bytes, "Hello return"]),
        ("plain", [bytes, bytes, bytes]),
        ("binary", [&encoded1, &encoded2, &encoded3]),
    ];
    for (function, expected) in cases {
        client().get(running.url(&format!("/api/{function}"))).send().await.unwrap();
        assert_eq!(running.finished(function).await, Ok(()));
        let receiver = bus.receiver("next");
        let mut bodies = Vec::new();
        while bodies.len() < expected.len() {
            let received = receiver.receive(3, PATIENCE).await.unwrap();
            assert!(!received.is_empty(), "only {bodies:?} came");
            for message in received {
                bodies.push(String::from_utf8(message.body.to_vec()).unwrap());
                receiver.complete(message.lock_token).await.unwrap();
            }
        }
        assert_eq!(bodies, expected, "{function}");
    }
    running.host.stop().await;
    bus.close().await;
    broker.stop().await;
}

#[tokio::test]
async fn what_is_forwarded_comes_back_as_it_is_and_leaves_no_logs() {
    let app = App::new()
        .forwarded("hello", "hello")
        .order("api_hello.1", response("200 OK", "text/plain", "hello world response"))
        .order("api_hello.2", response("500 Internal Server Error", "text/plain", "raw"));
    let mut running = app.start().await;
    for (status, body) in [(200, "hello world response"), (500, "raw")] {
        let url = running.url("/api/hello?code=x&name=Atlas");
        let seen = client().get(url).header("Accept", "text/plain").send().await.unwrap();
        assert_eq!((seen.status().as_u16(), seen.text().await.unwrap().as_str()), (status, body));
        assert_eq!(running.finished("hello").await, Ok(()), "a 500 is no failed invocation");
    }
    assert!(running.requests()[0]["path"].as_str().unwrap().starts_with("/api/hello"));
    let output = |event: &HostEvent| matches!(event, HostEvent::Output { .. });
    assert!(!running.seen().iter().any(output));
    running.host.stop().await;
}
