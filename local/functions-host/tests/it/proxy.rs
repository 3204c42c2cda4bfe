//! `enableProxyingHttpRequest` and `customHandler.http.routes`: requests and answers are streamed through.

use std::time::Duration;

use functions_host::{Host, HostEvent};
use futures::StreamExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::support::{App, PATIENCE, client, kill, response, until};

const PROXYING: &str = "AzureFunctionsJobHost__customHandler__enableProxyingHttpRequest";

fn app() -> App {
    App::new().forwarded("hello", "hello/{*rest}").setting(PROXYING, "true")
}

#[tokio::test]
async fn a_proxied_request_keeps_its_method_path_query_and_headers() {
    let mut running =
        app().order("api_hello_x", response("418 I'm a teapot", "text/html", "<p>")).start().await;
    let url = running.url("/api/hello/x?a=1&a=2&b=%20x");
    let request = client().put(url).header("x-azure-functions-invocationid", "theirs").header("x-own", "1");
    let answer = request.header("user-agent", "test/1").body("{\"a\":1}").send().await.unwrap();
    assert_eq!(
        (answer.status().as_u16(), answer.headers()["content-type"].to_str().unwrap()),
        (418, "text/html")
    );
    assert_eq!(answer.text().await.unwrap(), "<p>");
    assert_eq!(running.finished("hello").await, Ok(()), "any answer is a success");

    let request = &running.requests()[0];
    assert_eq!(
        (request["method"].as_str(), request["path"].as_str()),
        (Some("PUT"), Some("/api/hello/x?a=1&a=2&b=%20x"))
    );
    assert_eq!(request["body"], "{\"a\":1}");
    let header = |name: &str| {
        let headers = request["headers"].as_array().unwrap();
        headers.iter().find(|pair| pair[0] == name).map(|pair| pair[1].as_str().unwrap().to_owned())
    };
    let id = header("x-azure-functions-invocationid").unwrap();
    assert_eq!((id.len(), header("x-ms-invocation-id")), (36, Some(id)));
    assert_eq!(header("x-azure-functions-hostversion").unwrap(), "4.1037.0.0");
    assert_eq!(header("user-agent").unwrap(), "test/1", "nothing is added");
    assert_eq!(header("x-own").unwrap(), "1");
    assert_eq!(header("host").unwrap(), running.host.url().trim_start_matches("http://"));
    assert_eq!(header("content-length").unwrap(), "7");
    running.host.stop().await;
}

#[tokio::test]
async fn a_chunked_body_arrives_whole_and_a_get_has_none() {
    let running = app().start().await;
    let chunks = ["one ", "two ", "three"].map(|text| Ok::<_, std::io::Error>(text.to_owned()));
    let body = reqwest::Body::wrap_stream(futures::stream::iter(chunks));
    let answer = client().post(running.url("/api/hello")).body(body).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    client().get(running.url("/api/hello")).send().await.unwrap();
    let requests = running.requests();
    assert_eq!(requests[0]["body"], "one two three");
    let has_body = |request: &serde_json::Value| {
        let headers = request["headers"].as_array().unwrap().iter();
        headers.filter(|pair| pair[0] == "transfer-encoding" || pair[0] == "content-length").count()
    };
    assert_eq!((has_body(&requests[0]), has_body(&requests[1])), (1, 0));
    running.host.stop().await;
}

#[tokio::test]
async fn bytes_of_every_kind_pass_in_both_directions() {
    let body: Vec<u8> = (0..=255).cycle().take(3_000_000).collect();
    let mut answer =
        format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len())
            .into_bytes();
    answer.extend(&body);
    let running = app().order("api_hello", answer).start().await;
    let answer = client().post(running.url("/api/hello")).body(body.clone()).send().await.unwrap();
    assert_eq!(answer.bytes().await.unwrap(), body);
    assert_eq!(running.requests()[0]["body"], String::from_utf8_lossy(&body).as_ref());
    running.host.stop().await;
}

#[tokio::test]
async fn an_answer_reaches_the_client_while_the_handler_still_writes_it() {
    let mut running = app().order("api_hello", "!drip one\ntwo").start().await;
    let answer = client().get(running.url("/api/hello")).send().await.unwrap();
    let mut stream = answer.bytes_stream();
    let first = timeout(PATIENCE, stream.next()).await.unwrap().unwrap().unwrap();
    assert_eq!(first, "one\n");
    // The handler goes on only when it is told that the first part was seen.
    running.tell_the_handler("go-on");
    let second = timeout(PATIENCE, stream.next()).await.unwrap().unwrap().unwrap();
    assert_eq!(second, "two\n");
    assert!(stream.next().await.is_none());
    assert_eq!(running.finished("hello").await, Ok(()));
    running.host.stop().await;
}

