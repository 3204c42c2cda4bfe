//! AMQP 1.0 without sockets: bytes in, bytes out, and the store in between.
//!
//! Why an engine of its own: Service Bus puts the lock token into the delivery tag, answers dispositions itself, and
//! locks a message only when the receiver has credit for it. The acceptor of `fe2o3-amqp` hides all three; its types
//! are used here, its engine is not.

mod address;
mod attaching;
mod connection;
mod fault;
mod frames;
mod link;
mod outcome;
mod output;
mod performative;
mod requests;
mod sasl;
mod sending;
mod session;
mod session_filter;
#[cfg(test)]
mod tests;
mod traffic;

use crate::cbs::Authority;
use crate::clock::Timestamp;
use crate::faults::Faults;
use crate::store::Store;

pub(crate) use address::path_of;
pub(crate) use connection::Connection;
pub(crate) use fault::Fault;
pub(crate) use outcome::text_keys;
pub(crate) use requests::{Reply, Request};

/// The largest frame that is read, and the largest that is written however much more the peer would take.
pub(crate) const MAX_FRAME_SIZE: usize = 65536;
/// Transfers that may be under way on a session in each direction.
pub(crate) const SESSION_WINDOW: u32 = 5000;

/// Limits that hold for every connection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) max_message_size: usize,
    pub(crate) idle_time_out_milliseconds: u32,
}

/// What a connection acts upon, for the length of one call.
pub(crate) struct World<'broker> {
    pub(crate) store: &'broker mut Store,
    pub(crate) authority: &'broker Authority,
    pub(crate) faults: &'broker mut Faults,
    pub(crate) limits: Limits,
    pub(crate) now: Timestamp,
}
