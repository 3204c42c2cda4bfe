//! What was acknowledged survives the death of the process, at any moment.
//!
//! The broker runs in a process of its own (this test binary again, told to play it) and is killed with SIGKILL.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use broker::{
    Broker, Counts, Options, QueueOptions, StartError, StateError, SubscriptionOptions, TopicOptions,
};
use fe2o3_amqp::Sender;
use serde_amqp::Value;
use support::{Client, Management, message, receive_and_complete, send, within};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;

const FOLDER: &str = "BROKER_TEST_STATE";

fn options(folder: &Path) -> Options {
    let unique = QueueOptions { requires_duplicate_detection: true, ..QueueOptions::new("unique") };
    let sessions = QueueOptions { requires_session: true, ..QueueOptions::new("sessions") };
    let queues =
        vec![QueueOptions { max_delivery_count: 2, ..QueueOptions::new("orders") }, unique, sessions];
    let subscriptions = ["one", "two"].map(SubscriptionOptions::new).to_vec();
    let topics = vec![TopicOptions { subscriptions, ..TopicOptions::new("events") }];
    Options { queues, topics, state: Some(folder.to_owned()), ..Options::default() }
}

/// AMQP's way to say that an attempt failed.
fn abandoned() -> fe2o3_amqp_types::messaging::Modified {
    fe2o3_amqp_types::messaging::Modified {
        delivery_failed: Some(true),
        undeliverable_here: None,
        message_annotations: None,
    }
}

#[tokio::test]
#[ignore = "plays the broker for the tests that kill it"]
async fn plays_the_broker() {
    let folder = std::env::var_os(FOLDER).expect("only the other tests start this one");
    let broker = Broker::start(options(Path::new(&folder))).await.unwrap();
    println!("\n{}", broker.connection_string());
    std::future::pending::<()>().await;
}

/// A broker in a process of its own, and how to reach it.
async fn a_process(folder: &Path) -> (Child, String) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["plays_the_broker", "--exact", "--ignored", "--nocapture"])
        .env(FOLDER, folder)
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let reading = async {
        while let Some(line) = lines.next_line().await.unwrap() {
            if line.starts_with("Endpoint=") {
                return line;
            }
        }
        panic!("the broker ended before it listened");
    };
    let connection_string = within(reading).await;
    (child, connection_string)
}

/// Kills a process after a while.
fn kill_after(mut child: Child, life: Duration) -> JoinHandle<()> {
    tokio::spawn(async move {
        tokio::time::sleep(life).await;
        child.kill().await.unwrap();
    })
}

/// Sends messages, and kills the broker at some moment while they stream in: a while after it has acknowledged
/// `enough` of them, however slow the machine is. Returns the bodies of those that were acknowledged.
async fn send_until_killed(sender: &mut Sender, child: Child, round: u32, enough: u32) -> BTreeSet<String> {
    let mut acknowledged = BTreeSet::new();
    for number in 0..enough {
        let body = format!("{round}-{number}");
        send(sender, &body, &body).await;
        acknowledged.insert(body);
    }
    let killing = kill_after(child, Duration::from_millis(50 + 37 * u64::from(round)));
    let streaming = async {
        for number in enough.. {
            let body = format!("{round}-{number}");
            let Ok(outcome) = sender.send(message(&body, &body)).await else { break };
            assert!(outcome.is_accepted(), "{outcome:?}");
            acknowledged.insert(body);
        }
        std::future::pending().await
    };
    // fe2o3's client waits for ever when its connection breaks under a send: the end of the process ends the wait.
    tokio::select! {
        () = streaming => {}
        killed = within(killing) => killed.unwrap(),
    }
    acknowledged
}

