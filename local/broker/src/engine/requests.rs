//! Requests and replies over links: `$cbs` and `$management` (AMQP management, request/response).

use bytes::Bytes;

use crate::address::Node;
use crate::cbs::Times;
use crate::context::Context;
use crate::faults::Operation;
use crate::request::Request;
use crate::{cbs, management};

use super::connection::Connection;
use super::link::ToPeer;
use super::session::Session;

impl Connection {
    /// Carries out a request and puts the reply on the link that leads back.
    pub(super) fn on_request(&mut self, channel: u16, node: &Node, bytes: Bytes, context: &mut Context<'_>) {
        let request = match Request::read(bytes) {
            Ok(request) => request,
            Err(malformed) => {
                tracing::debug!(%malformed, "a request could not be read");
                return;
            }
        };
        let reply = match node {
            Node::Management(entity) => {
                let refused = self
                    .strike(Operation::Request, context)
                    .or_else(|| self.check_right(node, management::right_for(&request), context).err());
                match refused {
                    Some(fault) => management::refuse(&fault),
                    None => management::answer(&request, entity, context),
                }
            }
            _ => {
                let times = Times { issuers: context.now, on_the_wire: context.on_the_wire };
                cbs::answer(&request, context.authority, &mut self.access, times)
            }
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
