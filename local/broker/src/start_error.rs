//! Why a broker did not start.

use std::net::SocketAddr;

use crate::entra::EntraError;
use crate::journal::StateError;

/// Why a broker did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address is taken, or not this machine's.
    #[error("could not listen on {address}")]
    Listen {
        /// The address that was asked for.
        address: SocketAddr,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The state of an earlier run cannot be loaded.
    #[error("could not load the state of an earlier run")]
    State(#[from] StateError),
    /// Two entities have one name (case does not count), or a name is not valid; or two rules of a subscription have the same name.
    #[error("the name '{0}' is empty, reserved or declared twice, or the name of one of its rules is")]
    Name(String),
    /// An entity forwards messages to itself, or to what is neither a queue nor a topic.
    #[error("'{entity}' forwards messages to '{target}', which is not another queue or topic")]
    ForwardTarget {
        /// The path of the entity that forwards.
        entity: String,
        /// Where it forwards to.
        target: String,
    },
    /// An entity with sessions forwards its messages, which Azure does not let it.
    #[error(
        "'{0}' has RequiresSession and ForwardTo: an entity that requires sessions cannot forward messages"
    )]
    SessionsForwarded(String),
    /// The key is not valid, or the operating system has no random numbers to make one from.
    #[error("the key cannot be used: {0}")]
    Key(&'static str),
    /// The certificate to listen with cannot be used.
    #[error("the certificate or its key cannot be used: {0}")]
    Certificate(String),
    /// Entra or Resource Manager could not be asked.
    #[error("could not learn whose tokens to believe")]
    Entra(#[from] EntraError),
}
