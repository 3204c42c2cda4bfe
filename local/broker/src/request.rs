//! A request on a management node, and the response to it (AMQP management).

use bytes::Bytes;
use serde_amqp::Value;
use serde_amqp::primitives::OrderedMap;

use crate::codec::{
    Malformed, Positional, SectionKind, as_text, decode, described, encode, lookup, split_sections,
};
use crate::message::Properties;

/// A request, read out of its message.
#[derive(Debug)]
pub(crate) struct Request {
    message_id: Value,
    pub(crate) reply_to: Option<String>,
    pub(crate) application_properties: Properties,
    /// The body: a value, or the text of a data section.
    pub(crate) body: Value,
}

/// What a request is answered.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) application_properties: Vec<(&'static str, Value)>,
    pub(crate) body: Value,
}

impl Request {
    /// # Errors
    /// When the bytes are not a message.
    pub(crate) fn read(encoded: Bytes) -> Result<Self, Malformed> {
        let mut request = Self {
            message_id: Value::Null,
            reply_to: None,
            application_properties: OrderedMap::new(),
            body: Value::Null,
        };
        for section in split_sections(encoded)? {
            match section.kind {
                SectionKind::Properties => {
                    let mut properties = Positional::from_value(decode(&section.whole)?)?;
                    request.message_id = properties.take(0);
                    request.reply_to = properties.text(4).map(str::to_owned);
                }
                SectionKind::ApplicationProperties => {
                    if let Value::Map(map) = decode(&section.value)? {
                        request.application_properties = map;
                    }
                }
                SectionKind::AmqpValue | SectionKind::Data => request.body = decode(&section.value)?,
                _ => {}
            }
        }
        Ok(request)
    }

    pub(crate) fn property(&self, name: &str) -> Option<&str> {
        lookup(&self.application_properties, name).and_then(as_text)
    }
}

impl Response {
    /// The reply's message. Its correlation id is the request's message id, type and all.
    pub(crate) fn encode(self, request: &Request) -> Vec<u8> {
        let mut properties = vec![Value::Null; 5];
        properties.push(request.message_id.clone());
        let mut application_properties = OrderedMap::new();
        for (name, value) in self.application_properties {
            application_properties.insert(Value::from(name), value);
        }
        let mut message = encode(&described(0x73, Value::List(properties)));
        message.extend(encode(&described(0x74, Value::Map(application_properties))));
        message.extend(encode(&described(0x77, self.body)));
        message
    }
}
