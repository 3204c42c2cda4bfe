//! Messages going out: received, fetched by number, or only looked at.

use uuid::Uuid;

use crate::clock::Timestamp;

use super::stored::{Standing, Stored};
use super::{EntityName, Store, StoreError};

/// A message on its way to one receiver.
#[derive(Debug)]
pub(crate) struct Delivery {
    /// The message as the receiver gets it.
    pub(crate) encoded: Vec<u8>,
    /// What the receiver settles it by. Nil when it is the receiver's already.
    pub(crate) token: Uuid,
}

impl Store {
    /// Locks the next message for a receiver (peek-lock): of the session it holds, where there are sessions.
    pub(crate) fn lock_next(
        &mut self,
        name: &EntityName,
        session: Option<&str>,
        now: Timestamp,
    ) -> Result<Option<Delivery>, StoreError> {
        let entity = self.entity(name)?;
        let Some(sequence) = entity.first_ready(session, now) else {
            return Ok(None);
        };
        self.lock(name, sequence, now).map(Some)
    }

    /// Gives the next message away for good (receive-and-delete).
    pub(crate) fn take_next(
        &mut self,
        name: &EntityName,
        session: Option<&str>,
        now: Timestamp,
    ) -> Result<Option<Delivery>, StoreError> {
        let entity = self.entity(name)?;
        let Some(sequence) = entity.first_ready(session, now) else {
            return Ok(None);
        };
        self.take(name, sequence).map(Some)
    }

    /// Fetches deferred messages by number: all of them or, when one is not there, none. Where there are sessions, they
    /// are those of a session that is locked.
    pub(crate) fn receive_deferred(
        &mut self,
        name: &EntityName,
        session: Option<&str>,
        sequences: &[i64],
        locking: bool,
        now: Timestamp,
    ) -> Result<Vec<Delivery>, StoreError> {
        let entity = self.entity(name)?;
        match (&entity.sessions, session) {
            (Some(_), None) => return Err(StoreError::SessionRequired),
            (Some(sessions), Some(id)) => {
                sessions.lock_of(id, now).ok_or(StoreError::SessionLockLost)?;
            }
            (None, _) => {}
        }
        let within = entity.sessions.as_ref().and(session);
        for sequence in sequences {
            let there = |stored: &&Stored| {
                stored.standing == Standing::Deferred
                    && stored.lock.is_none()
                    && within.is_none_or(|id| stored.session() == id)
            };
            entity.get(*sequence).filter(there).ok_or(StoreError::MessageNotFound(*sequence))?;
        }
        let deliver = |sequence: &i64| {
            if locking { self.lock(name, *sequence, now) } else { self.take(name, *sequence) }
        };
        sequences.iter().map(deliver).collect()
    }

    /// The messages from a sequence number on, whatever their state, without touching them: at most so many, and no
    /// more than fit into `room` bytes, but at least one. With a session, only those of it.
    pub(crate) fn peek(
        &mut self,
        name: &EntityName,
        session: Option<&str>,
        from: i64,
        most: usize,
        mut room: usize,
    ) -> Result<Vec<Vec<u8>>, StoreError> {
        let entity = self.entity(name)?;
        let mut seen = Vec::new();
        let wanted = |stored: &&Stored| session.is_none_or(|id| stored.session() == id);
        for stored in entity.messages_from(from).filter(wanted).take(most) {
            let encoded = stored.message.encode_for(&stored.placement());
            if !seen.is_empty() && encoded.len() > room {
                break;
            }
            room = room.saturating_sub(encoded.len());
            seen.push(encoded);
        }
        Ok(seen)
    }

    fn lock(&mut self, name: &EntityName, sequence: i64, now: Timestamp) -> Result<Delivery, StoreError> {
        self.news = true;
        let token = Uuid::new_v4();
        let entity = self.entity(name)?;
        let stored = entity.lock(sequence, token, now).ok_or(StoreError::MessageNotFound(sequence))?;
        let mut placement = stored.placement();
        placement.lock = stored.lock.map(|lock| (lock.token, lock.until));
        Ok(Delivery { encoded: stored.message.encode_for(&placement), token })
    }

    fn take(&mut self, name: &EntityName, sequence: i64) -> Result<Delivery, StoreError> {
        let (entity, changes) = self.entity_and_changes(name)?;
        let stored = entity.remove(sequence, changes).ok_or(StoreError::MessageNotFound(sequence))?;
        Ok(Delivery { encoded: stored.message.encode_for(&stored.placement()), token: Uuid::nil() })
    }
}
