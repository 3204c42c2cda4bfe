//! Links: one direction of messages between a peer and a node.

use std::collections::VecDeque;

use bytes::BytesMut;
use serde_amqp::Value;

use uuid::Uuid;

use crate::codec::{Positional, as_integer};
use crate::store::{EntityName, SessionId};

use super::performative::Attach;
use crate::address::Node;

/// Deliveries that a sending peer may have under way before it must wait for more credit.
pub(crate) const GRANTED_CREDIT: u32 = 1000;

#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) node: Node,
    pub(crate) direction: Direction,
}

#[derive(Debug)]
pub(crate) enum Direction {
    /// The peer sends to us.
    FromPeer(FromPeer),
    /// We send to the peer.
    ToPeer(ToPeer),
}

#[derive(Debug, Default)]
pub(crate) struct FromPeer {
    /// Deliveries that began on this link.
    pub(crate) delivery_count: u32,
    /// Those of them that came since credit was last granted.
    pub(crate) since_grant: u32,
    /// A delivery of which more transfers are to come.
    pub(crate) partial: Option<Partial>,
}

/// The transfers of one delivery, until the last one is here.
#[derive(Debug)]
pub(crate) struct Partial {
    pub(crate) delivery_id: u32,
    pub(crate) message_format: u32,
    pub(crate) settled: bool,
    pub(crate) bytes: BytesMut,
}

#[derive(Debug)]
pub(crate) struct ToPeer {
    /// Receive-and-delete: what is sent is settled.
    pub(crate) settled: bool,
    pub(crate) delivery_count: u32,
    pub(crate) credit: u32,
    /// The peer wants its credit used up or taken back, now.
    pub(crate) drain: bool,
    /// The address by which requests name this link as the way back.
    pub(crate) reply_address: Option<String>,
    /// Replies that wait for credit.
    pub(crate) replies: VecDeque<Vec<u8>>,
    /// The session of Service Bus whose messages go over this link.
    pub(crate) session: Option<HeldSession>,
}

/// A session that a link holds, until one of the two ends.
#[derive(Debug, Clone)]
pub(crate) struct HeldSession {
    pub(crate) entity: EntityName,
    pub(crate) id: SessionId,
    pub(crate) holder: Uuid,
}

impl Link {
    /// The link that a peer asks for.
    pub(crate) fn new(node: Node, attach: &Attach) -> Self {
        let direction = if attach.receives {
            // Sender settle mode 1, settled: the SDKs' way to ask for receive-and-delete.
            let settled = as_integer(&attach.sender_settle_mode) == Some(1);
            Direction::ToPeer(ToPeer {
                settled,
                delivery_count: 0,
                credit: 0,
                drain: false,
                reply_address: terminus_address(&attach.target),
                replies: VecDeque::new(),
                session: None,
            })
        } else {
            Direction::FromPeer(FromPeer::default())
        };
        Self { node, direction }
    }

    /// The session of Service Bus that the link holds.
    pub(crate) fn held_session(&self) -> Option<&HeldSession> {
        match &self.direction {
            Direction::ToPeer(link) => link.session.as_ref(),
            Direction::FromPeer(_) => None,
        }
    }
}

impl ToPeer {
    /// Takes the peer's view of the link: it may send `link_credit` more than the peer had seen.
    pub(crate) fn update_credit(&mut self, seen: Option<u32>, link_credit: u32, drain: bool) {
        let under_way = self.delivery_count.wrapping_sub(seen.unwrap_or(0));
        // Nothing is left when the peer took back credit that has been used meanwhile.
        self.credit = link_credit.saturating_sub(under_way);
        self.drain = drain;
    }

    pub(crate) fn use_credit(&mut self) {
        self.credit = self.credit.saturating_sub(1);
        self.delivery_count = self.delivery_count.wrapping_add(1);
    }

    /// Gives up what credit is left, as a drain demands.
    pub(crate) fn exhaust(&mut self) {
        self.delivery_count = self.delivery_count.wrapping_add(self.credit);
        self.credit = 0;
        self.drain = false;
    }
}

/// The address of a source or target.
pub(crate) fn terminus_address(terminus: &Value) -> Option<String> {
    Positional::from_value(terminus.clone()).ok()?.text(0).map(str::to_owned)
}

/// Whether a target is the coordinator of transactions (AMQP 1.0, part 4 section 4.5.1).
pub(crate) fn is_coordinator(target: &Value) -> bool {
    Positional::from_value(target.clone()).is_ok_and(|fields| fields.code == 0x30)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link() -> ToPeer {
        ToPeer {
            settled: false,
            delivery_count: 0,
            credit: 0,
            drain: false,
            reply_address: None,
            replies: VecDeque::new(),
            session: None,
        }
    }

    #[test]
    fn credit_counts_from_what_the_peer_had_seen() {
        let mut link = link();
        link.update_credit(None, 10, false);
        link.use_credit();
        link.use_credit();
        assert_eq!(link.credit, 8);
        link.update_credit(Some(1), 10, false);
        assert_eq!(link.credit, 9, "one of the two was under way when the peer granted ten more");
        link.update_credit(Some(0), 1, false);
        assert_eq!(link.credit, 0, "less than what was already sent");
    }

    #[test]
    fn a_drain_uses_all_credit_up() {
        let mut link = link();
        link.update_credit(Some(0), 5, true);
        link.use_credit();
        link.exhaust();
        assert_eq!((link.credit, link.delivery_count, link.drain), (0, 5, false));
    }

    #[test]
    fn credit_survives_the_wrap_of_the_delivery_count() {
        let mut link = link();
        link.delivery_count = u32::MAX;
        link.update_credit(Some(u32::MAX), 3, false);
        link.use_credit();
        assert_eq!((link.credit, link.delivery_count), (2, 0));
    }
}
