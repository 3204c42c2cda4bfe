//! What a receiver decides about a message it holds.

use serde_amqp::Value;
use uuid::Uuid;

use crate::clock::Timestamp;
use crate::message::Properties;

use super::entity::Entity;
use super::settings::Kind;
use super::stored::{Lock, Standing, Stored};
use super::{EntityName, Store, StoreError};

/// A receiver's decision.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Settlement {
    /// Done with.
    Complete,
    /// Give it back, as a failed attempt, with these properties changed.
    Abandon(Properties),
    /// Give it back as if it had never been received: AMQP's `released`.
    Release,
    /// Set it aside, to be fetched by sequence number.
    Defer(Properties),
    /// Put it among the dead letters, with these properties (reason and description among them).
    DeadLetter(Properties),
}

/// The properties that say why a message is a dead letter (Microsoft Learn, "Overview of Service Bus dead-letter
/// queues").
pub(crate) fn dead_letter_properties(reason: Option<&str>, description: Option<&str>) -> Properties {
    let mut properties = Properties::new();
    for (name, text) in [("DeadLetterReason", reason), ("DeadLetterErrorDescription", description)] {
        if let Some(text) = text {
            properties.insert(Value::from(name), Value::from(text));
        }
    }
    properties
}

impl Store {
    /// Carries out a receiver's decision about the message that its lock token names.
    pub(crate) fn settle(
        &mut self,
        name: &EntityName,
        token: Uuid,
        settlement: Settlement,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.news = true;
        let (entity, changes) = self.entity_and_changes(name)?;
        let sequence = entity.locked_by(token, now).ok_or(lock_lost(entity))?.sequence;
        match settlement {
            Settlement::Complete => {
                entity.remove(sequence, changes);
                Ok(())
            }
            Settlement::Release => {
                entity.change(sequence, |stored| stored.lock = None);
                Ok(())
            }
            Settlement::Abandon(properties) => self.give_back(name, sequence, &properties, now),
            Settlement::Defer(properties) => {
                self.give_back_as(name, sequence, &properties, |stored| stored.standing = Standing::Deferred)
            }
            Settlement::DeadLetter(properties) => self.dead_letter(name, sequence, &properties, now),
        }
    }

    /// Whether a lock still holds.
    pub(crate) fn holds(&mut self, name: &EntityName, token: Uuid, now: Timestamp) -> Result<(), StoreError> {
        let entity = self.entity(name)?;
        entity.locked_by(token, now).map(|_| ()).ok_or(lock_lost(entity))
    }

    /// Prolongs a lock: it now ends one lock duration from now.
    pub(crate) fn renew(
        &mut self,
        name: &EntityName,
        token: Uuid,
        now: Timestamp,
    ) -> Result<Timestamp, StoreError> {
        self.news = true;
        let entity = self.entity(name)?;
        if entity.sessions.is_some() {
            return Err(StoreError::LockIsTheSessions);
        }
        let sequence = entity.locked_by(token, now).ok_or(StoreError::LockLost)?.sequence;
        let until = now.after(entity.settings.lock_duration);
        entity.change(sequence, |stored| stored.lock = Some(Lock { token, until }));
        Ok(until)
    }

    /// A failed attempt: the message is there again, or among the dead letters if it was the last one allowed.
    pub(super) fn give_back(
        &mut self,
        name: &EntityName,
        sequence: i64,
        properties: &Properties,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.give_back_as(name, sequence, properties, |stored| stored.delivery_count += 1)?;
        let entity = self.entity(name)?;
        let attempts = entity.get(sequence).map_or(0, |stored| stored.delivery_count);
        match entity.settings.max_delivery_count {
            Some(most) if attempts >= most => {
                let description = format!("Message could not be consumed after {most} delivery attempts.");
                let why = dead_letter_properties(Some("MaxDeliveryCountExceeded"), Some(&description));
                self.dead_letter(name, sequence, &why, now)
            }
            _ => Ok(()),
        }
    }

    fn give_back_as(
        &mut self,
        name: &EntityName,
        sequence: i64,
        properties: &Properties,
        change: impl FnOnce(&mut Stored),
    ) -> Result<(), StoreError> {
        let (entity, changes) = self.entity_and_changes(name)?;
        let changed = entity.change(sequence, |stored| {
            stored.lock = None;
            stored.message.set_application_properties(properties);
            change(stored);
        });
        let stored = changed.ok_or(StoreError::MessageNotFound(sequence))?;
        if properties.is_empty() {
            changes.changed(name, stored)
        } else {
            changes.stored(name, stored)
        }
        Ok(())
    }

    /// The end of a lock: a failed attempt, but not among the dead letters, where it costs nothing
    /// (azure-sdk-for-net, issue 53437).
    pub(super) fn lock_ended(
        &mut self,
        name: &EntityName,
        sequence: i64,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.news = true;
        let entity = self.entity(name)?;
        if entity.settings.kind == Kind::DeadLetters {
            entity.change(sequence, |stored| stored.lock = None);
            return Ok(());
        }
        self.give_back(name, sequence, &Properties::new(), now)
    }

    /// Moves a message among the dead letters of its entity, or to where these are forwarded.
    pub(super) fn dead_letter(
        &mut self,
        name: &EntityName,
        sequence: i64,
        properties: &Properties,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let (entity, changes) = self.entity_and_changes(name)?;
        if entity.settings.dead_letters.is_none() {
            return Err(StoreError::DeadAlready);
        }
        let mut stored = entity.remove(sequence, changes).ok_or(StoreError::MessageNotFound(sequence))?;
        stored.message.set_application_properties(properties);
        self.bury(name, stored, true, now)
    }
}

/// What is wrong with a token that locks nothing (any more).
fn lock_lost(entity: &Entity) -> StoreError {
    if entity.sessions.is_some() { StoreError::SessionLockLost } else { StoreError::LockLost }
}
