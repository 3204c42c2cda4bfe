//! Where a message comes to rest: in the entity it was sent to, in subscriptions, or further on.
//!
//! Forwarding and copying happen within the call that takes a message in, so that they reach the log in one piece: a
//! message is never in two places or none (Microsoft Learn, "Chaining Service Bus entities with autoforwarding").

use std::time::Duration;

use crate::clock::Timestamp;
use crate::message::Message;

use super::entity::Entity;
use super::settings::Kind;
use super::settle::dead_letter_properties;
use super::stored::{Standing, Stored};
use super::{EntityName, Store, StoreError};

/// How often a message may be forwarded (Microsoft Learn, "Chaining Service Bus entities with autoforwarding").
const MOST_HOPS: u8 = 4;

/// A message on its way.
#[derive(Debug, Clone)]
pub(super) struct Arriving {
    pub(super) message: Message,
    /// The number it had where it first came in. None: here.
    pub(super) enqueued_sequence: Option<i64>,
    /// The most that it may live, by what it passed through.
    pub(super) lives: Option<Duration>,
    /// How often it was forwarded.
    pub(super) hops: u8,
}

impl Arriving {
    pub(super) fn new(message: Message) -> Self {
        Self { message, enqueued_sequence: None, lives: None, hops: 0 }
    }
}

impl Store {
    /// Takes a message into an entity, or drops it as a copy, or lets it wait for its time. Returns its number there.
    pub(super) fn enter(
        &mut self,
        name: &EntityName,
        arriving: Arriving,
        now: Timestamp,
    ) -> Result<i64, StoreError> {
        let (entity, changes) = self.entity_and_changes(name)?;
        let sequence = entity.take_sequence();
        if let Some(recent) = &mut entity.recent {
            if !recent.remember(arriving.message.id(), now) {
                changes.next_sequence(name, sequence + 1);
                return Ok(sequence);
            }
            changes.remembered(name, arriving.message.id(), now);
        }
        match arriving.message.scheduled_enqueue_time().filter(|at| *at > now) {
            Some(at) => {
                let mut waiting = placed(arriving, sequence, now);
                waiting.standing = Standing::Scheduled(at);
                entity.insert(waiting, changes);
                self.news = true;
            }
            None => self.come_to_rest(name, sequence, arriving, now)?,
        }
        Ok(sequence)
    }

    /// Puts a message where it stays: here, or where this entity passes it on to.
    pub(super) fn come_to_rest(
        &mut self,
        name: &EntityName,
        sequence: i64,
        mut arriving: Arriving,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.news = true;
        let (entity, changes) = self.entity_and_changes(name)?;
        arriving.enqueued_sequence.get_or_insert(sequence);
        arriving.lives = shorter(arriving.lives, entity.settings.default_time_to_live);
        if entity.settings.kind == Kind::Topic {
            changes.next_sequence(name, sequence + 1);
            return self.copy_to_subscriptions(name, &arriving, now);
        }
        if let Some(target) = entity.settings.forward_to.clone() {
            changes.next_sequence(name, sequence + 1);
            return self.forward(name, &target, sequence, arriving, now);
        }
        if entity.settings.requires_session && arriving.message.session_id().is_none() {
            // Only what is copied or forwarded comes so far: a sender is told (Microsoft Learn, "Overview of Service
            // Bus dead-letter queues").
            let description =
                "Session enabled entity doesn't allow a message whose session identifier is null.";
            let why = dead_letter_properties(Some("Session ID is null"), Some(description));
            changes.next_sequence(name, sequence + 1);
            arriving.message.set_application_properties(&why);
            return self.bury(name, placed(arriving, sequence, now), true, now);
        }
        let lives = time_to_live(entity, &arriving);
        if let Some(lives) = lives {
            arriving.message.set_time_to_live(lives);
        }
        let expires_at = lives.map(|lives| now.after(lives));
        let stored = Stored { expires_at, ..placed(arriving, sequence, now) };
        entity.insert(stored, changes);
        Ok(())
    }

    /// Our guess: that each subscription numbers its copies on its own, and that what no rule wants is dropped.
    fn copy_to_subscriptions(
        &mut self,
        topic: &EntityName,
        arriving: &Arriving,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        for subscription in self.entity(topic)?.settings.subscriptions.clone() {
            if self.entity(&subscription)?.rules.want(&arriving.message) {
                let sequence = self.entity(&subscription)?.take_sequence();
                self.come_to_rest(&subscription, sequence, arriving.clone(), now)?;
            }
        }
        Ok(())
    }

