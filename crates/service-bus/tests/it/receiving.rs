//! Receiving and browsing.

use std::{collections::BTreeSet, time::Duration};

use service_bus::{Message, MessageState};
use tokio::time::{Instant, sleep, timeout};

use crate::support::{A_MOMENT, FOR_EVER, Fixture, PATIENCE, bodies, receive_all, soon, until};

async fn fill(fixture: &Fixture, count: usize) {
    let messages = (0..count).map(|number| Message::new(number.to_string())).collect();
    soon(fixture.client().sender("q").send_batch(messages)).await.unwrap();
}

#[tokio::test]
async fn receive_returns_early_with_what_is_there() {
    let fixture = Fixture::start().await;
    fill(&fixture, 3).await;
    let received = soon(fixture.client().receiver("q").receive(10, FOR_EVER)).await.unwrap();
    assert!(!received.is_empty());
    // On a busy machine not all may be there at the same moment.
    assert_eq!(bodies(&received), ["0", "1", "2"][..received.len()]);
}

#[tokio::test]
async fn receive_returns_nothing_after_the_wait() {
    let fixture = Fixture::start().await;
    let started = Instant::now();
    let received = soon(fixture.client().receiver("q").receive(10, A_MOMENT)).await.unwrap();
    assert!(received.is_empty());
    assert!(started.elapsed() >= A_MOMENT);
}

#[tokio::test]
async fn a_waiting_receiver_wakes_when_a_message_comes() {
    let fixture = Fixture::start().await;
    let client = fixture.client();
    let receiver = client.receiver("q");
    assert!(soon(receiver.receive(1, Duration::from_millis(50))).await.unwrap().is_empty());
    let waiting = tokio::spawn(async move { receiver.receive(5, FOR_EVER).await });
    sleep(Duration::from_millis(200)).await;

    soon(client.sender("q").send(Message::new("wakes it"))).await.unwrap();
    assert_eq!(soon(waiting).await.unwrap().unwrap().len(), 1);
}

#[tokio::test]
async fn no_more_are_locked_than_were_asked_for() {
    let fixture = Fixture::start().await;
    fill(&fixture, 10).await;
    let received = receive_all(&fixture.client().receiver("q"), 3).await;
    assert_eq!(bodies(&received), ["0", "1", "2"]);
    let counts = fixture.broker.counts("q").unwrap();
    assert_eq!(counts.locked, 3, "{counts:?}");
}

