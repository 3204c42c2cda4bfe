//! Whether a peer may do what it wants, and what it is told when it may not.
//!
//! The words are those that users of Service Bus quote: "Unauthorized access. 'Send' claim(s) are required to perform
//! this operation. Resource: 'sb://…'. TrackingId:…, SystemTracker:…, Timestamp:…", with `amqp:unauthorized-access`,
//! when the link is attached. Our guess: that they are the same on a link that is there already.

use time::OffsetDateTime;
use time::macros::format_description;
use uuid::Uuid;

use super::connection::Connection;
use super::link::{Direction, Link};
use crate::address::Node;
use crate::amqp_error::AmqpError;
use crate::cbs::Closed;
use crate::context::Context;
use crate::entra::Right;

const CONDITION: &str = "amqp:unauthorized-access";

impl Connection {
    /// Refuses what neither the key nor a role of the peer allows.
    pub(super) fn check_right(
        &self,
        node: &Node,
        right: Right,
        context: &Context<'_>,
    ) -> Result<(), AmqpError> {
        self.is_closed_to(node, right, context)
            .map_or(Ok(()), |_| Err(self.unauthorized(node, right, context)))
    }

    /// Ends the links whose token has ended, or whose holder has lost the role for it.
    pub(super) fn detach_unauthorized(&mut self, context: &Context<'_>) {
        let mut refused = Vec::new();
        for (channel, session) in &self.sessions {
            for (handle, link) in &session.links {
                let right = right_of(link);
                let fault = match self.is_closed_to(&link.node, right, context) {
                    None => continue,
                    Some(Closed::NoToken) => AmqpError::new(CONDITION, "ExpiredToken: The token is expired."),
                    Some(Closed::NoRole) => self.unauthorized(&link.node, right, context),
                };
                refused.push((*channel, *handle, fault));
            }
        }
        for (channel, handle, fault) in refused {
            if let Some(session) = self.sessions.get_mut(&channel) {
                session.close_link(handle, &fault, &mut self.output);
            }
        }
    }

    fn is_closed_to(&self, node: &Node, right: Right, context: &Context<'_>) -> Option<Closed> {
        let path = node.claimed_path()?;
        self.access.allows(&path, right, context.authority, context.on_the_wire).err()
    }

    fn unauthorized(&self, node: &Node, right: Right, context: &Context<'_>) -> AmqpError {
        let (claim, host) = (right.claim(), &self.hostname);
        let path = node.claimed_path().unwrap_or_default();
        let (tracking, at) = (Uuid::new_v4(), written(context));
        let description = format!(
            "Unauthorized access. '{claim}' claim(s) are required to perform this operation. Resource: \
             'sb://{host}/{path}'. TrackingId:{tracking}_B0, SystemTracker:NoSystemTracker, Timestamp:{at}"
        );
        AmqpError::new(CONDITION, description)
    }
}

/// What a link is for.
pub(super) fn right_to(node: &Node, receives: bool) -> Right {
    match node {
        // Requests of every kind go over one link: each is looked at when it comes.
        Node::Management(_) | Node::Cbs | Node::Coordinator => Right::Any,
        Node::Entity(_) if receives => Right::Listen,
        Node::Entity(_) => Right::Send,
    }
}

fn right_of(link: &Link) -> Right {
    right_to(&link.node, matches!(link.direction, Direction::ToPeer(_)))
}

fn written(context: &Context<'_>) -> String {
    let form = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]");
    let at = OffsetDateTime::from_unix_timestamp(context.on_the_wire.milliseconds() / 1000);
    at.ok().and_then(|at| at.format(form).ok()).unwrap_or_default()
}
