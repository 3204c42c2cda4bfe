//! How outages and what is sent again after them are stored.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::outage::{Outage, Place, Replay};

/// What is so of outages.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct OutageV1 {
    #[serde(default, with = "time::serde::rfc3339::option", skip_serializing_if = "Option::is_none")]
    since: Option<OffsetDateTime>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    replay: Option<ReplayV1>,
}

/// The dead letters of an outage are being sent again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct ReplayV1 {
    recovery: u64,
    entry: u64,
    #[serde(with = "time::serde::rfc3339")]
    at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    since: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    until: OffsetDateTime,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    letters: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    next: Option<PlaceV1>,
}

/// A place among the dead letters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct PlaceV1 {
    queue: String,
    from: i64,
}

impl OutageV1 {
    /// Whether nothing is to be stored.
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl From<Outage> for OutageV1 {
    fn from(domain: Outage) -> Self {
        let Outage { since, replay } = domain;
        Self { since, replay: replay.map(Into::into) }
    }
}

impl From<OutageV1> for Outage {
    fn from(stored: OutageV1) -> Self {
        let OutageV1 { since, replay } = stored;
        Self { since, replay: replay.map(Into::into) }
    }
}

impl From<Replay> for ReplayV1 {
    fn from(domain: Replay) -> Self {
        let Replay { recovery, entry, at, since, until, letters, next } = domain;
        Self { recovery, entry, at, since, until, letters, next: next.map(Into::into) }
    }
}

impl From<ReplayV1> for Replay {
    fn from(stored: ReplayV1) -> Self {
        let ReplayV1 { recovery, entry, at, since, until, letters, next } = stored;
        Self { recovery, entry, at, since, until, letters, next: next.map(Into::into) }
    }
}

impl From<Place> for PlaceV1 {
    fn from(domain: Place) -> Self {
        let Place { queue, from } = domain;
        Self { queue, from }
    }
}

impl From<PlaceV1> for Place {
    fn from(stored: PlaceV1) -> Self {
        let PlaceV1 { queue, from } = stored;
        Self { queue, from }
    }
}
