//! One queue, or the dead letters of one: its messages and where each of them stands.
//!
//! A message is indexed by what can happen to it next. Every change goes through [`Entity::change`], which takes the
//! message out of its indexes and puts it back by its new state, so that no index can be forgotten.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use uuid::Uuid;

use crate::clock::Timestamp;
use crate::message::{Message, Placement};

use super::duplicates::RecentIds;
use super::name::EntityName;
use super::record::Changes;

/// How an entity treats its messages.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) lock_duration: Duration,
    /// Failed attempts after which a message is dead-lettered. None: never, as among the dead letters.
    pub(crate) max_delivery_count: Option<u32>,
    pub(crate) default_time_to_live: Option<Duration>,
    /// None: messages do not expire here.
    pub(crate) expiry: Option<Expiry>,
    pub(crate) duplicate_window: Option<Duration>,
    pub(crate) dead_letters: Option<EntityName>,
}

/// What becomes of a message that has outlived its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expiry {
    Drop,
    DeadLetter,
}

/// What may be done with a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    Active,
    Deferred,
    Scheduled(Timestamp),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lock {
    pub(crate) token: Uuid,
    pub(crate) until: Timestamp,
}

/// A message in its place.
#[derive(Debug, Clone)]
pub(crate) struct Stored {
    pub(crate) message: Message,
    pub(crate) sequence: i64,
    /// The number it had where it first came in.
    pub(crate) enqueued_sequence: i64,
    pub(crate) enqueued_at: Timestamp,
    pub(crate) expires_at: Option<Timestamp>,
    /// Attempts that failed.
    pub(crate) delivery_count: u32,
    pub(crate) standing: Standing,
    pub(crate) lock: Option<Lock>,
}

impl Stored {
    pub(crate) fn placement(&self) -> Placement {
        Placement {
            sequence_number: self.sequence,
            enqueued_sequence_number: self.enqueued_sequence,
            enqueued_at: self.enqueued_at,
            delivery_count: self.delivery_count,
            lock: None,
            state: match self.standing {
                Standing::Active => 0,
                Standing::Deferred => 1,
                Standing::Scheduled(_) => 2,
            },
        }
    }

    fn is_expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|at| at <= now)
    }
}

#[derive(Debug)]
pub(crate) struct Entity {
    pub(crate) name: EntityName,
    pub(crate) settings: Settings,
    pub(crate) recent: Option<RecentIds>,
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

    /// The oldest message that may be received now.
    pub(crate) fn first_ready(&self, now: Timestamp) -> Option<i64> {
        self.ready
            .iter()
            .copied()
            .find(|sequence| self.get(*sequence).is_some_and(|stored| !stored.is_expired(now)))
    }

    /// Locks a message for one receiver.
    pub(crate) fn lock(&mut self, sequence: i64, token: Uuid, now: Timestamp) -> Option<&Stored> {
        let until = now.after(self.settings.lock_duration);
        self.change(sequence, |stored| stored.lock = Some(Lock { token, until }))
    }

    /// The message that a token locks, unless the lock has ended.
    pub(crate) fn locked_by(&self, token: Uuid, now: Timestamp) -> Option<&Stored> {
        let stored = self.get(*self.locks.get(&token)?)?;
        stored.lock.filter(|lock| lock.until > now).map(|_| stored)
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
                self.lock_ends.insert((lock.until, sequence));
                // A locked message does not expire: whoever holds it may still complete it.
                return;
            }
            (None, Standing::Active) => self.ready.insert(sequence),
            (None, Standing::Deferred) => self.deferred.insert(sequence),
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
        self.ready.remove(&sequence);
        self.deferred.remove(&sequence);
    }
}

fn first_due(set: &BTreeSet<(Timestamp, i64)>, now: Timestamp) -> Option<i64> {
    set.first().filter(|(at, _)| *at <= now).map(|(_, sequence)| *sequence)
}
