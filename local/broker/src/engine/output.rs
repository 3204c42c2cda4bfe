//! What the broker writes: frames, split to the size that the peer takes.

use bytes::BytesMut;
use fe2o3_amqp_types::definitions::Handle;
use fe2o3_amqp_types::performatives::{Close, Detach, End, Flow, Transfer};
use serde::Serialize;
use serde_amqp::Value;

use crate::codec::{described, encode};

use super::frames::{FrameKind, put_frame};
use crate::amqp_error::AmqpError;

/// Room for a frame's header and the longest transfer performative, delivery tag included.
const TRANSFER_OVERHEAD: usize = 96;
/// The smallest size that a peer may insist on (AMQP 1.0, part 2 section 2.8.19).
const SMALLEST_FRAME: usize = 512;

#[derive(Debug)]
pub(crate) struct Output {
    pub(crate) bytes: BytesMut,
    peer_max_frame_size: usize,
}

impl Output {
    pub(crate) fn new() -> Self {
        Self { bytes: BytesMut::new(), peer_max_frame_size: SMALLEST_FRAME }
    }

    pub(crate) fn set_peer_max_frame_size(&mut self, size: u32) {
        self.peer_max_frame_size = (size as usize).max(SMALLEST_FRAME);
    }

    /// How much of a message fits into one transfer.
    pub(crate) fn largest_payload(&self) -> usize {
        // A frame that holds everything at once would make the peer wait; the broker's own limit bounds it.
        self.peer_max_frame_size.min(super::MAX_FRAME_SIZE) - TRANSFER_OVERHEAD
    }

    pub(crate) fn sasl<T: Serialize>(&mut self, performative: &T) {
        put_frame(&mut self.bytes, FrameKind::Sasl, 0, &encode(performative), &[]);
    }

    pub(crate) fn amqp<T: Serialize>(&mut self, channel: u16, performative: &T) {
        put_frame(&mut self.bytes, FrameKind::Amqp, channel, &encode(performative), &[]);
    }

    pub(crate) fn transfer(&mut self, channel: u16, transfer: &Transfer, payload: &[u8]) {
        put_frame(&mut self.bytes, FrameKind::Amqp, channel, &encode(transfer), payload);
    }

    /// The frame that only says that this side is alive.
    pub(crate) fn heartbeat(&mut self) {
        put_frame(&mut self.bytes, FrameKind::Amqp, 0, &[], &[]);
    }

    pub(crate) fn flow(&mut self, channel: u16, flow: &Flow) {
        self.amqp(channel, flow);
    }

    pub(crate) fn detach(&mut self, channel: u16, handle: u32, closed: bool, fault: Option<&AmqpError>) {
        let error = fault.map(AmqpError::to_error);
        self.amqp(channel, &Detach { handle: Handle(handle), closed, error });
    }

    pub(crate) fn end(&mut self, channel: u16) {
        self.amqp(channel, &End { error: None });
    }

    pub(crate) fn close(&mut self, fault: Option<&AmqpError>) {
        self.amqp(0, &Close::new(fault.map(AmqpError::to_error)));
    }

    /// Written by position: an echoed state keeps whatever the peer put into it.
    pub(crate) fn disposition(
        &mut self,
        channel: u16,
        from_receiver: bool,
        first: u32,
        last: u32,
        state: Value,
    ) {
        let fields =
            vec![Value::Bool(from_receiver), Value::Uint(first), Value::Uint(last), Value::Bool(true), state];
        self.amqp(channel, &described(0x15, Value::List(fields)));
    }
}
