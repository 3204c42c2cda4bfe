//! Settling by lock token.

use std::time::Duration;

use service_bus::{Entity, Message, ReceivedMessage, ServiceBusClient, ServiceBusError};

use crate::support::{A_MOMENT, Fixture, PATIENCE, bodies, receive_all, soon, until};

async fn one_locked(client: &ServiceBusClient, queue: &str) -> ReceivedMessage {
    soon(client.sender(queue).send(Message::new("x").with_message_id("id"))).await.unwrap();
    soon(client.receiver(queue).receive(1, PATIENCE)).await.unwrap().remove(0)
}

#[tokio::test]
async fn a_completed_message_is_gone() {
    let fixture = Fixture::start().await;
    let client = fixture.client();
    let message = one_locked(&client, "q").await;
    let receiver = client.receiver("q");
    soon(receiver.complete(message.lock_token)).await.unwrap();
    assert!(soon(receiver.peek(0, 10)).await.unwrap().is_empty());
    let error = soon(receiver.complete(message.lock_token)).await.unwrap_err();
    assert!(matches!(error, ServiceBusError::LockLost { .. }), "{error:?}");
}

#[tokio::test]
async fn an_abandoned_message_comes_again_at_once_and_counts() {
    let fixture = Fixture::start().await;
    let client = fixture.client();
    let receiver = client.receiver("q");
    let mut message = one_locked(&client, "q").await;
    for delivery in 2..=4 {
        soon(receiver.abandon(message.lock_token)).await.unwrap();
        message = soon(receiver.receive(1, PATIENCE)).await.unwrap().remove(0);
        assert_eq!(message.delivery_count, delivery);
    }
}

#[tokio::test]
async fn a_dead_letter_is_read_back_with_its_reason() {
    let fixture = Fixture::start().await;
    let client = fixture.client();
    let message = one_locked(&client, "q").await;
    soon(client.receiver("q").dead_letter(message.lock_token, "Undecodable", "no field `tenant`"))
        .await
        .unwrap();
    assert!(soon(client.receiver("q").receive(1, A_MOMENT)).await.unwrap().is_empty());

    let dead = client.receiver(Entity::queue("q").dead_letter());
    let peeked = soon(dead.peek(0, 10)).await.unwrap();
    let received = soon(dead.receive(1, PATIENCE)).await.unwrap();
    for message in [&peeked[0], &received[0]] {
        assert_eq!(message.message_id.as_deref(), Some("id"));
        assert_eq!(message.dead_letter_reason.as_deref(), Some("Undecodable"));
        assert_eq!(message.dead_letter_error_description.as_deref(), Some("no field `tenant`"));
        assert!(message.to_message().application_properties.is_empty());
    }
    soon(dead.complete(received[0].lock_token)).await.unwrap();
    assert!(soon(dead.peek(0, 10)).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_message_is_settled_by_its_token_from_another_client() {
    let fixture = Fixture::start().await;
    let (first, second) = (fixture.client(), fixture.client());
    let message = one_locked(&first, "q").await;
    soon(second.receiver("q").complete(message.lock_token)).await.unwrap();
    let error = soon(first.receiver("q").complete(message.lock_token)).await.unwrap_err();
    assert!(matches!(error, ServiceBusError::LockLost { .. }), "{error:?}");
    // A client that has lost its connection is another client, too.
    let message = one_locked(&first, "q").await;
    fixture.broker.control().drop_connections();
    soon(first.receiver("q").complete(message.lock_token)).await.unwrap();
}

#[tokio::test]
async fn a_lost_lock_is_reported_by_every_way_to_settle() {
    let fixture = Fixture::start().await;
    let client = fixture.client();
    let receiver = client.receiver("brief");
    let message = one_locked(&client, "brief").await;
    fixture.broker.control().advance_clock(Duration::from_secs(3));
    let token = message.lock_token;
    let errors = [
        soon(receiver.complete(token)).await.unwrap_err(),
        soon(receiver.abandon(token)).await.unwrap_err(),
        soon(receiver.dead_letter(token, "reason", "description")).await.unwrap_err(),
        soon(receiver.renew_lock(token)).await.unwrap_err(),
        soon(receiver.complete(uuid::Uuid::new_v4())).await.unwrap_err(),
    ];
    for error in errors {
        assert!(matches!(error, ServiceBusError::LockLost { .. }), "{error:?}");
    }
    let again = soon(receiver.receive(1, PATIENCE)).await.unwrap();
    assert_eq!((again[0].delivery_count, bodies(&again)), (2, vec!["x"]));
}

#[tokio::test]
async fn a_renewed_lock_lasts_longer() {
    let fixture = Fixture::start().await;
    let client = fixture.client();
    let receiver = client.receiver("q");
    let message = one_locked(&client, "q").await;

    let control = fixture.broker.control();
    control.advance_clock(Duration::from_secs(200));
    let until = soon(receiver.renew_lock(message.lock_token)).await.unwrap();
    assert!(until > message.locked_until.unwrap(), "{until}");
    control.advance_clock(Duration::from_secs(150));
    soon(receiver.complete(message.lock_token)).await.unwrap();
}

#[tokio::test]
async fn messages_are_settled_many_at_a_time() {
    let fixture = Fixture::start().await;
    let client = fixture.client();
    let messages = (0..100).map(|number| Message::new(number.to_string())).collect();
    soon(client.sender("q").send_batch(messages)).await.unwrap();
    let receiver = client.receiver("q");
    let received = receive_all(&receiver, 100).await;

    let settled: Vec<_> = received
        .into_iter()
        .map(|message| {
            let receiver = receiver.clone();
            tokio::spawn(async move { receiver.complete(message.lock_token).await })
        })
        .collect();
    for settled in settled {
        soon(settled).await.unwrap().unwrap();
    }
    until("the queue is empty", async || fixture.broker.counts("q").unwrap().locked == 0).await;
}
