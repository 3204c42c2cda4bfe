//! HTTP functions, forwarded and in the JSON envelope.

use serde_json::{Value, json};

use crate::support::{App, client, json as json_answer, response};

fn header(request: &Value, name: &str) -> Option<String> {
    let headers = request["headers"].as_array().unwrap();
    let found = headers.iter().find(|pair| pair[0] == name)?;
    Some(found[1].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn a_forwarded_request_arrives_as_the_client_sent_it() {
    let app = App::new()
        .forwarded("hello", "hello/{who?}")
        .order("api_hello_x", response("200 OK", "text/html", "<p>"));
    let running = app.start().await;
    let url = running.url("/api/hello/x?a=1&a=2&name=Ink%20And%20Toner");
    let answer = client().put(url).header("user-agent", "test/1").body("{\"a\":1}").send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["content-type"], "text/html");
    assert_eq!(answer.text().await.unwrap(), "<p>");
    let request = &running.requests()[0];
    assert_eq!(request["method"], "PUT");
    assert_eq!(request["path"], "/api/hello/x?a=1,2&name=Ink%20And%20Toner");
    assert_eq!(request["body"], "{\"a\":1}");
    assert_eq!(header(request, "user-agent").unwrap(), "test/1 Azure-Functions-Host/4.1037.0.0");
    assert_eq!(header(request, "x-azure-functions-hostversion").unwrap(), "4.1037.0.0");
    assert_eq!(header(request, "x-azure-functions-invocationid").unwrap().len(), 36);
    assert_eq!(header(request, "host").unwrap(), running.host.url().trim_start_matches("http://"));
    running.host.stop().await;
}

#[tokio::test]
async fn forwarded_redirects_cookies_and_failures_reach_the_client() {
    let redirect = "HTTP/1.1 302 Found\r\nLocation: https://example.org/x\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    let app = App::new()
        .forwarded("hello", "hello")
        .order("api_hello.1", redirect)
        .order("api_hello.2", response("500 Internal Server Error", "text/plain", "broken"));
    let mut running = app.start().await;
    let answer = client().get(running.url("/api/hello")).send().await.unwrap();
    assert_eq!(answer.status(), 302);
    assert_eq!(answer.headers()["location"], "https://example.org/x");
    assert_eq!(answer.headers().get_all("set-cookie").iter().count(), 2);
    let answer = client().get(running.url("/api/hello")).send().await.unwrap();
    assert_eq!(answer.status(), 500);
    assert_eq!(answer.text().await.unwrap(), "broken");
    assert_eq!(running.finished("hello").await, Ok(()));
    assert_eq!(running.finished("hello").await, Ok(()), "any answer is a success when forwarding");
    running.host.stop().await;
}

#[tokio::test]
async fn bytes_of_every_kind_pass_in_both_directions() {
    let body: Vec<u8> = (0..=255).cycle().take(300_000).collect();
    let mut answer = response("200 OK", "application/octet-stream", &"x".repeat(300_000)).into_bytes();
    answer.truncate(answer.len() - body.len());
    answer.extend(&body);
    let app = App::new().forwarded("hello", "hello").order("api_hello", answer);
    let running = app.start().await;
    let answer = client().post(running.url("/api/hello")).body(body.clone()).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.bytes().await.unwrap(), body);
    assert_eq!(running.requests()[0]["body"], String::from_utf8_lossy(&body).as_ref());
    running.host.stop().await;
}

#[tokio::test]
async fn a_chunked_request_cannot_be_forwarded() {
    let mut running = App::new().forwarded("hello", "hello").start().await;
    let address = running.host.url().trim_start_matches("http://").to_owned();
    let answer = raw(&address, "POST /api/hello HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n3\r\nabc\r\n0\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 500"), "{answer}");
    let error = running.finished("hello").await.unwrap_err();
    assert!(error.contains("'Transfer-Encoding: chunked' header can not be used"), "{error}");
    assert!(running.requests().is_empty());
    running.host.stop().await;
}

async fn raw(address: &str, request: &str) -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn unknown_routes_and_methods_are_404_and_a_disabled_function_too() {
    let post_only = r#"{"type":"httpTrigger","name":"req","methods":["post"]},{"type":"http","direction":"out","name":"res"}"#;
    let app = App::new()
        .function("post_only", post_only)
        .forwarded("off", "off")
        .setting("AzureWebJobs.off.Disabled", "1");
    let running = app.start().await;
    let status = async |path: &str| client().get(running.url(path)).send().await.unwrap().status().as_u16();
    assert_eq!(status("/api/nothing").await, 404);
    assert_eq!(status("/api/post_only").await, 404);
    assert_eq!(status("/post_only").await, 404);
    assert_eq!(status("/api/off").await, 404);
    assert_eq!(status("/").await, 200);
    assert_eq!(client().post(running.url("/api/post_only")).send().await.unwrap().status(), 200);
    running.host.stop().await;
}

