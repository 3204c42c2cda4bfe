//! How each entity treats its messages, from what was declared.

use std::time::Duration;

use crate::options::{QueueOptions, SubscriptionOptions, TopicOptions};

use super::name::EntityName;

/// What an entity is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Queue,
    Topic,
    Subscription,
    DeadLetters,
}

#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) kind: Kind,
    /// The path, spelt as it was declared.
    pub(crate) path: String,
    pub(crate) lock_duration: Duration,
    /// Failed attempts after which a message is dead-lettered. None: never, as among the dead letters.
    pub(crate) max_delivery_count: Option<u32>,
    pub(crate) default_time_to_live: Option<Duration>,
    /// None: messages do not expire here.
    pub(crate) expiry: Option<Expiry>,
    pub(crate) duplicate_window: Option<Duration>,
    pub(crate) requires_session: bool,
    /// None: what is here cannot be dead-lettered.
    pub(crate) dead_letters: Option<EntityName>,
    /// Where messages go on to instead of staying.
    pub(crate) forward_to: Option<EntityName>,
    /// Where a topic copies its messages to.
    pub(crate) subscriptions: Vec<EntityName>,
}

/// What becomes of a message that has outlived its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expiry {
    Drop,
    DeadLetter,
}

impl Expiry {
    fn of(dead_lettering: bool) -> Option<Self> {
        Some(if dead_lettering { Self::DeadLetter } else { Self::Drop })
    }
}

impl Settings {
    pub(crate) fn of_queue(queue: &QueueOptions, name: &EntityName) -> Self {
        Self {
            kind: Kind::Queue,
            path: queue.name.clone(),
            lock_duration: queue.lock_duration,
            max_delivery_count: Some(queue.max_delivery_count.max(1)),
            default_time_to_live: queue.default_time_to_live,
            expiry: Expiry::of(queue.dead_lettering_on_message_expiration),
            duplicate_window: queue.requires_duplicate_detection.then_some(queue.duplicate_detection_history),
            requires_session: queue.requires_session,
            dead_letters: Some(name.dead_letters()),
            forward_to: queue.forward_to.as_deref().map(EntityName::new),
            subscriptions: Vec::new(),
        }
    }

    /// A topic keeps only what is scheduled; what it does not pass on at once, nobody wants.
    pub(crate) fn of_topic(topic: &TopicOptions, name: &EntityName) -> Self {
        Self {
            kind: Kind::Topic,
            path: topic.name.clone(),
            lock_duration: Duration::ZERO,
            max_delivery_count: None,
            default_time_to_live: topic.default_time_to_live,
            expiry: None,
            duplicate_window: topic.requires_duplicate_detection.then_some(topic.duplicate_detection_history),
            requires_session: false,
            dead_letters: None,
            forward_to: None,
            subscriptions: topic.subscriptions.iter().map(|each| name.subscription(&each.name)).collect(),
        }
    }

    pub(crate) fn of_subscription(
        subscription: &SubscriptionOptions,
        topic: &TopicOptions,
        name: &EntityName,
    ) -> Self {
        Self {
            kind: Kind::Subscription,
            path: format!("{}/Subscriptions/{}", topic.name, subscription.name),
            lock_duration: subscription.lock_duration,
            max_delivery_count: Some(subscription.max_delivery_count.max(1)),
            default_time_to_live: subscription.default_time_to_live,
            expiry: Expiry::of(subscription.dead_lettering_on_message_expiration),
            duplicate_window: None,
            requires_session: subscription.requires_session,
            dead_letters: Some(name.dead_letters()),
            forward_to: subscription.forward_to.as_deref().map(EntityName::new),
            subscriptions: Vec::new(),
        }
    }

    /// Dead letters neither expire nor run out of attempts, and are received without sessions (Microsoft Learn,
    /// "Overview of Service Bus dead-letter queues").
    pub(crate) fn of_dead_letters(owner: &Self, forward_to: Option<&str>) -> Self {
        Self {
            kind: Kind::DeadLetters,
            path: format!("{}/$DeadLetterQueue", owner.path),
            lock_duration: owner.lock_duration,
            max_delivery_count: None,
            default_time_to_live: None,
            expiry: None,
            duplicate_window: None,
            requires_session: false,
            dead_letters: None,
            forward_to: forward_to.map(EntityName::new),
            subscriptions: Vec::new(),
        }
    }
}
