//! What becomes of connections: silence, breaks, the end of the broker.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use std::{net::SocketAddr, time::Duration};

use broker::{Broker, Counts, EntraTokens, Failure, Operation, Options, QueueOptions, StartError};
use support::{Client, receive_and_complete, send, until, within};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

async fn a_broker(options: Options) -> Broker {
    let queues = vec![QueueOptions::new("orders")];
    Broker::start(Options { queues, ..options }).await.unwrap()
}

/// A hand-made Open that announces no idle time-out, behind a bare header.
const HEADER_AND_OPEN: &[u8] =
    b"AMQP\x00\x01\x00\x00\x00\x00\x00\x11\x02\x00\x00\x00\x00\x53\x10\xc0\x04\x01\xa1\x01p";

async fn read_to_end(stream: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    within(stream.read_to_end(&mut bytes)).await.unwrap();
    bytes
}

fn says(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

#[tokio::test]
async fn a_message_goes_through_and_is_gone() {
    let broker = a_broker(Options::default()).await;
    let mut client = Client::connect(&broker.connection_string()).await;
    let mut sender = client.sender("orders").await;
    let mut receiver = client.receiver("orders").await;
    send(&mut sender, "1", "hello").await;
    assert_eq!(receive_and_complete(&mut receiver).await, "hello");
    until("the message is gone", || broker.counts("orders") == Some(Counts::default())).await;
    assert_eq!(broker.queues(), ["orders"]);
    assert_eq!(broker.counts("nowhere"), None);
    broker.stop().await;
}

#[tokio::test]
async fn a_silent_peer_is_told_so_and_closed() {
    let idle_time_out = Duration::from_secs(1);
    let broker = a_broker(Options { idle_time_out, ..Options::default() }).await;
    let mut stream = TcpStream::connect(broker.address()).await.unwrap();
    stream.write_all(HEADER_AND_OPEN).await.unwrap();
    assert!(says(&read_to_end(&mut stream).await, "amqp:resource-limit-exceeded"));
    broker.stop().await;
}

#[tokio::test]
async fn a_peer_that_never_says_a_word_is_closed_too() {
    let idle_time_out = Duration::from_millis(100);
    let broker = a_broker(Options { idle_time_out, ..Options::default() }).await;
    let mut stream = TcpStream::connect(broker.address()).await.unwrap();
    assert!(read_to_end(&mut stream).await.is_empty());
    broker.stop().await;
}

#[tokio::test]
async fn a_peer_with_an_idle_time_out_hears_from_the_broker() {
    let broker = a_broker(Options::default()).await;
    let mut stream = TcpStream::connect(broker.address()).await.unwrap();
    // Open with an idle-time-out of 100 milliseconds: container-id, three nulls, uint 100.
    let open = b"AMQP\x00\x01\x00\x00\x00\x00\x00\x16\x02\x00\x00\x00\x00\x53\x10\xc0\x09\x05\xa1\x01p\x40\x40\x40\x52\x64";
    stream.write_all(open).await.unwrap();
    let mut heard = Vec::new();
    let heartbeat = [0, 0, 0, 8, 2, 0, 0, 0];
    let waiting = async {
        while heard.windows(8).filter(|window| *window == heartbeat).count() < 3 {
            assert!(stream.read_buf(&mut heard).await.unwrap() > 0, "the broker hung up");
        }
    };
    within(waiting).await;
    broker.stop().await;
}

#[tokio::test]
async fn a_broken_connection_keeps_its_locks_until_they_end() {
    let broker = a_broker(Options::default()).await;
    let mut client = Client::connect(&broker.connection_string()).await;
    let mut sender = client.sender("orders").await;
    let mut receiver = client.receiver("orders").await;
    send(&mut sender, "1", "held").await;
    until("the message is locked", || broker.counts("orders").is_some_and(|counts| counts.locked == 1)).await;
    broker.control().drop_connections();
    assert!(within(client.connection.on_close()).await.is_err(), "broken off, not closed");
    drop((sender, receiver, client));
    let mut client = Client::connect(&broker.connection_string()).await;
    receiver = client.receiver("orders").await;
    assert_eq!(broker.counts("orders").unwrap().locked, 1);
    broker.control().advance_clock(Duration::from_secs(61));
    assert_eq!(receive_and_complete(&mut receiver).await, "held");
    broker.stop().await;
}

#[tokio::test]
async fn links_and_connections_are_closed_by_order_with_the_service_s_reasons() {
    let broker = a_broker(Options::default()).await;
    let mut client = Client::connect(&broker.connection_string()).await;
    let mut sender = client.sender("orders").await;
    broker.control().detach_links(Some("ORDERS"));
    let reason = within(sender.on_detach()).await;
    assert!(format!("{reason:?}").contains("DetachForced"), "{reason:?}");
    broker.control().close_connections();
    let reason = within(client.connection.on_close()).await;
    assert!(format!("{reason:?}").contains("ConnectionForced"), "{reason:?}");
    broker.stop().await;
}

#[tokio::test]
async fn stopping_closes_connections_and_frees_the_port() {
    // In the moment in which nobody has the port another test's broker may be given it; hardly five times running.
    for _ in 0..5 {
        let address = stopped_with_a_connection().await;
        match Broker::start(Options { address, ..Options::default() }).await {
            Ok(again) => {
                drop(again);
                return nobody_listens_any_more(address).await;
            }
            Err(StartError::Listen { .. }) => {}
            Err(error) => panic!("{error}"),
        }
    }
    panic!("the ports of stopped brokers stay taken");
}

/// Where a broker listened that has closed its connection and stopped.
async fn stopped_with_a_connection() -> SocketAddr {
    let broker = a_broker(Options::default()).await;
    let address = broker.address();
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(HEADER_AND_OPEN).await.unwrap();
    let mut first = [0; 8];
    within(stream.read_exact(&mut first)).await.unwrap();
    within(broker.stop()).await;
    assert!(says(&read_to_end(&mut stream).await, "amqp:connection:forced"));
    address
}

async fn nobody_listens_any_more(address: SocketAddr) {
    let deadline = std::time::Instant::now() + support::PATIENCE;
    while TcpStream::connect(address).await.is_ok() {
        assert!(std::time::Instant::now() < deadline, "a broker that was dropped stops listening");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn an_address_that_is_taken_and_names_that_cannot_be_are_refused() {
    let broker = a_broker(Options::default()).await;
    let options = Options { address: broker.address(), ..Options::default() };
    assert!(matches!(Broker::start(options).await, Err(StartError::Listen { .. })));
    for names in [vec![""], vec!["a", "A"], vec!["a/$deadletterqueue"]] {
        let queues = names.into_iter().map(QueueOptions::new).collect();
        let started = Broker::start(Options { queues, ..Options::default() }).await;
        assert!(matches!(started, Err(StartError::Name(_))));
    }
    broker.stop().await;
}

#[tokio::test]
async fn a_scheduled_time_comes_by_itself() {
    let broker =
        a_broker(Options { entra_tokens: EntraTokens::AcceptUnverified, ..Options::default() }).await;
    let mut client = Client::connect(&broker.connection_string()).await;
    let mut sender = client.sender("orders").await;
    let mut receiver = client.receiver("orders").await;
    let mut message = support::message("1", "later");
    let at = time::OffsetDateTime::UNIX_EPOCH
        + std::time::UNIX_EPOCH.elapsed().unwrap()
        + Duration::from_millis(300);
    let milliseconds = i64::try_from(at.unix_timestamp_nanos() / 1_000_000).unwrap();
    let due = serde_amqp::primitives::Timestamp::from_milliseconds(milliseconds);
    message.message_annotations = Some(
        fe2o3_amqp_types::messaging::MessageAnnotations::builder()
            .insert("x-opt-scheduled-enqueue-time", due)
            .build(),
    );
    within(sender.send(message)).await.unwrap();
    // On a busy machine its time may have come meanwhile.
    let now = || std::time::UNIX_EPOCH.elapsed().unwrap().as_millis();
    let due = u128::try_from(milliseconds).unwrap();
    assert!(broker.counts("orders").unwrap().scheduled == 1 || now() >= due);
    assert_eq!(receive_and_complete(&mut receiver).await, "later");
    assert!(now() >= due);
    broker.stop().await;
}

#[tokio::test]
async fn a_turned_clock_wakes_a_receiver_that_waits() {
    let broker = a_broker(Options::default()).await;
    let mut client = Client::connect(&broker.connection_string()).await;
    let mut sender = client.sender("orders").await;
    let mut message = support::message("1", "in an hour");
    let milliseconds =
        i64::try_from(std::time::UNIX_EPOCH.elapsed().unwrap().as_millis()).unwrap() + 3_600_000;
    let due = serde_amqp::primitives::Timestamp::from_milliseconds(milliseconds);
    message.message_annotations = Some(
        fe2o3_amqp_types::messaging::MessageAnnotations::builder()
            .insert("x-opt-scheduled-enqueue-time", due)
            .build(),
    );
    within(sender.send(message)).await.unwrap();
    let mut receiver = client.receiver("orders").await;
    let (body, ()) = tokio::join!(receive_and_complete(&mut receiver), async {
        broker.control().advance_clock(Duration::from_secs(3601));
    });
    assert_eq!(body, "in an hour");
    broker.stop().await;
}

#[tokio::test]
async fn ordered_trouble_fails_or_delays_what_comes_next_and_only_that() {
    let broker = a_broker(Options::default()).await;
    let mut client = Client::connect(&broker.connection_string()).await;
    let mut sender = client.sender("orders").await;
    let control = broker.control();
    control.fail_next(Operation::Send, 1, Failure::ServerBusy);
    let refused = within(sender.send(support::message("1", "refused"))).await.unwrap();
    assert!(format!("{refused:?}").contains("server-busy"), "{refused:?}");
    assert_eq!(control.counts("orders"), Some(Counts::default()));

    let delay = Duration::from_millis(300);
    control.delay_next(Operation::Send, 1, delay);
    let started = std::time::Instant::now();
    let (outcome, ()) = tokio::join!(sender.send(support::message("2", "late")), async {
        until("it is stored", || control.counts("orders").is_some_and(|counts| counts.active == 1)).await;
    });
    assert!(outcome.unwrap().is_accepted());
    assert!(started.elapsed() >= delay, "{:?}", started.elapsed());

    control.fail_next(Operation::Send, 1, Failure::Timeout);
    control.forget_faults();
    send(&mut sender, "3", "in time").await;
    broker.stop().await;
}

#[tokio::test]
async fn the_key_may_be_chosen_and_must_fit_into_a_connection_string() {
    let key = support::long_text();
    let broker = a_broker(Options { key: Some(key.clone()), ..Options::default() }).await;
    assert_eq!(support::parts(&broker.connection_string())["SharedAccessKey"], key);
    Client::connect(&broker.connection_string()).await;
    broker.stop().await;
    for bad in ["", "a;b", "a b"] {
        let options = Options { key: Some(bad.to_owned()), ..Options::default() };
        assert!(matches!(Broker::start(options).await, Err(StartError::Key(_))), "{bad:?}");
    }
}