#[tokio::test]
async fn an_idle_receiver_keeps_no_message_from_another() {
    let fixture = Fixture::start().await;
    let client = fixture.client();
    let idle = client.receiver("q");
    // Asks for ten, gets none, and leaves credit for ten behind.
    assert!(soon(idle.receive(10, Duration::from_millis(50))).await.unwrap().is_empty());
    fill(&fixture, 5).await;

    let other = fixture.client().receiver("q");
    let mut seen = Vec::new();
    while seen.len() < 5 {
        let received = soon(other.receive(5 - seen.len(), PATIENCE)).await.unwrap();
        assert!(!received.is_empty(), "only {seen:?} came");
        for message in received {
            // What the idle receiver was sent and gave back does not count as a delivery.
            assert_eq!(message.delivery_count, 1);
            seen.push(message.sequence_number);
        }
    }
    // And the idle one goes on working.
    fill(&fixture, 1).await;
    assert_eq!(soon(idle.receive(10, PATIENCE)).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_receive_that_is_given_up_loses_nothing() {
    let fixture = Fixture::start().await;
    let client = fixture.client();
    let receiver = client.receiver("q");
    for _ in 0..3 {
        assert!(timeout(Duration::from_millis(60), receiver.receive(10, PATIENCE)).await.is_err());
        fill(&fixture, 1).await;
        let received = soon(receiver.receive(1, PATIENCE)).await.unwrap();
        assert_eq!(received.len(), 1);
        soon(receiver.complete(received[0].lock_token)).await.unwrap();
    }
    assert!(timeout(Duration::from_millis(60), receiver.receive(10, PATIENCE)).await.is_err());
    fill(&fixture, 4).await;
    drop(receiver);
    let other = client.receiver("q");
    let mut count = 0;
    while count < 4 {
        let received = soon(other.receive(4, PATIENCE)).await.unwrap();
        assert!(!received.is_empty(), "only {count} came");
        count += received.len();
    }
}

#[tokio::test]
async fn a_closed_receiver_gives_back_what_it_fetched() {
    let fixture = Fixture::start().await;
    let receiver = fixture.client().receiver("q");
    assert!(soon(receiver.receive(10, Duration::from_millis(50))).await.unwrap().is_empty());
    fill(&fixture, 5).await;
    soon(receiver.close()).await;
    until("all are back", async || fixture.broker.counts("q").unwrap().active == 5).await;
    assert_eq!(fixture.broker.counts("q").unwrap().locked, 0);
    assert_eq!(receive_all(&receiver, 5).await.len(), 5);
}

#[tokio::test]
async fn a_long_lived_link_delivers_thousands() {
    let fixture = Fixture::start().await;
    fill(&fixture, 3_000).await;
    let receiver = fixture.client().receiver("q");
    let mut count = 0;
    while count < 3_000 {
        let received = soon(receiver.receive(250, PATIENCE)).await.unwrap();
        assert!(!received.is_empty(), "only {count} came");
        count += received.len();
        let settled = received.iter().map(|message| {
            let (receiver, lock_token) = (receiver.clone(), message.lock_token);
            tokio::spawn(async move { receiver.complete(lock_token).await })
        });
        for settled in settled.collect::<Vec<_>>() {
            soon(settled).await.unwrap().unwrap();
        }
    }
    let counts = fixture.broker.counts("q").unwrap();
    assert_eq!((counts.active, counts.locked), (0, 0), "{counts:?}");
}

/// A link is replaced after ten thousand deliveries; nobody notices.
#[tokio::test]
async fn a_link_that_wore_out_is_replaced_unseen() {
    let fixture = Fixture::start().await;
    fill(&fixture, 10_500).await;
    let receiver = fixture.client().receiver("q");
    let mut numbers = BTreeSet::new();
    while numbers.len() < 10_500 {
        let received = soon(receiver.receive(500, PATIENCE)).await.unwrap();
        assert!(!received.is_empty(), "only {} came", numbers.len());
        for message in received {
            assert!(numbers.insert(message.sequence_number), "{} came twice", message.sequence_number);
        }
    }
}

#[tokio::test]
async fn peeking_neither_locks_nor_counts() {
    let fixture = Fixture::start().await;
    fill(&fixture, 5).await;
    let receiver = fixture.client().receiver("q");
    let peeked = soon(receiver.peek(0, 3)).await.unwrap();
    assert_eq!(bodies(&peeked), ["0", "1", "2"]);
    assert!(
        peeked.iter().all(|message| message.lock_token.is_nil() && message.delivery_count == 0),
        "{peeked:?}"
    );
    assert!(peeked.iter().all(|message| message.state == MessageState::Active));
    let rest = soon(receiver.peek(peeked[2].sequence_number + 1, 100)).await.unwrap();
    assert_eq!(bodies(&rest), ["3", "4"]);
    assert!(soon(receiver.peek(rest[1].sequence_number + 1, 100)).await.unwrap().is_empty());
    assert_eq!(fixture.broker.counts("q").unwrap().locked, 0);

    let received = soon(receiver.receive(5, PATIENCE)).await.unwrap();
    assert!(received.iter().all(|message| message.delivery_count == 1), "{received:?}");
    // Locked messages are shown too.
    assert_eq!(soon(receiver.peek(0, 100)).await.unwrap().len(), 5);
}
