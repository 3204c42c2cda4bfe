//! Sending.

use std::time::Duration;

use service_bus::{Message, ServiceBusError};
use tokio::time::timeout;

use crate::support::{Fixture, PATIENCE, bodies, soon, until};

#[tokio::test]
async fn everything_on_a_message_arrives() {
    let fixture = Fixture::start().await;
    let client = fixture.client();
    let sent = Message::new(r#"{"order":7}"#)
        .with_message_id("order-7")
        .with_content_type("application/json")
        .with_subject("order")
        .with_correlation_id("chain-1")
        .with_to("there")
        .with_reply_to("back")
        .with_partition_key("customer-1")
        .with_time_to_live(Duration::from_secs(600))
        .with_application_property("attempt", 3)
        .with_application_property("tenant", "contoso")
        .with_application_property("last", true);
    soon(client.sender("q").send(sent.clone())).await.unwrap();

    let received = soon(client.receiver("q").receive(10, PATIENCE)).await.unwrap();
    let [message] = &received[..] else { panic!("{received:?}") };
    assert_eq!(message.to_message(), sent);
    assert_eq!(message.delivery_count, 1);
    assert!(message.sequence_number > 0, "{message:?}");
    let (enqueued, expires) = (message.enqueued_time.unwrap(), message.expires_at.unwrap());
    assert_eq!(expires - enqueued, Duration::from_secs(600));
    assert!(message.locked_until.unwrap() > enqueued);
    assert!(!message.lock_token.is_nil());
}

#[tokio::test]
async fn a_message_without_an_id_is_given_one() {
    let fixture = Fixture::start().await;
    let client = fixture.client();
    soon(client.sender("q").send(Message::new("x"))).await.unwrap();
    let received = soon(client.receiver("q").receive(1, PATIENCE)).await.unwrap();
    assert!(!received[0].message_id.as_deref().unwrap_or_default().is_empty(), "{received:?}");
}

#[tokio::test]
async fn a_batch_arrives_in_order_however_many_transfers_it_takes() {
    let fixture = Fixture::start().await;
    let client = fixture.client();
    let body = |number: usize| format!("{number:>60000}");
    let messages = (0..40).map(|number| Message::new(body(number))).collect();
    soon(client.sender("q").send_batch(messages)).await.unwrap();

    let receiver = client.receiver("q");
    let mut seen = Vec::new();
    while seen.len() < 40 {
        let received = soon(receiver.receive(40, PATIENCE)).await.unwrap();
        assert!(!received.is_empty(), "only {} came", seen.len());
        seen.extend(bodies(&received).iter().map(|body| body.trim().parse::<usize>().unwrap()));
    }
    assert_eq!(seen, (0..40).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_message_that_no_entity_takes_is_too_large() {
    let fixture = Fixture::start().await;
    let sender = fixture.client().sender("q");
    let huge = || Message::new(vec![0; 110 << 20]);
    for error in [
        soon(sender.send(huge())).await.unwrap_err(),
        soon(sender.send_batch(vec![Message::new("small"), huge()])).await.unwrap_err(),
    ] {
        assert!(matches!(error, ServiceBusError::TooLarge { .. }), "{error}");
    }
    assert_eq!(fixture.broker.counts("q").unwrap().active, 0);
}

#[tokio::test]
async fn a_large_message_crosses_in_many_frames() {
    let fixture = Fixture::start().await;
    let client = fixture.client();
    let body = vec![b'x'; 900_000];
    soon(client.sender("q").send(Message::new(body.clone()))).await.unwrap();
    let received = soon(client.receiver("q").receive(1, PATIENCE)).await.unwrap();
    assert_eq!(received[0].body, body);
}

#[tokio::test]
async fn an_entity_that_is_not_there_is_named_in_the_error() {
    let fixture = Fixture::start().await;
    let client = fixture.client();
    let missing = || client.receiver("missing");
    let errors = [
        soon(client.sender("missing").send(Message::new("x"))).await.unwrap_err(),
        soon(missing().receive(1, Duration::from_millis(100))).await.unwrap_err(),
        soon(missing().peek(0, 1)).await.unwrap_err(),
        soon(missing().complete(uuid::Uuid::new_v4())).await.unwrap_err(),
    ];
    for error in errors {
        assert!(matches!(error, ServiceBusError::EntityNotFound { .. }), "{error:?}");
        assert!(error.to_string().contains("missing"), "{error}");
    }
    // The connection was not what was wrong.
    soon(client.sender("q").send(Message::new("x"))).await.unwrap();
}

#[tokio::test]
async fn the_same_message_id_is_stored_once_where_duplicates_are_detected() {
    let fixture = Fixture::start().await;
    let sender = fixture.client().sender("once");
    for _ in 0..3 {
        soon(sender.send(Message::new("x").with_message_id("same"))).await.unwrap();
    }
    soon(sender.send_batch(vec![Message::new("x").with_message_id("same")])).await.unwrap();
    soon(sender.send(Message::new("y").with_message_id("other"))).await.unwrap();
    assert_eq!(fixture.broker.counts("once").unwrap().active, 2);
}

#[tokio::test]
async fn many_senders_share_one_link() {
    let fixture = Fixture::start().await;
    let sender = fixture.client().sender("q");
    let sends: Vec<_> = (0..200)
        .map(|number| {
            let sender = sender.clone();
            tokio::spawn(async move { sender.send(Message::new(number.to_string())).await })
        })
        .collect();
    for send in sends {
        soon(send).await.unwrap().unwrap();
    }
    until("200 messages", async || fixture.broker.counts("q").unwrap().active == 200).await;
}

/// A fast broker nearby finds races in an AMQP client in seconds: a `send` of older versions of the library hung
/// within a few dozen messages.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thousands_of_sends_in_a_row_are_each_answered() {
    let fixture = Fixture::start().await;
    let sender = fixture.client_that_waits().sender("q");

    for number in 0..5_000_u32 {
        let sent = timeout(PATIENCE, sender.send(Message::new(number.to_string()))).await;
        sent.unwrap_or_else(|_| panic!("send {number} hangs")).unwrap();
    }
    assert_eq!(fixture.broker.counts("q").unwrap().active, 5_000);
}

#[tokio::test]
async fn many_sends_under_way_are_answered_each_in_its_place() {
    let fixture = Fixture::start().await;
    let client = fixture.client();
    let too_large = "x".repeat(2 * 1024 * 1024);
    let body = |number: usize| if number == 7 { too_large.clone() } else { number.to_string() };
    let results =
        soon(client.sender("q").send_each((0..300).map(|number| Message::new(body(number))), 50)).await;
    for (number, result) in results.iter().enumerate() {
        match (number, result) {
            (7, Err(ServiceBusError::TooLarge { .. })) | (_, Ok(())) => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((results.len(), fixture.broker.counts("q").unwrap().active), (300, 299));
}
