//! Which active onboardings are looked at, when, and when their keys last worked.
//!
//! One object for each, `watched/{onboarding}`, beside the journal: a healthy look is no news and writes no entry. Its
//! name says that the onboarding is watched, so that the timer only lists names. It is a help, not a truth: one that was
//! lost is set again by the walk over all onboardings, and without it the next look is a full one.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use futures::TryStreamExt as _;
use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload, path::Path};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::{Onboarding, OnboardingId, finding::Code};

/// How often a key is looked at in full: with a new token, so that a withdrawn consent or a new policy shows.
pub const IN_FULL_EVERY: Duration = Duration::from_secs(3600);

/// So many times in which a key worked are remembered by their last success.
const MOST_ENDED: usize = 100;

/// The onboardings that are watched, in the same store as the journal.
#[derive(Debug, Clone)]
pub struct Watched {
    store: Arc<dyn ObjectStore>,
}

/// What is kept of the looks at one key.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Seen {
    /// When a full look last found that the key works.
    #[serde(with = "time::serde::rfc3339::option", skip_serializing_if = "Option::is_none")]
    pub worked_at: Option<OffsetDateTime>,
    /// The newest version of the key at that time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// When it was last written down what a full look found.
    #[serde(with = "time::serde::rfc3339::option", skip_serializing_if = "Option::is_none")]
    pub looked_at: Option<OffsetDateTime>,
    /// What was wrong then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub found: Option<Code>,
    /// The last success of each time in which the key worked, once it worked again after that; the oldest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub last_successes: Vec<LastSuccess>,
}

/// The last success before a time in which the key did not work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LastSuccess(#[serde(with = "time::serde::rfc3339")] pub OffsetDateTime);

impl Seen {
    /// What is kept when the key was found to work now. If it did not before, its last success until then is remembered.
    #[must_use]
    pub fn works_again(self, now: OffsetDateTime, version: Option<String>, worked_before: bool) -> Self {
        let Self { worked_at, mut last_successes, .. } = self;
        if !worked_before {
            last_successes.extend(worked_at.map(LastSuccess));
            let too_many = last_successes.len().saturating_sub(MOST_ENDED);
            last_successes.drain(..too_many);
        }
        Self { worked_at: Some(now), version, looked_at: Some(now), found: None, last_successes }
    }

    /// Whether it is time for a full look again, when looks are this far apart.
    #[must_use]
    pub fn full_look_is_due(&self, now: OffsetDateTime, interval: Duration) -> bool {
        self.worked_at.is_none_or(|worked_at| now - worked_at + interval / 2 >= IN_FULL_EVERY)
    }
}

impl Watched {
    /// Kept in this store.
    #[must_use]
    pub fn new(store: Arc<dyn ObjectStore>) -> Self {
        Self { store }
    }

    /// Every onboarding that is watched.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn all(&self) -> Result<BTreeSet<OnboardingId>, object_store::Error> {
        let listed = self.store.list(Some(&Path::from("watched")));
        let names = listed.try_filter_map(async |object| {
            Ok(object.location.filename().and_then(|name| name.parse::<OnboardingId>().ok()))
        });
        names.try_collect().await
    }

    /// Has this onboarding watched, or not any more, as it now is. Again is the same.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn follow(&self, onboarding: &Onboarding) -> Result<(), object_store::Error> {
        let path = path_of(onboarding.id());
        let create = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
        let done = if onboarding.is_watched() {
            self.store.put_opts(&path, bytes_of(&Seen::default()), create).await.map(drop)
        } else if onboarding.activated_at().is_some() {
            self.store.delete(&path).await
        } else {
            Ok(())
        };
        match done {
            Err(object_store::Error::AlreadyExists { .. } | object_store::Error::NotFound { .. }) => Ok(()),
            done => done,
        }
    }

    /// What is kept; nothing, when it was lost or cannot be read.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn seen(&self, onboarding: OnboardingId) -> Result<Seen, object_store::Error> {
        match self.store.get(&path_of(onboarding)).await {
            Ok(found) => Ok(serde_json::from_slice(&found.bytes().await?).unwrap_or_default()),
            Err(object_store::Error::NotFound { .. }) => Ok(Seen::default()),
            Err(error) => Err(error),
        }
    }

    /// Keeps this from now on.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn keep(&self, onboarding: OnboardingId, seen: &Seen) -> Result<(), object_store::Error> {
        self.store.put(&path_of(onboarding), bytes_of(seen)).await.map(drop)
    }
}

/// When each onboarding is looked at: once in each interval, each at a moment of its own, so that many onboardings are
/// spread over the interval. Nothing is kept for it: whoever asks again is told the same.
#[derive(Debug, Clone, Copy)]
pub struct Slots {
    moment: i64,
    in_interval: i64,
}

impl Slots {
    /// Looks this far apart, rounded down to whole minutes when it is more than one.
    #[must_use]
    pub fn every(interval: Duration) -> Self {
        let interval = i64::try_from(interval.as_secs()).unwrap_or(i64::MAX).max(1);
        let moment = interval.min(60);
        Self { moment, in_interval: interval / moment }
    }

    /// The number of the look at this onboarding whose time is now. The clock of whoever asks may be half a minute off.
    #[must_use]
    pub fn due(&self, onboarding: OnboardingId, now: OffsetDateTime) -> Option<i64> {
        let moment = (now.unix_timestamp() + self.moment / 2) / self.moment;
        let own = i64::from(onboarding.spread()) % self.in_interval;
        (moment % self.in_interval == own).then_some(moment / self.in_interval)
    }
}

fn path_of(onboarding: OnboardingId) -> Path {
    Path::from(format!("watched/{onboarding}"))
}

fn bytes_of(seen: &Seen) -> PutPayload {
    serde_json::to_vec(seen).expect("it holds only strings").into()
}

#[cfg(test)]
#[path = "watched_tests.rs"]
mod tests;
