//! Sessions: windows, links, and the deliveries that are under way.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bytes::{Bytes, BytesMut};
use fe2o3_amqp_types::definitions::Handle;
use fe2o3_amqp_types::performatives::{self, Begin};
use serde_bytes::ByteBuf;
use uuid::Uuid;

use crate::codec::delivery_tag;
use crate::store::EntityName;

use super::SESSION_WINDOW;
use super::address::Node;
use super::fault::Fault;
use super::link::{Direction, FromPeer, GRANTED_CREDIT, Link, Partial, ToPeer};
use super::outcome::accepted;
use super::output::Output;
use super::performative::{Flow, Transfer};

#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) channel: u16,
    next_incoming_id: u32,
    /// Transfers that the peer may still send before it must be told to go on.
    incoming_window: u32,
    next_outgoing_id: u32,
    /// Transfers that the peer can still take.
    peer_window: u32,
    next_delivery_id: u32,
    pub(crate) links: BTreeMap<u32, Link>,
    /// Links that the broker has closed and the peer has not: what still comes on them is dropped.
    pub(crate) leaving: BTreeSet<u32>,
    /// Deliveries that the peer has not settled.
    pub(crate) outstanding: BTreeMap<u32, Outstanding>,
    outbox: VecDeque<Piece>,
    /// Deliveries from the peer that were taken and not acknowledged yet: a run of ids.
    taken: Option<(u32, u32)>,
}

#[derive(Debug, Clone)]
pub(crate) struct Outstanding {
    pub(crate) entity: EntityName,
    pub(crate) token: Uuid,
}

