//! One queue, topic, subscription, or the dead letters of one: its messages and where each of them stands.
//!
//! A message is indexed by what can happen to it next. Every change goes through [`Entity::change`], which takes the
//! message out of its indexes and puts it back by its new state, so that no index can be forgotten.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use uuid::Uuid;

use crate::clock::Timestamp;

use super::duplicates::RecentIds;
use super::name::EntityName;
use super::record::Changes;
use super::rules::Rules;
use super::sessions::Sessions;
use super::settings::Settings;
use super::stored::{Lock, Standing, Stored};

#[derive(Debug)]
pub(crate) struct Entity {
    pub(crate) name: EntityName,
    pub(crate) settings: Settings,
    pub(crate) recent: Option<RecentIds>,
    /// Of a subscription.
    pub(crate) rules: Rules,
    /// Of an entity whose messages belong to sessions.
    pub(crate) sessions: Option<Sessions>,
    messages: BTreeMap<i64, Stored>,
    ready: BTreeSet<i64>,
    deferred: BTreeSet<i64>,
    scheduled: BTreeSet<(Timestamp, i64)>,
    locks: HashMap<Uuid, i64>,
    lock_ends: BTreeSet<(Timestamp, i64)>,
    expiries: BTreeSet<(Timestamp, i64)>,
    next_sequence: i64,
}

impl Entity {
    pub(crate) fn new(name: EntityName, settings: Settings) -> Self {
        Self {
            name,
            recent: settings.duplicate_window.map(RecentIds::new),
            rules: Rules::default(),
            sessions: settings.requires_session.then(Sessions::default),
            settings,
            messages: BTreeMap::new(),
            ready: BTreeSet::new(),
            deferred: BTreeSet::new(),
            scheduled: BTreeSet::new(),
            locks: HashMap::new(),
            lock_ends: BTreeSet::new(),
            expiries: BTreeSet::new(),
            next_sequence: 1,
        }
    }

    pub(crate) fn take_sequence(&mut self) -> i64 {
        let sequence = self.next_sequence;
        self.next_sequence += 1;
        sequence
    }

    pub(crate) fn next_sequence(&self) -> i64 {
        self.next_sequence
    }

    pub(crate) fn reserve_sequences_below(&mut self, next: i64) {
        self.next_sequence = self.next_sequence.max(next);
    }

    pub(crate) fn count_messages(&self) -> usize {
        self.messages.len()
    }

    pub(crate) fn messages(&self) -> impl Iterator<Item = &Stored> {
        self.messages.values()
    }

    pub(crate) fn messages_from(&self, sequence: i64) -> impl Iterator<Item = &Stored> {
        self.messages.range(sequence..).map(|(_, stored)| stored)
    }

    pub(crate) fn get(&self, sequence: i64) -> Option<&Stored> {
        self.messages.get(&sequence)
    }

    pub(crate) fn insert(&mut self, stored: Stored, changes: &mut Changes) {
        changes.stored(&self.name, &stored);
        self.restore(stored);
    }

    /// Puts a message where the log says it is, in the place of any older state of it.
    pub(crate) fn restore(&mut self, stored: Stored) {
        let sequence = stored.sequence;
        self.unindex(sequence);
        self.reserve_sequences_below(sequence + 1);
        self.messages.insert(sequence, stored);
        self.index(sequence);
    }

    pub(crate) fn remove(&mut self, sequence: i64, changes: &mut Changes) -> Option<Stored> {
        self.unindex(sequence);
        let stored = self.messages.remove(&sequence)?;
        changes.removed(&self.name, sequence);
        Some(stored)
    }

    pub(crate) fn change(&mut self, sequence: i64, change: impl FnOnce(&mut Stored)) -> Option<&Stored> {
        self.unindex(sequence);
        change(self.messages.get_mut(&sequence)?);
        self.index(sequence);
        self.messages.get(&sequence)
    }

    /// The oldest message that may be received now: of a session, where messages belong to sessions.
    pub(crate) fn first_ready(&self, session: Option<&str>, now: Timestamp) -> Option<i64> {
        let fresh = |sequence: &i64| self.get(*sequence).is_some_and(|stored| !stored.is_expired(now));
        match (&self.sessions, session) {
            (Some(sessions), Some(id)) => sessions.ready(id).find(fresh),
            (None, None) => self.ready.iter().copied().find(fresh),
            _ => None,
        }
    }