    fn forward(
        &mut self,
        from: &EntityName,
        target: &EntityName,
        sequence: i64,
        mut arriving: Arriving,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        if arriving.hops < MOST_HOPS {
            arriving.hops += 1;
            return self.enter(target, arriving, now).map(|_| ());
        }
        let description = format!("The message was forwarded more than {MOST_HOPS} times.");
        let why = dead_letter_properties(Some("MaxTransferHopCountExceeded"), Some(&description));
        arriving.message.set_application_properties(&why);
        self.bury(from, placed(arriving, sequence, now), false, now)
    }

    /// Puts a message among the dead letters of an entity, or sends it where these go.
    ///
    /// Our guesses: that the dead letters number on their own, that the time of enqueuing and the delivery count stay
    /// as they were.
    pub(super) fn bury(
        &mut self,
        owner: &EntityName,
        mut stored: Stored,
        may_go_on: bool,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.news = true;
        let owner = self.entity(owner)?;
        let source = owner.settings.path.clone();
        let name = owner.settings.dead_letters.clone().ok_or(StoreError::DeadAlready)?;
        let (dead_letters, changes) = self.entity_and_changes(&name)?;
        if may_go_on && let Some(target) = dead_letters.settings.forward_to.clone() {
            // Microsoft Learn, "Overview of Service Bus dead-letter queues": DeadLetterSource is set only then.
            stored.message.annotate("x-opt-deadletter-source", &source);
            let enqueued_sequence = Some(stored.enqueued_sequence);
            let arriving = Arriving { enqueued_sequence, hops: 1, ..Arriving::new(stored.message) };
            return self.enter(&target, arriving, now).map(|_| ());
        }
        let sequence = dead_letters.take_sequence();
        let buried = Stored { sequence, lock: None, expires_at: None, standing: Standing::Active, ..stored };
        dead_letters.insert(buried, changes);
        Ok(())
    }

    /// Passes on what lies where nothing stays: an entity may have been declared anew as one that forwards.
    pub(crate) fn pass_on_what_lies(&mut self, now: Timestamp) -> Result<(), StoreError> {
        let forwards = |entity: &&Entity| entity.settings.forward_to.is_some();
        let names: Vec<EntityName> =
            self.entities.values().filter(forwards).map(|entity| entity.name.clone()).collect();
        for name in names {
            let lying: Vec<i64> = self
                .entity(&name)?
                .messages()
                .filter(|stored| stored.standing == Standing::Active)
                .map(|stored| stored.sequence)
                .collect();
            for sequence in lying {
                self.pass_on(&name, sequence, now)?;
            }
        }
        Ok(())
    }

    fn pass_on(&mut self, name: &EntityName, sequence: i64, now: Timestamp) -> Result<(), StoreError> {
        let owner = name.owner();
        let source = owner.as_ref().map(|owner| self.entity(owner).map(|owner| owner.settings.path.clone()));
        let source = source.transpose()?;
        let (entity, changes) = self.entity_and_changes(name)?;
        let Some(target) = entity.settings.forward_to.clone() else { return Ok(()) };
        let mut stored = entity.remove(sequence, changes).ok_or(StoreError::MessageNotFound(sequence))?;
        if let Some(source) = source {
            stored.message.annotate("x-opt-deadletter-source", &source);
        }
        let enqueued_sequence = Some(stored.enqueued_sequence);
        let arriving = Arriving { enqueued_sequence, hops: 1, ..Arriving::new(stored.message) };
        self.enter(&target, arriving, now).map(|_| ())
    }
}

fn placed(arriving: Arriving, sequence: i64, now: Timestamp) -> Stored {
    Stored {
        message: arriving.message,
        sequence,
        enqueued_sequence: arriving.enqueued_sequence.unwrap_or(sequence),
        enqueued_at: now,
        expires_at: None,
        delivery_count: 0,
        standing: Standing::Active,
        lock: None,
    }
}

/// The sender's wish, but never longer than what the message passed through allows (Microsoft Learn, "Message
/// expiration"). Nothing expires where nothing would be done about it.
fn time_to_live(entity: &Entity, arriving: &Arriving) -> Option<Duration> {
    entity.settings.expiry?;
    shorter(arriving.message.time_to_live(), arriving.lives)
}

fn shorter(one: Option<Duration>, other: Option<Duration>) -> Option<Duration> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}
