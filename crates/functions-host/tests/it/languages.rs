//! Handlers in Python and Node, written from Microsoft's documentation with no helper library.

use functions_host::HostEvent;

use crate::support::{App, Running, client};

const CONNECTION: &str =
    "Endpoint=sb://127.0.0.1:1;SharedAccessKeyName=a;SharedAccessKey=b;UseDevelopmentEmulator=true;";

/// `None`, and a line that says so, where the language is not installed.
fn app(program: &str, file: &str, source: &str) -> Option<App> {
    let version = std::process::Command::new(program).arg("--version").output();
    if !version.is_ok_and(|output| output.status.success()) {
        println!("skipped: {program} is not installed here");
        return None;
    }
    let host_json = serde_json::json!({
        "version": "2.0",
        "customHandler": {
            "description": { "defaultExecutablePath": program, "arguments": [file] },
            "enableForwardingHttpRequest": true,
        },
    });
    let plain = r#"{"type":"httpTrigger","name":"req"},{"type":"http","direction":"out","name":"res"},
        {"type":"serviceBus","direction":"out","name":"unused","queueName":"q","connection":"Bus"}"#;
    let queue = r#"{"type":"serviceBusTrigger","name":"message","queueName":"q","connection":"Bus"}"#;
    let app = App::new()
        .file("host.json", &host_json.to_string())
        .file(file, source)
        .function("plain", plain)
        .function("queue", queue)
        .function("tick", r#"{"type":"timerTrigger","name":"timer","schedule":"0 0 0 1 1 *"}"#)
        .forwarded("forwarded", "forwarded")
        .setting("Bus", CONNECTION)
        .setting("AzureWebJobs.queue.Disabled", "true");
    Some(app)
}

async fn run_by_hand(running: &mut Running, function: &str, input: &str, expected: &str) {
    let url = running.url(&format!("/admin/functions/{function}"));
    let body = serde_json::json!({ "input": input });
    assert_eq!(client().post(url).json(&body).send().await.unwrap().status(), 202);
    let line = running.event(expected, |event| match event {
        HostEvent::Output { line, .. } if line == expected => Some(()),
        _ => None,
    });
    line.await;
    assert_eq!(running.finished(function).await, Ok(()));
}

async fn check(app: Option<App>) {
    let Some(app) = app else { return };
    let mut running = app.start().await;
    let url = running.url("/api/plain?page=2");
    let answer = client().post(url).json(&serde_json::json!({"item": "tea"})).send().await.unwrap();
    assert_eq!((answer.status().as_u16(), answer.headers()["x-by"].to_str().unwrap()), (201, "handler"));
    assert_eq!(answer.text().await.unwrap(), "POST tea 2");

    let answer = client().get(running.url("/api/forwarded?name=Ink%20and%20Toner")).send().await.unwrap();
    assert_eq!(
        (answer.status().as_u16(), answer.headers()["content-type"].to_str().unwrap()),
        (202, "text/html")
    );
    assert_eq!(answer.text().await.unwrap(), "<p>Ink and Toner");

    let queue = "of function queue";
    run_by_hand(&mut running, "queue", "plain text", &format!(r#"message "plain text" {queue}"#)).await;
    run_by_hand(&mut running, "queue", r#"{"a":1}"#, &format!(r#"message "{{\"a\":1}}" {queue}"#)).await;
    run_by_hand(&mut running, "queue", "12", &format!(r#"message "12" {queue}"#)).await;
    run_by_hand(&mut running, "tick", "", "past due false").await;
    running.host.stop().await;
}

#[tokio::test]
async fn a_handler_in_python_is_served_in_every_way() {
    check(app("python3", "handler.py", include_str!("../handlers/handler.py"))).await;
}

#[tokio::test]
async fn a_handler_in_node_is_served_in_every_way() {
    check(app("node", "handler.js", include_str!("../handlers/handler.js"))).await;
}
