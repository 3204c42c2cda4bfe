//! A dead-letter queue that has grown for weeks: looked through page by page, received whole, and given back.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use std::time::{Duration, Instant};

use broker::{Broker, Counts, Options, QueueOptions};
use fe2o3_amqp::link::receiver::CreditMode;
use fe2o3_amqp::{Receiver, Sendable};
use fe2o3_amqp_types::messaging::{Body, Source};
use serde_amqp::Value;
use serde_amqp::primitives::OrderedMap;
use support::{Client, Management, message};

/// How many, unless `LATCHKEY_SOAK_MESSAGES` says otherwise.
const DEAD_LETTERS: usize = 5_000;
const SIZE: usize = 2_048;
const PAGE: i32 = 400;
/// How much is settled by one disposition.
const RANGE: usize = 4_000;
const DEAD: &str = "orders/$DeadLetterQueue";

fn dead_letters() -> usize {
    std::env::var("LATCHKEY_SOAK_MESSAGES").ok().map_or(DEAD_LETTERS, |count| count.parse().unwrap())
}

fn expired(count: usize) -> Option<Counts> {
    Some(Counts { dead_letter: count, ..Counts::default() })
}

/// Sends messages, lets them expire, and returns how long both took.
async fn fill(broker: &Broker, client: &mut Client, count: usize) -> (Duration, Duration) {
    let mut sender = client.sender("orders").await;
    let body = "x".repeat(SIZE);
    let started = Instant::now();
    let mut under_way = Vec::new();
    for number in 0..count {
        let sendable = Sendable::builder().message(message(&number.to_string(), &body)).build();
        under_way.push(sender.send_batchable(sendable).await.unwrap());
        if under_way.len() == 500 || number + 1 == count {
            for sent in under_way.drain(..) {
                assert!(sent.await.unwrap().is_accepted());
            }
        }
    }
    let sending = started.elapsed();
    let started = Instant::now();
    broker.control().advance_clock(Duration::from_secs(61));
    assert_eq!(broker.counts("orders"), expired(count));
    (sending, started.elapsed())
}

/// Every message there is, encoded as a peek shows it, in the order of the sequence numbers.
async fn look_through(client: &mut Client, count: usize) -> Vec<Vec<u8>> {
    let mut management = Management::of(client, DEAD).await;
    let mut seen = Vec::new();
    while seen.len() < count {
        let from = Value::Long(i64::try_from(seen.len()).unwrap() + 1);
        let arguments = [("from-sequence-number", from), ("message-count", Value::Int(PAGE))];
        let (code, body) = management.ask("peek-message", &arguments).await.unwrap();
        assert_eq!(code, Value::Int(200));
        let Value::Map(body) = body else { panic!("no map") };
        let Some(Value::List(page)) = body.get(&Value::from("messages")) else { panic!("no list") };
        seen.extend(page.iter().map(encoded));
    }
    seen
}

fn encoded(entry: &Value) -> Vec<u8> {
    let Value::Map(entry): &Value = entry else { panic!("no map") };
    let entry: &OrderedMap<Value, Value> = entry;
    let Some(Value::Binary(bytes)) = entry.get(&Value::from("message")) else { panic!("no bytes") };
    bytes.to_vec()
}

async fn receive_all(
    client: &mut Client,
    count: usize,
) -> (Receiver, Vec<fe2o3_amqp::Delivery<Body<Value>>>) {
    let builder = Receiver::builder()
        .name("all")
        .source(Source::builder().address(DEAD).build())
        .credit_mode(CreditMode::Manual);
    let mut receiver = Box::pin(builder.attach(&mut client.session)).await.unwrap();
    receiver.set_credit(u32::try_from(count).unwrap()).await.unwrap();
    let mut deliveries = Vec::with_capacity(count);
    for _ in 0..count {
        deliveries.push(receiver.recv::<Body<Value>>().await.unwrap());
    }
    (receiver, deliveries)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_dead_letters_are_looked_through_received_and_given_back_as_they_were() {
    let count = dead_letters();
    let queue = QueueOptions {
        default_time_to_live: Some(Duration::from_secs(60)),
        // All of them are held at once, for as long as a busy machine takes to hand them out.
        lock_duration: Duration::from_secs(300),
        dead_lettering_on_message_expiration: true,
        ..QueueOptions::new("orders")
    };
    let folder = tempfile::tempdir().unwrap();
    let state = Some(folder.path().to_owned());
    let options = Options { queues: vec![queue], state, ..Options::default() };
    let broker = Broker::start(options.clone()).await.unwrap();
    let mut client = Client::connect(&broker.connection_string()).await;
    let (sending, expiring) = fill(&broker, &mut client, count).await;

    let started = Instant::now();
    let before = look_through(&mut client, count).await;
    let peeking = started.elapsed();

    let started = Instant::now();
    let (receiver, deliveries) = receive_all(&mut client, count).await;
    let receiving = started.elapsed();
    let counts = broker.control().counts(DEAD).unwrap();
    assert_eq!((counts.active, counts.locked), (0, count));

    let started = Instant::now();
    for range in deliveries.chunks(RANGE) {
        receiver.release_all(range).await.unwrap();
    }
    support::until("all are there again", || broker.counts(DEAD).unwrap().active == count).await;
    let releasing = started.elapsed();

    drop((receiver, client));
    let mut client = Client::connect(&broker.connection_string()).await;
    let after = look_through(&mut client, count).await;
    assert!(before == after, "the same messages in the same order, delivery counts included");
    drop(client);
    broker.stop().await;
    let started = Instant::now();
    let broker = Broker::start(options).await.unwrap();
    let restarting = started.elapsed();
    assert_eq!(broker.counts("orders"), expired(count));
    println!(
        "{count} dead letters of {SIZE} bytes, written down: sent in {sending:?}, expired in {expiring:?}, peeked \
         in pages of {PAGE} in {peeking:?}, received in {receiving:?}, released in {releasing:?}, restarted in \
         {restarting:?}"
    );
    broker.stop().await;
}
