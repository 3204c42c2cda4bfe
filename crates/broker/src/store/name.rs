//! The path of a queue or of its dead letters, in the one spelling that the store knows.

use std::fmt;
use std::sync::Arc;

const DEAD_LETTERS: &str = "/$deadletterqueue";

/// Where messages lie: a queue or the dead-letter sub-queue of one. Lower case, since Service Bus compares paths so.
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

    pub(crate) fn is_dead_letters(&self) -> bool {
        self.0.ends_with(DEAD_LETTERS)
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
