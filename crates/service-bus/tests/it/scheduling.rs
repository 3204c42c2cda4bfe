//! Scheduling.

use std::time::Duration;

use service_bus::{Message, MessageState, ServiceBusError};
use time::OffsetDateTime;

use crate::support::{A_MOMENT, Fixture, PATIENCE, bodies, soon};

fn in_ten_minutes() -> OffsetDateTime {
    OffsetDateTime::now_utc() + Duration::from_secs(600)
}

#[tokio::test]
async fn a_scheduled_message_waits_for_its_time() {
    let fixture = Fixture::start().await;
    let client = fixture.client();
    let at = in_ten_minutes();
    let number = soon(client.sender("q").schedule(Message::new("later"), at)).await.unwrap();
    let receiver = client.receiver("q");
    assert!(soon(receiver.receive(1, A_MOMENT)).await.unwrap().is_empty());

    let peeked = soon(receiver.peek(0, 10)).await.unwrap();
    assert_eq!(
        (peeked.len(), peeked[0].sequence_number, peeked[0].state),
        (1, number, MessageState::Scheduled)
    );
    let off = peeked[0].scheduled_enqueue_time.unwrap() - at;
    assert!(off.abs() < Duration::from_millis(1), "{off}");

    fixture.broker.control().advance_clock(Duration::from_secs(601));
    let received = soon(receiver.receive(1, PATIENCE)).await.unwrap();
    assert_eq!(bodies(&received), ["later"]);
    assert_eq!(received[0].delivery_count, 1);
}

#[tokio::test]
async fn a_cancelled_message_never_comes() {
    let fixture = Fixture::start().await;
    let client = fixture.client();
    let sender = client.sender("q");
    let number = soon(sender.schedule(Message::new("never"), in_ten_minutes())).await.unwrap();
    soon(sender.cancel_scheduled(number)).await.unwrap();

    fixture.broker.control().advance_clock(Duration::from_secs(601));
    assert!(soon(client.receiver("q").receive(1, A_MOMENT)).await.unwrap().is_empty());
    let error = soon(sender.cancel_scheduled(number)).await.unwrap_err();
    assert!(matches!(error, ServiceBusError::MessageNotFound { .. }), "{error:?}");
}

#[tokio::test]
async fn a_time_on_the_message_itself_schedules_it_too() {
    let fixture = Fixture::start().await;
    let client = fixture.client();
    let message = Message::new("later").with_scheduled_enqueue_time(in_ten_minutes());
    soon(client.sender("q").send(message)).await.unwrap();
    assert!(soon(client.receiver("q").receive(1, A_MOMENT)).await.unwrap().is_empty());
    assert_eq!(fixture.broker.counts("q").unwrap().scheduled, 1);
}
