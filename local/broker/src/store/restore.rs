//! The store after a restart: read back from its records, and written out whole.

use std::collections::{BTreeMap, BTreeSet};

use super::record::Changes;
use super::{EntityName, Record, Store};

/// What is on record for entities that are not declared any more, or not as what they were.
#[derive(Debug, Default)]
pub(crate) struct Unclaimed(BTreeMap<EntityName, Left>);

/// What one such entity leaves behind.
#[derive(Debug, Default)]
struct Left {
    messages: BTreeSet<i64>,
    /// Sessions with a state.
    sessions: BTreeSet<String>,
}

impl Unclaimed {
    /// The entities that hold messages or session states which nobody could receive, each with how many there are.
    pub(crate) fn holding(&self) -> impl Iterator<Item = (&EntityName, usize, usize)> {
        self.0
            .iter()
            .filter(|(_, left)| !left.messages.is_empty() || !left.sessions.is_empty())
            .map(|(name, left)| (name, left.messages.len(), left.sessions.len()))
    }

    fn left(&mut self, entity: EntityName) -> &mut Left {
        self.0.entry(entity).or_default()
    }
}

impl Store {
    /// Repeats a change that was put on record. Locks are not on record: nothing is locked afterwards.
    pub(crate) fn repeat(&mut self, record: Record, unclaimed: &mut Unclaimed) {
        match record {
            Record::Stored { entity, stored } => match self.entities.get_mut(&entity) {
                Some(known) => known.restore(*stored),
                None => {
                    unclaimed.left(entity).messages.insert(stored.sequence);
                }
            },
            Record::Removed { entity, sequence } => match self.entities.get_mut(&entity) {
                Some(known) => {
                    known.remove(sequence, &mut Changes::kept(false));
                }
                None => {
                    unclaimed.left(entity).messages.remove(&sequence);
                }
            },
            Record::Changed { entity, sequence, standing, delivery_count } => {
                if let Some(known) = self.entities.get_mut(&entity) {
                    known.change(sequence, |stored| {
                        stored.standing = standing;
                        stored.delivery_count = delivery_count;
                    });
                }
            }
            Record::Remembered { entity, id, at } => {
                if let Some(recent) = self.entities.get_mut(&entity).and_then(|known| known.recent.as_mut()) {
                    recent.remember(&id, at);
                }
            }
            Record::NextSequence { entity, next } => {
                if let Some(known) = self.entities.get_mut(&entity) {
                    known.reserve_sequences_below(next);
                }
            }
            Record::SessionState { entity, session, state, at } => {
                let known = self.entities.get_mut(&entity).and_then(|known| known.sessions.as_mut());
                match (known, state) {
                    (Some(sessions), state) => sessions.set_state(&session, state, at),
                    (None, Some(_)) => {
                        unclaimed.left(entity).sessions.insert(session);
                    }
                    (None, None) => {
                        unclaimed.left(entity).sessions.remove(&session);
                    }
                }
            }
            Record::Rule { entity, name, filter } => {
                if let Some(known) = self.entities.get_mut(&entity) {
                    known.rules.change(&name, filter);
                }
            }
        }
    }

    /// Everything there is, as records that build it up from nothing.
    pub(crate) fn snapshot(&self) -> Vec<u8> {
        let mut changes = Changes::kept(true);
        for (name, entity) in &self.entities {
            changes.next_sequence(name, entity.next_sequence());
            for stored in entity.messages() {
                changes.stored(name, stored);
            }
            for (id, at) in entity.recent.iter().flat_map(|recent| recent.iter()) {
                changes.remembered(name, id, at);
            }
            for kept in entity.sessions.iter().flat_map(|sessions| sessions.states()) {
                changes.session_state(name, kept.id, Some(kept.state), kept.at);
            }
            for (rule, filter) in entity.rules.changes() {
                changes.rule(name, rule, filter);
            }
        }
        changes.take()
    }
}
