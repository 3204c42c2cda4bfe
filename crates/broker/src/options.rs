//! What a broker is told when it starts.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

/// How to start a [`Broker`](crate::Broker).
#[derive(Debug, Clone)]
pub struct Options {
    /// Where to listen. Port 0 takes a free one.
    pub address: SocketAddr,
    /// The queues there are.
    pub queues: Vec<QueueOptions>,
    /// The folder in which messages survive a restart. None: they live in memory only.
    pub state: Option<PathBuf>,
    /// The largest message, in bytes. Microsoft Learn, "Service Bus quotas": 256 KB in the Standard tier, 1 MB by
    /// default in Premium.
    pub max_message_size: usize,
    /// How long a peer may be silent before its connection is closed. It is told this time when it connects.
    pub idle_time_out: Duration,
    /// What becomes of Entra tokens, which this broker cannot verify: it knows no issuer.
    pub entra_tokens: EntraTokens,
}

/// What the broker answers to a put-token request of the type `jwt`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum EntraTokens {
    /// Refused, as a broker must that cannot check a signature.
    #[default]
    Refuse,
    /// Accepted when it is shaped like a token, names Service Bus as its audience and has not expired. Its signature is
    /// **not** checked.
    AcceptUnverified,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            queues: Vec::new(),
            state: None,
            max_message_size: 1024 * 1024,
            idle_time_out: Duration::from_secs(240),
            entra_tokens: EntraTokens::default(),
        }
    }
}

/// One queue. The defaults are those of Azure Resource Manager (Microsoft Learn,
/// "Microsoft.ServiceBus namespaces/queues").
#[derive(Debug, Clone)]
pub struct QueueOptions {
    /// The queue's path. Compared without regard to case.
    pub name: String,
    /// How long a received message stays locked.
    pub lock_duration: Duration,
    /// Failed deliveries after which a message is dead-lettered. At least 1.
    pub max_delivery_count: u32,
    /// Whether a message is dropped when one of the same id came in shortly before.
    pub requires_duplicate_detection: bool,
    /// How long an id is remembered.
    pub duplicate_detection_history: Duration,
    /// How long a message lives that says nothing, and the most that any message lives. None: without end.
    pub default_time_to_live: Option<Duration>,
    /// Whether an expired message is dead-lettered (`TTLExpiredException`) or dropped.
    pub dead_lettering_on_message_expiration: bool,
}

impl QueueOptions {
    /// A queue with Azure's defaults.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            lock_duration: Duration::from_secs(60),
            max_delivery_count: 10,
            requires_duplicate_detection: false,
            duplicate_detection_history: Duration::from_secs(600),
            default_time_to_live: None,
            dead_lettering_on_message_expiration: false,
        }
    }
}

impl Default for QueueOptions {
    fn default() -> Self {
        Self::new("queue")
    }
}
