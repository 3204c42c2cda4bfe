//! The operations of an entity's management node.
//!
//! Names, request and reply fields: Microsoft Learn, "AMQP 1.0 in Azure Service Bus: request-response-based
//! operations". That `update-disposition` also settles messages that were received in the ordinary way, by whoever
//! holds the lock token, is how Microsoft's SDKs settle after a lost connection (azure-sdk-for-net, AmqpReceiver.cs).

use bytes::Bytes;
use fe2o3_amqp_types::{
    messaging::ApplicationProperties,
    primitives::{Array, OrderedMap, SimpleValue},
};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::{
    error::ServiceBusError,
    link::{RequestLink, Response},
    message::Message,
    received::ReceivedMessage,
    wire::{self, AmqpValue, Encoded},
};

/// What becomes of a locked message.
#[derive(Debug, Clone)]
pub(crate) enum Disposition {
    Completed,
    Abandoned,
    DeadLettered { reason: String, description: String },
}

/// Stores a message that becomes available later; answers its sequence number.
pub(crate) async fn schedule(
    link: &RequestLink,
    message: &Message,
    encoded: &Encoded,
) -> Result<i64, ServiceBusError> {
    let mut entry = vec![("message", binary(wire::encoded_message(encoded)?))];
    let texts = [
        ("message-id", &message.message_id),
        ("session-id", &message.session_id),
        ("partition-key", &message.partition_key),
    ];
    entry.extend(texts.into_iter().filter_map(|(name, text)| Some((name, text.clone()?.into()))));
    let body = map([("messages", AmqpValue::List(vec![map(entry)]))]);
    let reply = ok(call(link, "schedule-message", body).await?)?;
    match array(field(reply.body, "sequence-numbers")?)?.into_iter().next() {
        Some(AmqpValue::Long(number)) => Ok(number),
        _ => Err(unreadable("one sequence number of 64 bits")),
    }
}

/// Cancels a scheduled message.
pub(crate) async fn cancel_scheduled(
    link: &RequestLink,
    sequence_number: i64,
) -> Result<(), ServiceBusError> {
    let body =
        map([("sequence-numbers", AmqpValue::Array(Array::from(vec![AmqpValue::Long(sequence_number)])))]);
    ok(call(link, "cancel-scheduled-message", body).await?).map(|_| ())
}

/// Reads messages without locking them, from a sequence number on.
pub(crate) async fn peek(
    link: &RequestLink,
    from_sequence: i64,
    max: i32,
) -> Result<Vec<ReceivedMessage>, ServiceBusError> {
    let body = map([
        ("from-sequence-number", AmqpValue::Long(from_sequence)),
        ("message-count", AmqpValue::Int(max)),
    ]);
    let reply = call(link, "peek-message", body).await?;
    if reply.status == NO_CONTENT {
        return Ok(Vec::new());
    }
    let AmqpValue::List(entries) = field(ok(reply)?.body, "messages")? else {
        return Err(unreadable("a list of messages"));
    };
    entries.into_iter().map(read_peeked).collect()
}

/// Extends a lock; answers its new end.
pub(crate) async fn renew_lock(
    link: &RequestLink,
    lock_token: Uuid,
) -> Result<OffsetDateTime, ServiceBusError> {
    let reply = ok(call(link, "renew-lock", map([("lock-tokens", uuids(&[lock_token]))])).await?)?;
    match array(field(reply.body, "expirations")?)?.into_iter().next() {
        Some(AmqpValue::Timestamp(end)) => Ok(wire::instant_from_timestamp(&end)),
        _ => Err(unreadable("one expiration")),
    }
}

/// Extends several locks in one request. The service's answer holds one new end a lock, which is not needed here.
pub(crate) async fn renew_locks(link: &RequestLink, lock_tokens: &[Uuid]) -> Result<(), ServiceBusError> {
    ok(call(link, "renew-lock", map([("lock-tokens", uuids(lock_tokens))])).await?).map(|_| ())
}

/// Settles locked messages, in one request. Unlike a disposition on the receiving link this is answered, so that a lost lock shows.
pub(crate) async fn settle(
    link: &RequestLink,
    lock_tokens: &[Uuid],
    disposition: Disposition,
    session: Option<&str>,
) -> Result<(), ServiceBusError> {
    let mut body = vec![("lock-tokens", uuids(lock_tokens))];
    body.extend(session.map(|session| ("session-id", session.to_owned().into())));
    let status = match disposition {
        Disposition::Completed => "completed",
        Disposition::Abandoned => "abandoned",
        Disposition::DeadLettered { reason, description } => {
            body.push(("deadletter-reason", reason.into()));
            body.push(("deadletter-description", description.into()));
            "suspended"
        }
    };
    body.push(("disposition-status", status.into()));
    ok(call(link, "update-disposition", map(body)).await?).map(|_| ())
}

