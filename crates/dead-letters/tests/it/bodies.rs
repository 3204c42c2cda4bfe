//! Bodies of every kind, and letters that are too large to be sent again.

use std::time::Duration;

use dead_letters::archive::Archived;
use service_bus::{BodySection, Message, ReceivedMessage, Value};

use crate::support::*;

async fn receive(fixture: &Fixture, queue: &str, count: usize) -> Vec<ReceivedMessage> {
    let receiver = fixture.client.receiver(queue);
    let mut received = Vec::new();
    while received.len() < count {
        let more = receiver.receive(count - received.len(), Duration::from_secs(10)).await.unwrap();
        assert!(!more.is_empty(), "{} of {count} came", received.len());
        received.extend(more);
    }
    received
}

#[tokio::test]
async fn a_body_is_archived_and_replayed_in_the_kind_of_section_that_it_came_in() {
    let fixture = Fixture::start().await;
    let text = Value::from("Grüße");
    let map = Value::Map(vec![(text.clone(), Value::Array(vec![1.into(), 2.into()]))]);
    let sections = [
        BodySection::Value(text),
        BodySection::Value(map),
        BodySection::Sequence(vec![vec![1.into()], vec!["two".into()]]),
    ];
    let messages = sections.iter().enumerate().map(|(id, section)| Message {
        body_section: section.clone(),
        ..Message::default().with_message_id(id.to_string())
    });
    fixture.dead("orders", messages.collect(), "Test").await;

    for letter in fixture.letters("orders").await {
        let line = Archived::of(&letter, false).unwrap().to_line().unwrap();
        let again = Archived::read_all(std::str::from_utf8(&line).unwrap()).unwrap().remove(0);
        assert_eq!(again.to_letter().unwrap().message.to_message(), letter.message.to_message());
    }
    let plan = fixture.plan("orders", |_| true).await;
    let report = fixture.replay(&plan, without_outcomes()).await.unwrap();
    assert_eq!(report.counts.replayed, 3);
    let replayed: Vec<_> =
        receive(&fixture, "orders", 3).await.into_iter().map(|message| message.body_section).collect();
    assert_eq!(replayed, sections);
}

#[tokio::test]
async fn a_letter_that_is_too_large_to_be_sent_again_does_not_stop_the_others() {
    let fixture = Fixture::start().await;
    // It fits as it is, and not with what a replay adds.
    let large = Message::new(vec![b'x'; 1024 * 1024 - 200]).with_message_id("large");
    fixture.client.sender("orders").send(large).await.unwrap();
    fixture.kill("orders", 1, "Test").await;
    fixture.dead("orders", ["a", "b"].map(|id| Message::new(id).with_message_id(id)).to_vec(), "Test").await;
    let plan = fixture.plan("orders", |_| true).await;
    let report = fixture.replay(&plan, without_outcomes()).await.unwrap();
    assert_eq!(report.counts.replayed, 2, "{report:?}");
    assert_eq!(receive(&fixture, "orders", 2).await.len(), 2);
    assert_eq!(fixture.broker.counts("orders").unwrap().dead_letter, 1, "the large one stays");
}