/// One transfer that waits for the peer's window.
#[derive(Debug)]
struct Piece {
    transfer: performatives::Transfer,
    payload: Bytes,
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
        let first_seen = flow.next_incoming_id.unwrap_or(0);
        self.peer_window = first_seen.wrapping_add(flow.incoming_window).wrapping_sub(self.next_outgoing_id);
        if self.peer_window > u32::MAX / 2 {
            self.peer_window = 0;
        }
        let Some(handle) = flow.handle else {
            if flow.echo {
                self.send_flow(None, output);
            }
            return;
        };
        if let Some(Link { direction: Direction::ToPeer(link), .. }) = self.links.get_mut(&handle)
            && let Some(credit) = flow.link_credit
        {
            link.update_credit(flow.delivery_count, credit, flow.drain);
        }
        if flow.echo && self.links.contains_key(&handle) {
            self.send_flow(Some(handle), output);
        }
    }

    /// Takes a transfer. Returns the delivery when this was the last of its transfers.
    pub(crate) fn on_transfer(
        &mut self,
        transfer: Transfer,
        largest: usize,
        output: &mut Output,
    ) -> Result<Option<Arrival>, Fault> {
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
            return Err(Fault::new(
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
            self.close_link(handle, &Fault::new("amqp:link:message-size-exceeded", limit), output);
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
    pub(crate) fn close_link(&mut self, handle: u32, fault: &Fault, output: &mut Output) {
        if self.links.remove(&handle).is_some() {
            self.leaving.insert(handle);
            self.flush_acknowledgements(output);
            output.detach(self.channel, handle, true, Some(fault));
        }
    }

    /// Whether everything that was to be sent has been.
    pub(crate) fn is_clear(&self) -> bool {
        self.outbox.is_empty() && self.peer_window > 0
    }

    /// Sends one message on a link, which must have credit. What it holds is remembered until the peer settles it.
    pub(crate) fn send(
        &mut self,
        handle: u32,
        message: Vec<u8>,
        held: Option<Outstanding>,
        output: &mut Output,
    ) {
        let Some(Link { direction: Direction::ToPeer(link), .. }) = self.links.get_mut(&handle) else {
            return;
        };
        link.use_credit();
        let delivery_id = self.next_delivery_id;
        self.next_delivery_id = self.next_delivery_id.wrapping_add(1);
        let tag = held.as_ref().map_or_else(
            || delivery_id.to_be_bytes().to_vec(),
            |outstanding| delivery_tag(outstanding.token).to_vec(),
        );
        let settled = held.is_none();
        if let Some(outstanding) = held {
            self.outstanding.insert(delivery_id, outstanding);
        }
        self.cut_up(handle, delivery_id, &tag, settled, message.into(), output.largest_payload());
        self.flush_outbox(output);
    }

    /// Sends what waits, as far as the peer's window allows.
    pub(crate) fn flush_outbox(&mut self, output: &mut Output) {
        while self.peer_window > 0 {
            let Some(piece) = self.outbox.pop_front() else { return };
            self.peer_window -= 1;
            self.next_outgoing_id = self.next_outgoing_id.wrapping_add(1);
            output.transfer(self.channel, &piece.transfer, &piece.payload);
        }
    }

    /// Tells the peer how session and link stand on this side.
    pub(crate) fn send_flow(&self, handle: Option<u32>, output: &mut Output) {
        let link = handle.and_then(|handle| self.links.get(&handle));
        let (delivery_count, link_credit) = match link.map(|link| &link.direction) {
            Some(Direction::FromPeer(link)) => {
                (Some(link.delivery_count), Some(GRANTED_CREDIT.saturating_sub(link.since_grant)))
            }
            Some(Direction::ToPeer(link)) => (Some(link.delivery_count), Some(link.credit)),
            None => (None, None),
        };
        let flow = performatives::Flow {
            next_incoming_id: Some(self.next_incoming_id),
            incoming_window: self.incoming_window,
            next_outgoing_id: self.next_outgoing_id,
            outgoing_window: SESSION_WINDOW,
            handle: link.and(handle).map(Handle),
            delivery_count,
            link_credit,
            available: None,
            drain: false,
            echo: false,
            properties: None,
        };
        output.flow(self.channel, &flow);
    }

    /// Gives the credit of a drained link back.
    pub(crate) fn finish_drain(&mut self, handle: u32, output: &mut Output) {
        let Some(Link { direction: Direction::ToPeer(link), .. }) = self.links.get_mut(&handle) else {
            return;
        };
        link.exhaust();
        let flow = performatives::Flow {
            next_incoming_id: Some(self.next_incoming_id),
            incoming_window: self.incoming_window,
            next_outgoing_id: self.next_outgoing_id,
            outgoing_window: SESSION_WINDOW,
            handle: Some(Handle(handle)),
            delivery_count: Some(link.delivery_count),
            link_credit: Some(0),
            available: Some(0),
            drain: true,
            echo: false,
            properties: None,
        };
        output.flow(self.channel, &flow);
    }

    /// The link by which requests that name `reply_to` are answered: here, or on this session for the same node.
    pub(crate) fn reply_link(&mut self, node: &Node, reply_to: Option<&str>) -> Option<&mut ToPeer> {
        self.links.values_mut().filter(|link| link.node == *node).find_map(|link| match &mut link.direction {
            Direction::ToPeer(to_peer)
                if reply_to.is_none() || to_peer.reply_address.as_deref() == reply_to =>
            {
                Some(to_peer)
            }
            _ => None,
        })
    }

    fn cut_up(
        &mut self,
        handle: u32,
        delivery_id: u32,
        tag: &[u8],
        settled: bool,
        mut rest: Bytes,
        largest: usize,
    ) {
        let mut first = true;
        loop {
            let payload = rest.split_to(rest.len().min(largest));
            let transfer = performatives::Transfer {
                handle: Handle(handle),
                delivery_id: first.then_some(delivery_id),
                delivery_tag: first.then(|| ByteBuf::from(tag)),
                message_format: first.then_some(0),
                settled: first.then_some(settled),
                more: !rest.is_empty(),
                rcv_settle_mode: None,
                state: None,
                resume: false,
                aborted: false,
                batchable: false,
            };
            let last = !transfer.more;
            self.outbox.push_back(Piece { transfer, payload });
            if last {
                return;
            }
            first = false;
        }
    }
}

impl FromPeer {
    /// Adds a transfer to the delivery it belongs to, and returns the delivery when it is whole.
    fn add(&mut self, transfer: Transfer) -> Result<Option<Partial>, Fault> {
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

    fn start(&mut self, transfer: &Transfer) -> Result<Partial, Fault> {
        let missing =
            || Fault::new("amqp:invalid-field", "The first transfer of a delivery has no delivery-id.");
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
