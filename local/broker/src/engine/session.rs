//! Sessions: windows, links, and the deliveries that are under way.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bytes::{Bytes, BytesMut};
use fe2o3_amqp_types::definitions::Handle;
use fe2o3_amqp_types::performatives::{self, Begin};
use uuid::Uuid;

use crate::clock::Timestamp;
use crate::store::EntityName;

use super::SESSION_WINDOW;
use super::link::{Direction, FromPeer, GRANTED_CREDIT, HeldSession, Link, Partial, ToPeer};
use super::outcome::accepted;
use super::output::Output;
use super::performative::{Attach, Flow, Transfer};
use crate::address::Node;
use crate::amqp_error::AmqpError;

#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) channel: u16,
    pub(super) next_incoming_id: u32,
    /// Transfers that the peer may still send before it must be told to go on.
    pub(super) incoming_window: u32,
    pub(super) next_outgoing_id: u32,
    /// Transfers that the peer can still take.
    pub(super) peer_window: u32,
    pub(super) next_delivery_id: u32,
    pub(crate) links: BTreeMap<u32, Link>,
    /// Links that wait for a session of Service Bus.
    pub(crate) waiting: Vec<Waiting>,
    /// Sessions of Service Bus whose links have ended.
    pub(crate) given_up: Vec<HeldSession>,
    /// Links that the broker has closed and the peer has not: what still comes on them is dropped.
    pub(crate) leaving: BTreeSet<u32>,
    /// Deliveries that the peer has not settled.
    pub(crate) outstanding: BTreeMap<u32, Outstanding>,
    pub(super) outbox: VecDeque<Piece>,
    /// Deliveries from the peer that were taken and not acknowledged yet: a run of ids.
    taken: Option<(u32, u32)>,
}

#[derive(Debug, Clone)]
pub(crate) struct Outstanding {
    pub(crate) entity: EntityName,
    pub(crate) token: Uuid,
}

/// A link that is answered when there is a session of Service Bus for it.
#[derive(Debug)]
pub(crate) struct Waiting {
    pub(crate) attach: Box<Attach>,
    pub(crate) entity: EntityName,
    pub(crate) until: Timestamp,
    pub(crate) credit: u32,
}

/// One transfer that waits for the peer's window.
#[derive(Debug)]
pub(super) struct Piece {
    pub(super) transfer: performatives::Transfer,
    pub(super) payload: Bytes,
}

/// A whole delivery from the peer.
#[derive(Debug)]
pub(crate) struct Arrival {
    pub(crate) node: Node,
    pub(crate) delivery_id: u32,
    pub(crate) message_format: u32,
    pub(crate) settled: bool,
    pub(crate) bytes: Bytes,
}

impl Session {
    pub(crate) fn new(channel: u16, next_outgoing_id_of_peer: u32, peer_window: u32) -> Self {
        Self {
            channel,
            next_incoming_id: next_outgoing_id_of_peer,
            incoming_window: SESSION_WINDOW,
            next_outgoing_id: 0,
            peer_window,
            next_delivery_id: 0,
            links: BTreeMap::new(),
            waiting: Vec::new(),
            given_up: Vec::new(),
            leaving: BTreeSet::new(),
            outstanding: BTreeMap::new(),
            outbox: VecDeque::new(),
            taken: None,
        }
    }

    pub(crate) fn begin(&self) -> Begin {
        Begin {
            remote_channel: Some(self.channel),
            next_outgoing_id: self.next_outgoing_id,
            incoming_window: SESSION_WINDOW,
            outgoing_window: SESSION_WINDOW,
            handle_max: Handle(255),
            offered_capabilities: None,
            desired_capabilities: None,
            properties: None,
        }
    }

    /// Takes the peer's view of session and link.
    pub(crate) fn on_flow(&mut self, flow: &Flow, output: &mut Output) {
        let under_way = self.next_outgoing_id.wrapping_sub(flow.next_incoming_id.unwrap_or(0));
        self.peer_window = flow.incoming_window.saturating_sub(under_way);
        let Some(handle) = flow.handle else {
            if flow.echo {
                self.send_flow(None, output);
            }
            return;
        };
        if let Some(credit) = flow.link_credit {
            self.set_credit(handle, flow.delivery_count, credit, flow.drain);
        }
        if flow.echo && self.links.contains_key(&handle) {
            self.send_flow(Some(handle), output);
        }
    }

    fn set_credit(&mut self, handle: u32, seen: Option<u32>, credit: u32, drain: bool) {
        if let Some(Link { direction: Direction::ToPeer(link), .. }) = self.links.get_mut(&handle) {
            link.update_credit(seen, credit, drain);
        }
        // A peer may grant credit before its link is answered.
        if let Some(waiting) = self.waiting.iter_mut().find(|waiting| waiting.attach.handle == handle) {
            waiting.credit = credit;
        }
    }

