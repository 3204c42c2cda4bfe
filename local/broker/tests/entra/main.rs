//! TLS, tokens of Entra, and the data roles: against a simulated Entra and Resource Manager, over the wire.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod estate;
mod judge;

use std::time::Duration;

use broker::{Broker, EntraError, Options, StartError};
use estate::{Estate, RECEIVER, SENDER, Who};
use service_bus::{Entity, Message, ServiceBusError};
use tokio::time::{Instant, sleep};

const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until an attempt ends as it should: a role that was given or taken counts a moment later.
async fn eventually<T>(
    what: &str,
    mut attempt: impl AsyncFnMut() -> Result<T, ServiceBusError>,
    as_it_should: impl Fn(&Result<T, ServiceBusError>) -> bool,
) -> Result<T, ServiceBusError> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let outcome = attempt().await;
        if as_it_should(&outcome) {
            return outcome;
        }
        assert!(Instant::now() < deadline, "{what}: {:?}", outcome.err());
        sleep(Duration::from_millis(50)).await;
    }
}

/// That an attempt is refused for want of a claim, in the words of Service Bus.
#[track_caller]
fn assert_lacks(claim: &str, entity: &str, outcome: Result<(), ServiceBusError>) {
    let Err(ServiceBusError::Unauthorized { description }) = outcome else {
        panic!("'{claim}' of {entity} was not refused: {outcome:?}")
    };
    let expected = format!(
        "Unauthorized access. '{claim}' claim(s) are required to perform this operation. Resource: \
         'sb://127.0.0.1/{entity}'. TrackingId:"
    );
    assert!(description.contains(&expected), "{description}");
    assert!(description.contains("SystemTracker:") && description.contains("Timestamp:2"), "{description}");
}

#[tokio::test]
async fn roles_are_needed_for_what_they_allow_where_they_are_assigned_and_as_long_as_they_are() {
    let estate = Estate::start().await;
    let broker = estate.broker().await;
    let client = estate.client(&broker, Who::Identity);
    let (orders, other) = (client.sender("orders"), client.sender("other"));
    let receiver = client.receiver("orders");
    let peek = async || client.receiver("orders").peek(0, 1).await.map(drop);
    assert_lacks("Send", "orders", orders.open().await);
    assert_lacks("Listen", "orders", receiver.receive(1, Duration::ZERO).await.map(drop));
    assert_lacks("Send,Listen,Manage", "orders/$management", peek().await);

    let sending = estate.assign(&format!("{}/queues/orders", estate.namespace), SENDER).await;
    eventually("to send", async || orders.send(Message::new("one")).await, Result::is_ok).await.unwrap();
    assert_lacks("Send", "other", other.open().await);
    let later = time::OffsetDateTime::now_utc() + Duration::from_secs(600);
    orders.schedule(Message::new("later"), later).await.unwrap();
    assert_lacks("Listen", "orders/$management", peek().await);
    assert_lacks("Listen", "orders", receiver.receive(1, Duration::ZERO).await.map(drop));

    let receiving = estate.assign(&estate.namespace, RECEIVER).await;
    let received =
        eventually("to receive", async || receiver.receive(1, PATIENCE).await, Result::is_ok).await;
    receiver.complete(received.unwrap()[0].lock_token).await.unwrap();
    peek().await.unwrap();
    client.receiver(Entity::queue("other")).peek(0, 1).await.unwrap();

    estate.take_away(&sending).await;
    let refused = |outcome: &Result<(), _>| outcome.is_err();
    let ended = eventually("to send no more", async || orders.send(Message::new("two")).await, refused).await;
    assert_lacks("Send", "orders", ended);
    let again = client.sender("orders").schedule(Message::new("later"), later).await.map(drop);
    assert_lacks("Send", "orders/$management", again);
    estate.take_away(&receiving).await;
    let ended = eventually("to peek no more", peek, refused).await;
    assert_lacks("Send,Listen,Manage", "orders/$management", ended);
    client.close().await;
    broker.stop().await;
}

#[tokio::test]
async fn tokens_of_others_and_for_others_and_keys_are_refused_and_say_why() {
    let estate = Estate::start().await;
    let broker = estate.broker().await;
    estate.assign(&estate.namespace, SENDER).await;
    let identity = estate.client(&broker, Who::Identity);
    eventually("to send", async || identity.sender("orders").open().await, Result::is_ok).await.unwrap();
    for (who, expected) in [
        (Who::CustomersAdministrator, "InvalidIssuer: Token issuer is invalid."),
        (Who::IdentityForStorage, "InvalidAudience"),
        (Who::Forged, "InvalidSignature"),
        (Who::Key, "LocalAuthDisabled: Authorization failed because SAS authentication has been disabled"),
    ] {
        let client = estate.client(&broker, who);
        let refused = client.sender("orders").open().await.unwrap_err();
        let ServiceBusError::Unauthorized { description } = &refused else { panic!("{who:?}: {refused:?}") };
        assert!(description.contains(expected), "{who:?}: {description}");
        client.close().await;
    }
    identity.close().await;
    broker.stop().await;
}

#[tokio::test]
async fn a_token_that_ends_takes_its_links_along() {
    let estate = Estate::start().await;
    let broker = estate.broker().await;
    estate.assign(&estate.namespace, SENDER).await;
    let client = estate.client(&broker, Who::Identity);
    eventually("to send", async || client.sender("orders").open().await, Result::is_ok).await.unwrap();
    // Identities get tokens for a day; what the client holds is good for a day no more.
    broker.control().advance_clock(Duration::from_secs(2 * 86_400));
    let send = async || client.sender("orders").send(Message::new("late")).await;
    let ended = eventually("to end", send, Result::is_err).await;
    let Err(ServiceBusError::Unauthorized { description }) = ended else { panic!("{ended:?}") };
    assert!(description.contains("ExpiredToken"), "{description}");
    client.close().await;
    broker.stop().await;
}

#[tokio::test]
async fn a_broker_that_cannot_learn_whom_to_believe_does_not_start_and_says_what_it_asked() {
    let estate = Estate::start().await;
    let mut entra = estate.entra();
    entra.namespace_id.push_str("-other");
    let refused = Broker::start(estate.options(entra)).await.unwrap_err();
    let StartError::Entra(EntraError::Refused { url, status: 404, body }) = refused else {
        panic!("{refused:?}")
    };
    assert!(url.contains("-other") && body.contains("ResourceNotFound"), "{url} {body}");
    let mut entra = estate.entra();
    entra.reader.1 = "wrong".to_owned();
    let refused = Broker::start(estate.options(entra)).await.unwrap_err();
    let StartError::Entra(EntraError::Refused { status: 401, body, .. }) = refused else {
        panic!("{refused:?}")
    };
    assert!(body.contains("AADSTS7000215"), "{body}");
    let tls =
        estate.options(estate.entra()).tls.map(|tls| broker::Certificate { key: tls.chain.clone(), ..tls });
    let refused = Broker::start(Options { tls, ..Options::default() }).await.unwrap_err();
    assert!(matches!(refused, StartError::Certificate(_)), "{refused:?}");
}
