//! What passes over the links of a connection: sending in, delivering, settling.

use serde_amqp::Value;
use uuid::Uuid;

use crate::codec::{SectionKind, decode, split_sections};
use crate::faults::Operation;
use crate::message::Message;
use crate::store::{EntityName, StoreError};

use super::connection::Connection;
use super::link::{Direction, Link};
use super::outcome::{echo, no_transactions, read_outcome, rejected};
use super::performative::Disposition;
use super::session::{Arrival, Outstanding};
use crate::address::Node;
use crate::amqp_error::AmqpError;
use crate::context::Context;

/// Output that a slow peer may leave unread before no more messages are locked for it.
const MOST_UNSENT: usize = 2 * 1024 * 1024;
/// Of a transfer whose data sections each hold a whole message (Microsoft's batch format).
const BATCH_FORMAT: u32 = 0x8001_3700;

impl Connection {
    /// Takes a whole delivery to where it goes.
    pub(super) fn on_arrival(&mut self, channel: u16, arrival: Arrival, context: &mut Context<'_>) {
        match arrival.node.clone() {
            Node::Entity(entity) => self.take_in(channel, &entity, &arrival, context),
            Node::Coordinator => self.reject(channel, arrival.delivery_id, &no_transactions()),
            node => {
                if !arrival.settled
                    && let Some(session) = self.sessions.get_mut(&channel)
                {
                    session.acknowledge(arrival.delivery_id, &mut self.output);
                }
                self.on_request(channel, &node, arrival.bytes, context);
            }
        }
    }

    /// Takes a message, or a batch of them, into a queue.
    fn take_in(&mut self, channel: u16, entity: &EntityName, arrival: &Arrival, context: &mut Context<'_>) {
        let struck = self.strike(Operation::Send, context);
        let taken = struck.map_or_else(|| read_messages(arrival), Err).and_then(|messages| {
            for message in &messages {
                context.store.check_sendable(entity, message)?;
            }
            for message in messages {
                context.store.send(entity, message, context.now)?;
            }
            Ok(())
        });
        let Some(session) = self.sessions.get_mut(&channel) else { return };
        match taken {
            Ok(()) if arrival.settled => {}
            Ok(()) => session.acknowledge(arrival.delivery_id, &mut self.output),
            Err(fault) => self.reject(channel, arrival.delivery_id, &fault),
        }
    }

    /// Tells a sender that its delivery was not taken.
    fn reject(&mut self, channel: u16, delivery_id: u32, fault: &AmqpError) {
        let Some(session) = self.sessions.get_mut(&channel) else { return };
        session.flush_acknowledgements(&mut self.output);
        self.output.disposition(channel, true, delivery_id, delivery_id, rejected(fault));
    }

    /// Carries out what a receiver says about deliveries, and answers when it waits for an answer.
    pub(super) fn on_disposition(
        &mut self,
        channel: u16,
        disposition: &Disposition,
        context: &mut Context<'_>,
    ) {
        // What a sender says about its own deliveries needs no answer: they were settled when they came in.
        if !disposition.from_receiver || disposition.last < disposition.first {
            return;
        }
        let Some(session) = self.sessions.get(&channel) else { return };
        let named = session.outstanding.range(disposition.first..=disposition.last);
        let named: Vec<(u32, Outstanding)> =
            named.map(|(id, outstanding)| (*id, outstanding.clone())).collect();
        let wanted = match read_outcome(&disposition.state) {
            // Settled without an outcome: the lock is left to end by itself.
            Ok(None) if !disposition.settled => return,
            wanted => wanted,
        };
        let mut answers = Answers::default();
        for (id, outstanding) in named {
            let outcome = match (self.strike(Operation::Settle, context), &wanted) {
                (Some(fault), _) => Err(fault),
                (None, Err(fault)) => Err(fault.clone()),
                (None, Ok(None)) => Ok(Value::Null),
                (None, Ok(Some(settlement))) => context
                    .store
                    .settle(&outstanding.entity, outstanding.token, settlement.clone(), context.now)
                    .map(|()| echo(&disposition.state))
                    .map_err(AmqpError::from),
            };
            answers.add(id, outcome.unwrap_or_else(|fault| rejected(&fault)));
        }
        let Some(session) = self.sessions.get_mut(&channel) else { return };
        for (first, last, state) in answers.0 {
            for id in first..=last {
                session.outstanding.remove(&id);
            }
            if !disposition.settled {
                self.output.disposition(channel, false, first, last, state);
            }
        }
    }

