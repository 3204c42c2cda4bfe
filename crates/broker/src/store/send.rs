//! Messages coming in.

use std::time::Duration;

use crate::clock::Timestamp;
use crate::message::Message;

use super::entity::{Entity, Standing, Stored};
use super::{EntityName, Store, StoreError};

impl Store {
    /// Takes a message in, to be enqueued now or when it says. Returns its sequence number.
    ///
    /// A copy of a recent message is dropped, if the queue looks for copies; the sender is not told (Microsoft Learn,
    /// "Duplicate detection"). Our guess: the number that the copy of a scheduled message is answered with names
    /// nothing.
    pub(crate) fn send(
        &mut self,
        name: &EntityName,
        message: Message,
        now: Timestamp,
    ) -> Result<i64, StoreError> {
        if name.is_dead_letters() {
            return Err(StoreError::NotForSending(name.clone()));
        }
        let (entity, changes) = self.entity_and_changes(name)?;
        let sequence = entity.take_sequence();
        if let Some(recent) = &mut entity.recent {
            if !recent.remember(message.id(), now) {
                changes.next_sequence(name, sequence + 1);
                return Ok(sequence);
            }
            changes.remembered(name, message.id(), now);
        }
        let stored = match message.scheduled_enqueue_time().filter(|at| *at > now) {
            Some(at) => waiting(message, sequence, at, now),
            None => enqueued(entity, message, sequence, sequence, now),
        };
        entity.insert(stored, changes);
        self.news = true;
        Ok(sequence)
    }

    /// Takes scheduled messages back: all of those named, or none when one of them is not scheduled (any more).
    ///
    /// Our guess: that a request naming several is carried out entirely or not at all.
    pub(crate) fn cancel_scheduled(
        &mut self,
        name: &EntityName,
        sequences: &[i64],
    ) -> Result<(), StoreError> {
        let (entity, changes) = self.entity_and_changes(name)?;
        for sequence in sequences {
            match entity.get(*sequence).map(|stored| stored.standing) {
                Some(Standing::Scheduled(_)) => {}
                _ => return Err(StoreError::MessageNotFound(*sequence)),
            }
        }
        for sequence in sequences {
            entity.remove(*sequence, changes);
        }
        self.news = true;
        Ok(())
    }
}

fn waiting(message: Message, sequence: i64, at: Timestamp, now: Timestamp) -> Stored {
    Stored {
        message,
        sequence,
        enqueued_sequence: sequence,
        enqueued_at: now,
        expires_at: None,
        delivery_count: 0,
        standing: Standing::Scheduled(at),
        lock: None,
    }
}

/// A message that enters the queue now; its time to live begins.
pub(super) fn enqueued(
    entity: &Entity,
    message: Message,
    sequence: i64,
    enqueued_sequence: i64,
    now: Timestamp,
) -> Stored {
    let expires_at = time_to_live(entity, &message).map(|lives| now.after(lives));
    Stored {
        message,
        sequence,
        enqueued_sequence,
        enqueued_at: now,
        expires_at,
        delivery_count: 0,
        standing: Standing::Active,
        lock: None,
    }
}

/// The sender's wish, but never longer than the queue's default (Microsoft Learn, "Message expiration").
fn time_to_live(entity: &Entity, message: &Message) -> Option<Duration> {
    let wished =
        message.time_to_live_milliseconds().map(|milliseconds| Duration::from_millis(milliseconds.into()));
    match (wished, entity.settings.default_time_to_live) {
        (Some(wished), Some(most)) => Some(wished.min(most)),
        (wished, most) => wished.or(most),
    }
}
