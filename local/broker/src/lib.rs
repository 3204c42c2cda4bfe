//! A local stand-in for Azure Service Bus over AMQP 1.0.
//!
//! For development and tests: a broker that Microsoft's own SDKs work against, with nothing to install. It listens on
//! this machine, keeps its messages in memory or in a folder, and lets a test drop connections and move the clock.
//!
//! ```no_run
//! # async fn example() -> Result<(), broker::StartError> {
//! let queues = vec![broker::QueueOptions::new("orders")];
//! let broker = broker::Broker::start(broker::Options { queues, ..Default::default() }).await?;
//! println!("{}", broker.connection_string());
//! # broker.stop().await;
//! # Ok(())
//! # }
//! ```
//!
//! # Supported
//!
//! Queues, and topics with subscriptions (correlation filters, and the filter that wants everything); peek-lock and
//! receive-and-delete, batches, scheduled messages, duplicate detection, time to live, deferral, dead letters
//! (`queue/$DeadLetterQueue`), sessions with their state, automatic forwarding of messages and of dead letters, lock
//! renewal, and settlement by lock token on `$management`. Tokens are checked: shared access signatures by signature
//! and expiry, for the key in the connection string.
//!
//! With [`Options::tls`] it listens by TLS, and with [`EntraTokens::Verify`] it believes the tokens of one tenant of
//! Entra and holds whom they speak for to the data roles that Azure Resource Manager tells of.
//!
//! There are no SQL filters other than `1=1` and `1=0`, no actions of rules, no transactions and no WebSockets;
//! entities cannot be created or changed while the broker runs, except the rules of subscriptions.
//!
//! # What survives
//!
//! With [`Options::state`], everything that was acknowledged survives, whenever the process is killed: it is written to
//! the operating system before the acknowledgement is sent. It is not forced to the disk, so a power failure may lose
//! the last moments. What is copied into several subscriptions, or moved or forwarded, is written in one piece: it is
//! never in two places or none. The states of sessions and the rules that were added or removed survive as well. Locks
//! of messages and of sessions do not: what was locked is available again, with its delivery count. A new key is
//! made at every start, unless [`Options::key`] gives it.
//!
//! If an entity that still holds messages or session states is no longer declared, the broker does not start and names
//! it; nothing is deleted. Messages in an entity that is now declared as forwarding are forwarded at the start.
//!
//! # Where Azure's behaviour is not documented
//!
//! Comments that begin with "Our guess:" mark every such place.

mod address;
mod amqp_error;
mod broker;
mod cbs;
mod clock;
mod codec;
mod configuration;
mod context;
mod core;
mod declared;
mod engine;
mod entra;
mod faults;
mod filters;
#[doc(hidden)]
pub mod fuzzing;
mod journal;
mod management;
mod message;
mod options;
mod request;
mod server;
mod start_error;
mod store;
mod tls;

pub use broker::{Broker, Control};
pub use configuration::{Configuration, ConfigurationError};
pub use entra::{Entra, EntraError};
pub use faults::{Failure, Operation};
pub use journal::StateError;
pub use options::{
    Certificate, CorrelationFilter, EntraTokens, Filter, Options, PropertyValue, QueueOptions, RuleOptions,
    SubscriptionOptions, TopicOptions,
};
pub use start_error::StartError;
pub use store::Counts;

/// The example in the README compiles.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
