//! The sessions of one entity: what lies ready in each, who holds it, and the state that its receivers keep there.
//!
//! A session's lock is the lock of all messages received under it (Microsoft Learn, "Message sessions"): they have no
//! end of their own.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use uuid::Uuid;

use crate::clock::Timestamp;

pub(crate) type SessionId = Arc<str>;

/// Who holds a session, and until when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SessionLock {
    pub(crate) holder: Uuid,
    pub(crate) until: Timestamp,
}

/// What a receiver keeps in its session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct KeptState<'store> {
    pub(crate) id: &'store str,
    pub(crate) state: &'store Bytes,
    pub(crate) at: Timestamp,
}

#[derive(Debug, Default)]
struct Session {
    lock: Option<SessionLock>,
    state: Option<(Bytes, Timestamp)>,
    /// Messages that the holder may receive.
    ready: BTreeSet<i64>,
    /// Messages that the holder has received and not settled.
    held: BTreeSet<i64>,
    /// By which message the session stands among those that anyone may take.
    free_at: Option<i64>,
}

#[derive(Debug, Default)]
pub(crate) struct Sessions {
    by_id: BTreeMap<SessionId, Session>,
    /// Sessions that nobody holds and that have something ready, by their oldest message.
    free: BTreeSet<(i64, SessionId)>,
    lock_ends: BTreeSet<(Timestamp, SessionId)>,
}

impl Sessions {
    /// The session that is to be taken next: of those that nobody holds, the one whose first message waits longest.
    ///
    /// Our guess: this order.
    pub(crate) fn next_free(&self) -> Option<SessionId> {
        self.free.first().map(|(_, id)| id.clone())
    }

    /// The lock on a session, if it has not ended.
    pub(crate) fn lock_of(&self, id: &str, now: Timestamp) -> Option<SessionLock> {
        self.by_id.get(id)?.lock.filter(|lock| lock.until > now)
    }

    pub(crate) fn set_lock(&mut self, id: &str, lock: Option<SessionLock>) {
        let (key, session) = entry(&mut self.by_id, id);
        if let Some(old) = session.lock {
            self.lock_ends.remove(&(old.until, key.clone()));
        }
        session.lock = lock;
        if let Some(lock) = lock {
            self.lock_ends.insert((lock.until, key.clone()));
        }
        self.refresh(&key);
    }

    pub(crate) fn due_lock_end(&self, now: Timestamp) -> Option<SessionId> {
        self.lock_ends.first().filter(|(at, _)| *at <= now).map(|(_, id)| id.clone())
    }

    pub(crate) fn next_lock_end(&self) -> Option<Timestamp> {
        self.lock_ends.first().map(|(at, _)| *at)
    }

    /// The messages of a session that may be received, oldest first.
    pub(crate) fn ready(&self, id: &str) -> impl Iterator<Item = i64> {
        self.by_id.get(id).into_iter().flat_map(|session| session.ready.iter().copied())
    }

    /// The messages of a session that its holder has received and not settled.
    pub(crate) fn held(&self, id: &str) -> Vec<i64> {
        self.by_id.get(id).map(|session| session.held.iter().copied().collect()).unwrap_or_default()
    }

    pub(crate) fn add_ready(&mut self, id: &str, sequence: i64) {
        let (key, session) = entry(&mut self.by_id, id);
        session.ready.insert(sequence);
        self.refresh(&key);
    }

    pub(crate) fn add_held(&mut self, id: &str, sequence: i64) {
        entry(&mut self.by_id, id).1.held.insert(sequence);
    }

    /// Takes a message out, wherever it stands.
    pub(crate) fn take_out(&mut self, id: &str, sequence: i64) {
        let (key, session) = entry(&mut self.by_id, id);
        session.ready.remove(&sequence);
        session.held.remove(&sequence);
        self.refresh(&key);
    }

    pub(crate) fn state(&self, id: &str) -> Option<&Bytes> {
        self.by_id.get(id)?.state.as_ref().map(|(state, _)| state)
    }

    pub(crate) fn set_state(&mut self, id: &str, state: Option<Bytes>, at: Timestamp) {
        let (key, session) = entry(&mut self.by_id, id);
        session.state = state.map(|state| (state, at));
        self.refresh(&key);
    }

    pub(crate) fn states(&self) -> impl Iterator<Item = KeptState<'_>> {
        self.by_id.iter().filter_map(|(id, session)| {
            session.state.as_ref().map(|(state, at)| KeptState { id, state, at: *at })
        })
    }

    /// Sessions with messages that may be received, or with a state.
    pub(crate) fn with_content(&self) -> impl Iterator<Item = &str> {
        let has_some = |session: &Session| !session.ready.is_empty() || session.state.is_some();
        self.by_id.iter().filter(move |(_, session)| has_some(session)).map(|(id, _)| &**id)
    }

    /// Puts a session where it belongs among the free ones, and forgets it when nothing is left of it.
    fn refresh(&mut self, id: &SessionId) {
        let Some(session) = self.by_id.get_mut(id) else { return };
        let free_at = if session.lock.is_none() { session.ready.first().copied() } else { None };
        if free_at != session.free_at {
            if let Some(old) = session.free_at {
                self.free.remove(&(old, id.clone()));
            }
            if let Some(new) = free_at {
                self.free.insert((new, id.clone()));
            }
            session.free_at = free_at;
        }
        let nothing_left = session.lock.is_none()
            && session.state.is_none()
            && session.ready.is_empty()
            && session.held.is_empty();
        if nothing_left {
            self.by_id.remove(id);
        }
    }
}

fn entry<'map>(by_id: &'map mut BTreeMap<SessionId, Session>, id: &str) -> (SessionId, &'map mut Session) {
    let key = by_id.get_key_value(id).map_or_else(|| id.into(), |(key, _)| key.clone());
    (key.clone(), by_id.entry(key).or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lock(until: i64) -> SessionLock {
        SessionLock { holder: Uuid::nil(), until: Timestamp::from_milliseconds(until) }
    }

    #[test]
    fn the_free_session_with_the_oldest_message_comes_next() {
        let mut sessions = Sessions::default();
        sessions.add_ready("b", 2);
        sessions.add_ready("a", 3);
        sessions.add_ready("b", 4);
        assert_eq!(sessions.next_free().as_deref(), Some("b"));
        sessions.take_out("b", 2);
        assert_eq!(sessions.next_free().as_deref(), Some("a"));
        sessions.set_lock("a", Some(lock(10)));
        assert_eq!(sessions.next_free().as_deref(), Some("b"));
        sessions.set_lock("a", None);
        assert_eq!(sessions.next_free().as_deref(), Some("a"));
    }

    #[test]
    fn nothing_stays_of_a_session_without_messages_lock_and_state() {
        let mut sessions = Sessions::default();
        sessions.add_ready("a", 1);
        sessions.set_lock("a", Some(lock(10)));
        sessions.set_state("a", Some(Bytes::from_static(b"x")), Timestamp::from_milliseconds(0));
        sessions.take_out("a", 1);
        sessions.set_lock("a", None);
        assert_eq!(sessions.by_id.len(), 1, "the state is kept");
        sessions.set_state("a", None, Timestamp::from_milliseconds(0));
        assert!(sessions.by_id.is_empty() && sessions.free.is_empty() && sessions.lock_ends.is_empty());
    }
}
