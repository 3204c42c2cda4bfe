//! Microsoft's own clients against this broker: `azure-servicebus` (Python) and `@azure/service-bus` (JavaScript).
//!
//! The first needs Python 3 with that package; `LATCHKEY_PYTHON` names the interpreter (default `python3`). The second
//! needs Node.js (`LATCHKEY_NODE`, default `node`) and a `node_modules` folder with the package, which
//! `LATCHKEY_NODE_MODULES` names. Where something is missing the test says so and passes, unless
//! `LATCHKEY_REQUIRE_JUDGES=1`: then missing is failing.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use broker::{Broker, Configuration, Counts, Options};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::Command;

/// All scenarios take about two minutes on a slow machine; the SDKs themselves poll.
const PATIENCE: Duration = Duration::from_secs(600);
/// The scripts' exit status when the SDK is not installed.
const SDK_MISSING: i32 = 3;

fn judges() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/judges/servicebus")
}

fn program(variable: &str, usual: &str) -> String {
    std::env::var(variable).unwrap_or_else(|_| usual.to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn microsofts_python_sdk_finds_a_service_bus() {
    let mut command = Command::new(program("LATCHKEY_PYTHON", "python3"));
    command.arg(judges().join("judge.py"));
    judge("Microsoft's Python SDK", command).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn microsofts_javascript_sdk_finds_a_service_bus() {
    let mut command = Command::new(program("LATCHKEY_NODE", "node"));
    command.arg(judges().join("judge.mjs"));
    judge("Microsoft's JavaScript SDK", command).await;
}

/// Runs a judge against a broker of its own, and looks at what it leaves behind.
async fn judge(sdk: &str, command: Command) {
    let declared = std::fs::read_to_string(judges().join("Config.json")).unwrap();
    let Configuration { queues, topics, .. } = Configuration::from_json(&declared).unwrap();
    let broker = Broker::start(Options { queues, topics, ..Options::default() }).await.unwrap();
    let heard = tokio::time::timeout(PATIENCE, hear(command, &broker)).await;
    let (status, said, complained) = match heard.expect("the judge finishes in time") {
        Ok(heard) => heard,
        Err(error) => return skip(sdk, &format!("it cannot be run ({error})")),
    };
    println!("{said}");
    if status == Some(SDK_MISSING) {
        return skip(sdk, said.trim());
    }
    assert_eq!(status, Some(0), "the judge was not satisfied:\n{said}\n{complained}");
    assert!(!said.contains("SKIPPED"), "every scenario was tried:\n{said}");
    assert!(said.lines().any(|line| line.starts_with("passed  ")), "it says what it looked at:\n{said}");
    for entity in broker.entities() {
        assert_eq!(broker.counts(entity), Some(Counts::default()), "every scenario cleans up in {entity}");
    }
    broker.stop().await;
}

/// Starts a judge, does what it orders, and returns its exit status, what it said, and what it complained of.
async fn hear(mut command: Command, broker: &Broker) -> std::io::Result<(Option<i32>, String, String)> {
    let mut judge = command
        .env("LATCHKEY_SERVICE_BUS_CONNECTION_STRING", broker.connection_string())
        .env("LATCHKEY_JUDGE_ORDERS", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let mut input = judge.stdin.take().unwrap();
    let mut lines = BufReader::new(judge.stdout.take().unwrap()).lines();
    let mut errors = judge.stderr.take().unwrap();
    let complaining = tokio::spawn(async move {
        let mut complained = String::new();
        errors.read_to_string(&mut complained).await.map(|_| complained)
    });
    let mut said = String::new();
    while let Some(line) = lines.next_line().await? {
        match line.strip_prefix("order  ") {
            Some("drop connections") => {
                broker.control().drop_connections();
                input.write_all(b"done\n").await?;
            }
            Some(order) => panic!("the judge orders '{order}', which nobody can do"),
            None => said.extend([line.as_str(), "\n"]),
        }
    }
    let status = judge.wait().await?.code();
    Ok((status, said, complaining.await.unwrap()?))
}

fn skip(sdk: &str, reason: &str) {
    let required = std::env::var("LATCHKEY_REQUIRE_JUDGES").is_ok_and(|value| value == "1");
    assert!(!required, "LATCHKEY_REQUIRE_JUDGES is set, but {sdk} did not judge the broker: {reason}");
    // Past the test runner's capture: whoever runs the tests is to see it although the test passes.
    let line = format!("SKIPPED: {sdk} did not judge the broker: {reason}\n");
    std::io::stderr().write_all(line.as_bytes()).expect("standard error can be written");
}