    /// Locks a message for one receiver, as long as its session is locked or, without one, for the lock duration.
    pub(crate) fn lock(&mut self, sequence: i64, token: Uuid, now: Timestamp) -> Option<&Stored> {
        let until = match &self.sessions {
            Some(sessions) => sessions.lock_of(self.get(sequence)?.session(), now)?.until,
            None => now.after(self.settings.lock_duration),
        };
        self.change(sequence, |stored| stored.lock = Some(Lock { token, until }))
    }

    /// The message that a token locks, unless the lock has ended.
    pub(crate) fn locked_by(&self, token: Uuid, now: Timestamp) -> Option<&Stored> {
        let stored = self.get(*self.locks.get(&token)?)?;
        let holds = match &self.sessions {
            Some(sessions) => sessions.lock_of(stored.session(), now).is_some(),
            None => stored.lock.is_some_and(|lock| lock.until > now),
        };
        holds.then_some(stored)
    }

    pub(crate) fn due_scheduled(&self, now: Timestamp) -> Option<i64> {
        first_due(&self.scheduled, now)
    }

    pub(crate) fn due_lock_end(&self, now: Timestamp) -> Option<i64> {
        first_due(&self.lock_ends, now)
    }

    pub(crate) fn due_expiry(&self, now: Timestamp) -> Option<i64> {
        first_due(&self.expiries, now)
    }

    pub(crate) fn next_deadline(&self) -> Option<Timestamp> {
        [&self.scheduled, &self.lock_ends, &self.expiries]
            .into_iter()
            .filter_map(|set| set.first().map(|(at, _)| *at))
            .chain(self.sessions.as_ref().and_then(Sessions::next_lock_end))
            .min()
    }

    pub(crate) fn count_active(&self) -> usize {
        self.ready.len()
    }

    pub(crate) fn count_deferred(&self) -> usize {
        self.deferred.len()
    }

    pub(crate) fn count_scheduled(&self) -> usize {
        self.scheduled.len()
    }

    pub(crate) fn count_locked(&self) -> usize {
        self.locks.len()
    }

    fn index(&mut self, sequence: i64) {
        let Some(stored) = self.messages.get(&sequence) else { return };
        match (stored.lock, stored.standing) {
            (Some(lock), _) => {
                self.locks.insert(lock.token, sequence);
                match &mut self.sessions {
                    Some(sessions) => sessions.add_held(stored.session(), sequence),
                    None => {
                        self.lock_ends.insert((lock.until, sequence));
                    }
                }
                // A locked message does not expire: whoever holds it may still complete it.
                return;
            }
            (None, Standing::Active) => {
                if let Some(sessions) = &mut self.sessions {
                    sessions.add_ready(stored.session(), sequence);
                }
                self.ready.insert(sequence)
            }
            // A deferred message does not expire (Microsoft Learn, "Message deferral").
            (None, Standing::Deferred) => {
                self.deferred.insert(sequence);
                return;
            }
            (None, Standing::Scheduled(at)) => self.scheduled.insert((at, sequence)),
        };
        if let Some(at) = stored.expires_at {
            self.expiries.insert((at, sequence));
        }
    }

    fn unindex(&mut self, sequence: i64) {
        let Some(stored) = self.messages.get(&sequence) else { return };
        if let Some(lock) = stored.lock {
            self.locks.remove(&lock.token);
            self.lock_ends.remove(&(lock.until, sequence));
        }
        if let Standing::Scheduled(at) = stored.standing {
            self.scheduled.remove(&(at, sequence));
        }
        if let Some(at) = stored.expires_at {
            self.expiries.remove(&(at, sequence));
        }
        if let Some(sessions) = &mut self.sessions {
            sessions.take_out(stored.session(), sequence);
        }
        self.ready.remove(&sequence);
        self.deferred.remove(&sequence);
    }
}

fn first_due(set: &BTreeSet<(Timestamp, i64)>, now: Timestamp) -> Option<i64> {
    set.first().filter(|(at, _)| *at <= now).map(|(_, sequence)| *sequence)
}