#[tokio::test]
async fn a_client_that_goes_away_is_no_failure() {
    let mut running = app().order("api_hello", "!drip one\ntwo").start().await;
    let address = running.host.url().trim_start_matches("http://").to_owned();
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(b"GET /api/hello HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let mut some = [0; 16];
    stream.read_exact(&mut some).await.unwrap();
    drop(stream);
    tokio::time::sleep(Duration::from_millis(200)).await;
    running.tell_the_handler("go-on");
    assert_eq!(running.finished("hello").await, Ok(()));
    running.host.stop().await;
}

#[tokio::test]
async fn a_handler_that_dies_breaks_the_clients_answer_off_and_fails_the_invocation() {
    let mut running = app().order("api_hello", "!drip one\ntwo").start().await;
    let answer = client().get(running.url("/api/hello")).send().await.unwrap();
    let mut stream = answer.bytes_stream();
    stream.next().await.unwrap().unwrap();
    kill(running.host.handler_process_id().unwrap());
    let rest: Vec<_> = stream.collect().await;
    assert!(rest.iter().any(Result::is_err), "it must not look whole: {rest:?}");
    let error = running.finished("hello").await.unwrap_err();
    assert!(error.starts_with("Failed to proxy request with ForwarderError"), "{error}");
    running.host.stop().await;
}

#[tokio::test]
async fn an_answer_that_takes_too_long_is_broken_off_and_not_made_to_look_whole() {
    let limit = "AzureFunctionsJobHost__functionTimeout";
    let mut running = app().setting(limit, "00:00:03").order("api_hello", "!drip one\ntwo").start().await;
    let answer = client().get(running.url("/api/hello")).send().await.unwrap();
    let parts: Vec<_> = answer.bytes_stream().collect().await;
    assert!(
        parts.first().is_some_and(Result::is_ok) && parts.last().is_some_and(Result::is_err),
        "{parts:?}"
    );
    assert!(running.finished("hello").await.unwrap_err().starts_with("Timeout value of 00:00:03"));
    running.host.stop().await;
}

#[tokio::test]
async fn a_connection_that_is_refused_is_tried_again_ten_times_with_the_whole_body() {
    let mut running = app().order("api_hello.1", "!exit 0").start().await;
    running.handler_ready().await;
    assert_eq!(client().get(running.url("/api/hello")).send().await.unwrap().status(), 500);
    assert!(running.finished("hello").await.is_err());
    until("the exit", async || running.host.handler_process_id().is_none()).await;
    let answer = client().post(running.url("/api/hello")).body("work").send().await.unwrap();
    assert_eq!((answer.status().as_u16(), answer.text().await.unwrap().as_str()), (500, ""));
    let error = running.finished("hello").await.unwrap_err();
    assert_eq!(error, "Failed to proxy request with ForwarderError: Request");
    let lines = running.lines();
    assert!(lines.iter().any(|line| line.contains("Attempt 9 of 10")), "{lines:?}");
    assert!(lines.iter().any(|line| line.contains("Connection refused")), "{lines:?}");
    running.host.stop().await;
}

#[tokio::test]
async fn a_function_with_another_output_is_not_proxied_and_a_limit_of_bodies_holds() {
    let trigger = r#"{"type":"httpTrigger","name":"req"}"#;
    let app = app().function("plain", trigger).setting("FUNCTIONS_REQUEST_BODY_SIZE_LIMIT", "10");
    let mut running = app.start().await;
    client().get(running.url("/api/plain")).send().await.unwrap();
    assert_eq!(running.requests()[0]["path"], "/plain");
    let answer = client().post(running.url("/api/hello")).body("far too much").send().await;
    assert!(answer.is_err() || answer.unwrap().status() != 200);
    assert!(running.finished("hello").await.is_err());
    running.host.stop().await;
}

fn routes(host_json_members: &str) -> App {
    let handler = env!("CARGO_BIN_EXE_functions-host-raw-handler");
    let json = format!(
        r#"{{"version":"2.0",{host_json_members},"customHandler":{{"description":{{"defaultExecutablePath":"{handler}"}}}}}}"#
    );
    App::new().file("host.json", &json)
}

#[tokio::test]
async fn the_profile_sends_every_request_to_the_handler() {
    let app = routes(r#""configurationProfile":"mcp-custom-handler""#);
    let running = app.order("mcp_x", response("200 OK", "text/plain", "seen")).start().await;
    let answer = client().delete(running.url("/mcp/x?y=1")).send().await.unwrap();
    assert_eq!(answer.text().await.unwrap(), "seen");
    assert_eq!(running.requests()[0]["path"], "/mcp/x?y=1");
    let functions: serde_json::Value =
        client().get(running.url("/admin/functions")).send().await.unwrap().json().await.unwrap();
    assert_eq!(functions[0]["name"], "http-handler1");
    running.host.stop().await;
}

#[tokio::test]
async fn routes_need_the_custom_runtime_and_do_not_go_with_function_json() {
    const ROUTE: &str = "AzureFunctionsJobHost__customHandler__http__routes__0__route";
    let mut running = routes(r#""logging":{}"#).setting(ROUTE, "one").start().await;
    assert_eq!(client().get(running.url("/api/one")).send().await.unwrap().status(), 404);
    let line = running.event("a warning", |event| match event {
        HostEvent::Output { line, .. } if line.contains("FUNCTIONS_WORKER_RUNTIME") => Some(()),
        _ => None,
    });
    line.await;
    running.host.stop().await;

    let app = routes(r#""logging":{}"#).setting(ROUTE, "one").setting("FUNCTIONS_WORKER_RUNTIME", "Custom");
    let error = Host::start(app.forwarded("hello", "hello").options()).await.unwrap_err().to_string();
    assert!(error.starts_with("Detected both function.json files and custom handler HTTP route"), "{error}");
}
