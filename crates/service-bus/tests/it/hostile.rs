//! Messages that a sender made so that whoever decodes them has too much to do.

use service_bus::{BodySection, Entity, Message, ServiceBusError, Value};

use crate::support::{A_MOMENT, Fixture, bodies, receive_all, soon, until};

/// Lists inside lists. The broker hands bodies on as they came, as Service Bus does.
fn nested(times: u32) -> Message {
    let value = (0..times).fold(Value::List(vec![]), |inside, _| Value::List(vec![inside]));
    let mut message = Message::new("").with_message_id("nested");
    message.body_section = BodySection::Value(value);
    message
}

#[tokio::test]
async fn a_message_that_is_nested_too_deeply_becomes_a_dead_letter_and_can_be_looked_at() {
    let fixture = Fixture::start().await;
    let client = fixture.client();
    for message in [nested(60), nested(20), Message::new("sound")] {
        soon(client.sender("q").send(message)).await.unwrap();
    }
    let received = receive_all(&client.receiver("q"), 2).await;
    assert_eq!(bodies(&received), ["", "sound"], "the others come as they are");
    until("a dead letter", async || fixture.broker.counts("q").unwrap().dead_letter == 1).await;

    let dead = Entity::queue("q").dead_letter();
    let browsed = soon(client.receiver(&dead).peek(0, 10)).await.unwrap();
    let [letter] = &browsed[..] else { panic!("one letter: {browsed:?}") };
    assert_eq!(letter.message_id.as_deref(), Some("nested"));
    assert_eq!(letter.dead_letter_reason.as_deref(), Some("Undecodable"));
    assert_eq!(letter.body_section, BodySection::Unreadable);
    let again = soon(client.sender("q").send(letter.to_message())).await;
    assert!(matches!(again, Err(ServiceBusError::InvalidArgument { .. })), "{again:?}");

    // Nothing can be put aside from here, and given back it would come round and round.
    let mut walk = client.receiver(dead).walk();
    assert!(soon(walk.next(A_MOMENT)).await.unwrap().is_none());
    soon(walk.finish()).await.unwrap();
}
