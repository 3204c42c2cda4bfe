//! Requests and their answers over a pair of links to one node: `$cbs`, `{entity}/$management`.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use fe2o3_amqp::{
    Receiver, Sender,
    link::{SendError, delivery::DeliveryFut},
    session::SessionHandle,
};
use fe2o3_amqp_types::messaging::{
    AmqpValue as AmqpValueBody, ApplicationProperties, Body, Message, MessageId, Outcome, Properties,
};
use tokio::sync::oneshot;
use uuid::Uuid;

use super::{OwnedTask, send::check_outcome};
use crate::{
    error::ServiceBusError,
    value::Value,
    wire::{self, AmqpValue, AnyMessage},
};

/// The pair of links. Any number of requests can be under way.
pub(crate) struct RequestLink {
    sender: tokio::sync::Mutex<Sender>,
    pending: Pending,
    reply_to: String,
    _reader: OwnedTask,
    _session: SessionHandle<()>,
}

/// Who waits for which response; `None` once the links have ended.
type Pending = Arc<Mutex<Option<HashMap<String, oneshot::Sender<AnyMessage>>>>>;

/// A response: the status of the request, and the body.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: i32,
    pub(crate) description: String,
    pub(crate) condition: Option<String>,
    pub(crate) body: AmqpValue,
}

impl RequestLink {
    /// Takes over two attached links to `node`, whose answers come to `reply_to`.
    pub(crate) fn new(
        sender: Sender,
        receiver: Receiver,
        reply_to: String,
        session: SessionHandle<()>,
    ) -> Self {
        let pending: Pending = Arc::new(Mutex::new(Some(HashMap::new())));
        let reader = OwnedTask::spawn(read_responses(receiver, pending.clone()));
        Self {
            sender: tokio::sync::Mutex::new(sender),
            pending,
            reply_to,
            _reader: reader,
            _session: session,
        }
    }

    /// Whether the links are still there, as far as is known.
    pub(crate) fn is_alive(&self) -> bool {
        lock(&self.pending).is_some()
    }

    /// Sends a request and waits for its answer, whatever its status.
    pub(crate) async fn call(
        &self,
        properties: ApplicationProperties,
        body: AmqpValue,
    ) -> Result<Response, ServiceBusError> {
        let id = Uuid::new_v4().simple().to_string();
        let mut waiting = Waiting::register(&self.pending, &id)?;
        let request = Message {
            header: None,
            delivery_annotations: None,
            message_annotations: None,
            properties: Some(Properties {
                message_id: Some(MessageId::String(id)),
                reply_to: Some(self.reply_to.clone()),
                ..Properties::default()
            }),
            application_properties: Some(properties),
            body: AmqpValueBody(body),
            footer: None,
        };
        let outcome = self.send(request).await?;
        tokio::pin!(outcome);
        // A node that refuses the request itself never answers it; one that answers need not say that it accepted.
        tokio::select! {
            biased;
            reply = &mut waiting.answer => return read_response(reply),
            outcome = &mut outcome => check_outcome(&outcome.map_err(|error| self.ended(error))?)?,
        }
        read_response((&mut waiting.answer).await)
    }

    async fn send(
        &self,
        request: Message<AmqpValueBody<AmqpValue>>,
    ) -> Result<DeliveryFut<Result<Outcome, SendError>>, ServiceBusError> {
        let mut sender = self.sender.lock().await;
        sender.send_batchable(request).await.map_err(|error| self.ended(error))
    }

    fn ended(&self, error: SendError) -> ServiceBusError {
        lock(&self.pending).take();
        wire::from_send(error)
    }
}

/// One request's place among those that wait; given up when the request is.
struct Waiting {
    pending: Pending,
    id: String,
    answer: oneshot::Receiver<AnyMessage>,
}

impl Waiting {
    fn register(pending: &Pending, id: &str) -> Result<Self, ServiceBusError> {
        let (sender, answer) = oneshot::channel();
        lock(pending).as_mut().ok_or_else(links_ended)?.insert(id.to_owned(), sender);
        Ok(Self { pending: pending.clone(), id: id.to_owned(), answer })
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if let Some(pending) = lock(&self.pending).as_mut() {
            pending.remove(&self.id);
        }
    }
}

fn lock(
    pending: &Pending,
) -> std::sync::MutexGuard<'_, Option<HashMap<String, oneshot::Sender<AnyMessage>>>> {
    // The map is whole at every moment, so a panic elsewhere while it was held leaves nothing half done.
    pending.lock().unwrap_or_else(PoisonError::into_inner)
}

fn links_ended() -> ServiceBusError {
    ServiceBusError::ConnectionLost { description: "the request link ended".to_owned() }
}

/// Passes every response to the request that waits for it, until the links end.
async fn read_responses(mut receiver: Receiver, pending: Pending) {
    let error = loop {
        let delivery = match receiver.recv::<Body<AmqpValue>>().await {
            Ok(delivery) => delivery,
            Err(error) => break error.to_string(),
        };
        // Also what tells the library to grant new credit.
        if let Err(error) = receiver.accept(&delivery).await {
            break error.to_string();
        }
        let message = delivery.into_message();
        let id = message.properties.as_ref().and_then(|properties| properties.correlation_id.clone());
        let waiting = match (id, lock(&pending).as_mut()) {
            (Some(MessageId::String(id)), Some(pending)) => pending.remove(&id),
            _ => None,
        };
        // Nobody waits for the answer to a request that was given up.
        if let Some(waiting) = waiting {
            let _ = waiting.send(message);
        }
    };
    tracing::debug!(error, "request link ended");
    lock(&pending).take();
}

fn read_response(
    message: Result<AnyMessage, oneshot::error::RecvError>,
) -> Result<Response, ServiceBusError> {
    let message = message.map_err(|_| links_ended())?;
    let mut properties = message.application_properties.unwrap_or_default().0;
    // `$cbs` spells the names with a hyphen, `$management` does not.
    let mut field = |names: [&str; 2]| {
        names
            .into_iter()
            .find_map(|name| properties.swap_remove(name))
            .map(|value| wire::from_amqp(value.into()))
    };
    let status = field(["statusCode", "status-code"]).as_ref().and_then(Value::as_i64);
    let status = status.and_then(|status| i32::try_from(status).ok()).ok_or_else(|| {
        ServiceBusError::Protocol { description: "an answer with a status code is expected".to_owned() }
    })?;
    let text = |value: Option<Value>| value.as_ref().and_then(Value::as_str).map(str::to_owned);
    Ok(Response {
        status,
        description: text(field(["statusDescription", "status-description"])).unwrap_or_default(),
        condition: text(field(["errorCondition", "error-condition"])),
        body: match message.body {
            Body::Value(value) => value.0,
            _ => AmqpValue::Null,
        },
    })
}
