//! All messages, and everything that can happen to them. No socket, no clock of its own: every call says what time it
//! is, so that locks, schedules and expiry can be tested without waiting.

mod duplicates;
mod entity;
mod name;
mod receive;
mod record;
mod restore;
mod send;
mod settle;
#[cfg(test)]
mod tests;
mod time;

use std::collections::BTreeMap;

use crate::clock::Timestamp;
use crate::options::QueueOptions;

pub(crate) use name::EntityName;
pub(crate) use record::{Record, read_records};
pub(crate) use restore::Unclaimed;
pub(crate) use settle::{Settlement, dead_letter_properties};

use entity::{Entity, Expiry, Settings};
use record::Changes;

/// Why the store did not do as it was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum StoreError {
    #[error("The messaging entity '{0}' could not be found.")]
    NoSuchEntity(EntityName),
    #[error(
        "The lock supplied is invalid. Either the lock expired, or the message has already been removed."
    )]
    LockLost,
    #[error("The specified message with the sequence number {0} could not be found.")]
    MessageNotFound(i64),
    /// Our guess: what Service Bus says when a dead letter is to be dead-lettered.
    #[error("A message of a dead-letter queue cannot be dead-lettered.")]
    DeadAlready,
    /// Our guess: what Service Bus says when something is sent among the dead letters.
    #[error("Messages cannot be sent to the dead-letter queue '{0}'.")]
    NotForSending(EntityName),
}

/// How many messages stand where in one queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// May be received now.
    pub active: usize,
    /// Become active later.
    pub scheduled: usize,
    /// Set aside by a receiver, and fetched by sequence number only.
    pub deferred: usize,
    /// In the hands of a receiver.
    pub locked: usize,
    /// In the queue's dead-letter sub-queue, in whatever state.
    pub dead_letter: usize,
}

#[derive(Debug)]
pub(crate) struct Store {
    entities: BTreeMap<EntityName, Entity>,
    changes: Changes,
    /// Something became receivable since [`Store::take_news`] was last asked, or the next deadline may be another.
    news: bool,
}

impl Store {
    /// A store with these queues, each with its dead letters. With `keeps_records`, every change is put on record.
    pub(crate) fn new(queues: &[QueueOptions], keeps_records: bool) -> Self {
        let mut entities = BTreeMap::new();
        for queue in queues {
            let name = EntityName::new(&queue.name);
            let dead_letters = name.dead_letters();
            entities.insert(dead_letters.clone(), Entity::new(dead_letters, dead_letter_settings(queue)));
            entities.insert(name.clone(), Entity::new(name.clone(), queue_settings(queue, &name)));
        }
        Self { entities, changes: Changes::kept(keeps_records), news: false }
    }

    pub(crate) fn has(&self, name: &EntityName) -> bool {
        self.entities.contains_key(name)
    }

    /// The changes since the last call, encoded for the log.
    pub(crate) fn take_records(&mut self) -> Vec<u8> {
        self.changes.take()
    }

    /// Whether receivers should look again.
    pub(crate) fn take_news(&mut self) -> bool {
        std::mem::take(&mut self.news)
    }

    /// When something happens next by itself.
    pub(crate) fn next_deadline(&self) -> Option<Timestamp> {
        self.entities.values().filter_map(Entity::next_deadline).min()
    }

    pub(crate) fn counts(&self, queue: &EntityName) -> Option<Counts> {
        let entity = self.entities.get(queue)?;
        Some(Counts {
            active: entity.count_active(),
            scheduled: entity.count_scheduled(),
            deferred: entity.count_deferred(),
            locked: entity.count_locked(),
            dead_letter: self.entities.get(&queue.dead_letters()).map_or(0, |dead| dead.messages().count()),
        })
    }

    fn entity(&mut self, name: &EntityName) -> Result<&mut Entity, StoreError> {
        self.entities.get_mut(name).ok_or_else(|| StoreError::NoSuchEntity(name.clone()))
    }

    /// An entity together with the record of changes, which it writes while it is borrowed.
    fn entity_and_changes(&mut self, name: &EntityName) -> Result<(&mut Entity, &mut Changes), StoreError> {
        let entity = self.entities.get_mut(name).ok_or_else(|| StoreError::NoSuchEntity(name.clone()))?;
        Ok((entity, &mut self.changes))
    }
}

fn queue_settings(queue: &QueueOptions, name: &EntityName) -> Settings {
    let expiry = if queue.dead_lettering_on_message_expiration { Expiry::DeadLetter } else { Expiry::Drop };
    Settings {
        lock_duration: queue.lock_duration,
        max_delivery_count: Some(queue.max_delivery_count.max(1)),
        default_time_to_live: queue.default_time_to_live,
        expiry: Some(expiry),
        duplicate_window: queue.requires_duplicate_detection.then_some(queue.duplicate_detection_history),
        dead_letters: Some(name.dead_letters()),
    }
}

/// Dead letters neither expire nor run out of attempts (Microsoft Learn, "Overview of Service Bus dead-letter queues").
fn dead_letter_settings(queue: &QueueOptions) -> Settings {
    Settings {
        lock_duration: queue.lock_duration,
        max_delivery_count: None,
        default_time_to_live: None,
        expiry: None,
        duplicate_window: None,
        dead_letters: None,
    }
}
