//! Reads messages.

use std::{collections::BTreeMap, time::Duration};

use bytes::Bytes;
use fe2o3_amqp_types::messaging::{
    Body, Header, MessageAnnotations, MessageId, Properties, annotations::AnnotationKey,
    message::DecodeIntoMessage as _,
};
use serde_amqp::{primitives::Timestamp, read::SliceReader};
use time::OffsetDateTime;
use uuid::Uuid;

use super::{AmqpValue, AnyMessage, annotation, from_amqp, instant_from_timestamp, sound_length};
use crate::{
    body_section::BodySection,
    error::ServiceBusError,
    received::{DEAD_LETTER_ERROR_DESCRIPTION, DEAD_LETTER_REASON, MessageState, ReceivedMessage},
    value::Value,
};

/// The lock token in a delivery's tag. The tag holds the sixteen bytes in the order in which .NET keeps a `Guid`: the
/// first three groups are little-endian (Microsoft Learn, "AMQP 1.0 protocol guide", receive operations).
pub(crate) fn lock_token_from_delivery_tag(tag: &[u8]) -> Result<Uuid, ServiceBusError> {
    let bytes: [u8; 16] = tag.try_into().map_err(|_| ServiceBusError::Protocol {
        description: format!("a delivery tag of 16 bytes is expected, not of {}", tag.len()),
    })?;
    Ok(Uuid::from_bytes_le(bytes))
}

/// Reads a message out of the bytes that a management operation returns.
pub(crate) fn read_encoded(bytes: &[u8]) -> Result<AnyMessage, ServiceBusError> {
    let unreadable = |found: String| ServiceBusError::Protocol {
        description: format!("an encoded message is expected: {found}"),
    };
    // The library takes no bytes at all for a message without sections.
    if bytes.is_empty() {
        return Err(unreadable("there are no bytes".to_owned()));
    }
    if sound_length(bytes) < bytes.len() {
        return Err(unreadable("its values do not hold together, or are nested too deeply".to_owned()));
    }
    decode(bytes).map_err(|error| unreadable(error.to_string()))
}

/// As the library reads it, whatever comes of that.
pub(crate) fn decode(bytes: &[u8]) -> Result<AnyMessage, serde_amqp::Error> {
    Body::<AmqpValue>::decode_message_from_reader(SliceReader::new(bytes))
}

/// Reads of a message that cannot be read as a whole the sections before the one that cannot. `None`: not even these.
pub(crate) fn read_what_is_sound(bytes: &[u8]) -> Option<ReceivedMessage> {
    let mut message = decode_received(read_encoded(&bytes[..sound_length(bytes)]).ok()?, None);
    (message.body, message.body_section) = (Bytes::new(), BodySection::Unreadable);
    Some(message)
}

/// Our form of a message. A lock token says that the message is locked for us; without one it was only browsed.
pub(crate) fn decode_received(message: AnyMessage, lock_token: Option<Uuid>) -> ReceivedMessage {
    let header = message.header.unwrap_or_default();
    let properties = message.properties.unwrap_or_default();
    let annotations = message.message_annotations.unwrap_or_default();
    let application_properties: BTreeMap<String, Value> = message
        .application_properties
        .map(|properties| {
            properties.0.into_iter().map(|(name, value)| (name, from_amqp(value.into()))).collect()
        })
        .unwrap_or_default();
    let text = |name: &str| application_properties.get(name).and_then(Value::as_str).map(str::to_owned);

    let enqueued_time = instant(&annotations, annotation::ENQUEUED_TIME);
    let time_to_live = time_to_live(&header, &properties);
    let (body, body_section) = body(message.body);
    ReceivedMessage {
        body,
        body_section,
        message_id: properties.message_id.map(id_text),
        lock_token: lock_token.unwrap_or_default(),
        sequence_number: number(&annotations, annotation::SEQUENCE_NUMBER).unwrap_or_default(),
        enqueued_sequence_number: number(&annotations, annotation::ENQUEUE_SEQUENCE_NUMBER),
        delivery_count: header.delivery_count.saturating_add(u32::from(lock_token.is_some())),
        enqueued_time,
        scheduled_enqueue_time: instant(&annotations, annotation::SCHEDULED_ENQUEUE_TIME),
        locked_until: lock_token.and_then(|_| instant(&annotations, annotation::LOCKED_UNTIL)),
        time_to_live,
        expires_at: expires_at(enqueued_time, time_to_live),
        state: state(&annotations),
        content_type: properties.content_type.map(|content_type| content_type.into_inner()),
        subject: properties.subject,
        correlation_id: properties.correlation_id.map(id_text),
        to: properties.to,
        reply_to: properties.reply_to,
        session_id: properties.group_id,
        reply_to_session_id: properties.reply_to_group_id,
        partition_key: string(&annotations, annotation::PARTITION_KEY),
        dead_letter_source: string(&annotations, annotation::DEAD_LETTER_SOURCE),
        dead_letter_reason: text(DEAD_LETTER_REASON),
        dead_letter_error_description: text(DEAD_LETTER_ERROR_DESCRIPTION),
        application_properties,
    }
}

