//! Walking a queue from its head: what is not settled is left exactly as it was.

use std::{sync::Arc, time::Duration};

use service_bus::{ClientOptions, Entity, Message, ReceivedMessage, ServiceBusClient, ServiceBusError};

use crate::support::{A_MOMENT, Fixture, PATIENCE, TurnedClock, receive_all, soon};

async fn dead_letters(client: &ServiceBusClient, queue: &str, count: usize) -> Vec<ReceivedMessage> {
    let messages = (0..count).map(|number| Message::new(number.to_string())).collect();
    soon(client.sender(queue).send_batch(messages)).await.unwrap();
    let receiver = client.receiver(queue);
    let mut left = count;
    while left > 0 {
        for message in soon(receiver.receive(left, PATIENCE)).await.unwrap() {
            match soon(receiver.dead_letter(message.lock_token, "Test", "why")).await {
                Ok(()) => left -= 1,
                // A brief lock ends before a busy machine comes round to it, and the message comes again.
                Err(ServiceBusError::LockLost { .. }) => {}
                Err(error) => panic!("{error:?}"),
            }
        }
    }
    all(client, queue).await
}

async fn all(client: &ServiceBusClient, queue: &str) -> Vec<ReceivedMessage> {
    let dead = client.receiver(Entity::queue(queue).dead_letter());
    let (mut seen, mut from) = (Vec::new(), 0);
    loop {
        let page = soon(dead.peek(from, 500)).await.unwrap();
        let Some(last) = page.last() else { return seen };
        from = last.sequence_number + 1;
        seen.extend(page);
    }
}

#[tokio::test]
async fn some_are_taken_and_the_others_stay_as_they_were() {
    let fixture = Fixture::start().await;
    let client = fixture.client();
    let mut before = dead_letters(&client, "q", 500).await;
    let receiver = client.receiver(Entity::queue("q").dead_letter());
    let mut walk = receiver.walk();
    for number in 0..500 {
        let message = walk.next(PATIENCE).await.unwrap().unwrap();
        if number % 50 == 7 {
            receiver.complete(message.lock_token).await.unwrap();
            walk.settled(message.lock_token);
        }
    }
    assert_eq!(walk.next(A_MOMENT).await.unwrap(), None);
    assert_eq!(walk.finish().await.unwrap(), 490);

    let gone = |message: &ReceivedMessage| (message.sequence_number - before[0].sequence_number) % 50 == 7;
    let gone: Vec<i64> = before.iter().filter(|m| gone(m)).map(|m| m.sequence_number).collect();
    before.retain(|message| !gone.contains(&message.sequence_number));
    assert_eq!(all(&client, "q").await, before);
    // And they are free: the next receiver gets the first of them at once, in order.
    let next = receive_all(&receiver, 3).await;
    let numbers =
        |messages: &[ReceivedMessage]| messages.iter().map(|m| m.sequence_number).collect::<Vec<_>>();
    assert_eq!(numbers(&next), numbers(&before[..3]));
    assert!(next.iter().all(|message| message.delivery_count == before[0].delivery_count + 1));
}

#[tokio::test]
async fn a_walk_that_was_dropped_leaves_locks_that_end_without_counting() {
    let fixture = Fixture::start().await;
    let client = fixture.client();
    let before = dead_letters(&client, "brief", 20).await;
    let receiver = client.receiver(Entity::queue("brief").dead_letter());
    let mut walk = receiver.walk();
    for _ in 0..20 {
        walk.next(PATIENCE).await.unwrap().unwrap();
    }
    drop(walk);
    fixture.broker.control().advance_clock(Duration::from_secs(3));
    assert_eq!(all(&client, "brief").await, before);
    let mut again = receiver.walk();
    assert_eq!(again.next(PATIENCE).await.unwrap().unwrap().sequence_number, before[0].sequence_number);
    again.finish().await.unwrap();
}

#[tokio::test]
async fn locks_are_renewed_and_a_lost_one_does_not_hinder_the_others() {
    let fixture = Fixture::start().await;
    // By its clock the locks of five minutes have two seconds left, so that they are due soon; the broker lets none end.
    let clock = Arc::new(TurnedClock::default());
    clock.advance(Duration::from_secs(298));
    let client = fixture.client_with(ClientOptions { clock, ..ClientOptions::default() });
    dead_letters(&client, "q", 20).await;
    let receiver = client.receiver(Entity::queue("q").dead_letter());

    let mut walk = receiver.walk();
    let mut held = Vec::new();
    while let Some(message) = walk.next(if held.len() < 20 { PATIENCE } else { A_MOMENT }).await.unwrap() {
        held.push(message);
    }
    // Settled by someone else: its lock is lost to the walk.
    receiver.complete(held[3].lock_token).await.unwrap();
    tokio::time::sleep(Duration::from_millis(900)).await;
    assert_eq!(walk.renew_due().await.unwrap(), 19);
    assert_eq!(walk.held(), 19);
    walk.finish().await.unwrap();
}

#[tokio::test]
async fn a_peek_of_more_than_fits_into_one_answer_comes_in_pieces() {
    let fixture = Fixture::start().await;
    let client = fixture.client();
    let body = "x".repeat(2_000);
    let messages = (0..1_500).map(|_| Message::new(body.clone())).collect();
    soon(client.sender("q").send_batch(messages)).await.unwrap();
    let (mut seen, mut from) = (0, 0);
    loop {
        let page = soon(client.receiver("q").peek(from, 500)).await.unwrap();
        let Some(last) = page.last() else { break };
        from = last.sequence_number + 1;
        seen += page.len();
    }
    assert_eq!(seen, 1_500);
}
