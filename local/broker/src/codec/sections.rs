//! A message, cut into its sections without decoding them.

use bytes::Bytes;

use super::{Malformed, outer_length, value_length};

/// The sections of a message (AMQP 1.0, part 3 section 3.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SectionKind {
    Header,
    DeliveryAnnotations,
    MessageAnnotations,
    Properties,
    ApplicationProperties,
    Data,
    Sequence,
    AmqpValue,
    Footer,
}

/// One section: its whole encoding, and within it the value after the descriptor.
#[derive(Debug, Clone)]
pub(crate) struct Section {
    pub(crate) kind: SectionKind,
    pub(crate) whole: Bytes,
    pub(crate) value: Bytes,
}

/// Cuts an encoded message into its sections, in order.
///
/// # Errors
/// When the bytes are not a sequence of described values with the descriptors of message sections.
pub(crate) fn split_sections(mut rest: Bytes) -> Result<Vec<Section>, Malformed> {
    let mut sections = Vec::new();
    while !rest.is_empty() {
        if rest[0] != 0x00 {
            return Err(Malformed::because("a message section has no descriptor"));
        }
        let descriptor = value_length(&rest[1..])?;
        let kind = section_kind(&rest[1..1 + descriptor])?;
        let value = &rest[1 + descriptor..];
        let length = match kind {
            SectionKind::Data | SectionKind::Sequence | SectionKind::AmqpValue | SectionKind::Footer => {
                outer_length(value)?
            }
            SectionKind::Header
            | SectionKind::DeliveryAnnotations
            | SectionKind::MessageAnnotations
            | SectionKind::Properties
            | SectionKind::ApplicationProperties => value_length(value)?,
        };
        let whole = rest.split_to(1 + descriptor + length);
        sections.push(Section { kind, value: whole.slice(1 + descriptor..), whole });
    }
    Ok(sections)
}

fn section_kind(descriptor: &[u8]) -> Result<SectionKind, Malformed> {
    let code = match descriptor {
        [0x53, code] => u64::from(*code),
        [0x80, number @ ..] => number.try_into().map(u64::from_be_bytes).unwrap_or(0),
        _ => 0,
    };
    Ok(match code {
        0x70 => SectionKind::Header,
        0x71 => SectionKind::DeliveryAnnotations,
        0x72 => SectionKind::MessageAnnotations,
        0x73 => SectionKind::Properties,
        0x74 => SectionKind::ApplicationProperties,
        0x75 => SectionKind::Data,
        0x76 => SectionKind::Sequence,
        0x77 => SectionKind::AmqpValue,
        0x78 => SectionKind::Footer,
        _ => return Err(Malformed::because("a message section has a descriptor that no section has")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::{described, encode};
    use serde_amqp::Value;

    #[test]
    fn a_message_falls_apart_into_its_sections_and_loses_no_byte() {
        let mut message = encode(&described(0x70, Value::List(vec![Value::Bool(true)])));
        message.extend(encode(&described(0x73, Value::List(vec![Value::from("id")]))));
        message.extend(encode(&described(0x75, Value::Binary(serde_bytes::ByteBuf::from(*b"hello")))));
        let sections = split_sections(Bytes::from(message.clone())).unwrap();
        let kinds: Vec<_> = sections.iter().map(|section| section.kind).collect();
        assert_eq!(kinds, [SectionKind::Header, SectionKind::Properties, SectionKind::Data]);
        let joined: Vec<u8> = sections.iter().flat_map(|section| section.whole.to_vec()).collect();
        assert_eq!(joined, message);
    }

    #[test]
    fn what_is_no_section_is_refused() {
        assert!(split_sections(Bytes::from_static(&[0x40])).is_err());
        assert!(split_sections(Bytes::from_static(&[0x00, 0x53, 0x10, 0x45])).is_err());
        assert!(split_sections(Bytes::from_static(&[0x00, 0x53, 0x75, 0xa0, 0x09, 0x01])).is_err());
    }
}
