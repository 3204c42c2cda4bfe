//! Handlers in Python and Node, written from Microsoft's documentation with no helper library.

use broker::{Broker, QueueOptions};
use functions_host::HostEvent;
use service_bus::{Message, ServiceBusClient};

use crate::support::{App, PATIENCE, Running, client};

/// The language's interpreter: the one that the variable names, or the usual one. `None`, and a line that says so,
/// where it cannot be run; a failure where everything is required.
fn interpreter(variable: &str, usual: &str) -> Option<String> {
    let program = std::env::var(variable).unwrap_or_else(|_| usual.to_owned());
    let version = std::process::Command::new(&program).arg("--version").output();
    if version.is_ok_and(|output| output.status.success()) {
        return Some(program);
    }
    assert!(std::env::var_os("LATCHKEY_REQUIRE_JUDGES").is_none(), "{program} cannot be run: see {variable}");
    println!("skipped: {program} cannot be run here; {variable} can name another");
    None
}

fn app(program: &str, file: &str, source: &str) -> App {
    let host_json = serde_json::json!({
        "version": "2.0",
        "extensionBundle": { "id": "Microsoft.Azure.Functions.ExtensionBundle", "version": "[4.*, 5.0.0)" },
        "customHandler": {
            "description": { "defaultExecutablePath": program, "arguments": [file] },
            "enableForwardingHttpRequest": true,
        },
    });
    let next =
        r#"{"type":"serviceBus","direction":"out","name":"next","queueName":"next","connection":"Bus"}"#;
    let plain = r#"{"type":"httpTrigger","name":"req"},{"type":"http","direction":"out","name":"res"}"#;
    let queue = r#"{"type":"serviceBusTrigger","name":"message","queueName":"orders","connection":"Bus"}"#;
    App::new()
        .file("host.json", &host_json.to_string())
        .file(file, source)
        .function("plain", &format!("{plain},{next}"))
        .function("queue", &format!("{queue},{next}"))
        .function("tick", r#"{"type":"timerTrigger","name":"timer","schedule":"0 0 0 1 1 *"}"#)
        .forwarded("forwarded", "forwarded")
}

async fn run_by_hand(running: &mut Running, function: &str, input: &str, expected: &str) {
    let url = running.url(&format!("/admin/functions/{function}"));
    let body = serde_json::json!({ "input": input });
    assert_eq!(client().post(url).json(&body).send().await.unwrap().status(), 202);
    succeeds_with_line(running, function, expected).await;
}

async fn succeeds_with_line(running: &mut Running, function: &str, expected: &str) {
    let line = running.event(expected, |event| match event {
        HostEvent::Output { line, .. } if line == expected => Some(()),
        _ => None,
    });
    line.await;
    assert_eq!(running.finished(function).await, Ok(()));
}

async fn check(app: App) {
    let queues = vec![QueueOptions::new("orders"), QueueOptions::new("next")];
    let broker = Broker::start(broker::Options { queues, ..broker::Options::default() }).await.unwrap();
    let bus = ServiceBusClient::from_connection_string(&broker.connection_string()).unwrap();
    let mut running = app.setting("Bus", &broker.connection_string()).start().await;
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
    let bodies = [
        ("plain text", r#""plain text""#),
        (r#"{"a":1}"#, r#""{\"a\":1}""#),
        ("12", r#""12""#),
        ("[1]", r#""[1]""#),
        ("", r#""""#),
        ("aGVsbG8=", r#""aGVsbG8=""#),
    ];
    for (body, seen) in bodies {
        bus.sender("orders").send(Message::new(body)).await.unwrap();
        succeeds_with_line(&mut running, "queue", &format!("message {seen} {queue}")).await;
        let sent = bus.receiver("next").receive(1, PATIENCE).await.unwrap();
        assert_eq!(sent[0].body, format!("after {body}"));
        bus.receiver("next").complete(sent[0].lock_token).await.unwrap();
    }
    run_by_hand(&mut running, "queue", "by hand", &format!(r#"message "by hand" {queue}"#)).await;
    run_by_hand(&mut running, "tick", "", "past due false").await;
    running.host.stop().await;
    bus.close().await;
    broker.stop().await;
}

#[tokio::test]
async fn a_handler_in_python_is_served_in_every_way() {
    let Some(python) = interpreter("LATCHKEY_PYTHON", "python3") else { return };
    check(app(&python, "handler.py", include_str!("../handlers/handler.py"))).await;
}

#[tokio::test]
async fn a_handler_in_node_is_served_in_every_way() {
    let Some(node) = interpreter("LATCHKEY_NODE", "node") else { return };
    check(app(&node, "handler.js", include_str!("../handlers/handler.js"))).await;
}
