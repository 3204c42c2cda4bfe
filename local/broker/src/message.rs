//! A message as the broker keeps it.
//!
//! Properties, application properties and body stay the bytes that the sender wrote; the header and the annotations are
//! the broker's to write (Microsoft Learn, "AMQP 1.0 in Azure Service Bus protocol guide", message annotations).

use std::time::Duration;

use bytes::Bytes;
use serde_amqp::Value;
use serde_amqp::primitives::{OrderedMap, Timestamp as AmqpTimestamp};
use uuid::Uuid;

use crate::clock::Timestamp;
use crate::codec::{
    Malformed, Positional, SectionKind, as_integer, as_text, decode, described, encode, split_sections,
    symbol,
};

const SCHEDULED_ENQUEUE_TIME: &str = "x-opt-scheduled-enqueue-time";
/// Where the properties section has the group's id (AMQP 1.0, part 3 section 3.2.4).
const GROUP_ID: usize = 10;
const ABSOLUTE_EXPIRY: usize = 8;
const CREATED: usize = 9;
/// The longest time to live that the header can say, in milliseconds: 49.7 days.
const LONGEST: u64 = u32::MAX as u64;

/// A map from texts to values, in the order in which the sender wrote it.
pub(crate) type Properties = OrderedMap<Value, Value>;

/// A map whose keys may be texts or symbols, as one whose keys are texts.
pub(crate) fn text_keys(map: &Value) -> Properties {
    let mut texts = OrderedMap::new();
    if let Value::Map(map) = map {
        for (key, value) in map.iter() {
            if let Some(name) = as_text(key) {
                texts.insert(Value::from(name), value.clone());
            }
        }
    }
    texts
}

/// What a sender sent, and the id that every message has.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Message {
    durable: bool,
    priority: Option<u8>,
    /// Milliseconds, from the header or, where these are too many for it, from the properties.
    time_to_live: Option<u64>,
    annotations: Properties,
    properties: Bytes,
    application_properties: Bytes,
    body: Bytes,
    footer: Bytes,
    id: String,
    session_id: Option<String>,
}

/// What the broker knows about a message and tells whoever receives or browses it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Placement {
    pub(crate) sequence_number: i64,
    pub(crate) enqueued_sequence_number: i64,
    pub(crate) enqueued_at: Timestamp,
    /// Attempts that came before this one.
    pub(crate) delivery_count: u32,
    pub(crate) lock: Option<(Uuid, Timestamp)>,
    /// 0 active, 1 deferred, 2 scheduled: `x-opt-message-state`.
    pub(crate) state: i32,
}

impl Message {
    /// Reads an encoded message. One without an id gets `fresh_id`.
    ///
    /// Our guess: that Service Bus gives every message an id, and 32 hexadecimal digits as its form. The JavaScript SDK
    /// cannot renew the lock of a message without one.
    ///
    /// # Errors
    /// When the bytes are not a message, with what is wrong.
    pub(crate) fn parse(encoded: Bytes, fresh_id: Uuid) -> Result<Self, Malformed> {
        let mut message = Self::empty();
        let mut body = Vec::new();
        for section in split_sections(encoded)? {
            match section.kind {
                SectionKind::Header => message.read_header(&section.whole)?,
                SectionKind::DeliveryAnnotations => {}
                SectionKind::MessageAnnotations => message.annotations = decode_map(&section.value)?,
                SectionKind::Properties => message.properties = section.whole,
                SectionKind::ApplicationProperties => {
                    decode_map(&section.value)?;
                    message.application_properties = section.whole;
                }
                SectionKind::Data | SectionKind::Sequence | SectionKind::AmqpValue => {
                    body.push(section.whole)
                }
                SectionKind::Footer => message.footer = section.whole,
            }
        }
        message.body = join(body);
        message.read_properties(fresh_id)?;
        Ok(message)
    }

    fn empty() -> Self {
        Self {
            durable: false,
            priority: None,
            time_to_live: None,
            annotations: OrderedMap::new(),
            properties: Bytes::new(),
            application_properties: Bytes::new(),
            body: Bytes::new(),
            footer: Bytes::new(),
            id: String::new(),
            session_id: None,
        }
    }

    fn read_header(&mut self, whole: &[u8]) -> Result<(), Malformed> {
        let header = Positional::from_value(decode(whole)?)?;
        self.durable = header.is_true(0);
        self.priority = header.number(1).and_then(|priority| u8::try_from(priority).ok());
        self.time_to_live = header.number(2).map(u64::from);
        Ok(())
    }

