//! What a session sends: messages cut into transfers, as far as the peer's window allows, and how the links stand.

use bytes::Bytes;
use fe2o3_amqp_types::definitions::Handle;
use fe2o3_amqp_types::performatives;
use serde_bytes::ByteBuf;

use crate::codec::delivery_tag;

use super::SESSION_WINDOW;
use super::link::{Direction, GRANTED_CREDIT, Link};
use super::output::Output;
use super::session::{Outstanding, Piece, Session};

impl Session {
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
