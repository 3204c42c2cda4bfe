//! Sessions as receivers see them: accepted, renewed, given up, lost, and the state they keep there (Microsoft Learn,
//! "Message sessions").

use bytes::Bytes;
use uuid::Uuid;

use crate::clock::Timestamp;

use super::sessions::{SessionId, SessionLock, Sessions};
use super::{EntityName, Store, StoreError};

/// A last-updated time that no session can have reached: all sessions are asked for (azure-sdk-for-net,
/// `GetMessageSessions`, which sends the last instant that its type can hold).
const FAR_FUTURE_MILLISECONDS: i64 = 32_503_680_000_000;

impl Store {
    /// Locks a session for one receiver: the one that is named or, of those that wait, the next. None when none waits.
    pub(crate) fn accept_session(
        &mut self,
        name: &EntityName,
        wanted: Option<&str>,
        holder: Uuid,
        now: Timestamp,
    ) -> Result<Option<(SessionId, Timestamp)>, StoreError> {
        let entity = self.entity(name)?;
        let until = now.after(entity.settings.lock_duration);
        let sessions = entity.sessions.as_mut().ok_or(StoreError::NoSessionsHere)?;
        let id: SessionId = match wanted {
            Some(id) => id.into(),
            None => match sessions.next_free() {
                Some(id) => id,
                None => return Ok(None),
            },
        };
        if sessions.lock_of(&id, now).is_some() {
            return Err(StoreError::SessionCannotBeLocked(id));
        }
        sessions.set_lock(&id, Some(SessionLock { holder, until }));
        self.news = true;
        Ok(Some((id, until)))
    }

    /// Whether a receiver still holds the session it accepted.
    pub(crate) fn holds_session(
        &self,
        name: &EntityName,
        session: &str,
        holder: Uuid,
        now: Timestamp,
    ) -> bool {
        let sessions = self.entities.get(name).and_then(|entity| entity.sessions.as_ref());
        sessions.and_then(|sessions| sessions.lock_of(session, now)).is_some_and(|lock| lock.holder == holder)
    }

    /// Prolongs a session's lock: it now ends one lock duration from now.
    pub(crate) fn renew_session(
        &mut self,
        name: &EntityName,
        session: &str,
        now: Timestamp,
    ) -> Result<Timestamp, StoreError> {
        let until = now.after(self.entity(name)?.settings.lock_duration);
        let sessions = self.locked_session(name, session, now)?;
        let lock = sessions.lock_of(session, now).ok_or(StoreError::SessionLockLost)?;
        sessions.set_lock(session, Some(SessionLock { until, ..lock }));
        self.news = true;
        Ok(until)
    }

    /// Gives a session up. What was received and not settled is there again and counts as no attempt (Microsoft Learn,
    /// "Message sessions", message delivery count).
    pub(crate) fn release_session(&mut self, name: &EntityName, session: &str, holder: Uuid, now: Timestamp) {
        if !self.holds_session(name, session, holder, now) {
            return;
        }
        let Some(entity) = self.entities.get_mut(name) else { return };
        let held = entity.sessions.as_ref().map(|sessions| sessions.held(session)).unwrap_or_default();
        for sequence in held {
            entity.change(sequence, |stored| stored.lock = None);
        }
        if let Some(sessions) = &mut entity.sessions {
            sessions.set_lock(session, None);
        }
        self.news = true;
    }

    /// What the receivers of a session keep there.
    pub(crate) fn session_state(
        &mut self,
        name: &EntityName,
        session: &str,
        now: Timestamp,
    ) -> Result<Option<Bytes>, StoreError> {
        Ok(self.locked_session(name, session, now)?.state(session).cloned())
    }

    pub(crate) fn set_session_state(
        &mut self,
        name: &EntityName,
        session: &str,
        state: Option<Bytes>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.locked_session(name, session, now)?.set_state(session, state.clone(), now);
        self.changes.session_state(name, session, state.as_ref(), now);
        Ok(())
    }

    /// The ids of sessions whose state was set after a time or, for a time that never comes, of all that have messages or a
    /// state.
    pub(crate) fn session_ids(
        &mut self,
        name: &EntityName,
        updated_after: Timestamp,
    ) -> Result<Vec<String>, StoreError> {
        let sessions = self.entity(name)?.sessions.as_ref().ok_or(StoreError::NoSessionsHere)?;
        Ok(if updated_after.milliseconds() > FAR_FUTURE_MILLISECONDS {
            sessions.with_content().map(str::to_owned).collect()
        } else {
            let updated = sessions.states().filter(|kept| kept.at > updated_after);
            updated.map(|kept| kept.id.to_owned()).collect()
        })
    }

    pub(super) fn due_session_end(
        &mut self,
        name: &EntityName,
        now: Timestamp,
    ) -> Result<Option<SessionId>, StoreError> {
        Ok(self.entity(name)?.sessions.as_ref().and_then(|sessions| sessions.due_lock_end(now)))
    }

    /// The end of a session's lock: each message that its holder had not settled has failed once more.
    pub(super) fn session_lock_ended(
        &mut self,
        name: &EntityName,
        session: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let entity = self.entity(name)?;
        let held = entity.sessions.as_ref().map(|sessions| sessions.held(session)).unwrap_or_default();
        for sequence in held {
            self.lock_ended(name, sequence, now)?;
        }
        if let Some(sessions) = &mut self.entity(name)?.sessions {
            sessions.set_lock(session, None);
        }
        self.news = true;
        Ok(())
    }

    /// The sessions of an entity, of which this one must be locked by somebody.
    ///
    /// Our guess: that requests need not come over the connection that accepted the session.
    fn locked_session(
        &mut self,
        name: &EntityName,
        session: &str,
        now: Timestamp,
    ) -> Result<&mut Sessions, StoreError> {
        let sessions = self.entity(name)?.sessions.as_mut().ok_or(StoreError::NoSessionsHere)?;
        match sessions.lock_of(session, now) {
            Some(_) => Ok(sessions),
            None => Err(StoreError::SessionLockLost),
        }
    }
}
