//! Microsoft's Python SDK, `azure-servicebus`, against this broker.
//!
//! Needs Python 3 with that package; `LATCHKEY_PYTHON` names the interpreter (default `python3`). Where either is
//! missing the test says so and passes, unless `LATCHKEY_REQUIRE_JUDGES=1`: then missing is failing.

use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use broker::{Broker, Options, QueueOptions};
use tokio::process::Command;

/// All scenarios take about a minute on a slow machine; the SDK itself polls.
const PATIENCE: Duration = Duration::from_secs(300);
/// The script's exit status when the SDK is not installed.
const SDK_MISSING: i32 = 3;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn microsofts_python_sdk_finds_a_service_bus() {
    let required = std::env::var("LATCHKEY_REQUIRE_JUDGES").is_ok_and(|value| value == "1");
    let python = std::env::var("LATCHKEY_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let broker = Broker::start(Options { queues: queues(), ..Options::default() }).await.unwrap();

    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/judges/servicebus/judge.py");
    let judge = Command::new(&python)
        .arg(script)
        .env("LATCHKEY_SERVICE_BUS_CONNECTION_STRING", broker.connection_string())
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = match tokio::time::timeout(PATIENCE, judge).await.expect("the judge finishes in time") {
        Ok(output) => output,
        Err(error) => return skip(required, &format!("{python} cannot be run ({error})")),
    };

    let said = String::from_utf8_lossy(&output.stdout);
    println!("{said}");
    if output.status.code() == Some(SDK_MISSING) {
        return skip(required, &format!("{python} has no azure-servicebus (pip install azure-servicebus)"));
    }
    let complained = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "the judge was not satisfied:\n{said}\n{complained}");
    assert!(
        said.lines().any(|line| line.starts_with("passed  ")),
        "the judge says what it looked at:\n{said}"
    );
    for queue in ["judge", "judge-unique"] {
        assert_eq!(
            broker.counts(queue),
            Some(broker::Counts::default()),
            "every scenario cleans up in {queue}"
        );
    }
    broker.stop().await;
}

fn queues() -> Vec<QueueOptions> {
    vec![
        QueueOptions { max_delivery_count: 3, ..QueueOptions::new("judge") },
        QueueOptions { requires_duplicate_detection: true, ..QueueOptions::new("judge-unique") },
    ]
}

fn skip(required: bool, reason: &str) {
    assert!(!required, "LATCHKEY_REQUIRE_JUDGES is set, but {reason}");
    // Past the test runner's capture: whoever runs the tests is to see it although the test passes.
    let line = format!("SKIPPED: Microsoft's Python SDK did not judge the broker, because {reason}\n");
    std::io::stderr().write_all(line.as_bytes()).expect("standard error can be written");
}