    /// Where the properties say more than the header. A session of Service Bus is AMQP's group (Microsoft Learn, "AMQP 1.0 in Azure Service Bus protocol guide",
    /// properties).
    fn read_properties(&mut self, fresh_id: Uuid) -> Result<(), Malformed> {
        let mut fields = self.properties()?;
        if self.time_to_live == Some(LONGEST)
            && let Some(milliseconds) = between_creation_and_expiry(&fields)
        {
            self.time_to_live = Some(milliseconds.max(LONGEST));
        }
        self.session_id = fields.get(GROUP_ID).and_then(as_text).map(str::to_owned);
        if let Some(id) = fields.first().and_then(id_text) {
            self.id = id;
            return Ok(());
        }
        let id = fresh_id.simple().to_string();
        if fields.is_empty() {
            fields.push(Value::Null);
        }
        fields[0] = Value::String(id.clone());
        self.properties = encode(&described(0x73, Value::List(fields))).into();
        self.id = id;
        Ok(())
    }

    /// The message id as a text that two messages share exactly when their ids are equal.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// The session that the message belongs to. An empty text is a session too.
    pub(crate) fn session_id(&self) -> Option<&str> {
        self.session_id.as_deref()
    }

    /// The properties section's fields, by their position in the standard. Empty when there is no such section.
    ///
    /// # Errors
    /// Never for a message that was parsed: it was read then.
    pub(crate) fn properties(&self) -> Result<Vec<Value>, Malformed> {
        if self.properties.is_empty() { Ok(Vec::new()) } else { decode_list(&self.properties) }
    }

    /// Adds an annotation that travels with the message from now on.
    pub(crate) fn annotate(&mut self, name: &str, text: &str) {
        self.annotations.insert(symbol(name), Value::from(text));
    }

    /// How long the sender wants the message to live.
    pub(crate) fn time_to_live(&self) -> Option<Duration> {
        self.time_to_live.map(Duration::from_millis)
    }

    /// Writes how long the message may live, wherever it says so.
    pub(crate) fn set_time_to_live(&mut self, lives: Duration) {
        let milliseconds = u64::try_from(lives.as_millis()).unwrap_or(u64::MAX);
        if self.time_to_live == Some(milliseconds) {
            return;
        }
        self.time_to_live = Some(milliseconds);
        let mut fields = self.properties().unwrap_or_default();
        if between_creation_and_expiry(&fields).is_some()
            && let Some(created) = as_integer(&fields[CREATED])
        {
            let expiry = created.saturating_add_unsigned(milliseconds);
            fields[ABSOLUTE_EXPIRY] = Value::Timestamp(AmqpTimestamp::from_milliseconds(expiry));
            self.properties = encode(&described(0x73, Value::List(fields))).into();
        }
    }

    /// When the sender wants the message to be enqueued, from the annotation.
    pub(crate) fn scheduled_enqueue_time(&self) -> Option<Timestamp> {
        let value = self
            .annotations
            .iter()
            .find(|(key, _)| as_text(key) == Some(SCHEDULED_ENQUEUE_TIME))
            .map(|(_, v)| v)?;
        as_integer(value).map(Timestamp::from_milliseconds)
    }

    /// Adds application properties, replacing those of the same name.
    pub(crate) fn set_application_properties(&mut self, changes: &Properties) {
        if changes.is_empty() {
            return;
        }
        let mut properties = self.application_properties();
        for (key, value) in changes.iter() {
            if let Some(name) = as_text(key) {
                properties.insert(Value::from(name), value.clone());
            }
        }
        self.application_properties = encode(&described(0x74, Value::Map(properties))).into();
    }

    pub(crate) fn application_properties(&self) -> Properties {
        if self.application_properties.is_empty() {
            return OrderedMap::new();
        }
        match decode(&self.application_properties) {
            Ok(Value::Described(described)) => match described.value {
                Value::Map(map) => map,
                _ => OrderedMap::new(),
            },
            _ => OrderedMap::new(),
        }
    }

    /// The message as a receiver gets it.
    pub(crate) fn encode_for(&self, placement: &Placement) -> Vec<u8> {
        let mut encoded = encode(&self.header(placement.delivery_count));
        if let Some((token, _)) = placement.lock {
            encoded.extend(encode(&lock_token_annotation(token)));
        }
        encoded.extend(encode(&described(0x72, Value::Map(self.annotations_for(placement)))));
        for section in [&self.properties, &self.application_properties, &self.body, &self.footer] {
            encoded.extend_from_slice(section);
        }
        encoded
    }

