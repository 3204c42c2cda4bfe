//! Sessions: one receiver at a time, in order, with a state.

use std::time::Duration;

use broker::{Broker, Options, QueueOptions};
use bytes::Bytes;
use service_bus::{Message, ReceivedMessage, ServiceBusClient, ServiceBusError, SessionReceiver};

use crate::support::{PATIENCE, bodies, soon};

async fn a_queue_with_sessions() -> (Broker, ServiceBusClient) {
    let queue = QueueOptions {
        requires_session: true,
        lock_duration: Duration::from_secs(300),
        ..QueueOptions::new("s")
    };
    let broker = Broker::start(Options { queues: vec![queue], ..Options::default() }).await.unwrap();
    let client = ServiceBusClient::from_connection_string(&broker.connection_string()).unwrap();
    let of = |session: &str, number: u32| Message::new(format!("{session}{number}")).with_session_id(session);
    let messages = vec![of("a", 1), of("b", 1), of("a", 2), of("b", 2)];
    soon(client.sender("s").send_batch(messages)).await.unwrap();
    (broker, client)
}

/// The two messages of a session, which on a busy machine may come one by one.
async fn both(session: &SessionReceiver) -> Vec<ReceivedMessage> {
    let mut messages = soon(session.receive(2, PATIENCE)).await.unwrap();
    if messages.len() == 1 {
        messages.extend(soon(session.receive(1, PATIENCE)).await.unwrap());
    }
    messages
}

#[tokio::test]
async fn a_named_session_is_received_in_order_and_held_by_one() {
    let (_broker, client) = a_queue_with_sessions().await;
    let session = soon(client.accept_session("s", Some("b"), PATIENCE)).await.unwrap().unwrap();
    assert_eq!(session.session_id(), "b");
    assert!(session.locked_until().is_some());
    let messages = both(&session).await;
    assert_eq!(bodies(&messages), ["b1", "b2"]);

    let another = ServiceBusClient::clone(&client);
    let error = soon(another.accept_session("s", Some("b"), Duration::from_secs(1))).await.unwrap_err();
    let held = matches!(&error, ServiceBusError::Refused { condition, .. } if condition.contains("session-cannot-be-locked"));
    assert!(held, "{error:?}");

    for message in messages {
        soon(session.complete(message.lock_token)).await.unwrap();
    }
    session.close().await;
    let again = soon(client.accept_session("s", Some("b"), PATIENCE)).await.unwrap().unwrap();
    assert!(soon(again.receive(10, Duration::from_millis(300))).await.unwrap().is_empty());
}

#[tokio::test]
async fn the_next_free_session_is_accepted_until_there_is_none() {
    let (_broker, client) = a_queue_with_sessions().await;
    let mut held = Vec::new();
    for _ in 0..2 {
        held.push(soon(client.accept_session("s", None, PATIENCE)).await.unwrap().unwrap());
    }
    let mut ids: Vec<&str> = held.iter().map(|session| session.session_id()).collect();
    ids.sort_unstable();
    assert_eq!(ids, ["a", "b"]);
    assert!(soon(client.accept_session("s", None, Duration::from_secs(1))).await.unwrap().is_none());
    for session in &held {
        let messages = both(session).await;
        let id = session.session_id();
        assert_eq!(bodies(&messages), [format!("{id}1"), format!("{id}2")]);
    }
}

#[tokio::test]
async fn a_session_keeps_its_state_is_renewed_and_lost() {
    let (broker, client) = a_queue_with_sessions().await;
    let session = soon(client.accept_session("s", Some("a"), PATIENCE)).await.unwrap().unwrap();
    assert_eq!(soon(session.state()).await.unwrap(), None);
    soon(session.set_state(Some(Bytes::from_static(b"here")))).await.unwrap();
    assert_eq!(soon(session.state()).await.unwrap(), Some(Bytes::from_static(b"here")));
    let message = soon(session.receive(1, PATIENCE)).await.unwrap().remove(0);
    broker.control().advance_clock(Duration::from_secs(200));
    let until = soon(session.renew_session_lock()).await.unwrap();
    assert!(until > session.locked_until().unwrap());
    broker.control().advance_clock(Duration::from_secs(150));
    soon(session.complete(message.lock_token)).await.unwrap();

    broker.control().advance_clock(Duration::from_secs(600));
    let error = soon(session.renew_session_lock()).await.unwrap_err();
    assert!(matches!(error, ServiceBusError::LockLost { .. }), "{error:?}");
    let error = soon(session.receive(1, PATIENCE)).await.unwrap_err();
    assert!(matches!(error, ServiceBusError::LockLost { .. }), "{error:?}");
    let again = soon(client.accept_session("s", Some("a"), PATIENCE)).await.unwrap().unwrap();
    assert_eq!(soon(again.state()).await.unwrap(), Some(Bytes::from_static(b"here")));
    soon(again.set_state(None)).await.unwrap();
    assert_eq!(soon(again.state()).await.unwrap(), None);
}

#[tokio::test]
async fn an_entity_without_sessions_gives_none() {
    let fixture = crate::support::Fixture::start().await;
    let error = soon(fixture.client().accept_session("q", None, Duration::from_secs(1))).await.unwrap_err();
    assert!(!error.is_transient(), "{error:?}");
}
