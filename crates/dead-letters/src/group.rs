//! Dead letters in groups of the same function, reason and fault.

use std::collections::BTreeMap;

use serde::Serialize;
use time::OffsetDateTime;

use crate::letter::{Letter, LetterId};

/// Letters of one function that died of the same fault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Group {
    /// The function, which has the name of its queue.
    pub function: String,
    /// The reason of them all.
    pub reason: String,
    /// The fault; see [`Letter::fingerprint`].
    pub fingerprint: String,
    /// The description of the first of them.
    pub example: String,
    /// Its id.
    pub example_id: LetterId,
    /// How many there are.
    pub count: usize,
    /// How many could be replayed now, as far as is known.
    pub replayable: usize,
    /// How many are undecided: what a replay depends on could not be checked.
    pub unknown: usize,
    /// How many are replays that died again.
    pub replayed_before: usize,
    /// When the first was enqueued.
    #[serde(with = "time::serde::rfc3339::option")]
    pub first: Option<OffsetDateTime>,
    /// When the last was enqueued.
    #[serde(with = "time::serde::rfc3339::option")]
    pub last: Option<OffsetDateTime>,
}

/// Whether a letter can be replayed now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "replayable", content = "why", rename_all = "snake_case")]
pub enum Replayable {
    /// Yes, as far as is known.
    Yes,
    /// No, and why not.
    No(String),
    /// What it depends on could not be checked, and why.
    Unknown(String),
}

/// Collects letters into groups, one at a time: a queue need not fit into memory.
#[derive(Debug, Default)]
pub struct Grouping {
    groups: BTreeMap<(String, String, String), Group>,
}

impl Grouping {
    /// Adds a letter.
    pub fn add(&mut self, letter: &Letter, replayable: &Replayable) {
        let key = (letter.id.entity.clone(), letter.reason().to_owned(), letter.fingerprint());
        let group = self.groups.entry(key).or_insert_with_key(|(function, reason, fingerprint)| Group {
            function: function.clone(),
            reason: reason.clone(),
            fingerprint: fingerprint.clone(),
            example: letter.description().to_owned(),
            example_id: letter.id.clone(),
            count: 0,
            replayable: 0,
            unknown: 0,
            replayed_before: 0,
            first: None,
            last: None,
        });
        group.count += 1;
        group.replayable += usize::from(*replayable == Replayable::Yes);
        group.unknown += usize::from(matches!(replayable, Replayable::Unknown(_)));
        group.replayed_before += usize::from(letter.replay_run().is_some());
        if let Some(at) = letter.message.enqueued_time {
            group.first = Some(group.first.map_or(at, |first| first.min(at)));
            group.last = Some(group.last.map_or(at, |last| last.max(at)));
        }
    }

    /// The groups: by function, the largest first.
    pub fn into_groups(self) -> Vec<Group> {
        let mut groups: Vec<_> = self.groups.into_values().collect();
        groups.sort_by(|a, b| (&a.function, b.count, &a.reason).cmp(&(&b.function, a.count, &b.reason)));
        groups
    }
}