    /// The message as it was sent (with its id), to be parsed again: what the log keeps.
    pub(crate) fn encode_as_sent(&self) -> Vec<u8> {
        let mut encoded = encode(&self.header(0));
        if !self.annotations.is_empty() {
            encoded.extend(encode(&described(0x72, Value::Map(self.annotations.clone()))));
        }
        for section in [&self.properties, &self.application_properties, &self.body, &self.footer] {
            encoded.extend_from_slice(section);
        }
        encoded
    }

    fn header(&self, delivery_count: u32) -> Value {
        let fields = vec![
            Value::Bool(self.durable),
            self.priority.map_or(Value::Null, Value::Ubyte),
            self.time_to_live
                .map_or(Value::Null, |lives| Value::Uint(u32::try_from(lives).unwrap_or(u32::MAX))),
            Value::Null,
            Value::Uint(delivery_count),
        ];
        described(0x70, Value::List(fields))
    }

    fn annotations_for(&self, placement: &Placement) -> Properties {
        let mut all = self.annotations.clone();
        let time = |at: Timestamp| Value::Timestamp(AmqpTimestamp::from_milliseconds(at.milliseconds()));
        all.insert(symbol("x-opt-sequence-number"), Value::Long(placement.sequence_number));
        all.insert(symbol("x-opt-enqueue-sequence-number"), Value::Long(placement.enqueued_sequence_number));
        all.insert(symbol("x-opt-enqueued-time"), time(placement.enqueued_at));
        all.insert(symbol("x-opt-message-state"), Value::Int(placement.state));
        if let Some((_, until)) = placement.lock {
            all.insert(symbol("x-opt-locked-until"), time(until));
        }
        all
    }
}

/// Not promised by the documentation, but read by clients that do not turn the delivery tag's bytes.
fn lock_token_annotation(token: Uuid) -> Value {
    let mut annotations = OrderedMap::new();
    annotations.insert(symbol("x-opt-lock-token"), Value::Uuid(token.into_bytes().into()));
    described(0x71, Value::Map(annotations))
}

fn decode_map(encoded: &[u8]) -> Result<Properties, Malformed> {
    match decode(encoded)? {
        Value::Map(map) => Ok(map),
        Value::Null => Ok(OrderedMap::new()),
        _ => Err(Malformed::because("annotations and application properties are maps")),
    }
}

fn decode_list(whole: &[u8]) -> Result<Vec<Value>, Malformed> {
    match decode(whole)? {
        Value::Described(described) => match described.value {
            Value::List(fields) => Ok(fields),
            _ => Err(Malformed::because("the properties of a message are a list")),
        },
        _ => Err(Malformed::because("the properties of a message are described")),
    }
}

/// The milliseconds between the two times that the .NET SDK writes beside a time to live.
fn between_creation_and_expiry(fields: &[Value]) -> Option<u64> {
    let time = |position: usize| fields.get(position).and_then(as_integer);
    u64::try_from(time(ABSOLUTE_EXPIRY)?.checked_sub(time(CREATED)?)?).ok()
}

/// Message ids may be texts, numbers, uuids or bytes; ids of different types never equal each other.
fn id_text(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) if text.is_empty() => None,
        Value::String(text) => Some(text.clone()),
        other => Some(format!("{other:?}")),
    }
}

