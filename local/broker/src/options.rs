//! What a broker is told when it starts.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::time::Duration;

use serde_amqp::Value;

use crate::entra::Entra;

/// How to start a [`Broker`](crate::Broker).
#[derive(Clone)]
pub struct Options {
    /// Where to listen. Port 0 takes a free one.
    pub address: SocketAddr,
    /// The queues there are.
    pub queues: Vec<QueueOptions>,
    /// The topics there are, with their subscriptions.
    pub topics: Vec<TopicOptions>,
    /// The folder in which messages survive a restart. None: they live in memory only.
    pub state: Option<PathBuf>,
    /// The largest message, in bytes. Microsoft Learn, "Service Bus quotas": 256 KB in the Standard tier, 1 MB by
    /// default in Premium.
    pub max_message_size: usize,
    /// How long a peer may be silent before its connection is closed. It is told this time when it connects.
    pub idle_time_out: Duration,
    /// The shared access key, at least one printable character without semicolons or spaces. None: a fresh one, which
    /// nobody knows but by the connection string.
    pub key: Option<String>,
    /// What becomes of Entra tokens.
    pub entra_tokens: EntraTokens,
    /// What to listen with by TLS. None: plain TCP, as Microsoft's emulator.
    pub tls: Option<Certificate>,
    /// How many milliseconds the messages' time is ahead of the machine's clock: scheduling, locks, expiry, duplicate
    /// detection. Whoever keeps a copy of this moves it, forward only, and calls
    /// [`Control::clock_moved`](crate::Control::clock_moved). Connections and their tokens stay in the machine's time.
    pub ahead_milliseconds: Arc<AtomicI64>,
}

/// What the broker answers to a put-token request of the type `jwt`.
#[derive(Debug, Clone, Default)]
pub enum EntraTokens {
    /// Refused, as a broker must that cannot check a signature.
    #[default]
    Refuse,
    /// Accepted when it is shaped like a token, names Service Bus as its audience and has not expired. Its signature is
    /// **not** checked.
    AcceptUnverified,
    /// Verified by signature, issuer, audience and time, and held to the data roles of whom it speaks for. The key is
    /// taken only where the namespace has not disabled local authentication.
    Verify(Entra),
}

/// A certificate to listen with, and its key, in PEM.
#[derive(Clone)]
pub struct Certificate {
    /// The certificate, and after it those of the authorities that lead to one that clients trust.
    pub chain: String,
    /// Its private key.
    pub key: String,
}

/// Without the key.
impl fmt::Debug for Certificate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Certificate").field("chain", &self.chain).finish_non_exhaustive()
    }
}

/// Without the key.
impl fmt::Debug for Options {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Options")
            .field("address", &self.address)
            .field("queues", &self.queues)
            .field("topics", &self.topics)
            .field("state", &self.state)
            .field("max_message_size", &self.max_message_size)
            .field("idle_time_out", &self.idle_time_out)
            .field("entra_tokens", &self.entra_tokens)
            .field("tls", &self.tls)
            .finish_non_exhaustive()
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            queues: Vec::new(),
            topics: Vec::new(),
            state: None,
            max_message_size: 1024 * 1024,
            idle_time_out: Duration::from_secs(240),
            key: None,
            entra_tokens: EntraTokens::default(),
            tls: None,
            ahead_milliseconds: Arc::default(),
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
    /// Whether every message belongs to a session, and is received by whoever holds its session.
    pub requires_session: bool,
    /// The queue or topic that every message is passed on to. Nothing can be received here then.
    pub forward_to: Option<String>,
    /// The queue or topic that dead letters are passed on to.
    pub forward_dead_lettered_messages_to: Option<String>,
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
            requires_session: false,
            forward_to: None,
            forward_dead_lettered_messages_to: None,
        }
    }
}

impl Default for QueueOptions {
    fn default() -> Self {
        Self::new("queue")
    }
}