fn body(body: Body<AmqpValue>) -> (Bytes, BodySection) {
    match body {
        Body::Data(sections) => {
            let mut sections: Vec<Vec<u8>> = sections.into_iter().map(|data| data.0.into_vec()).collect();
            let bytes = if sections.len() == 1 { sections.remove(0) } else { sections.concat() };
            (bytes.into(), BodySection::Data)
        }
        Body::Value(value) => {
            let value = from_amqp(value.0);
            let bytes = match &value {
                Value::String(text) => Bytes::from(text.clone()),
                Value::Binary(bytes) => bytes.clone(),
                _ => Bytes::new(),
            };
            (bytes, BodySection::Value(value))
        }
        Body::Sequence(sections) => {
            let lists =
                sections.into_iter().map(|list| list.0.into_iter().map(from_amqp).collect()).collect();
            (Bytes::new(), BodySection::Sequence(lists))
        }
        Body::Empty => (Bytes::new(), BodySection::Empty),
    }
}

/// Ids are text in every Microsoft SDK; other clients may send the other types that AMQP allows.
fn id_text(id: MessageId) -> String {
    match id {
        MessageId::String(text) => text,
        MessageId::Uuid(uuid) => Uuid::from_bytes(uuid.into_inner()).to_string(),
        MessageId::Ulong(number) => number.to_string(),
        MessageId::Binary(bytes) => bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
    }
}

/// A lifetime too long for the header's 32 bits is the distance of two instants in the properties.
fn time_to_live(header: &Header, properties: &Properties) -> Option<Duration> {
    let milliseconds = |timestamp: &Timestamp| timestamp.milliseconds();
    let distance = match (&properties.creation_time, &properties.absolute_expiry_time) {
        (Some(from), Some(to)) => u64::try_from(milliseconds(to).saturating_sub(milliseconds(from))).ok(),
        _ => None,
    };
    distance.or(header.ttl.map(u64::from)).map(Duration::from_millis)
}

fn expires_at(enqueued: Option<OffsetDateTime>, lifetime: Option<Duration>) -> Option<OffsetDateTime> {
    enqueued?.checked_add(time::Duration::try_from(lifetime?).ok()?)
}

fn state(annotations: &MessageAnnotations) -> MessageState {
    match number(annotations, annotation::MESSAGE_STATE) {
        Some(1) => MessageState::Deferred,
        Some(2) => MessageState::Scheduled,
        _ => MessageState::Active,
    }
}

fn annotation(annotations: &MessageAnnotations, name: &str) -> Option<AmqpValue> {
    annotations.0.get(&name as &dyn AnnotationKey).cloned()
}

fn number(annotations: &MessageAnnotations, name: &str) -> Option<i64> {
    from_amqp(annotation(annotations, name)?).as_i64()
}

fn string(annotations: &MessageAnnotations, name: &str) -> Option<String> {
    from_amqp(annotation(annotations, name)?).as_str().map(str::to_owned)
}

