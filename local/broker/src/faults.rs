//! Trouble that a test orders: the next operations of a kind fail, or are answered late.

use std::collections::VecDeque;
use std::time::Duration;

use crate::amqp_error::AmqpError;

/// What trouble may strike. Whoever asks next is struck, on whatever connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operation {
    /// A link is attached to an entity or to its management node.
    Attach,
    /// A message, or a batch of them, is sent over a link.
    Send,
    /// A delivery is settled over its link. A range of deliveries is as many operations.
    Settle,
    /// A request on a management node: schedule, peek, renew, settlement by lock token and all the others.
    Request,
}

/// How an operation fails. Nothing of it is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// `com.microsoft:server-busy`: the namespace is throttled. The SDKs wait some seconds and try again.
    ServerBusy,
    /// `com.microsoft:timeout`: the service did not manage in time.
    Timeout,
    /// `amqp:internal-error`.
    InternalError,
    /// `amqp:resource-limit-exceeded`: the entity is full.
    QuotaExceeded,
    /// `com.microsoft:entity-disabled`.
    EntityDisabled,
    /// `amqp:unauthorized-access`.
    Unauthorized,
}

impl Failure {
    pub(crate) fn fault(self) -> AmqpError {
        let condition = match self {
            Self::ServerBusy => "com.microsoft:server-busy",
            Self::Timeout => "com.microsoft:timeout",
            Self::InternalError => "amqp:internal-error",
            Self::QuotaExceeded => "amqp:resource-limit-exceeded",
            Self::EntityDisabled => "com.microsoft:entity-disabled",
            Self::Unauthorized => "amqp:unauthorized-access",
        };
        AmqpError::new(condition, "This failure was ordered by a test.")
    }
}

/// What becomes of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    Fail(Failure),
    /// It is done, and everything that its connection is sent from then on comes this much later.
    Delay(Duration),
}

/// The trouble that is ordered and has not struck yet, first ordered first.
#[derive(Debug, Default)]
pub(crate) struct Faults(VecDeque<(Operation, Trouble)>);

impl Faults {
    pub(crate) fn order(&mut self, operation: Operation, times: usize, trouble: Trouble) {
        self.0.extend(std::iter::repeat_n((operation, trouble), times));
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    pub(crate) fn left(&self) -> usize {
        self.0.len()
    }

    /// What strikes this operation. Asking uses it up.
    pub(crate) fn strike(&mut self, operation: Operation) -> Option<Trouble> {
        let first = self.0.iter().position(|(struck, _)| *struck == operation)?;
        self.0.remove(first).map(|(_, trouble)| trouble)
    }
}