/// One topic: what is sent to it is copied into each of its subscriptions whose rules want it.
#[derive(Debug, Clone)]
pub struct TopicOptions {
    /// The topic's path. Compared without regard to case.
    pub name: String,
    /// Whether a message is dropped when one of the same id came in shortly before.
    pub requires_duplicate_detection: bool,
    /// How long an id is remembered.
    pub duplicate_detection_history: Duration,
    /// How long a message lives that says nothing, and the most that any message lives. None: without end.
    pub default_time_to_live: Option<Duration>,
    /// The subscriptions there are.
    pub subscriptions: Vec<SubscriptionOptions>,
}

impl TopicOptions {
    /// A topic with Azure's defaults and without subscriptions: what is sent to it goes nowhere.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            requires_duplicate_detection: false,
            duplicate_detection_history: Duration::from_secs(600),
            default_time_to_live: None,
            subscriptions: Vec::new(),
        }
    }
}

/// One subscription of a topic. It is addressed as `TOPIC/Subscriptions/NAME`.
#[derive(Debug, Clone)]
pub struct SubscriptionOptions {
    /// The subscription's name within its topic. Compared without regard to case.
    pub name: String,
    /// How long a received message stays locked.
    pub lock_duration: Duration,
    /// Failed deliveries after which a message is dead-lettered. At least 1.
    pub max_delivery_count: u32,
    /// How long a message lives that says nothing, and the most that any message lives. None: without end.
    pub default_time_to_live: Option<Duration>,
    /// Whether an expired message is dead-lettered (`TTLExpiredException`) or dropped.
    pub dead_lettering_on_message_expiration: bool,
    /// Whether every message belongs to a session, and is received by whoever holds its session.
    pub requires_session: bool,
    /// The queue or topic that every message is passed on to. Nothing can be received here then.
    pub forward_to: Option<String>,
    /// The queue or topic that dead letters are passed on to.
    pub forward_dead_lettered_messages_to: Option<String>,
    /// What the subscription wants: a message that one of them matches. Without any it gets nothing.
    pub rules: Vec<RuleOptions>,
}

impl SubscriptionOptions {
    /// A subscription with Azure's defaults: one rule, `$Default`, that wants everything.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            lock_duration: Duration::from_secs(60),
            max_delivery_count: 10,
            default_time_to_live: None,
            dead_lettering_on_message_expiration: false,
            requires_session: false,
            forward_to: None,
            forward_dead_lettered_messages_to: None,
            rules: vec![RuleOptions { name: "$Default".to_owned(), filter: Filter::True }],
        }
    }
}

/// One rule of a subscription.
#[derive(Debug, Clone, PartialEq)]
pub struct RuleOptions {
    /// The rule's name within its subscription.
    pub name: String,
    /// What it matches.
    pub filter: Filter,
}

/// What a rule matches (Microsoft Learn, "Topic filters and actions"). This broker has no SQL filters but those that
/// match everything and nothing.
#[derive(Debug, Clone, PartialEq)]
pub enum Filter {
    /// Every message: `1=1`.
    True,
    /// No message: `1=0`.
    False,
    /// Messages whose properties equal all of those named.
    Correlation(Box<CorrelationFilter>),
}

/// Properties that a message must have, each equal to the value here. Nothing is asked of those that are None.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct CorrelationFilter {
    /// The message's correlation id.
    pub correlation_id: Option<String>,
    /// The message's id.
    pub message_id: Option<String>,
    /// Where the message is to go.
    pub to: Option<String>,
    /// Where answers are to go.
    pub reply_to: Option<String>,
    /// The message's subject, once called label.
    pub label: Option<String>,
    /// The session that the message belongs to.
    pub session_id: Option<String>,
    /// The session that answers belong to.
    pub reply_to_session_id: Option<String>,
    /// The media type of the message's body.
    pub content_type: Option<String>,
    /// Application properties, by name.
    pub properties: BTreeMap<String, PropertyValue>,
}

/// The value of an application property in a filter: of any type that has no parts.
#[derive(Debug, Clone, PartialEq)]
pub struct PropertyValue(pub(crate) Value);

impl<T: Into<Value>> From<T> for PropertyValue {
    fn from(value: T) -> Self {
        Self(value.into())
    }
}
