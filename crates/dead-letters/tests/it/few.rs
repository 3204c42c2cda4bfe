//! A few letters are sent again without a log.

use std::collections::BTreeSet;

use dead_letters::{Few, Letter, send_few};
use service_bus::{Entity, Message};

use crate::support::{Fixture, numbered};

async fn send(fixture: &Fixture, wanted: &[i64], is_meant: impl Fn(&Letter) -> bool) -> Few {
    let wanted = wanted.iter().copied().collect();
    let adjust = |message: &mut Message| {
        message.message_id = Some("not this".to_owned());
        message.application_properties.insert("x-why".to_owned(), "test".into());
    };
    send_few(&fixture.client, &Entity::queue("orders"), &wanted, "run", is_meant, adjust).await.unwrap()
}

fn set(numbers: &[i64]) -> BTreeSet<i64> {
    numbers.iter().copied().collect()
}

#[tokio::test]
async fn only_what_is_wanted_and_meant_goes_out_under_the_id_that_a_plan_would_give_it() {
    let fixture = Fixture::start().await;
    fixture.dead("orders", numbered(40), "Test").await;
    let before = fixture.letters("orders").await;
    let numbers: Vec<i64> = before.iter().map(|letter| letter.id.sequence).collect();
    let (first, second, not_meant, nobodys) = (numbers[3], numbers[20], numbers[21], 9_999);
    let plan = fixture.plan("orders", |letter| [first, second].contains(&letter.id.sequence)).await;

    let few =
        send(&fixture, &[first, second, not_meant, nobodys], |letter| letter.id.sequence != not_meant).await;
    assert_eq!(few, Few { sent: set(&[first, second]), gone: set(&[nobodys]), left: set(&[not_meant]) });
    let others: Vec<Letter> =
        before.iter().filter(|letter| ![first, second].contains(&letter.id.sequence)).cloned().collect();
    assert_eq!(fixture.letters("orders").await, others, "the same in order, content and delivery count");
    let sent = fixture.client.receiver("orders").peek(0, 10).await.unwrap();
    let ids: Vec<_> = sent.iter().map(|message| message.message_id.clone().unwrap()).collect();
    assert_eq!(ids, plan.messages.iter().map(|planned| planned.replay_as.clone()).collect::<Vec<_>>());
    for message in &sent {
        let property = |name: &str| message.application_properties[name].as_str().unwrap().to_owned();
        assert_eq!((property("x-replay-run"), property("x-why")), ("run".to_owned(), "test".to_owned()));
        assert!(property("x-replay-of-traceparent").starts_with("00-0af7651916cd43dd8448eb211c80319c"));
    }
}

#[tokio::test]
async fn what_a_run_before_has_sent_is_gone_and_is_not_sent_again() {
    let fixture = Fixture::start().await;
    fixture.dead("orders", numbered(3), "Test").await;
    let wanted: Vec<i64> = fixture.letters("orders").await.iter().map(|letter| letter.id.sequence).collect();
    let all: BTreeSet<i64> = wanted.iter().copied().collect();
    assert_eq!(send(&fixture, &wanted, |_| true).await.sent, all);
    assert_eq!(send(&fixture, &wanted, |_| true).await, Few { gone: all, ..Few::default() });
    assert_eq!(fixture.broker.counts("orders").unwrap().active, 3);
}
