//! The path of a queue, topic, subscription, or of their dead letters, in the one spelling that the store knows.

use std::fmt;
use std::sync::Arc;

const DEAD_LETTERS: &str = "/$deadletterqueue";

/// Where messages lie or pass: a queue, a topic, a subscription, or the dead letters of one. Lower case, since Service Bus compares paths so.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct EntityName(Arc<str>);

impl EntityName {
    pub(crate) fn new(path: &str) -> Self {
        Self(path.trim_matches('/').to_lowercase().into())
    }

    /// The dead-letter sub-queue of this entity.
    pub(crate) fn dead_letters(&self) -> Self {
        Self(format!("{}{DEAD_LETTERS}", self.0).into())
    }

    /// The dead letters of this entity's transfers.
    pub(crate) fn transfer_dead_letters(&self) -> Self {
        Self(format!("{}/$transfer{DEAD_LETTERS}", self.0).into())
    }

    /// The subscription of this topic that has a name.
    pub(crate) fn subscription(&self, name: &str) -> Self {
        Self::new(&format!("{}/subscriptions/{name}", self.0))
    }

    /// Whose dead letters these are.
    pub(crate) fn owner(&self) -> Option<Self> {
        self.0.strip_suffix(DEAD_LETTERS).map(Self::new)
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for EntityName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}
