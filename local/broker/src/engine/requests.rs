//! Requests and replies over links: `$cbs` and `$management` (AMQP management, request/response).

use bytes::Bytes;
use serde_amqp::Value;
use serde_amqp::primitives::OrderedMap;

use crate::codec::{
    Malformed, Positional, SectionKind, as_text, decode, described, encode, lookup, split_sections,
};
use crate::faults::Operation;
use crate::message::Properties;
use crate::{cbs, management};

use super::World;
use super::address::Node;
use super::connection::Connection;
use super::link::ToPeer;
use super::session::Session;

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
pub(crate) struct Reply {
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

impl Connection {
    /// Carries out a request and puts the reply on the link that leads back.
    pub(super) fn on_request(&mut self, channel: u16, node: &Node, bytes: Bytes, world: &mut World<'_>) {
        let request = match Request::read(bytes) {
            Ok(request) => request,
            Err(malformed) => {
                tracing::debug!(%malformed, "a request could not be read");
                return;
            }
        };
        let reply = match node {
            Node::Management(entity) => match self.strike(Operation::Request, world) {
                Some(fault) => management::refuse(&fault),
                None => management::answer(&request, entity, world),
            },
            _ => cbs::answer(&request, world.authority, &mut self.access, world.now),
        };
        let encoded = reply.encode(&request);
        match self.way_back(channel, node, request.reply_to.as_deref()) {
            Some(link) => link.replies.push_back(encoded),
            None => tracing::debug!(?node, "there is no link to answer a request on"),
        }
    }

    /// The link whose target is the address that the request names. The Python SDK names none, and the JavaScript SDK
    /// on `$cbs` one that no link has: they mean the link for the same node on the same session.
    fn way_back(&mut self, channel: u16, node: &Node, reply_to: Option<&str>) -> Option<&mut ToPeer> {
        let at = |session: &mut Session| reply_to.is_some_and(|to| session.reply_link_at(node, to).is_some());
        match self.sessions.values_mut().find_map(|session| at(session).then_some(session.channel)) {
            Some(named) => self.sessions.get_mut(&named)?.reply_link_at(node, reply_to?),
            None => self.sessions.get_mut(&channel)?.reply_link(node),
        }
    }
}

impl Reply {
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
