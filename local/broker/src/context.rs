//! What a connection acts upon.

use crate::cbs::Authority;
use crate::clock::Timestamp;
use crate::faults::Faults;
use crate::store::Store;

/// Limits that hold for every connection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) max_message_size: usize,
    pub(crate) idle_time_out_milliseconds: u32,
}

/// What a connection acts upon, for the length of one call.
pub(crate) struct Context<'broker> {
    pub(crate) store: &'broker mut Store,
    pub(crate) authority: &'broker Authority,
    pub(crate) faults: &'broker mut Faults,
    pub(crate) limits: Limits,
    pub(crate) now: Timestamp,
    /// The time that tokens and waits of the connection are measured by.
    pub(crate) on_the_wire: Timestamp,
}
