//! What a process writes for operators: on stdout, one line a failure; stderr stays empty.

use serde_json::Value;

use crate::serving::{Handler, Left};

/// Runs a process through one invocation of each kind.
async fn after_trouble(variables: &[(&str, &str)]) -> Left {
    let limits = [("CUSTOM_HANDLER_DEADLINE_SECONDS", "3"), ("CUSTOM_HANDLER_BODY_LIMIT_BYTES", "20000")];
    let handler = Handler::start(&[&limits, variables].concat()).await;
    for (id, body) in [
        ("i-panic", "panic"),
        ("i-fail", "fail"),
        ("i-hang", "hang"),
        ("i-large", &"x".repeat(20_000)),
        ("i-fine", "complete"),
    ] {
        let answer = handler.invoke(id, body).await;
        let expected = match id {
            "i-fine" => "HTTP/1.1 200 ",
            "i-large" => "HTTP/1.1 413 ",
            _ => "HTTP/1.1 500 ",
        };
        assert!(answer.starts_with(expected), "{body}: {answer}");
    }
    handler.terminate();
    handler.left().await
}

fn lines_with<'a>(left: &'a Left, part: &str) -> Vec<&'a str> {
    left.stdout.lines().filter(|line| line.contains(part)).collect()
}

#[tokio::test]
async fn every_failure_is_one_line_on_stdout_with_its_invocation() {
    let left = after_trouble(&[]).await;
    for (id, text) in [
        ("i-panic", "invocation i-panic of orders failed: the function panicked: told to in two lines (at "),
        ("i-fail", "invocation i-fail of orders failed: the database is away"),
        ("i-hang", "invocation i-hang of orders failed: the function did not end within its deadline of 3 s"),
        (
            "i-large",
            "invocation i-large of orders failed: the invocation is larger than the limit of 20000 bytes",
        ),
    ] {
        let lines = lines_with(&left, id);
        assert_eq!(lines.len(), 1, "{id}: {}", left.stdout);
        assert!(lines[0].contains(text) && lines[0].contains("ERROR"), "{}", lines[0]);
    }
    assert!(lines_with(&left, "i-fine").is_empty(), "{}", left.stdout);
    assert_eq!(left.stderr, "");
}

#[tokio::test]
async fn json_lines_carry_the_span() {
    let left = after_trouble(&[("LOG_FORMAT", "json")]).await;
    let lines = lines_with(&left, "i-panic");
    assert_eq!(lines.len(), 1, "{}", left.stdout);
    let line: Value = serde_json::from_str(lines[0]).unwrap();
    assert_eq!(line["level"], "ERROR");
    let span = &line["span"];
    assert_eq!(span["otel.name"], "process orders");
    assert_eq!(span["faas.invocation_id"], "i-panic");
    assert_eq!(span["faas.trigger"], "pubsub");
    assert_eq!(span["messaging.system"], "servicebus");
    assert_eq!(span["error.type"], "Panic");
    assert_eq!(span["messaging.message.body.size"], 5);
    assert_eq!(left.stderr, "");
}

#[tokio::test]
async fn a_quiet_filter_silences_what_is_no_error() {
    let left = after_trouble(&[("RUST_LOG", "error")]).await;
    assert!(lines_with(&left, "stopping").is_empty(), "{}", left.stdout);
    assert_eq!(lines_with(&left, "i-fail").len(), 1, "{}", left.stdout);
}
