//! Lost connections, wrong keys, secrets.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use service_bus::{ClientOptions, Message, ServiceBusClient, ServiceBusError};
use tokio::time::sleep;

use crate::support::{Fixture, PATIENCE, TurnedClock, bodies, receive_all, soon};

#[tokio::test]
async fn everything_goes_on_after_the_connection_was_dropped() {
    let fixture = Fixture::start().await;
    let client = fixture.client();
    let (sender, receiver) = (client.sender("q"), client.receiver("q"));
    for round in 0..5 {
        soon(sender.send(Message::new(round.to_string()))).await.unwrap();
        fixture.broker.control().drop_connections();
        let received = soon(receiver.receive(1, PATIENCE)).await.unwrap();
        assert_eq!(bodies(&received), [round.to_string()]);
        fixture.broker.control().drop_connections();
        soon(receiver.renew_lock(received[0].lock_token)).await.unwrap();
        soon(receiver.complete(received[0].lock_token)).await.unwrap();
        fixture.broker.control().drop_connections();
        assert!(soon(receiver.peek(0, 1)).await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn maintenance_of_the_service_goes_unnoticed() {
    let fixture = Fixture::start().await;
    let client = fixture.client();
    let (sender, receiver) = (client.sender("q"), client.receiver("q"));
    let control = fixture.broker.control();
    for round in 0..3 {
        soon(sender.send(Message::new("x"))).await.unwrap();
        if round == 1 {
            control.close_connections()
        } else {
            control.detach_links(Some("q"))
        }
        let received = soon(receiver.receive(1, PATIENCE)).await.unwrap();
        if round == 1 {
            control.close_connections()
        } else {
            control.detach_links(None)
        }
        soon(receiver.complete(received[0].lock_token)).await.unwrap();
    }
}

/// As a laptop does: both clocks go on, and nobody renews the tokens meanwhile.
#[tokio::test]
async fn a_machine_that_slept_through_its_tokens_goes_on() {
    let fixture = Fixture::start().await;
    let clock = Arc::new(TurnedClock::default());
    let client = fixture.client_with(ClientOptions { clock: clock.clone(), ..ClientOptions::default() });
    let (sender, receiver) = (client.sender("q"), client.receiver("q"));
    soon(sender.send(Message::new("before"))).await.unwrap();
    assert_eq!(bodies(&soon(receiver.receive(1, PATIENCE)).await.unwrap()), ["before"]);

    let night = Duration::from_secs(8 * 3600);
    clock.advance(night);
    fixture.broker.control().advance_clock(night);
    soon(sender.send(Message::new("after"))).await.unwrap();
    let received = receive_all(&receiver, 2).await;
    assert_eq!(bodies(&received), ["before", "after"]);
    soon(receiver.complete(received[1].lock_token)).await.unwrap();
}

#[tokio::test]
async fn a_receiver_that_waits_survives_a_dropped_connection() {
    let fixture = Fixture::start().await;
    let client = fixture.client();
    let receiver = client.receiver("q");
    let waiting = tokio::spawn(async move { receiver.receive(1, PATIENCE).await });
    sleep(Duration::from_millis(200)).await;
    fixture.broker.control().drop_connections();
    sleep(Duration::from_millis(100)).await;
    soon(client.sender("q").send(Message::new("x"))).await.unwrap();
    let received = soon(waiting).await.unwrap().unwrap();
    assert_eq!(bodies(&received), ["x"]);
}

/// Whatever moment a connection is dropped at, each message is stored exactly once where duplicates are detected.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn resending_under_dropped_connections_stores_each_message_once() {
    let fixture = Fixture::start().await;
    let sender = fixture.client_that_waits().sender("once");
    let control = fixture.broker.control();
    let dropping = async {
        for pause in [3, 17, 40, 80, 5, 60, 25, 110, 9, 33] {
            sleep(Duration::from_millis(pause)).await;
            control.drop_connections();
        }
    };
    let sending = async {
        for number in 0..300 {
            let message = Message::new(number.to_string()).with_message_id(format!("id-{number}"));
            soon(sender.send(message)).await.unwrap();
        }
    };
    tokio::join!(dropping, sending);
    assert_eq!(fixture.broker.counts("once").unwrap().active, 300);
}

/// A message that was on its way when the connection went is locked for nobody, and comes again when its lock ends.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn receiving_under_dropped_connections_loses_nothing() {
    let fixture = Fixture::start().await;
    let client = fixture.client();
    let messages = (0..200).map(|number: u32| Message::new(number.to_string())).collect();
    soon(client.sender("brief").send_batch(messages)).await.unwrap();
    let control = fixture.broker.control();
    let dropping = async {
        for pause in [3, 17, 40, 80, 5, 60, 25, 110, 9, 33] {
            sleep(Duration::from_millis(pause)).await;
            control.drop_connections();
        }
    };
    let receiving = async {
        let receiver = client.receiver("brief");
        let mut seen = BTreeSet::new();
        let empty = |counts: broker::Counts| counts.active + counts.locked == 0;
        while !empty(fixture.broker.counts("brief").unwrap()) {
            for message in soon(receiver.receive(7, Duration::from_millis(500))).await.unwrap() {
                seen.insert(bodies(std::slice::from_ref(&message))[0].to_owned());
                match soon(receiver.complete(message.lock_token)).await {
                    // An attempt before the drop may have completed it.
                    Ok(()) | Err(ServiceBusError::LockLost { .. }) => {}
                    Err(error) => panic!("{error:?}"),
                }
            }
        }
        seen
    };
    let ((), seen) = tokio::join!(dropping, soon(receiving));
    assert_eq!(seen.len(), 200);
    assert_eq!(fixture.broker.counts("brief").unwrap().dead_letter, 0);
}

#[tokio::test]
async fn a_wrong_key_is_unauthorized() {
    let fixture = Fixture::start().await;
    let right = fixture.broker.connection_string();
    let wrong: Vec<String> = right
        .split(';')
        .map(|part| match part.split_once('=') {
            Some(("SharedAccessKey", _)) => format!("SharedAccessKey={}", uuid::Uuid::new_v4().simple()),
            _ => part.to_owned(),
        })
        .collect();
    let client = ServiceBusClient::from_connection_string(&wrong.join(";")).unwrap();
    let errors = [
        soon(client.sender("q").send(Message::new("x"))).await.unwrap_err(),
        soon(client.receiver("q").receive(1, Duration::from_millis(100))).await.unwrap_err(),
        soon(client.receiver("q").peek(0, 1)).await.unwrap_err(),
    ];
    for error in errors {
        assert!(matches!(error, ServiceBusError::Unauthorized { .. }), "{error:?}");
    }
    assert_eq!(fixture.broker.counts("q").unwrap().active, 0);
}

#[tokio::test]
async fn nothing_that_can_be_printed_holds_the_key() {
    let fixture = Fixture::start().await;
    let string = fixture.broker.connection_string();
    let key = string.split(';').find_map(|part| part.strip_prefix("SharedAccessKey=")).unwrap();
    let client = fixture.client();
    let printed = format!("{client:?} {:?} {:?}", client.sender("q"), client.receiver("q"));
    assert!(!printed.contains(key), "{printed}");
}