/// Receives and completes everything there is in an entity, in the order in which it comes.
///
/// It is counted before anyone receives: a receiver is sent hundreds of messages ahead, which are locked from then on
/// and not active any more.
async fn receive_all(broker: &Broker, entity: &str) -> Vec<String> {
    let active = broker.counts(entity).unwrap().active;
    assert_eq!(broker.counts(entity), Some(Counts { active, ..Counts::default() }), "only that in {entity}");
    let mut client = Client::connect(&broker.connection_string()).await;
    let mut receiver = client.receiver(entity).await;
    let mut bodies = Vec::new();
    for _ in 0..active {
        bodies.push(receive_and_complete(&mut receiver).await);
    }
    within(receiver.close()).await.unwrap();
    assert_eq!(broker.counts(entity), Some(Counts::default()), "that was all in {entity}");
    bodies
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_however_often_the_broker_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    let mut acknowledged: BTreeSet<String> = BTreeSet::new();
    let mut completed: BTreeSet<String> = BTreeSet::new();
    for round in 0..5_u32 {
        let (child, connection_string) = a_process(folder.path()).await;
        let mut client = Client::connect(&connection_string).await;
        let mut sender = client.sender("orders").await;
        let mut receiver = client.receiver("orders").await;
        // The round before sent at least as many.
        for _ in 0..10 * round {
            completed.insert(receive_and_complete(&mut receiver).await);
        }
        within(receiver.close()).await.unwrap();
        acknowledged.append(&mut send_until_killed(&mut sender, child, round, 10 * (round + 1)).await);
    }

    let broker = Broker::start(options(folder.path())).await.unwrap();
    let bodies = receive_all(&broker, "orders").await;
    let left: BTreeSet<String> = bodies.iter().cloned().collect();
    assert_eq!(left.len(), bodies.len(), "a message came twice");
    println!(
        "{} acknowledged, {} completed before, {} left",
        acknowledged.len(),
        completed.len(),
        left.len()
    );
    for body in &acknowledged {
        assert!(left.contains(body) || completed.contains(body), "{body} was acknowledged and is lost");
    }
    // Each round closed its receiver, and heard that it was closed, before the broker was killed.
    assert!(left.is_disjoint(&completed), "completed, and there again: {:?}", left.intersection(&completed));
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_subscription_has_what_its_topic_acknowledged_and_the_same_as_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let mut acknowledged = BTreeSet::new();
    for round in 0..3_u32 {
        let (child, connection_string) = a_process(folder.path()).await;
        let mut client = Client::connect(&connection_string).await;
        let mut sender = client.sender("events").await;
        acknowledged.append(&mut send_until_killed(&mut sender, child, round, 10).await);
    }

    let broker = Broker::start(options(folder.path())).await.unwrap();
    let one = receive_all(&broker, "events/Subscriptions/one").await;
    let two = receive_all(&broker, "events/Subscriptions/two").await;
    assert_eq!(one, two, "a message is copied to all subscriptions or to none");
    let there: BTreeSet<String> = one.into_iter().collect();
    assert!(acknowledged.is_subset(&there), "lost: {:?}", acknowledged.difference(&there));
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_state_of_a_session_is_the_one_that_was_acknowledged_last_or_the_one_after() {
    let folder = tempfile::tempdir().unwrap();
    let mut last = 0_u32;
    for round in 0..3_u64 {
        let (child, connection_string) = a_process(folder.path()).await;
        let mut client = Client::connect(&connection_string).await;
        let _holding = client.session_receiver("sessions", "s").await;
        let mut management = Management::of(&mut client, "sessions").await;
        let kept = number_in_session(&mut management).await.unwrap();
        assert!(kept == last || kept == last + 1, "{last} was acknowledged, {kept} is there");
        last = kept;
        for _ in 0..10 {
            assert!(set_number_in_session(&mut management, last + 1).await, "the broker lives");
            last += 1;
        }
        let killing = kill_after(child, Duration::from_millis(60 + 41 * round));
        let setting = async {
            while set_number_in_session(&mut management, last + 1).await {
                last += 1;
            }
            std::future::pending().await
        };
        tokio::select! {
            () = setting => {}
            killed = within(killing) => killed.unwrap(),
        }
    }
    let broker = Broker::start(options(folder.path())).await.unwrap();
    let mut client = Client::connect(&broker.connection_string()).await;
    let _holding = client.session_receiver("sessions", "s").await;
    let kept = number_in_session(&mut Management::of(&mut client, "sessions").await).await.unwrap();
    assert!(kept == last || kept == last + 1, "{last} was acknowledged, {kept} is there");
    broker.stop().await;
}

/// Whether the broker has acknowledged it. It does, unless it is gone.
async fn set_number_in_session(management: &mut Management, number: u32) -> bool {
    let state = Value::Binary(serde_bytes::ByteBuf::from(number.to_be_bytes()));
    let arguments = [("session-id", Value::from("s")), ("session-state", state)];
    let answer = management.ask("set-session-state", &arguments).await;
    answer.is_some_and(|(code, _)| {
        assert_eq!(code, Value::Int(200));
        true
    })
}

async fn number_in_session(management: &mut Management) -> Option<u32> {
    let (_, body) = management.ask("get-session-state", &[("session-id", Value::from("s"))]).await?;
    let Value::Map(body) = body else { panic!("no map") };
    match body.get(&Value::from("session-state")) {
        Some(Value::Binary(bytes)) => Some(u32::from_be_bytes(bytes.as_slice().try_into().unwrap())),
        other => {
            assert_eq!(other, Some(&Value::Null));
            Some(0)
        }
    }
}

#[tokio::test]
async fn everything_but_locks_is_there_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let before = {
        let broker = Broker::start(options(folder.path())).await.unwrap();
        let mut client = Client::connect(&broker.connection_string()).await;
        let mut sender = client.sender("orders").await;
        let mut receiver = client.receiver("orders").await;
        send(&mut sender, "1", "fails twice").await;
        for _ in 0..2 {
            let delivery = within(receiver.recv::<fe2o3_amqp_types::messaging::Body<serde_amqp::Value>>())
                .await
                .unwrap();
            within(receiver.modify(&delivery, abandoned())).await.unwrap();
        }
        within(receiver.close()).await.unwrap();
        send(&mut sender, "2", "plain").await;
        let mut unique = Sender::attach(&mut client.session, "unique", "unique").await.unwrap();
        send(&mut unique, "same", "original").await;
        let locked = client.receiver("unique").await;
        support::until("it is locked", || broker.counts("unique").is_some_and(|counts| counts.locked == 1))
            .await;
        drop(locked);
        let counts = broker.counts("orders").unwrap();
        broker.stop().await;
        counts
    };
    assert_eq!(before, Counts { active: 1, dead_letter: 1, ..Counts::default() });

    let broker = Broker::start(options(folder.path())).await.unwrap();
    assert_eq!(broker.counts("orders"), Some(before));
    assert_eq!(
        broker.counts("unique"),
        Some(Counts { active: 1, ..Counts::default() }),
        "not locked any more"
    );
    let mut client = Client::connect(&broker.connection_string()).await;
    let mut unique = client.sender("unique").await;
    send(&mut unique, "same", "copy").await;
    assert_eq!(
        broker.counts("unique"),
        Some(Counts { active: 1, ..Counts::default() }),
        "the copy is known as one"
    );
    let mut dead_letters = client.receiver("orders/$DeadLetterQueue").await;
    assert_eq!(receive_and_complete(&mut dead_letters).await, "fails twice");
    broker.stop().await;
}

#[tokio::test]
async fn state_that_cannot_be_used_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let broker = Broker::start(options(folder.path())).await.unwrap();
    let second = Broker::start(options(folder.path())).await;
    assert!(matches!(second, Err(StartError::State(StateError::InUse(_)))));
    let mut client = Client::connect(&broker.connection_string()).await;
    let mut sender = client.sender("orders").await;
    send(&mut sender, "1", "kept").await;
    broker.stop().await;

    let fewer = Options { queues: vec![QueueOptions::new("another")], ..options(folder.path()) };
    match Broker::start(fewer).await {
        Err(StartError::State(StateError::Undeclared { entity, messages, .. })) => {
            assert_eq!((entity.as_str(), messages), ("orders", 1));
        }
        other => panic!("{other:?}"),
    }
    let broker = Broker::start(options(folder.path())).await.unwrap();
    assert_eq!(broker.counts("orders").unwrap().active, 1);
    broker.stop().await;
}