/// Extends the lock of a session; answers its new end.
pub(crate) async fn renew_session_lock(
    link: &RequestLink,
    session: &str,
) -> Result<OffsetDateTime, ServiceBusError> {
    let reply = ok(call(link, "renew-session-lock", of_session(session)).await?)?;
    match field(reply.body, "expiration")? {
        AmqpValue::Timestamp(end) => Ok(wire::instant_from_timestamp(&end)),
        _ => Err(unreadable("an expiration")),
    }
}

/// What is kept with a session.
pub(crate) async fn session_state(
    link: &RequestLink,
    session: &str,
) -> Result<Option<Bytes>, ServiceBusError> {
    let reply = ok(call(link, "get-session-state", of_session(session)).await?)?;
    match field(reply.body, "session-state")? {
        AmqpValue::Null => Ok(None),
        AmqpValue::Binary(state) => Ok(Some(state.into_vec().into())),
        _ => Err(unreadable("bytes, or nothing")),
    }
}

/// Keeps something with a session, or takes it away.
pub(crate) async fn set_session_state(
    link: &RequestLink,
    session: &str,
    state: Option<Bytes>,
) -> Result<(), ServiceBusError> {
    let state = state.map_or(AmqpValue::Null, |state| binary(state.to_vec()));
    let body = map([("session-id", session.to_owned().into()), ("session-state", state)]);
    ok(call(link, "set-session-state", body).await?).map(|_| ())
}

fn of_session(session: &str) -> AmqpValue {
    map([("session-id", session.to_owned().into())])
}

const NO_CONTENT: i32 = 204;

async fn call(link: &RequestLink, operation: &str, body: AmqpValue) -> Result<Response, ServiceBusError> {
    let mut properties = OrderedMap::new();
    properties.insert("operation".to_owned(), SimpleValue::String(format!("com.microsoft:{operation}")));
    link.call(ApplicationProperties(properties), body).await
}

fn ok(reply: Response) -> Result<Response, ServiceBusError> {
    match reply.status {
        200..=299 => Ok(reply),
        status => Err(wire::from_status(status, reply.condition.as_deref(), &reply.description)),
    }
}

fn read_peeked(entry: AmqpValue) -> Result<ReceivedMessage, ServiceBusError> {
    match field(entry, "message")? {
        AmqpValue::Binary(bytes) => match wire::read_encoded(&bytes) {
            Ok(message) => Ok(wire::decode_received(message, None)),
            // The others can be looked at all the same, and this one as far as it can be read.
            Err(error) => wire::read_what_is_sound(&bytes).ok_or(error),
        },
        _ => Err(unreadable("an encoded message")),
    }
}

fn map<'a>(entries: impl IntoIterator<Item = (&'a str, AmqpValue)>) -> AmqpValue {
    AmqpValue::Map(
        entries.into_iter().map(|(name, value)| (AmqpValue::from(name.to_owned()), value)).collect(),
    )
}

fn binary(bytes: Vec<u8>) -> AmqpValue {
    AmqpValue::Binary(serde_bytes::ByteBuf::from(bytes))
}

fn uuids(lock_tokens: &[Uuid]) -> AmqpValue {
    let values: Vec<_> = lock_tokens.iter().map(|token| AmqpValue::Uuid(token.into_bytes().into())).collect();
    AmqpValue::Array(Array::from(values))
}

fn field(map: AmqpValue, name: &str) -> Result<AmqpValue, ServiceBusError> {
    let AmqpValue::Map(mut map) = map else { return Err(unreadable("a map")) };
    map.swap_remove(&AmqpValue::from(name.to_owned())).ok_or_else(|| unreadable(name))
}

/// A list is as good as an array: some brokers answer with one.
fn array(value: AmqpValue) -> Result<Vec<AmqpValue>, ServiceBusError> {
    match value {
        AmqpValue::Array(values) => Ok(values.into_inner()),
        AmqpValue::List(values) => Ok(values),
        _ => Err(unreadable("an array")),
    }
}

fn unreadable(expected: &str) -> ServiceBusError {
    ServiceBusError::Protocol {
        description: format!("{expected} is expected in the answer of the management node"),
    }
}
