//! All messages, and everything that can happen to them. No socket, no clock of its own: every call says what time it
//! is, so that locks, schedules and expiry can be tested without waiting.

mod duplicates;
mod entity;
mod name;
mod receive;
mod record;
mod restore;
mod routing;
mod rules;
mod send;
mod session_locks;
mod sessions;
mod settings;
mod settle;
mod stored;
#[cfg(test)]
mod tests;
mod time;

use std::collections::BTreeMap;

use crate::clock::Timestamp;
use crate::options::Options;

pub(crate) use name::EntityName;
pub(crate) use record::{Record, read_records};
pub(crate) use restore::Unclaimed;
pub(crate) use sessions::SessionId;
pub(crate) use settle::{Settlement, dead_letter_properties};

use entity::Entity;
use record::Changes;
use rules::Rules;
use settings::{Kind, Settings};

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
    /// Our guess: what Service Bus says when something is sent among the dead letters, or to a subscription.
    #[error("Messages cannot be sent to '{0}': it is a dead-letter queue or a subscription.")]
    NotForSending(EntityName),
    /// Our guess: what Service Bus says when something is to be received from a topic.
    #[error("Messages cannot be received from the topic '{0}', only from its subscriptions.")]
    NotForReceiving(EntityName),
    #[error("Messages cannot be received from '{0}': it forwards them to another entity.")]
    Forwards(EntityName),
    #[error(
        "The SessionId was not set on a message, and it cannot be sent to the entity. Entities that have session \
         support enabled can only receive messages that have the SessionId set to a valid value."
    )]
    SessionIdMissing,
    #[error(
        "It is not possible for an entity that requires sessions to create a non-sessionful message receiver."
    )]
    SessionRequired,
    #[error(
        "A sessionful message receiver cannot be created on an entity that does not require sessions. Ensure \
         RequiresSession is set to true when creating a Queue or Subscription to enable sessionful behavior."
    )]
    NoSessionsHere,
    #[error("The requested session '{0}' cannot be accepted. It may be locked by another receiver.")]
    SessionCannotBeLocked(SessionId),
    #[error("The session lock has expired on the MessageSession. Accept a new MessageSession.")]
    SessionLockLost,
    /// Our guess: what Service Bus says when the lock of one message of a session is to be renewed.
    #[error("The lock of a message in a session is the session's: renew that.")]
    LockIsTheSessions,
    #[error("The rule '{0}' could not be found.")]
    NoSuchRule(String),
    #[error("The rule '{0}' exists already.")]
    RuleExists(String),
    #[error("'{0}' is not a subscription: it has no rules.")]
    NoRulesHere(EntityName),
}

/// How many messages stand where in one queue or subscription. Of a topic, only what is scheduled.
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
    /// A store with the entities that are declared, each with its dead letters. With `keeps_records`, every change is
    /// put on record.
    pub(crate) fn new(declared: &Options, keeps_records: bool) -> Self {
        let mut store =
            Self { entities: BTreeMap::new(), changes: Changes::kept(keeps_records), news: false };
        for queue in &declared.queues {
            let name = EntityName::new(&queue.name);
            let settings = Settings::of_queue(queue, &name);
            store.add_dead_letters(&name, &settings, queue.forward_dead_lettered_messages_to.as_deref());
            store.add(Entity::new(name, settings));
        }
        for topic in &declared.topics {
            let topic_name = EntityName::new(&topic.name);
            for subscription in &topic.subscriptions {
                let name = topic_name.subscription(&subscription.name);
                let settings = Settings::of_subscription(subscription, topic, &name);
                let forward_dead_letters_to = subscription.forward_dead_lettered_messages_to.as_deref();
                store.add_dead_letters(&name, &settings, forward_dead_letters_to);
                let mut entity = Entity::new(name, settings);
                entity.rules = Rules::declared(&subscription.rules);
                store.add(entity);
            }
            let settings = Settings::of_topic(topic, &topic_name);
            store.add(Entity::new(topic_name, settings));
        }
        store
    }

    /// Of transfers too, whose dead letters stay empty: nothing that this broker forwards to can be missing or full.
    fn add_dead_letters(&mut self, owner: &EntityName, settings: &Settings, forward_to: Option<&str>) {
        self.add(Entity::new(owner.dead_letters(), Settings::of_dead_letters(settings, forward_to)));
        let transfers = Settings::of_dead_letters(settings, None);
        self.add(Entity::new(owner.transfer_dead_letters(), transfers));
    }

    fn add(&mut self, entity: Entity) {
        self.entities.insert(entity.name.clone(), entity);
    }

    /// Whether messages may be sent here.
    ///
    /// # Errors
    /// Why not.
    pub(crate) fn check_sender(&mut self, name: &EntityName) -> Result<(), StoreError> {
        match self.entity(name)?.settings.kind {
            Kind::Queue | Kind::Topic => Ok(()),
            Kind::Subscription | Kind::DeadLetters => Err(StoreError::NotForSending(name.clone())),
        }
    }

    /// Whether messages may be received here, with or without a session.
    ///
    /// # Errors
    /// Why not.
    pub(crate) fn check_receiver(&mut self, name: &EntityName, with_session: bool) -> Result<(), StoreError> {
        let settings = &self.entity(name)?.settings;
        match (settings.requires_session, with_session) {
            _ if settings.kind == Kind::Topic => Err(StoreError::NotForReceiving(name.clone())),
            _ if settings.forward_to.is_some() && settings.kind != Kind::DeadLetters => {
                Err(StoreError::Forwards(name.clone()))
            }
            (true, false) => Err(StoreError::SessionRequired),
            (false, true) => Err(StoreError::NoSessionsHere),
            _ => Ok(()),
        }
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
            dead_letter: self.entities.get(&queue.dead_letters()).map_or(0, Entity::count_messages),
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
