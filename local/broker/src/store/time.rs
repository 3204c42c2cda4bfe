//! What happens by itself when time passes: schedules come due, locks end, messages expire.

use crate::clock::Timestamp;

use super::routing::Arriving;
use super::settings::Expiry;
use super::settle::dead_letter_properties;
use super::{EntityName, Store, StoreError};

impl Store {
    /// Brings everything up to `now`. To be called before anything else is done at that time.
    pub(crate) fn advance(&mut self, now: Timestamp) {
        if self.next_deadline().is_none_or(|at| at > now) {
            return;
        }
        let names: Vec<EntityName> = self.entities.keys().cloned().collect();
        for name in names {
            self.advance_entity(&name, now).expect("the name was read from the store's own entities");
        }
    }

    fn advance_entity(&mut self, name: &EntityName, now: Timestamp) -> Result<(), StoreError> {
        while let Some(sequence) = self.entity(name)?.due_scheduled(now) {
            self.activate(name, sequence, now)?;
        }
        while let Some(sequence) = self.entity(name)?.due_lock_end(now) {
            self.lock_ended(name, sequence, now)?;
        }
        while let Some(session) = self.due_session_end(name, now)? {
            self.session_lock_ended(name, &session, now)?;
        }
        while let Some(sequence) = self.entity(name)?.due_expiry(now) {
            self.expire(name, sequence, now)?;
        }
        Ok(())
    }

    /// A scheduled message enters its entity as if it were sent now, with a new sequence number (Microsoft Learn,
    /// "Message sequencing and timestamps").
    fn activate(&mut self, name: &EntityName, sequence: i64, now: Timestamp) -> Result<(), StoreError> {
        let (entity, changes) = self.entity_and_changes(name)?;
        let waiting = entity.remove(sequence, changes).ok_or(StoreError::MessageNotFound(sequence))?;
        let active = entity.take_sequence();
        let arriving = Arriving { enqueued_sequence: Some(sequence), ..Arriving::new(waiting.message) };
        self.come_to_rest(name, active, arriving, now)
    }

    fn expire(&mut self, name: &EntityName, sequence: i64, now: Timestamp) -> Result<(), StoreError> {
        self.news = true;
        let (entity, changes) = self.entity_and_changes(name)?;
        match entity.settings.expiry {
            Some(Expiry::DeadLetter) => {
                let description = "The message expired and was dead lettered.";
                let why = dead_letter_properties(Some("TTLExpiredException"), Some(description));
                self.dead_letter(name, sequence, &why, now)
            }
            Some(Expiry::Drop) => {
                entity.remove(sequence, changes);
                Ok(())
            }
            // Nothing sets a time of expiry where messages do not expire.
            None => {
                entity.change(sequence, |stored| stored.expires_at = None);
                Ok(())
            }
        }
    }
}
