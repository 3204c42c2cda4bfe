//! What can go wrong, by what it means to the caller.

use std::time::Duration;

/// Why an operation failed.
///
/// After [`Timeout`](Self::Timeout) and [`ConnectionLost`](Self::ConnectionLost) the operation may or may not have
/// taken effect. Sending again with the same message id is safe on an entity with duplicate detection.
#[derive(Debug, thiserror::Error)]
pub enum ServiceBusError {
    /// No connection could be opened.
    #[error("cannot connect to {address}")]
    Unreachable {
        /// Host and port.
        address: String,
        /// What the network, TLS or AMQP said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The connection, or the link on it, ended under the operation.
    #[error("the connection was lost: {description}")]
    ConnectionLost {
        /// What was seen.
        description: String,
    },
    /// No answer within the time limit.
    #[error("no answer to {operation} within {after:?}")]
    Timeout {
        /// What was asked for.
        operation: &'static str,
        /// The limit that passed.
        after: Duration,
    },
    /// The credential gave no token.
    #[error("cannot obtain a token for Service Bus")]
    Credential(#[source] azure_core::Error),
    /// The service does not accept the token, or the token does not allow the operation.
    #[error("not authorized: {description}")]
    Unauthorized {
        /// The service's words.
        description: String,
    },
    /// No entity has this name.
    #[error("the messaging entity does not exist: {description}")]
    EntityNotFound {
        /// The service's words.
        description: String,
    },
    /// The entity exists but is disabled for this operation.
    #[error("the messaging entity is disabled: {description}")]
    EntityDisabled {
        /// The service's words.
        description: String,
    },
    /// The lock ended, or the message was settled already. After a lost connection it may have been settled by an
    /// earlier attempt of the same operation.
    #[error("the message lock is lost: {description}")]
    LockLost {
        /// The service's words.
        description: String,
    },
    /// No message has this sequence number (any more).
    #[error("the message does not exist: {description}")]
    MessageNotFound {
        /// The service's words.
        description: String,
    },
    /// The message is larger than the entity takes.
    #[error("the message is too large: {description}")]
    TooLarge {
        /// The sizes, or the service's words.
        description: String,
    },
    /// The entity is full, or too many connections are open.
    #[error("a quota is exceeded: {description}")]
    QuotaExceeded {
        /// The service's words.
        description: String,
    },
    /// The service throttles.
    #[error("the service is busy: {description}")]
    ServerBusy {
        /// How long to leave it alone.
        retry_after: Duration,
        /// The service's words.
        description: String,
    },
    /// The service does not accept an argument.
    #[error("invalid argument: {description}")]
    InvalidArgument {
        /// What is wrong with it.
        description: String,
    },
    /// The service refused for a reason that has no variant of its own.
    #[error("refused with {condition}: {description}")]
    Refused {
        /// The AMQP error condition.
        condition: String,
        /// The service's words.
        description: String,
    },
    /// The other side said something that this client cannot read.
    #[error("unreadable answer: {description}")]
    Protocol {
        /// What was expected.
        description: String,
    },
    /// The client was closed.
    #[error("the client is closed")]
    Closed,
}

impl ServiceBusError {
    /// Whether the same operation may succeed if it is tried again. This client has then already tried as often as
    /// its options say.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Unreachable { .. }
            | Self::ConnectionLost { .. }
            | Self::Timeout { .. }
            | Self::ServerBusy { .. }
            | Self::Protocol { .. } => true,
            Self::Credential(_)
            | Self::Unauthorized { .. }
            | Self::EntityNotFound { .. }
            | Self::EntityDisabled { .. }
            | Self::LockLost { .. }
            | Self::MessageNotFound { .. }
            | Self::TooLarge { .. }
            | Self::QuotaExceeded { .. }
            | Self::InvalidArgument { .. }
            | Self::Refused { .. }
            | Self::Closed => false,
        }
    }
}
