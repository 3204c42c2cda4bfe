//! Messages coming in.

use crate::clock::Timestamp;
use crate::message::Message;

use super::routing::Arriving;
use super::stored::Standing;
use super::{EntityName, Store, StoreError};

impl Store {
    /// Takes a message in, to be enqueued now or when it says. Returns its sequence number.
    ///
    /// A copy of a recent message is dropped, if the entity looks for copies; the sender is not told (Microsoft Learn,
    /// "Duplicate detection"). Our guess: the number that the copy of a scheduled message is answered with names
    /// nothing.
    pub(crate) fn send(
        &mut self,
        name: &EntityName,
        message: Message,
        now: Timestamp,
    ) -> Result<i64, StoreError> {
        self.check_sendable(name, &message)?;
        self.enter(name, Arriving::new(message), now)
    }

    /// Whether [`Store::send`] would take this message: of a batch, all are asked before any is sent.
    pub(crate) fn check_sendable(&mut self, name: &EntityName, message: &Message) -> Result<(), StoreError> {
        self.check_sender(name)?;
        if self.entity(name)?.settings.requires_session && message.session_id().is_none() {
            return Err(StoreError::SessionIdMissing);
        }
        Ok(())
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
