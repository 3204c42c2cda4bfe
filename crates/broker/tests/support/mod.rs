//! A client for tests: `fe2o3-amqp`, signed in by SASL PLAIN with the key of the connection string.

#![allow(dead_code, reason = "each test binary uses its own part of this")]

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use fe2o3_amqp::connection::ConnectionHandle;
use fe2o3_amqp::sasl_profile::SaslProfile;
use fe2o3_amqp::session::SessionHandle;
use fe2o3_amqp::{Connection, Receiver, Sender, Session};
use fe2o3_amqp_types::messaging::{Body, Data, Message, Properties};
use serde_amqp::Value;
use serde_bytes::ByteBuf;

/// Nothing on this machine takes longer.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct Client {
    pub(crate) connection: ConnectionHandle<()>,
    pub(crate) session: SessionHandle<()>,
}

impl Client {
    pub(crate) async fn connect(connection_string: &str) -> Self {
        let parts = parts(connection_string);
        let profile = SaslProfile::Plain {
            username: parts["SharedAccessKeyName"].clone(),
            password: parts["SharedAccessKey"].clone(),
        };
        let url = parts["Endpoint"].replace("sb://", "amqp://");
        let open = Connection::builder().container_id("test").sasl_profile(profile).open(&url[..]);
        let mut connection = within(Box::pin(open)).await.unwrap();
        let session = within(Session::begin(&mut connection)).await.unwrap();
        Self { connection, session }
    }

    pub(crate) async fn sender(&mut self, address: &str) -> Sender {
        within(Sender::attach(&mut self.session, "sender", address)).await.unwrap()
    }

    pub(crate) async fn receiver(&mut self, address: &str) -> Receiver {
        within(Receiver::attach(&mut self.session, "receiver", address)).await.unwrap()
    }
}

/// The parts of a connection string.
pub(crate) fn parts(connection_string: &str) -> BTreeMap<String, String> {
    let parts = connection_string.split(';').filter_map(|part| part.split_once('='));
    parts.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// A text that nobody guesses, made up of letters and digits.
pub(crate) fn long_text() -> String {
    uuid::Uuid::new_v4().simple().to_string().repeat(2)
}

pub(crate) fn message(id: &str, body: &str) -> Message<Data> {
    Message::builder()
        .properties(Properties::builder().message_id(id.to_owned()).build())
        .data(ByteBuf::from(body.as_bytes()))
        .build()
}

/// Sends a message and waits until the broker has it.
pub(crate) async fn send(sender: &mut Sender, id: &str, body: &str) {
    let outcome = within(sender.send(message(id, body))).await.unwrap();
    outcome.accepted_or_else(|state| format!("not accepted: {state:?}")).unwrap();
}

/// Receives one message and completes it. Returns its body.
pub(crate) async fn receive_and_complete(receiver: &mut Receiver) -> String {
    let delivery = within(receiver.recv::<Body<Value>>()).await.unwrap();
    within(receiver.accept(&delivery)).await.unwrap();
    match delivery.body() {
        Body::Data(batch) => {
            String::from_utf8(batch.iter().flat_map(|data| data.0.to_vec()).collect()).unwrap()
        }
        other => panic!("the body is {other:?}"),
    }
}

pub(crate) async fn within<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(PATIENCE, Box::pin(future)).await.expect("an answer in time")
}

/// Waits until a condition holds.
pub(crate) async fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < deadline, "{what} within {PATIENCE:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
