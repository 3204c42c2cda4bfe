//! How links begin: who may attach to what, and the wait for a session of Service Bus.

use serde_amqp::Value;
use uuid::Uuid;

use crate::codec::described;
use crate::faults::Operation;
use crate::store::StoreError;

use super::connection::Connection;
use super::link::{Direction, HeldSession, Link, is_coordinator, terminus_address};
use super::performative::Attach;
use super::rights::right_to;
use super::session::{Session, Waiting};
use super::session_filter::{self, Wanted};
use crate::address::Node;
use crate::amqp_error::AmqpError;
use crate::context::Context;
use crate::entra::Right;

impl Connection {
    pub(super) fn attach(&mut self, channel: u16, attach: Box<Attach>, context: &mut Context<'_>) {
        let mut checked =
            check_node(&attach, |node, right, context| self.check_right(node, right, context), context);
        if matches!(checked, Ok(Node::Entity(_) | Node::Management(_)))
            && let Some(fault) = self.strike(Operation::Attach, context)
        {
            checked = Err(fault);
        }
        let Some(session) = self.sessions.get_mut(&channel) else { return };
        match checked {
            Ok(Node::Entity(entity)) if Wanted::read(&attach.source).is_some() && attach.receives => {
                let until = context.on_the_wire.after(session_filter::time_out(&attach));
                session.waiting.push(Waiting { attach, entity, until, credit: 0 });
                self.attach_waiting(context);
            }
            Ok(node) => {
                let link = Link::new(node, &attach);
                session.leaving.remove(&attach.handle);
                session.links.insert(attach.handle, link);
                self.output.amqp(channel, &attach_answer(&attach, true, context));
                if !attach.receives {
                    session.grant_credit(attach.handle, &mut self.output);
                }
            }
            Err(fault) => self.refuse(channel, &attach, &fault, context),
        }
    }

    /// Gives the links that wait for a session one, where there is one, and tells those that have waited long enough.
    pub(super) fn attach_waiting(&mut self, context: &mut Context<'_>) {
        let channels: Vec<u16> = self.sessions.keys().copied().collect();
        for channel in channels {
            let Some(session) = self.sessions.get_mut(&channel) else { continue };
            for waiting in std::mem::take(&mut session.waiting) {
                self.try_session(channel, waiting, context);
            }
        }
    }

    fn try_session(&mut self, channel: u16, mut waiting: Waiting, context: &mut Context<'_>) {
        let Some(session) = self.sessions.get_mut(&channel) else { return };
        let wanted = Wanted::read(&waiting.attach.source).unwrap_or(Wanted::Next);
        let holder = Uuid::new_v4();
        match context.store.accept_session(&waiting.entity, wanted.name(), holder, context.now) {
            Ok(Some((id, until))) => {
                session_filter::grant(&mut waiting.attach, &id, until);
                self.output.amqp(channel, &attach_answer(&waiting.attach, true, context));
                let held = HeldSession { entity: waiting.entity.clone(), id, holder };
                begin_session(session, waiting, held);
            }
            Ok(None) if waiting.until > context.on_the_wire => session.waiting.push(waiting),
            Ok(None) => {
                let description = "No session became available within the time that the receiver waits.";
                let fault = AmqpError::new("com.microsoft:timeout", description);
                self.refuse(channel, &waiting.attach, &fault, context);
            }
            Err(error) => self.refuse(channel, &waiting.attach, &error.into(), context),
        }
    }

    /// Attached to nothing, then detached: that is how AMQP says no (part 2 section 2.6.3).
    fn refuse(&mut self, channel: u16, attach: &Attach, fault: &AmqpError, context: &Context<'_>) {
        if let Some(session) = self.sessions.get_mut(&channel) {
            session.leaving.insert(attach.handle);
        }
        self.output.amqp(channel, &attach_answer(attach, false, context));
        self.output.detach(channel, attach.handle, true, Some(fault));
    }
}

fn begin_session(session: &mut Session, waiting: Waiting, held: HeldSession) {
    let handle = waiting.attach.handle;
    let mut link = Link::new(Node::Entity(waiting.entity), &waiting.attach);
    if let Direction::ToPeer(direction) = &mut link.direction {
        direction.session = Some(held);
        direction.credit = waiting.credit;
    }
    session.leaving.remove(&handle);
    session.links.insert(handle, link);
}

fn check_node(
    attach: &Attach,
    check_right: impl Fn(&Node, Right, &Context<'_>) -> Result<(), AmqpError>,
    context: &mut Context<'_>,
) -> Result<Node, AmqpError> {
    let terminus = if attach.receives { &attach.source } else { &attach.target };
    if is_coordinator(terminus) {
        return Ok(Node::Coordinator);
    }
    let Some(address) = terminus_address(terminus) else {
        return Err(AmqpError::new("amqp:not-implemented", "A link needs an address."));
    };
    let node = Node::from_address(&address);
    let Some(entity) = node.entity() else {
        return Ok(node);
    };
    check_right(&node, right_to(&node, attach.receives), context)?;
    if !context.store.has(entity) {
        return Err(StoreError::NoSuchEntity(entity.clone()).into());
    }
    match &node {
        Node::Entity(_) if attach.receives && session_filter::wants_shared(&attach.source) => {
            let description = "Sessions that several receivers share are not supported by this broker.";
            return Err(AmqpError::new("amqp:not-implemented", description));
        }
        Node::Entity(entity) if attach.receives => {
            context.store.check_receiver(entity, Wanted::read(&attach.source).is_some())?;
        }
        Node::Entity(entity) => context.store.check_sender(entity)?,
        Node::Management(_) | Node::Cbs | Node::Coordinator => {}
    }
    Ok(node)
}

/// What the peer may send. It says itself what it takes: a message that was taken in must reach its receiver, with
/// what the broker adds to it. Requests hold whole messages, and what holds them. Our guess: no limit there.
fn largest_message(attach: &Attach, context: &Context<'_>) -> Value {
    let target = terminus_address(&attach.target).map(|address| Node::from_address(&address));
    match target {
        _ if attach.receives => Value::Null,
        Some(Node::Management(_) | Node::Cbs) => Value::Ulong(0),
        Some(Node::Entity(_) | Node::Coordinator) | None => {
            Value::Ulong(context.limits.max_message_size as u64)
        }
    }
}

/// The peer's own words back, with what this side adds. A refused link is attached to nothing at its own end.
fn attach_answer(attach: &Attach, accepted: bool, context: &Context<'_>) -> Value {
    let end = |terminus: &Value, ours: bool| if ours && !accepted { Value::Null } else { terminus.clone() };
    let mut fields = vec![
        Value::from(attach.name.as_str()),
        Value::Uint(attach.handle),
        Value::Bool(!attach.receives),
        attach.sender_settle_mode.clone(),
        attach.receiver_settle_mode.clone(),
        end(&attach.source, attach.receives),
        end(&attach.target, !attach.receives),
        Value::Null,
        Value::Null,
    ];
    fields.push(if attach.receives { Value::Uint(0) } else { Value::Null });
    fields.push(largest_message(attach, context));
    fields.extend([Value::Null, Value::Null, attach.properties.clone()]);
    described(0x12, Value::List(fields))
}