fn join(mut parts: Vec<Bytes>) -> Bytes {
    match parts.len() {
        0 => Bytes::new(),
        1 => parts.remove(0),
        _ => parts.concat().into(),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use serde_bytes::ByteBuf;

    /// A message with an id, a body, and nothing else.
    pub(crate) fn a_message(id: &str, body: &str) -> Message {
        Message::parse(encoded_message(id, body), Uuid::nil()).unwrap()
    }

    pub(crate) fn encoded_message(id: &str, body: &str) -> Bytes {
        let mut bytes = encode(&described(0x73, Value::List(vec![Value::from(id)])));
        bytes.extend(encode(&described(0x75, Value::Binary(ByteBuf::from(body.as_bytes())))));
        bytes.into()
    }

    pub(crate) fn scheduled(id: &str, at: Timestamp) -> Message {
        let mut annotations = Properties::new();
        let time = AmqpTimestamp::from_milliseconds(at.milliseconds());
        annotations.insert(symbol(SCHEDULED_ENQUEUE_TIME), Value::Timestamp(time));
        let mut bytes = encode(&described(0x72, Value::Map(annotations)));
        bytes.extend_from_slice(&encoded_message(id, "later"));
        Message::parse(bytes.into(), Uuid::nil()).unwrap()
    }

    pub(crate) fn expiring(id: &str, milliseconds: u32) -> Message {
        let header = Value::List(vec![Value::Bool(true), Value::Null, Value::Uint(milliseconds)]);
        let mut bytes = encode(&described(0x70, header));
        bytes.extend_from_slice(&encoded_message(id, "short-lived"));
        Message::parse(bytes.into(), Uuid::nil()).unwrap()
    }

    /// A message of a session, whose body is its id.
    pub(crate) fn of_session(session: &str, id: &str) -> Message {
        Message::parse(encoded_of_session(session, id), Uuid::nil()).unwrap()
    }

    pub(crate) fn encoded_of_session(session: &str, id: &str) -> Bytes {
        let mut fields = vec![Value::Null; GROUP_ID];
        fields[0] = Value::from(id);
        fields.push(Value::from(session));
        let mut bytes = encode(&described(0x73, Value::List(fields)));
        bytes.extend(encode(&described(0x75, Value::Binary(ByteBuf::from(id.as_bytes())))));
        bytes.into()
    }

    impl Message {
        pub(crate) fn property(&self, name: &str) -> Option<Value> {
            self.application_properties().get(&Value::from(name)).cloned()
        }
    }

    #[test]
    fn a_message_without_an_id_gets_one_and_keeps_its_other_properties() {
        let mut bytes =
            encode(&described(0x73, Value::List(vec![Value::Null, Value::Null, Value::from("to")])));
        bytes.extend(encode(&described(0x75, Value::Binary(ByteBuf::from(*b"x")))));
        let message = Message::parse(bytes.into(), Uuid::nil()).unwrap();
        assert_eq!(message.id(), "0".repeat(32));
        let fields = decode_list(&message.properties).unwrap();
        assert_eq!(fields[0], Value::String("0".repeat(32)));
        assert_eq!(fields[2], Value::from("to"));
    }

    #[test]
    fn ids_of_different_types_are_different_ids() {
        let with = |id: Value| {
            let bytes = encode(&described(0x73, Value::List(vec![id])));
            Message::parse(bytes.into(), Uuid::nil()).unwrap().id().to_owned()
        };
        assert_ne!(with(Value::Ulong(7)), with(Value::from("7")));
        assert_eq!(with(Value::Ulong(7)), with(Value::Ulong(7)));
    }

    #[test]
    fn what_the_log_keeps_parses_to_the_same_message() {
        let mut message = scheduled("again", Timestamp::from_milliseconds(1234));
        let mut changes = Properties::new();
        changes.insert(symbol("colour"), Value::from("blue"));
        message.set_application_properties(&changes);
        let again = Message::parse(message.encode_as_sent().into(), Uuid::nil()).unwrap();
        assert_eq!(again, message);
        assert_eq!(again.property("colour"), Some(Value::from("blue")));
        assert_eq!(again.scheduled_enqueue_time(), Some(Timestamp::from_milliseconds(1234)));
    }

    #[test]
    fn a_receiver_gets_the_senders_bytes_and_the_brokers_annotations() {
        let placement = Placement {
            sequence_number: 7,
            enqueued_sequence_number: 3,
            enqueued_at: Timestamp::from_milliseconds(99),
            delivery_count: 2,
            lock: Some((Uuid::from_u128(5), Timestamp::from_milliseconds(100))),
            state: 0,
        };
        let encoded = a_message("id", "the body").encode_for(&placement);
        let sections = split_sections(encoded.into()).unwrap();
        let body = sections.iter().find(|section| section.kind == SectionKind::Data).unwrap();
        assert_eq!(decode(&body.value).unwrap(), Value::Binary(ByteBuf::from(*b"the body")));
        let header = sections.iter().find(|section| section.kind == SectionKind::Header).unwrap();
        assert_eq!(Positional::from_value(decode(&header.whole).unwrap()).unwrap().number(4), Some(2));
        let annotations =
            sections.iter().find(|section| section.kind == SectionKind::MessageAnnotations).unwrap();
        let map = decode_map(&annotations.value).unwrap();
        assert_eq!(map.get(&symbol("x-opt-sequence-number")), Some(&Value::Long(7)));
        assert_eq!(map.get(&symbol("x-opt-enqueue-sequence-number")), Some(&Value::Long(3)));
    }
}
