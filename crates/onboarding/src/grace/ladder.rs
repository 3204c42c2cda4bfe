//! How far one onboarding's ladder is.

use std::collections::BTreeMap;

use time::OffsetDateTime;

use super::Rung;

/// How far it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ladder {
    /// When the revocation was confirmed, moved on by the time in which the key could not be looked at.
    pub since: OffsetDateTime,
    /// Since when the key cannot be looked at: the ladder waits meanwhile.
    pub held_since: Option<OffsetDateTime>,
    /// The rung that is announced.
    pub announced: Option<Announced>,
    /// The rungs that were taken, and when.
    pub taken: BTreeMap<Rung, OffsetDateTime>,
}

/// A rung that is announced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Announced {
    /// Which.
    pub rung: Rung,
    /// When it was announced.
    pub at: OffsetDateTime,
    /// When it is taken, not earlier.
    pub due: OffsetDateTime,
}

impl Ladder {
    /// One at whose foot we stand.
    pub(crate) fn from(since: OffsetDateTime) -> Self {
        Self { since, held_since: None, announced: None, taken: BTreeMap::new() }
    }

    /// The key cannot be looked at from now on.
    pub(crate) fn hold(&mut self, now: OffsetDateTime) {
        self.held_since.get_or_insert(now);
    }

    /// The key was looked at again, and is still revoked: whether the ladder had waited. The time does not count.
    pub(crate) fn resume(&mut self, now: OffsetDateTime) -> bool {
        let Some(held_since) = self.held_since.take() else { return false };
        let outage = (now - held_since).max(time::Duration::ZERO);
        self.since += outage;
        if let Some(announced) = &mut self.announced {
            announced.due += outage;
        }
        true
    }

    /// The rung after those that were taken.
    pub(crate) fn next_rung(&self) -> Option<Rung> {
        Rung::ALL.into_iter().find(|rung| !self.taken.contains_key(rung))
    }
}
