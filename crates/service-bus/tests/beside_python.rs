//! This client beside Microsoft's Python SDK: the same work on the same broker, one after the other.
//!
//! ```sh
//! LATCHKEY_PYTHON=$PWD/target/ci/python/bin/python LATCHKEY_BENCHMARK=5000 \
//!     cargo test --release -p service-bus --test beside_python -- --nocapture
//! ```
//!
//! Needs `LATCHKEY_PYTHON`; says so where it is missing, and fails with `LATCHKEY_REQUIRE_JUDGES=1`.
#![expect(clippy::unwrap_used, reason = "a test's helpers fail the test")]

use std::{
    collections::BTreeMap,
    io::Write as _,
    path::Path,
    process::Stdio,
    time::{Duration, Instant},
};

use broker::{Broker, Options, QueueOptions};
use service_bus::{Message, ServiceBusClient};
use tokio::process::Command;

const SDK_MISSING: i32 = 3;
const PATIENCE: Duration = Duration::from_secs(60);

/// Messages, and how long they took.
type Timed = (usize, f64);

#[tokio::test(flavor = "multi_thread")]
async fn the_same_work_beside_the_python_sdk() {
    let Ok(python) = std::env::var("LATCHKEY_PYTHON") else { return skip("LATCHKEY_PYTHON is not set") };
    let count = std::env::var("LATCHKEY_BENCHMARK").ok().and_then(|text| text.parse().ok()).unwrap_or(200);
    let queues = vec![QueueOptions::new("theirs"), QueueOptions::new("ours")];
    let broker = Broker::start(Options { queues, ..Options::default() }).await.unwrap();

    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/judges/servicebus/benchmark.py");
    let output = Command::new(&python)
        .arg(script)
        .args(["theirs", &count.to_string()])
        .env("LATCHKEY_SERVICE_BUS_CONNECTION_STRING", broker.connection_string())
        .stdin(Stdio::null())
        .output()
        .await
        .unwrap();
    if output.status.code() == Some(SDK_MISSING) {
        return skip(&format!("{python} has no azure-servicebus"));
    }
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let theirs = read(&String::from_utf8_lossy(&output.stdout));
    let ours = our_part(&broker, count).await;
    for queue in ["theirs", "ours"] {
        assert_eq!(broker.counts(queue), Some(broker::Counts::default()), "all was received from {queue}");
    }
    println!("{:<22} {:>12} {:>12} {:>8}", "messages a second", "Python SDK", "this client", "times");
    for (work, (messages, seconds)) in &ours {
        let rate = rate((*messages, *seconds));
        match theirs.get(work) {
            Some(theirs) => {
                let theirs = self::rate(*theirs);
                println!("{work:<22} {theirs:>12.0} {rate:>12.0} {:>8.1}", rate / theirs);
            }
            None => println!("{work:<22} {:>12} {rate:>12.0}", "-"),
        }
    }
}

async fn our_part(broker: &Broker, count: usize) -> BTreeMap<String, Timed> {
    let client = ServiceBusClient::from_connection_string(&broker.connection_string()).unwrap();
    let (sender, receiver) = (client.sender("ours"), client.receiver("ours"));
    let body = "x".repeat(200);
    let message = |number: usize| Message::new(body.clone()).with_message_id(format!("{number}"));
    let mut timed = BTreeMap::new();
    let mut note = |work: &str, messages, began: Instant| {
        timed.insert(work.to_owned(), (messages, began.elapsed().as_secs_f64()));
    };
    let began = Instant::now();
    for number in 0..count {
        sender.send(message(number)).await.unwrap();
    }
    note("send-one-at-a-time", count, began);
    let began = Instant::now();
    for start in (0..count).step_by(100) {
        sender.send_batch((start..(start + 100).min(count)).map(message).collect()).await.unwrap();
    }
    note("send-batches-of-100", count, began);
    let began = Instant::now();
    receive(&receiver, 2 * count).await;
    note("receive-and-complete", 2 * count, began);
    let began = Instant::now();
    let sent = sender.send_each((0..count).map(message), 200).await;
    assert!(sent.iter().all(Result::is_ok));
    note("send-200-under-way", count, began);
    receive(&receiver, count).await;
    timed
}

async fn receive(receiver: &service_bus::ServiceBusReceiver, mut left: usize) {
    while left > 0 {
        let messages = receiver.receive(left.min(100), PATIENCE).await.unwrap();
        left -= messages.len();
        let tokens: Vec<_> = messages.iter().map(|message| message.lock_token).collect();
        receiver.complete_all(&tokens).await.unwrap();
    }
}

fn read(said: &str) -> BTreeMap<String, Timed> {
    said.lines()
        .map(|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            (words[0].to_owned(), (words[1].parse().unwrap(), words[2].parse().unwrap()))
        })
        .collect()
}

#[expect(clippy::cast_precision_loss, reason = "a rate")]
fn rate((messages, seconds): Timed) -> f64 {
    messages as f64 / seconds
}

fn skip(reason: &str) {
    let required = std::env::var("LATCHKEY_REQUIRE_JUDGES").is_ok_and(|value| value == "1");
    assert!(!required, "LATCHKEY_REQUIRE_JUDGES is set, but {reason}");
    // Past the test runner's capture: whoever runs the tests is to see it although the test passes.
    let line = format!("SKIPPED: nothing was compared with Microsoft's Python SDK, because {reason}\n");
    std::io::stderr().write_all(line.as_bytes()).unwrap();
}
