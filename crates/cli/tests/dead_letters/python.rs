//! Beside Microsoft's Python SDK, doing what its documentation shows: one broker, the same work, one run.
//!
//! Needs `LATCHKEY_PYTHON` (see `.ci/run`); says so where it is missing, and fails with `LATCHKEY_REQUIRE_JUDGES=1`.

use std::{io::Write as _, path::Path, process::Stdio, time::Duration};

use tokio::{process::Command, time::Instant};

use crate::support::{TestBroker, two_kilobytes};

/// The script's exit status when the SDK is not installed.
const SDK_MISSING: i32 = 3;

#[tokio::test(flavor = "multi_thread")]
async fn everything_is_replayed_beside_the_python_sdk() {
    let Ok(python) = std::env::var("LATCHKEY_PYTHON") else { return skip("LATCHKEY_PYTHON is not set") };
    let count = std::env::var("LATCHKEY_REPLAY_ALL").ok().and_then(|text| text.parse().ok()).unwrap_or(300);
    let world = TestBroker::start(Duration::from_secs(60)).await;

    world.dead("plain", two_kilobytes(count), "Test").await;
    let script =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/judges/servicebus/replay_dead_letters.py");
    let mut command = Command::new(&python);
    command
        .arg(script)
        .args(["plain", &count.to_string()])
        .env("LATCHKEY_SERVICE_BUS_CONNECTION_STRING", world.broker.connection_string())
        .stdin(Stdio::null());
    let began = Instant::now();
    let output = command.output().await.unwrap();
    let theirs = began.elapsed();
    if output.status.code() == Some(SDK_MISSING) {
        return skip(&format!("{python} has no azure-servicebus"));
    }
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let counts = world.broker.counts("plain").unwrap();
    assert_eq!((counts.active, counts.dead_letter), (count, 0), "the SDK did the work");
    let within: f64 =
        String::from_utf8_lossy(&output.stdout).split_whitespace().nth(1).unwrap().parse().unwrap();

    world.dead("key_shared", two_kilobytes(count), "Test").await;
    let plan = world.plan("plan.json", &["--entity", "key_shared"]).await;
    assert_eq!(plan["messages"].as_array().unwrap().len(), count);
    let began = Instant::now();
    let ran = world.run(&["replay", "--plan", "plan.json", "--yes", "--outcome-wait", "0s", "--json"]).await;
    let ours = began.elapsed();
    assert_eq!((ran.code, &ran.json()["counts"]["replayed"]), (0, &count.into()), "{}", ran.stderr);
    let counts = world.broker.counts("key_shared").unwrap();
    assert_eq!((counts.active, counts.dead_letter), (count, 0));

    #[expect(clippy::cast_precision_loss, reason = "a rate")]
    let rate = |seconds: f64| count as f64 / seconds;
    println!(
        "{count} dead letters of 2 KB replayed: Python SDK {:.0}/s ({theirs:.1?} with its start, {within:.1} s without), \
         latchkey {:.0}/s ({ours:.1?} with its start, checks and log): {:.1} times",
        rate(theirs.as_secs_f64()),
        rate(ours.as_secs_f64()),
        theirs.as_secs_f64() / ours.as_secs_f64(),
    );
}

fn skip(reason: &str) {
    let required = std::env::var("LATCHKEY_REQUIRE_JUDGES").is_ok_and(|value| value == "1");
    assert!(!required, "LATCHKEY_REQUIRE_JUDGES is set, but {reason}");
    // Past the test runner's capture: whoever runs the tests is to see it although the test passes.
    let line = format!("SKIPPED: nothing was compared with Microsoft's Python SDK, because {reason}\n");
    std::io::stderr().write_all(line.as_bytes()).unwrap();
}