    /// Sends what there is on every link that has credit for it.
    pub(crate) fn deliver(&mut self, context: &mut Context<'_>) {
        self.held_back = false;
        self.detach_unauthorized(context);
        self.detach_lost_sessions(context);
        self.attach_waiting(context);
        self.send_what_there_is(context);
        self.give_up_sessions(context);
    }

    fn send_what_there_is(&mut self, context: &mut Context<'_>) {
        for session in self.sessions.values_mut() {
            session.flush_outbox(&mut self.output);
            let handles: Vec<u32> = session.links.keys().copied().collect();
            for handle in handles {
                while session.is_clear() {
                    if self.output.bytes.len() > MOST_UNSENT {
                        self.held_back = true;
                        return;
                    }
                    let Some((message, held)) =
                        session.links.get_mut(&handle).and_then(|link| link.next(context))
                    else {
                        break;
                    };
                    session.send(handle, message, held, &mut self.output);
                }
                let draining = matches!(session.links.get(&handle), Some(Link { direction: Direction::ToPeer(link), .. }) if link.drain);
                if draining && session.is_clear() {
                    session.finish_drain(handle, &mut self.output);
                }
            }
        }
    }

    /// Ends the links whose session's lock has ended.
    fn detach_lost_sessions(&mut self, context: &Context<'_>) {
        let fault = AmqpError::from(StoreError::SessionLockLost);
        for session in self.sessions.values_mut() {
            let lost = |link: &Link| {
                link.held_session().is_some_and(|held| {
                    !context.store.holds_session(&held.entity, &held.id, held.holder, context.now)
                })
            };
            let handles: Vec<u32> =
                session.links.iter().filter(|(_, link)| lost(link)).map(|(handle, _)| *handle).collect();
            for handle in handles {
                session.close_link(handle, &fault, &mut self.output);
            }
        }
    }
}

impl Link {
    /// The next message for this link, if it has credit and there is one.
    fn next(&mut self, context: &mut Context<'_>) -> Option<(Vec<u8>, Option<Outstanding>)> {
        let Direction::ToPeer(link) = &mut self.direction else { return None };
        if link.credit == 0 {
            return None;
        }
        let Node::Entity(entity) = &self.node else {
            return link.replies.pop_front().map(|reply| (reply, None));
        };
        let session = link.session.as_ref().map(|held| &*held.id);
        let next = if link.settled {
            context.store.take_next(entity, session, context.now)
        } else {
            context.store.lock_next(entity, session, context.now)
        };
        let delivery =
            next.expect("a link is attached only to an entity that exists, and none is ever removed")?;
        let held = (!link.settled).then(|| Outstanding { entity: entity.clone(), token: delivery.token });
        Some((delivery.encoded, held))
    }
}

/// What deliveries are answered: runs of ids that are answered alike are answered together.
#[derive(Debug, Default)]
struct Answers(Vec<(u32, u32, Value)>);

impl Answers {
    fn add(&mut self, id: u32, state: Value) {
        match self.0.last_mut() {
            Some((_, last, same)) if last.wrapping_add(1) == id && *same == state => *last = id,
            _ => self.0.push((id, id, state)),
        }
    }
}

/// The messages of a delivery: one, or those of a batch. All of them are read before any is taken.
fn read_messages(arrival: &Arrival) -> Result<Vec<Message>, AmqpError> {
    if arrival.message_format != BATCH_FORMAT {
        return Ok(vec![Message::parse(arrival.bytes.clone(), Uuid::new_v4())?]);
    }
    let mut messages = Vec::new();
    for section in split_sections(arrival.bytes.clone())? {
        if section.kind == SectionKind::Data {
            let Value::Binary(encoded) = decode(&section.value)? else {
                return Err(AmqpError::new(
                    "amqp:decode-error",
                    "A data section holds something else than bytes.",
                ));
            };
            messages.push(Message::parse(encoded.into_vec().into(), Uuid::new_v4())?);
        }
    }
    Ok(messages)
}