    /// Takes a transfer. Returns the delivery when this was the last of its transfers.
    pub(crate) fn on_transfer(
        &mut self,
        transfer: Transfer,
        largest: usize,
        output: &mut Output,
    ) -> Result<Option<Arrival>, AmqpError> {
        self.next_incoming_id = self.next_incoming_id.wrapping_add(1);
        self.incoming_window = self.incoming_window.saturating_sub(1);
        if self.incoming_window <= SESSION_WINDOW / 2 {
            self.incoming_window = SESSION_WINDOW;
            self.send_flow(None, output);
        }
        let handle = transfer.handle;
        if self.leaving.contains(&handle) {
            return Ok(None);
        }
        let Some(Link { node, direction: Direction::FromPeer(link) }) = self.links.get_mut(&handle) else {
            return Err(AmqpError::new(
                "amqp:session:unattached-handle",
                "A transfer came on no link that could take it.",
            ));
        };
        let node = node.clone();
        let partial = link.add(transfer)?;
        let too_large = link.partial.as_ref().map_or(0, |partial| partial.bytes.len()) > largest
            || partial.as_ref().is_some_and(|partial| partial.bytes.len() > largest);
        let grant = link.since_grant >= GRANTED_CREDIT / 2;
        if too_large {
            let limit = format!("The received message exceeds the limit of {largest} bytes.");
            self.close_link(handle, &AmqpError::new("amqp:link:message-size-exceeded", limit), output);
            return Ok(None);
        }
        if grant {
            self.grant_credit(handle, output);
        }
        Ok(partial.map(|partial| Arrival {
            node,
            delivery_id: partial.delivery_id,
            message_format: partial.message_format,
            settled: partial.settled,
            bytes: partial.bytes.freeze(),
        }))
    }

    /// Lets a sending peer send.
    pub(crate) fn grant_credit(&mut self, handle: u32, output: &mut Output) {
        if let Some(Link { direction: Direction::FromPeer(link), .. }) = self.links.get_mut(&handle) {
            link.since_grant = 0;
            self.send_flow(Some(handle), output);
        }
    }

    /// Says that a delivery was taken. Runs of them are said together, by [`Session::flush_acknowledgements`].
    pub(crate) fn acknowledge(&mut self, delivery_id: u32, output: &mut Output) {
        match &mut self.taken {
            Some((_, last)) if last.wrapping_add(1) == delivery_id => *last = delivery_id,
            _ => {
                self.flush_acknowledgements(output);
                self.taken = Some((delivery_id, delivery_id));
            }
        }
    }

    pub(crate) fn flush_acknowledgements(&mut self, output: &mut Output) {
        if let Some((first, last)) = self.taken.take() {
            output.disposition(self.channel, true, first, last, accepted());
        }
    }

    /// Ends a link from this side.
    pub(crate) fn close_link(&mut self, handle: u32, fault: &AmqpError, output: &mut Output) {
        if self.forget_link(handle) {
            self.leaving.insert(handle);
            self.flush_acknowledgements(output);
            output.detach(self.channel, handle, true, Some(fault));
        }
    }

    /// Lets go of a link. False when there is no such link.
    pub(crate) fn forget_link(&mut self, handle: u32) -> bool {
        let Some(link) = self.links.remove(&handle) else { return false };
        self.given_up.extend(link.held_session().cloned());
        true
    }

    /// Lets go of a link that waits for a session. False when there is no such link.
    pub(crate) fn stop_waiting(&mut self, handle: u32) -> bool {
        let before = self.waiting.len();
        self.waiting.retain(|waiting| waiting.attach.handle != handle);
        self.waiting.len() < before
    }

    /// Lets go of all links.
    pub(crate) fn forget_links(&mut self) {
        let handles: Vec<u32> = self.links.keys().copied().collect();
        for handle in handles {
            self.forget_link(handle);
        }
    }

    /// The link to the peer, for a node, that is known by an address.
    pub(crate) fn reply_link_at(&mut self, node: &Node, address: &str) -> Option<&mut ToPeer> {
        self.links_to_peer(node).find(|link| link.reply_address.as_deref() == Some(address))
    }

    /// Some link to the peer for a node.
    pub(crate) fn reply_link(&mut self, node: &Node) -> Option<&mut ToPeer> {
        self.links_to_peer(node).next()
    }

    fn links_to_peer(&mut self, node: &Node) -> impl Iterator<Item = &mut ToPeer> {
        self.links.values_mut().filter(move |link| link.node == *node).filter_map(|link| {
            match &mut link.direction {
                Direction::ToPeer(link) => Some(link),
                Direction::FromPeer(_) => None,
            }
        })
    }
}

impl FromPeer {
    /// Adds a transfer to the delivery it belongs to, and returns the delivery when it is whole.
    fn add(&mut self, transfer: Transfer) -> Result<Option<Partial>, AmqpError> {
        let mut partial = match self.partial.take() {
            Some(partial) => partial,
            None => self.start(&transfer)?,
        };
        if transfer.aborted {
            return Ok(None);
        }
        partial.settled |= transfer.settled;
        partial.bytes.extend_from_slice(&transfer.payload);
        if transfer.more {
            self.partial = Some(partial);
            return Ok(None);
        }
        Ok(Some(partial))
    }

    fn start(&mut self, transfer: &Transfer) -> Result<Partial, AmqpError> {
        let missing =
            || AmqpError::new("amqp:invalid-field", "The first transfer of a delivery has no delivery-id.");
        self.delivery_count = self.delivery_count.wrapping_add(1);
        self.since_grant += 1;
        Ok(Partial {
            delivery_id: transfer.delivery_id.ok_or_else(missing)?,
            message_format: transfer.message_format.unwrap_or(0),
            settled: transfer.settled,
            bytes: BytesMut::new(),
        })
    }
}
