//! Writes messages.

use std::time::Duration;

use fe2o3_amqp_types::{
    messaging::{
        AmqpSequence, AmqpValue as AmqpValueBody, ApplicationProperties, Batch, Body, Data, Header,
        Message as AmqpMessage, MessageAnnotations, Properties, annotations::Annotations,
        message::__private::Serializable,
    },
    primitives::{OrderedMap, SimpleValue},
};
use serde_amqp::primitives::Symbol;
use time::OffsetDateTime;

use super::{
    AmqpValue, annotation,
    value::{instant_to_timestamp, to_amqp},
};
use crate::{body_section::BodySection, error::ServiceBusError, message::Message, value::Value};

/// The longest text that Service Bus takes as message, session and partition ids (Microsoft Learn, "Service Bus
/// quotas").
const LONGEST_ID: usize = 128;

/// The AMQP form of a message.
pub(crate) type Encoded = AmqpMessage<Body<AmqpValue>>;

/// The AMQP form of a message that has an id. `now` dates lifetimes that are too long for the AMQP header.
pub(crate) fn encode(message: &Message, now: OffsetDateTime) -> Result<Encoded, ServiceBusError> {
    check(message)?;
    Ok(AmqpMessage {
        header: Some(header(message)),
        delivery_annotations: None,
        message_annotations: message_annotations(message),
        properties: Some(properties(message, now)),
        application_properties: application_properties(message)?,
        body: body(message)?,
        footer: None,
    })
}

/// The bytes of a message, for operations that carry messages in bodies.
pub(crate) fn encoded_message(message: &Encoded) -> Result<Vec<u8>, ServiceBusError> {
    serde_amqp::to_vec(&Serializable(message)).map_err(|error| ServiceBusError::InvalidArgument {
        description: format!("message cannot be encoded: {error}"),
    })
}

/// Several encoded messages in one transfer of message format 0x80013700. A session or partition key that all share
/// is repeated on the envelope, where a partitioned entity looks for it.
pub(crate) fn batch_envelope(first: &Message, encoded: Vec<Vec<u8>>) -> AmqpMessage<Batch<Data>> {
    AmqpMessage {
        header: None,
        delivery_annotations: None,
        message_annotations: first.partition_key.as_ref().map(|key| {
            let mut annotations = Annotations::new();
            annotations.insert(annotation::PARTITION_KEY.into(), AmqpValue::String(key.clone()));
            MessageAnnotations(annotations)
        }),
        properties: first
            .session_id
            .as_ref()
            .map(|session| Properties { group_id: Some(session.clone()), ..Properties::default() }),
        application_properties: None,
        body: Batch::new(
            encoded.into_iter().map(|bytes| Data(serde_bytes::ByteBuf::from(bytes))).collect::<Vec<_>>(),
        ),
        footer: None,
    }
}

fn check(message: &Message) -> Result<(), ServiceBusError> {
    let ids = [
        ("message_id", &message.message_id),
        ("session_id", &message.session_id),
        ("reply_to_session_id", &message.reply_to_session_id),
        ("partition_key", &message.partition_key),
    ];
    for (name, id) in ids {
        let length = id.as_ref().map_or(0, |id| id.chars().count());
        if length > LONGEST_ID {
            let description = format!("{name} has {length} characters, more than {LONGEST_ID}");
            return Err(ServiceBusError::InvalidArgument { description });
        }
    }
    match (&message.session_id, &message.partition_key) {
        (Some(session), Some(key)) if session != key => Err(ServiceBusError::InvalidArgument {
            description: "partition_key must equal session_id when both are given".to_owned(),
        }),
        _ => Ok(()),
    }
}

fn header(message: &Message) -> Header {
    // AMQP counts a lifetime in 32 bits of milliseconds, some 49 days; the rest is in `properties`.
    let ttl = message.time_to_live.map(|ttl| u32::try_from(ttl.as_millis()).unwrap_or(u32::MAX));
    Header { durable: true, ttl, ..Header::default() }
}

fn properties(message: &Message, now: OffsetDateTime) -> Properties {
    let lifetime = message.time_to_live.filter(|ttl| ttl.as_millis() > u128::from(u32::MAX));
    Properties {
        message_id: message.message_id.clone().map(Into::into),
        to: message.to.clone(),
        subject: message.subject.clone(),
        reply_to: message.reply_to.clone(),
        correlation_id: message.correlation_id.clone().map(Into::into),
        content_type: message.content_type.clone().map(Symbol::new),
        creation_time: lifetime.map(|_| instant_to_timestamp(now)),
        absolute_expiry_time: lifetime.map(|ttl| instant_to_timestamp(end_of(now, ttl))),
        group_id: message.session_id.clone(),
        reply_to_group_id: message.reply_to_session_id.clone(),
        ..Properties::default()
    }
}

fn body(message: &Message) -> Result<Body<AmqpValue>, ServiceBusError> {
    let data = |bytes| Body::Data(Batch::new(vec![Data(serde_bytes::ByteBuf::from(bytes))]));
    Ok(match &message.body_section {
        BodySection::Data => data(message.body.to_vec()),
        // AMQP demands a body; the library would write a null. An empty one is what the SDKs write.
        BodySection::Empty => data(Vec::new()),
        BodySection::Value(value) => Body::Value(AmqpValueBody(to_amqp(value))),
        BodySection::Sequence(lists) => {
            let section = |list: &Vec<Value>| AmqpSequence(list.iter().map(to_amqp).collect());
            Body::Sequence(Batch::new(lists.iter().map(section).collect::<Vec<_>>()))
        }
        BodySection::Unreadable => {
            let description = "the body of this message was not read, so it cannot be sent".to_owned();
            return Err(ServiceBusError::InvalidArgument { description });
        }
    })
}

fn end_of(now: OffsetDateTime, lifetime: Duration) -> OffsetDateTime {
    let lifetime = time::Duration::try_from(lifetime).unwrap_or(time::Duration::MAX);
    now.saturating_add(lifetime)
}

fn message_annotations(message: &Message) -> Option<MessageAnnotations> {
    let mut annotations = Annotations::new();
    if let Some(at) = message.scheduled_enqueue_time {
        let at = AmqpValue::Timestamp(instant_to_timestamp(at));
        annotations.insert(annotation::SCHEDULED_ENQUEUE_TIME.into(), at);
    }
    if let Some(key) = &message.partition_key {
        annotations.insert(annotation::PARTITION_KEY.into(), AmqpValue::String(key.clone()));
    }
    (!annotations.is_empty()).then_some(MessageAnnotations(annotations))
}

fn application_properties(message: &Message) -> Result<Option<ApplicationProperties>, ServiceBusError> {
    if message.application_properties.is_empty() {
        return Ok(None);
    }
    let mut map = OrderedMap::new();
    for (name, value) in &message.application_properties {
        map.insert(name.clone(), simple(name, value)?);
    }
    Ok(Some(ApplicationProperties(map)))
}

/// AMQP allows no lists and maps as application properties.
fn simple(name: &str, value: &Value) -> Result<SimpleValue, ServiceBusError> {
    SimpleValue::try_from(to_amqp(value)).map_err(|_| ServiceBusError::InvalidArgument {
        description: format!("application property {name} is a list or a map, which AMQP does not allow"),
    })
}
