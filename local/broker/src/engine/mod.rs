//! AMQP 1.0 without sockets: bytes in, bytes out, and the store in between.
//!
//! Why an engine of its own: Service Bus puts the lock token into the delivery tag, answers dispositions itself, and
//! locks a message only when the receiver has credit for it. The acceptor of `fe2o3-amqp` hides all three; its types
//! are used here, its engine is not.

mod attaching;
mod connection;
pub(crate) mod frames;
mod link;
mod outcome;
mod output;
mod performative;
mod requests;
mod rights;
mod sasl;
mod sending;
mod session;
mod session_filter;
#[cfg(test)]
mod tests;
mod traffic;

pub(crate) use connection::Connection;

/// The largest frame that is read, and the largest that is written however much more the peer would take.
pub(crate) const MAX_FRAME_SIZE: usize = 65536;
/// Transfers that may be under way on a session in each direction.
pub(crate) const SESSION_WINDOW: u32 = 5000;
