//! What an app's files and settings bring about, timers, and the administration endpoints.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use futures::{StreamExt as _, stream::FuturesUnordered};
use serde_json::{Value, json};

use crate::support::{App, client, json as json_answer, until};

fn header(request: &Value, name: &str) -> Option<String> {
    let headers = request["headers"].as_array().unwrap();
    let found = headers.iter().find(|pair| pair[0] == name)?;
    Some(found[1].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn status_and_functions_are_told_and_a_timer_can_be_run_by_hand() {
    let timer = r#"{"type":"timerTrigger","name":"timer","schedule":"0 0 0 1 1 *"}"#;
    let app = App::new().function("sweep", timer).forwarded("hello", "hello").function("broken", "");
    let mut running = app.start().await;
    assert_eq!(running.host.function_errors().len(), 1);
    let get = async |path: &str| -> Value {
        client().get(running.url(path)).send().await.unwrap().json().await.unwrap()
    };
    let status = get("/admin/host/status").await;
    assert_eq!(status["state"], "Running");
    assert_eq!(
        status["errors"][0],
        "The 'broken' function is in error: At least one binding must be declared."
    );
    let functions = get("/admin/functions").await;
    assert_eq!(functions[0]["invoke_url_template"], running.url("/api/hello"));
    assert_eq!(functions[1]["config"]["bindings"][0]["type"], "timerTrigger");

    let post = async |name: &str, body: &str| {
        let url = running.url(&format!("/admin/functions/{name}"));
        client()
            .post(url)
            .header("content-type", "application/json")
            .body(body.to_owned())
            .send()
            .await
            .unwrap()
            .status()
            .as_u16()
    };
    assert_eq!(post("nothing", "{}").await, 404);
    assert_eq!(post("sweep", "no json").await, 400);
    assert_eq!(post("hello", "{}").await, 202);
    assert_eq!(post("Sweep", r#"{"input":""}"#).await, 202);
    assert_eq!(running.finished("hello").await, Err("An HttpRequest is required".to_owned()));
    assert_eq!(running.finished("sweep").await, Ok(()));
    let body: Value = serde_json::from_str(running.requests()[0]["body"].as_str().unwrap()).unwrap();
    assert_eq!(body["Data"]["timer"]["IsPastDue"], false);
    assert_eq!(body["Data"]["timer"]["Schedule"], json!({"AdjustForDST": true}));
    assert!(
        body["Data"]["timer"]["ScheduleStatus"]["Next"].as_str().unwrap().ends_with("-01-01T00:00:00+00:00")
    );
    running.host.stop().await;
}

#[tokio::test]
async fn a_timer_runs_at_startup_and_on_its_schedule() {
    let timer = r#"{"type":"timerTrigger","name":"timer","schedule":"* * * * * *","runOnStartup":true}"#;
    let mut running = App::new().function("tick", timer).start().await;
    for _ in 0..3 {
        assert_eq!(running.finished("tick").await, Ok(()));
    }
    let body: Value = serde_json::from_str(running.requests()[0]["body"].as_str().unwrap()).unwrap();
    assert_eq!(body["Data"]["timer"]["ScheduleStatus"], Value::Null, "faster than a minute: no monitoring");
    running.host.stop().await;
}

/// Learn, "Timer trigger for Azure Functions": a run that was missed is made up for as soon as it can, and only once.
#[tokio::test]
async fn a_timer_whose_runs_the_clock_was_moved_over_runs_once() {
    let timer = r#"{"type":"timerTrigger","name":"timer","schedule":"0 0 0 1 * *"}"#;
    let app = App::new().function("monthly", timer);
    let ahead = Arc::new(AtomicI64::new(0));
    let mut running = app.start_with(|options| options.ahead_milliseconds = ahead.clone()).await;
    running.host.ready().await.unwrap();
    let (next, quiet) = (running.host.next_timer().unwrap(), running.host.quiet_after());
    assert_eq!((next.day(), next.hour(), quiet), (1, 0, Some(0)));

    ahead.store(100 * 86_400_000, Ordering::SeqCst);
    assert_eq!(running.host.quiet_after(), None, "a run is due");
    running.host.clock_moved();
    assert_eq!(running.finished("monthly").await, Ok(()));
    let host = &running.host;
    until("the next run is known", async || host.quiet_after() == Some(1)).await;
    assert!(running.host.next_timer().unwrap() - next > time::Duration::days(80));
    let requests = running.requests();
    assert_eq!(requests.len(), 1);
    let body: Value = serde_json::from_str(requests[0]["body"].as_str().unwrap()).unwrap();
    // As after a run that took too long: only what was missed without a host is past due.
    let info = &body["Data"]["timer"];
    assert_eq!(
        (&info["IsPastDue"], info["ScheduleStatus"]["Next"].as_str()),
        (&json!(false), Some(text(next).as_str()))
    );
    running.host.stop().await;
}

fn text(instant: time::OffsetDateTime) -> String {
    let text = instant.format(&time::format_description::well_known::Rfc3339).unwrap();
    format!("{}+00:00", text.trim_end_matches('Z'))
}

#[tokio::test]
async fn a_run_that_was_missed_while_there_was_no_host_is_made_up_for_past_due() {
    let timer = r#"{"type":"timerTrigger","name":"timer","schedule":"0 0 0 1 * *"}"#;
    let folder = tempfile::tempdir().unwrap();
    let ahead = Arc::new(AtomicI64::new(0));
    let start = async || {
        let change = |options: &mut functions_host::Options| {
            options.ahead_milliseconds = ahead.clone();
            options.timer_status = Some(folder.path().join("timers.json"));
        };
        App::new().function("monthly", timer).start_with(change).await
    };
    let running = start().await;
    until("the timer's plan", async || running.host.next_timer().is_some()).await;
    let missed = running.host.next_timer().unwrap();
    running.host.stop().await;

    ahead.store(40 * 86_400_000, Ordering::SeqCst);
    let mut running = start().await;
    assert_eq!(running.finished("monthly").await, Ok(()));
    let body: Value = serde_json::from_str(running.requests()[0]["body"].as_str().unwrap()).unwrap();
    let info = &body["Data"]["timer"];
    assert_eq!(
        (&info["IsPastDue"], info["ScheduleStatus"]["Next"].as_str()),
        (&json!(true), Some(text(missed).as_str()))
    );
    running.host.stop().await;

    let running = start().await;
    running.host.ready().await.unwrap();
    until("the timer's plan", async || running.host.next_timer().is_some()).await;
    assert!(running.requests().is_empty(), "once is enough");
    running.host.stop().await;
}

#[tokio::test]
async fn the_legacy_section_forwards_to_the_functions_name() {
    let host_json = format!(
        r#"{{"version":"2.0","httpWorker":{{"description":{{"defaultExecutablePath":"{}"}}}}}}"#,
        env!("CARGO_BIN_EXE_functions-host-raw-handler")
    );
    let app = App::new().file("host.json", &host_json).forwarded("testFunctionName", "x");
    let mut running = app.start().await;
    let url = running.url("/api/x?id=149656222&name=Ink%20And%20Toner");
    let request = client().get(url).header("accept", "text/plain").header("accept-charset", "UTF-8");
    assert_eq!(request.body("\"hello world\"").send().await.unwrap().status(), 200);
    let request = &running.requests()[0];
    assert_eq!(request["path"], "/testFunctionName?id=149656222&name=Ink%20And%20Toner");
    assert_eq!(request["body"], "\"hello world\"");
    assert_eq!(header(request, "accept").unwrap(), "text/plain");
    assert_eq!(header(request, "accept-charset").unwrap(), "UTF-8");
    assert!(running.lines()[0].starts_with("Section httpWorker will be deprecated"));
    running.host.stop().await;
}

#[tokio::test]
async fn too_many_requests_are_turned_away_and_the_others_wait_their_turn() {
    let limit = |name: &str| format!("AzureFunctionsJobHost__extensions__http__{name}");
    let app = App::new()
        .forwarded("hello", "hello")
        .setting(&limit("maxOutstandingRequests"), "2")
        .setting(&limit("maxConcurrentRequests"), "1")
        .order("api_hello.1", "!drip one\ntwo");
    let running = app.start().await;
    let call = async || client().get(running.url("/api/hello")).send().await.unwrap().status().as_u16();
    let mut calls = FuturesUnordered::from_iter((0..3).map(|_| call()));
    assert_eq!(calls.next().await, Some(429), "turned away while the others are not answered");
    until("the first", async || !running.requests().is_empty()).await;
    assert_eq!(running.requests().len(), 1, "one after the other");
    running.tell_the_handler("go-on");
    assert_eq!(calls.collect::<Vec<_>>().await, [200, 200]);
    assert_eq!(running.requests().len(), 2);
    running.host.stop().await;
}

#[tokio::test]
async fn without_an_extension_bundle_only_http_and_timers_are_known() {
    let host_json = format!(
        r#"{{"version":"2.0","customHandler":{{"description":{{"defaultExecutablePath":"{}"}}}}}}"#,
        env!("CARGO_BIN_EXE_functions-host-raw-handler")
    );
    let queue = r#"{"type":"serviceBusTrigger","name":"m","queueName":"q"}"#;
    let output = r#"{"type":"httpTrigger","name":"req"},{"type":"serviceBus","direction":"out","name":"o","queueName":"q"}"#;
    let app = || {
        App::new()
            .file("host.json", &host_json)
            .function("a", queue)
            .function("b", output)
            .function("c", r#"{"type":"eventGridTrigger","name":"event"}"#)
            .function("d", r#"{"type":"timerTrigger","name":"t","schedule":"0 0 0 1 1 *"}"#)
            .setting("AzureWebJobsServiceBus", "Endpoint=sb://127.0.0.1:1;SharedAccessKeyName=a;SharedAccessKey=b;UseDevelopmentEmulator=true;")
    };
    let running = app().start().await;
    let errors: Vec<String> = running.host.function_errors().iter().map(ToString::to_string).collect();
    assert_eq!(errors.len(), 3, "{errors:?}");
    assert!(
        errors[0].contains("'serviceBusTrigger' were not found in the configured extension bundle"),
        "{errors:?}"
    );
    running.host.stop().await;

    let installed = app().file("bin/extensions.json", "{}").start().await;
    assert!(installed.host.function_errors().is_empty());
    installed.host.stop().await;
}

#[tokio::test]
async fn log_levels_keep_lines_back() {
    let level = |category: &str| format!("AzureFunctionsJobHost__logging__logLevel__{category}");
    let app = App::new()
        .function("quiet", r#"{"type":"httpTrigger","name":"req"}"#)
        .function("loud", r#"{"type":"httpTrigger","name":"req"}"#)
        .setting(&level("Function.quiet.User"), "Warning")
        .order("quiet", json_answer(r#"{"Logs":["from quiet"]}"#))
        .order("loud", json_answer(r#"{"Logs":["from loud"]}"#));
    let mut running = app.start().await;
    for name in ["quiet", "loud"] {
        client().get(running.url(&format!("/api/{name}"))).send().await.unwrap();
        assert_eq!(running.finished(name).await, Ok(()));
    }
    let lines = running.lines();
    assert!(
        lines.contains(&"from loud".to_owned()) && !lines.contains(&"from quiet".to_owned()),
        "{lines:?}"
    );
    running.host.stop().await;
}