#[tokio::test]
async fn a_function_with_another_output_gets_the_json_envelope() {
    let bindings = r#"{"type":"httpTrigger","name":"req","route":"orders/{id:int}"},
        {"type":"http","direction":"out","name":"res"},
        {"type":"serviceBus","direction":"out","name":"next","queueName":"q","connection":"Bus"}"#;
    let answer = r#"{"Outputs":{"res":{"statusCode":"201","body":"my world","headers":{"x-a":"b"}}},"Logs":["log1","log2"]}"#;
    let app = App::new()
        .function("order", bindings)
        .setting(
            "Bus",
            "Endpoint=sb://127.0.0.1:1;SharedAccessKeyName=a;SharedAccessKey=b;UseDevelopmentEmulator=true;",
        )
        .order("order", json_answer(answer));
    let mut running = app.start().await;
    let answer = client().post(running.url("/api/orders/7?x=y")).json(&json!({"n": 2})).send().await.unwrap();
    assert_eq!((answer.status().as_u16(), answer.headers()["x-a"].to_str().unwrap()), (201, "b"));
    assert_eq!(answer.text().await.unwrap(), "my world");
    let request = &running.requests()[0];
    assert_eq!((request["method"].as_str(), request["path"].as_str()), (Some("POST"), Some("/order")));
    assert_eq!(header(request, "content-type").unwrap(), "application/json; charset=utf-8");
    assert_eq!(header(request, "transfer-encoding").unwrap(), "chunked");
    assert_eq!(header(request, "user-agent").unwrap(), "Azure-Functions-Host/4.1037.0.0");
    let body: Value = serde_json::from_str(request["body"].as_str().unwrap()).unwrap();
    assert_eq!(body["Data"]["req"]["Method"], "POST");
    assert_eq!(body["Data"]["req"]["Params"], json!({"id": "7"}));
    assert_eq!(body["Data"]["req"]["Body"], "{\"n\":2}");
    assert_eq!(body["Metadata"]["id"], "\"7\"");
    assert_eq!(body["Metadata"]["n"], "\"2\"");
    assert_eq!(body["Metadata"]["sys"]["MethodName"], "order");
    let lines = running.lines();
    assert!(lines.contains(&"log1".to_owned()) && lines.contains(&"log2".to_owned()), "{lines:?}");
    assert_eq!(client().post(running.url("/api/orders/x")).send().await.unwrap().status(), 404);
    running.host.stop().await;
}

#[tokio::test]
async fn json_answers_that_break_the_contract_fail_with_an_empty_500() {
    let bindings = r#"{"type":"httpTrigger","name":"req"}"#;
    let answers = [
        (response("500 Internal Server Error", "application/json", "{}"), "does not indicate success: 500"),
        (json_answer("Hello World"), "Hello World"),
        (response("200 OK", "text/plain", "TestMessage"), "text/plain"),
        (response("200 OK", "text/html", "<p>"), "text/html"),
        (response("404 Not Found", "", ""), "404 (Not Found)"),
    ];
    let mut app = App::new().function("plain", bindings);
    for (index, (answer, _)) in answers.iter().enumerate() {
        app = app.order(&format!("plain.{}", index + 1), answer);
    }
    let mut running = app.start().await;
    for (_, expected) in &answers {
        let answer = client().get(running.url("/api/plain")).send().await.unwrap();
        assert_eq!((answer.status().as_u16(), answer.text().await.unwrap().as_str()), (500, ""));
        let error = running.finished("plain").await.unwrap_err();
        assert!(error.contains(expected), "{error}");
    }
    running.host.stop().await;
}

