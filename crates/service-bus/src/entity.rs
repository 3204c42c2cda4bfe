//! Names of the things that messages are sent to and received from.

use std::fmt;

/// A queue, a topic, a subscription, or the dead-letter sub-queue of one of them.
///
/// Service Bus compares these names without regard to case; this type keeps what it was given.
///
/// ```
/// use service_bus::Entity;
///
/// assert_eq!(Entity::queue("orders").to_string(), "orders");
/// assert_eq!(Entity::queue("orders").dead_letter().to_string(), "orders/$DeadLetterQueue");
/// assert_eq!(Entity::subscription("events", "audit").to_string(), "events/Subscriptions/audit");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Entity(String);

/// The suffix of every dead-letter sub-queue (Microsoft Learn, "Overview of Service Bus dead-letter queues").
const DEAD_LETTER_SUFFIX: &str = "/$DeadLetterQueue";

impl Entity {
    /// A queue.
    pub fn queue(name: impl Into<String>) -> Self {
        Self(name.into())
    }

    /// A topic: messages can be sent to it, and are received from its subscriptions.
    pub fn topic(name: impl Into<String>) -> Self {
        Self(name.into())
    }

    /// A subscription of a topic: messages can be received from it.
    pub fn subscription(topic: &str, subscription: &str) -> Self {
        Self(format!("{topic}/Subscriptions/{subscription}"))
    }

    /// The dead-letter sub-queue of this entity; a dead-letter sub-queue is its own.
    pub fn dead_letter(&self) -> Self {
        if self.is_dead_letter() { self.clone() } else { Self(format!("{}{DEAD_LETTER_SUFFIX}", self.0)) }
    }

    /// Whether this is a dead-letter sub-queue.
    pub fn is_dead_letter(&self) -> bool {
        self.0.to_ascii_lowercase().ends_with(&DEAD_LETTER_SUFFIX.to_ascii_lowercase())
    }

    /// The path within the namespace, as given.
    pub fn path(&self) -> &str {
        &self.0
    }

    /// The address of the entity's management node (Microsoft Learn, "AMQP 1.0 in Azure Service Bus:
    /// request-response-based operations").
    pub(crate) fn management_address(&self) -> String {
        format!("{}/$management", self.0)
    }
}

impl fmt::Display for Entity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl From<&str> for Entity {
    fn from(path: &str) -> Self {
        Self(path.to_owned())
    }
}

impl From<String> for Entity {
    fn from(path: String) -> Self {
        Self(path)
    }
}

impl From<&Entity> for Entity {
    fn from(entity: &Entity) -> Self {
        entity.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dead_letter_queue_of_a_dead_letter_queue_is_itself() {
        let once = Entity::queue("q").dead_letter();
        assert_eq!(once.dead_letter(), once);
        assert!(Entity::from("q/$deadletterqueue").is_dead_letter());
        assert!(!Entity::queue("deadletterqueue").is_dead_letter());
    }
}