fn instant(annotations: &MessageAnnotations, name: &str) -> Option<OffsetDateTime> {
    match annotation(annotations, name)? {
        AmqpValue::Timestamp(timestamp) => Some(instant_from_timestamp(&timestamp)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use fe2o3_amqp_types::{
        messaging::{
            AmqpSequence, AmqpValue as AmqpValueBody, ApplicationProperties, Batch, Data,
            Message as AmqpMessage,
        },
        primitives::OrderedMap,
    };

    use super::*;
    use crate::{
        message::Message,
        wire::{encode, encoded_message},
    };

    fn at(seconds: i64) -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp(seconds).unwrap()
    }

    fn a_full_message() -> Message {
        Message::new(&b"\x00body\xff"[..])
            .with_message_id("id")
            .with_content_type("application/json")
            .with_subject("subject")
            .with_correlation_id("correlation")
            .with_to("to")
            .with_reply_to("reply-to")
            .with_session_id("session")
            .with_partition_key("session")
            .with_time_to_live(Duration::from_millis(1_500))
            .with_application_property("number", 7)
            .with_application_property("text", "ü")
    }

    fn through_bytes(message: &Message) -> AnyMessage {
        read_encoded(&encoded_message(&encode(message, at(0)).unwrap()).unwrap()).unwrap()
    }

    #[test]
    fn a_message_comes_back_as_it_was_sent() {
        let sent = a_full_message();
        let received = decode_received(through_bytes(&sent), Some(Uuid::from_u128(1)));
        assert_eq!(received.to_message(), sent);
        assert_eq!(received.body_section, BodySection::Data);
        assert_eq!(received.delivery_count, 1);
    }

    #[test]
    fn what_the_service_adds_is_read_and_not_sent_again() {
        let mut message =
            through_bytes(&a_full_message().with_application_property(DEAD_LETTER_REASON, "why"));
        let annotations = message.message_annotations.as_mut().unwrap();
        for (name, value) in [
            (annotation::SEQUENCE_NUMBER, AmqpValue::Long(12)),
            (annotation::ENQUEUE_SEQUENCE_NUMBER, AmqpValue::Long(3)),
            (annotation::ENQUEUED_TIME, AmqpValue::Timestamp(Timestamp::from(1_000))),
            (annotation::LOCKED_UNTIL, AmqpValue::Timestamp(Timestamp::from(61_000))),
            (annotation::MESSAGE_STATE, AmqpValue::Int(2)),
            (annotation::DEAD_LETTER_SOURCE, AmqpValue::from("orders".to_owned())),
        ] {
            annotations.0.insert(name.into(), value);
        }
        message.header.as_mut().unwrap().delivery_count = 4;

        let received = decode_received(message.clone(), Some(Uuid::from_u128(1)));
        assert_eq!((received.sequence_number, received.enqueued_sequence_number), (12, Some(3)));
        assert_eq!((received.enqueued_time, received.locked_until), (Some(at(1)), Some(at(61))));
        assert_eq!(received.expires_at, Some(at(1) + Duration::from_millis(1_500)));
        assert_eq!(received.state, MessageState::Scheduled);
        assert_eq!(received.delivery_count, 5);
        assert_eq!(received.dead_letter_source.as_deref(), Some("orders"));
        assert_eq!(received.dead_letter_reason.as_deref(), Some("why"));
        assert_eq!(received.to_message(), a_full_message());

        let peeked = decode_received(message, None);
        assert_eq!((peeked.delivery_count, peeked.lock_token, peeked.locked_until), (4, Uuid::nil(), None));
    }

    #[test]
    fn a_lifetime_beyond_the_header_survives() {
        let a_year = Duration::from_secs(365 * 24 * 3600);
        let received = decode_received(through_bytes(&Message::new("x").with_time_to_live(a_year)), None);
        assert_eq!(received.time_to_live, Some(a_year));
        let forever = decode_received(through_bytes(&Message::new("x")), None);
        assert_eq!((forever.time_to_live, forever.expires_at), (None, None));
    }

    fn with_body(body: Body<AmqpValue>) -> ReceivedMessage {
        let message = AmqpMessage {
            header: None,
            delivery_annotations: None,
            message_annotations: None,
            properties: None,
            application_properties: None,
            body,
            footer: None,
        };
        decode_received(message, None)
    }

    #[test]
    fn every_kind_of_body_is_told_apart() {
        let data = |bytes: &[u8]| Data(serde_bytes::ByteBuf::from(bytes));
        let sections = with_body(Body::Data(Batch::new(vec![data(b"one "), data(b"two")])));
        assert_eq!((&sections.body[..], sections.body_section), (&b"one two"[..], BodySection::Data));

        let text = with_body(Body::Value(AmqpValueBody("hello".to_owned().into())));
        assert_eq!(
            (&text.body[..], &text.body_section),
            (&b"hello"[..], &BodySection::Value("hello".into()))
        );

        let number = with_body(Body::Value(AmqpValueBody(AmqpValue::Int(1))));
        assert_eq!((number.body.len(), &number.body_section), (0, &BodySection::Value(1.into())));

        let list = with_body(Body::Sequence(Batch::new(vec![AmqpSequence(vec![AmqpValue::Int(1)])])));
        assert_eq!(list.body_section, BodySection::Sequence(vec![vec![1.into()]]));
        assert_eq!(with_body(Body::Empty).body_section, BodySection::Empty);
    }

    #[test]
    fn a_body_is_sent_on_as_it_came() {
        let text = Value::from("Grüße");
        let map = Value::Map(vec![(text.clone(), Value::List(vec![1.into()]))]);
        let array = Value::Array(vec![1.into(), 2.into()]);
        let sections = [text, map, array, Value::Array(Vec::new()), Value::Null].map(BodySection::Value);
        let lists = BodySection::Sequence(vec![vec![1.into()], vec!["two".into()]]);
        for section in sections.into_iter().chain([lists, BodySection::Data]) {
            let message = Message { body_section: section.clone(), ..Message::new("").with_message_id("id") };
            let received = decode_received(through_bytes(&message), None);
            assert_eq!(received.body_section, section);
            assert_eq!(decode_received(through_bytes(&received.to_message()), None), received);
        }
    }

    #[test]
    fn the_lock_token_swaps_the_first_three_groups() {
        let tag =
            [0x33, 0x22, 0x11, 0x00, 0x55, 0x44, 0x77, 0x66, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff];
        let token = lock_token_from_delivery_tag(&tag).unwrap();
        assert_eq!(token.to_string(), "00112233-4455-6677-8899-aabbccddeeff");
        assert!(lock_token_from_delivery_tag(&tag[..4]).is_err());
    }

    #[test]
    fn bytes_that_are_no_message_are_an_error() {
        assert!(read_encoded(b"nonsense").is_err());
        assert!(read_encoded(&[]).is_err());
    }

    /// Read by the library alone, the first two end the process.
    #[test]
    fn what_would_end_the_process_is_refused_and_what_comes_before_it_can_be_read() {
        let head = encoded_message(&encode(&Message::new("").with_message_id("id"), at(0)).unwrap()).unwrap();
        let head = &head[..sound_length(&head) - 5];
        let nested = (0..50_000).fold(vec![0x45], |inside: Vec<u8>, _| {
            let size = u32::try_from(inside.len() + 4).unwrap().to_be_bytes();
            [&[0xd0][..], &size, &[0, 0, 0, 1], &inside].concat()
        });
        for body in [nested, [0x00, 0x53, 0x77].repeat(100_000), vec![0xe0, 0x55, 0x04, 0x45]] {
            let bytes = [head, &[0x00, 0x53, 0x77], &body].concat();
            assert!(read_encoded(&bytes).is_err());
            let read = read_what_is_sound(&bytes).unwrap();
            assert_eq!(
                (read.message_id.as_deref(), &read.body_section),
                (Some("id"), &BodySection::Unreadable)
            );
            assert!(encode(&read.to_message(), at(0)).is_err(), "half a message is not sent again");
        }
    }

    #[test]
    fn lists_are_refused_as_application_properties() {
        let message = Message::new("x").with_application_property("list", Value::List(Vec::new()));
        let error = encode(&message, at(0)).unwrap_err();
        assert!(matches!(error, ServiceBusError::InvalidArgument { .. }), "{error}");
        let mut map = OrderedMap::new();
        map.insert("null".to_owned(), fe2o3_amqp_types::primitives::SimpleValue::Null);
        let mut nulls = through_bytes(&Message::new("x"));
        nulls.application_properties = Some(ApplicationProperties(map));
        assert_eq!(decode_received(nulls, None).application_properties["null"], Value::Null);
    }

    #[test]
    fn ids_that_are_too_long_or_contradict_each_other_are_refused() {
        let long = "x".repeat(129);
        for message in [
            Message::new("x").with_message_id(long.clone()),
            Message::new("x").with_session_id(long),
            Message::new("x").with_session_id("a").with_partition_key("b"),
        ] {
            let error = encode(&message, at(0)).unwrap_err();
            assert!(matches!(error, ServiceBusError::InvalidArgument { .. }), "{error}");
        }
    }
}
