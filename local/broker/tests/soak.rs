//! Many messages, one after the other: none may be late, none lost, none doubled.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use std::time::{Duration, Instant};

use broker::{Broker, Counts, Options, QueueOptions};
use fe2o3_amqp::Receiver;
use support::{Client, PATIENCE, message, receive_and_complete, until};

/// How many, unless `LATCHKEY_SOAK_MESSAGES` says otherwise.
const MESSAGES: usize = 10_000;

/// How long one send may take in a soak that was asked for. Among other tests it may take as long as the machine likes.
const LATE: Duration = Duration::from_secs(5);

/// How many are sent, and how long each may take.
fn size() -> (usize, Duration) {
    let asked_for = std::env::var("LATCHKEY_SOAK_MESSAGES").ok();
    asked_for.map_or((MESSAGES, PATIENCE), |count| (count.parse().unwrap(), LATE))
}

async fn soak(state: Option<std::path::PathBuf>) {
    let (messages, limit) = size();
    let queues = vec![QueueOptions::new("soak")];
    let broker = Broker::start(Options { queues, state, ..Options::default() }).await.unwrap();
    let mut client = Client::connect(&broker.connection_string()).await;
    let mut sender = client.sender("soak").await;
    let started = Instant::now();
    let mut slowest = Duration::ZERO;
    for number in 0..messages {
        let sent = Instant::now();
        let sending = sender.send(message(&number.to_string(), &number.to_string()));
        let outcome = tokio::time::timeout(limit, sending).await;
        let outcome = outcome.unwrap_or_else(|_| panic!("message {number} was not taken within {limit:?}"));
        assert!(outcome.unwrap().is_accepted(), "message {number}");
        slowest = slowest.max(sent.elapsed());
    }
    let sending = started.elapsed();
    assert_eq!(broker.counts("soak"), Some(Counts { active: messages, ..Counts::default() }));

    let mut receiver: Receiver = client.receiver("soak").await;
    let started = Instant::now();
    for number in 0..messages {
        assert_eq!(receive_and_complete(&mut receiver).await, number.to_string());
    }
    until("everything is settled", || broker.counts("soak") == Some(Counts::default())).await;
    println!(
        "{messages} sent one at a time in {sending:?} (slowest {slowest:?}), received and completed in {:?}",
        started.elapsed()
    );
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sequential_sends_are_all_taken_in_time_and_come_out_in_order() {
    soak(None).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_holds_when_everything_is_written_down() {
    let folder = tempfile::tempdir().unwrap();
    soak(Some(folder.path().to_owned())).await;
}
