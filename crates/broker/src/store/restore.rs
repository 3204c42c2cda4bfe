//! The store after a restart: read back from its records, and written out whole.

use std::collections::{BTreeMap, BTreeSet};

use super::record::Changes;
use super::{EntityName, Record, Store};

/// Messages on record for queues that are not declared any more.
#[derive(Debug, Default)]
pub(crate) struct Unclaimed(BTreeMap<EntityName, BTreeSet<i64>>);

impl Unclaimed {
    /// The queues that hold messages which nobody could receive, each with how many there are.
    pub(crate) fn holding(&self) -> impl Iterator<Item = (&EntityName, usize)> {
        self.0
            .iter()
            .filter(|(_, messages)| !messages.is_empty())
            .map(|(name, messages)| (name, messages.len()))
    }
}

impl Store {
    /// Repeats a change that was put on record. Locks are not on record: nothing is locked afterwards.
    pub(crate) fn repeat(&mut self, record: Record, unclaimed: &mut Unclaimed) {
        match record {
            Record::Stored { entity, stored } => match self.entities.get_mut(&entity) {
                Some(known) => known.restore(*stored),
                None => {
                    unclaimed.0.entry(entity).or_default().insert(stored.sequence);
                }
            },
            Record::Removed { entity, sequence } => match self.entities.get_mut(&entity) {
                Some(known) => {
                    known.remove(sequence, &mut Changes::kept(false));
                }
                None => {
                    unclaimed.0.entry(entity).or_default().remove(&sequence);
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
        }
        changes.take()
    }
}
