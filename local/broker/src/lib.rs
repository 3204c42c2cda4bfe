//! Azure Service Bus on one machine, over AMQP 1.0.
//!
//! For development and tests: a broker that Microsoft's own SDKs work against, with nothing to install. It listens on
//! this machine, keeps its messages in memory or in a folder, and lets a test break connections and turn the clock.
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
//! # What there is
//!
//! Queues, and topics with subscriptions (correlation filters, and the filter that wants everything); peek-lock and
//! receive-and-delete, batches, scheduled messages, duplicate detection, time to live, deferral, dead letters
//! (`queue/$DeadLetterQueue`), sessions with their state, automatic forwarding of messages and of dead letters, lock
//! renewal, and settlement by lock token on `$management`. Tokens are checked: shared access signatures by signature
//! and expiry, for the key in the connection string.
//!
//! There are no SQL filters but `1=1`, no actions of rules, no transactions, no TLS and no WebSockets; no entity is
//! made or changed while the broker runs, but for the rules of subscriptions.
//!
//! # What survives
//!
//! With [`Options::state`], everything acknowledged survives the death of the process at any moment: it is handed to
//! the operating system before the acknowledgement is sent. It is not forced to the disk, so a power failure may take
//! the last moments. What is copied into several subscriptions, or moved or forwarded, is written in one piece: it is
//! never in two places or none. The states of sessions and the rules that were added or removed survive as well. Locks
//! of messages and of sessions do not: what was locked is available again, with its delivery count. The key is made
//! anew at every start, unless [`Options::key`] gives it.
//!
//! When messages or session states are kept of an entity that is not declared any more, the broker does not start and
//! says of which; nothing is thrown away. What lies in an entity that is declared anew as one that forwards is
//! forwarded at the start.
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
mod faults;
mod filters;
mod journal;
mod management;
mod message;
mod options;
mod request;
mod server;
mod start_error;
mod store;

pub use broker::{Broker, Control};
pub use configuration::{Configuration, ConfigurationError};
pub use faults::{Failure, Operation};
pub use journal::StateError;
pub use options::{
    CorrelationFilter, EntraTokens, Filter, Options, PropertyValue, QueueOptions, RuleOptions,
    SubscriptionOptions, TopicOptions,
};
pub use start_error::StartError;
pub use store::Counts;

/// The example in the README compiles.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
