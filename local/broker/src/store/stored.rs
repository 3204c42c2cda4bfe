//! A message in its place.

use uuid::Uuid;

use crate::clock::Timestamp;
use crate::message::{Message, Placement};

/// What may be done with a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    Active,
    Deferred,
    Scheduled(Timestamp),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lock {
    pub(crate) token: Uuid,
    pub(crate) until: Timestamp,
}

/// A message in its place.
#[derive(Debug, Clone)]
pub(crate) struct Stored {
    pub(crate) message: Message,
    pub(crate) sequence: i64,
    /// The number it had where it first came in.
    pub(crate) enqueued_sequence: i64,
    pub(crate) enqueued_at: Timestamp,
    pub(crate) expires_at: Option<Timestamp>,
    /// Attempts that failed.
    pub(crate) delivery_count: u32,
    pub(crate) standing: Standing,
    pub(crate) lock: Option<Lock>,
}

impl Stored {
    pub(crate) fn placement(&self) -> Placement {
        Placement {
            sequence_number: self.sequence,
            enqueued_sequence_number: self.enqueued_sequence,
            enqueued_at: self.enqueued_at,
            delivery_count: self.delivery_count,
            lock: None,
            state: match self.standing {
                Standing::Active => 0,
                Standing::Deferred => 1,
                Standing::Scheduled(_) => 2,
            },
        }
    }

    /// The session that the message belongs to.
    ///
    /// A message without one is of the session with the empty id: it may lie here when an entity that did without
    /// sessions is declared anew as one with sessions.
    pub(crate) fn session(&self) -> &str {
        self.message.session_id().unwrap_or_default()
    }

    pub(super) fn is_expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|at| at <= now)
    }
}