#[tokio::test]
async fn no_redirect_is_followed_while_requests_are_forwarded() {
    let redirect = "HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n";
    let app = App::new().function("plain", r#"{"type":"httpTrigger","name":"req"}"#).order("plain", redirect);
    let mut running = app.start().await;
    assert_eq!(client().get(running.url("/api/plain")).send().await.unwrap().status(), 500);
    assert!(running.finished("plain").await.unwrap_err().contains("302 (Found)"));
    assert_eq!(running.requests().len(), 1);
    running.host.stop().await;
}

/// dotnet/runtime, `HttpConnectionPool.cs`: a request without a body can be sent again.
#[tokio::test]
async fn a_forwarded_request_without_a_body_is_sent_four_times_to_a_handler_that_closes() {
    let mut running = App::new().forwarded("hello", "hello").order("api_hello", "").start().await;
    let url = running.url("/api/hello");
    assert_eq!(client().get(&url).send().await.unwrap().status(), 500);
    assert_eq!(running.requests().len(), 4);
    assert!(running.lines().iter().any(|line| line.contains("sends a request without a body again")));
    assert_eq!(client().post(&url).body("x").send().await.unwrap().status(), 500);
    assert_eq!(running.requests().len(), 5);
    running.host.stop().await;
}

#[tokio::test]
async fn one_malformed_route_stops_the_app() {
    let app = App::new().forwarded("well", "well").forwarded("broken", "a//b");
    let error = functions_host::Host::start(app.options()).await.unwrap_err();
    assert!(matches!(error, functions_host::StartError::Route(_)), "{error:?}");
}

#[tokio::test]
async fn routes_are_tried_in_the_order_of_the_functions_names() {
    let mut running = App::new().forwarded("zlit", "n/lit").forwarded("apar", "n/{x}").start().await;
    client().get(running.url("/api/n/lit")).send().await.unwrap();
    assert_eq!(running.finished("apar").await, Ok(()));
    running.host.stop().await;
}

#[tokio::test]
async fn a_redirect_of_a_json_invocation_is_followed() {
    let redirect =
        "HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    let app = App::new()
        .function("plain", r#"{"type":"httpTrigger","name":"req"}"#)
        .setting("AzureFunctionsJobHost__customHandler__enableForwardingHttpRequest", "false")
        .order("plain", redirect);
    let mut running = app.start().await;
    assert_eq!(client().get(running.url("/api/plain")).send().await.unwrap().status(), 204);
    assert_eq!(running.finished("plain").await, Ok(()));
    let requests = running.requests();
    let seen: Vec<_> = requests.iter().map(|request| (&request["method"], &request["path"])).collect();
    assert_eq!(seen, [(&json!("POST"), &json!("/plain")), (&json!("GET"), &json!("/elsewhere"))]);
    let lines = running.lines();
    assert!(
        lines.iter().any(|line| line.contains("answered 302: the Functions host follows it")),
        "{lines:?}"
    );
    running.host.stop().await;
}

#[tokio::test]
async fn core_tools_send_the_length_of_an_invocation() {
    let app = App::new()
        .function("plain", r#"{"type":"httpTrigger","name":"req"}"#)
        .setting("FUNCTIONS_CORETOOLS_ENVIRONMENT", "true");
    let running = app.start().await;
    client().get(running.url("/api/plain")).send().await.unwrap();
    let request = &running.requests()[0];
    assert_eq!(header(request, "transfer-encoding"), None);
    assert_eq!(
        header(request, "content-length").unwrap(),
        request["body"].as_str().unwrap().len().to_string()
    );
    running.host.stop().await;
}

#[tokio::test]
async fn a_retry_policy_runs_the_function_again_and_tells_it_so() {
    let failure = response("500 Internal Server Error", "", "");
    let app = App::new()
        .file(
            "plain/function.json",
            r#"{ // as in Microsoft's sample
                "bindings":[{"type":"httpTrigger","name":"req"},{"type":"http","direction":"out","name":"$return"}],
                "retry":{"strategy":"fixedDelay","maxRetryCount":2,"delayInterval":"00:00:00"}}"#,
        )
        .setting("AzureFunctionsJobHost__customHandler__enableForwardingHttpRequest", "false")
        .order("plain.1", &failure)
        .order("plain.2", &failure)
        .order("plain.3", json_answer(r#"{"ReturnValue":"Retry Count:2 Max Retry Count:2"}"#));
    let mut running = app.start().await;
    let answer = client().get(running.url("/api/plain")).send().await.unwrap();
    assert_eq!(answer.text().await.unwrap(), "Retry Count:2 Max Retry Count:2");
    let contexts: Vec<Value> = running
        .requests()
        .iter()
        .map(|request| serde_json::from_str::<Value>(request["body"].as_str().unwrap()).unwrap())
        .map(|body| body["Metadata"]["RetryContext"].clone())
        .collect();
    let first = json!({"RetryCount":0,"MaxRetryCount":2,"Exception":null,"Instance":null,"State":{}});
    assert_eq!((contexts.len(), &contexts[0]), (3, &first));
    assert_eq!((&contexts[2]["RetryCount"], contexts[2]["Exception"].is_object()), (&json!(2), true));
    let results =
        [running.finished("plain").await, running.finished("plain").await, running.finished("plain").await];
    assert_eq!(results.map(|result| result.is_ok()), [false, false, true]);
    running.host.stop().await;
}
