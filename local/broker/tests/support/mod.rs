//! A client for tests: `fe2o3-amqp`, signed in by SASL PLAIN with the key of the connection string.

#![allow(dead_code, reason = "each test binary uses its own part of this")]

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use fe2o3_amqp::connection::ConnectionHandle;
use fe2o3_amqp::sasl_profile::SaslProfile;
use fe2o3_amqp::session::SessionHandle;
use fe2o3_amqp::{Connection, Receiver, Sender, Session};
use fe2o3_amqp_types::messaging::{
    ApplicationProperties, Body, Data, FilterSet, Message, Properties, Source,
};
use serde_amqp::Value;
use serde_amqp::primitives::{OrderedMap, Symbol};
use serde_bytes::ByteBuf;

/// How long anything may take before a test fails: generous, because the machine may be busy.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

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

impl Client {
    /// A receiver that holds a session.
    pub(crate) async fn session_receiver(&mut self, address: &str, session: &str) -> Receiver {
        let mut filter = FilterSet::new();
        filter.insert(Symbol::from("com.microsoft:session-filter"), Value::from(session));
        let source = Source::builder().address(address).filter(filter).build();
        let builder = Receiver::builder().name(format!("session {session}")).source(source);
        within(Box::pin(builder.attach(&mut self.session))).await.unwrap()
    }
}

/// Requests on the management node of an entity.
pub(crate) struct Management {
    requests: Sender,
    replies: Receiver,
}

impl Management {
    pub(crate) async fn of(client: &mut Client, entity: &str) -> Self {
        let node = format!("{entity}/$management");
        let session = &mut client.session;
        let requests = within(Sender::attach(session, format!("ask {entity}"), &node[..])).await.unwrap();
        let replies = within(Receiver::attach(session, format!("hear {entity}"), &node[..])).await.unwrap();
        Self { requests, replies }
    }

    /// Asks, and returns the status code and the body of the reply. None when the broker is gone.
    pub(crate) async fn ask(
        &mut self,
        operation: &str,
        arguments: &[(&str, Value)],
    ) -> Option<(Value, Value)> {
        let mut body = OrderedMap::new();
        for (name, value) in arguments {
            body.insert(Value::from(*name), value.clone());
        }
        let properties = ApplicationProperties::builder()
            .insert("operation", format!("com.microsoft:{operation}"))
            .build();
        let request = Message::builder()
            .properties(Properties::builder().message_id("request".to_owned()).build())
            .application_properties(properties)
            .value(Value::Map(body))
            .build();
        let asking = async {
            self.requests.send(request).await.ok()?;
            let reply = self.replies.recv::<Body<Value>>().await.ok()?;
            self.replies.accept(&reply).await.ok()?;
            Some(reply.into_message())
        };
        // fe2o3's client waits for ever when its connection breaks under a send.
        let reply = tokio::time::timeout(PATIENCE, Box::pin(asking)).await.ok()??;
        let code = reply.application_properties?.0.get("statusCode").cloned()?;
        let Body::Value(body) = reply.body else { panic!("the body of a reply is no value") };
        Some((Value::from(code), body.0))
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
