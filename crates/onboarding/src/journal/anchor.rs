//! Writes down once a day which entry of each onboarding is the newest, so that an entry cut off the end shows.
//!
//! An anchor is one object, `anchors/{number}.json`, created only if absent. It names the newest entry, with its hash, of
//! every onboarding that changed since the anchor before, and the hash of that anchor: anchors are a chain of their own.
//! They belong into a container with an immutability policy, which nobody can change until the policy's time is over
//! (`LATCHKEY_ANCHORS_URL`). In the store of the journal itself they protect only from whoever does not know of them.

use std::{collections::BTreeMap, sync::Arc};

use futures::TryStreamExt as _;
use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutOptions, path::Path};
use serde::{Deserialize, Serialize};
use time::{Duration, OffsetDateTime};

use super::{Journal, JournalError, head, unreadable};
use crate::{OnboardingId, hash::sha256};

/// The number of the format of anchors.
const FORMAT: u32 = 1;

/// What the store's clock and ours may differ by, and what a step may take between entry and pointer.
const MARGIN: Duration = Duration::minutes(15);

/// The anchors, in a store that may be another than the journal's.
#[derive(Debug, Clone)]
pub struct Anchors {
    store: Arc<dyn ObjectStore>,
}

/// One anchor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Anchor {
    format: u32,
    /// 1 for the first.
    pub number: u64,
    /// When it was written.
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
    /// SHA-256 of the bytes of the anchor before, in hexadecimal; absent in the first.
    pub previous: Option<String>,
    /// The newest entry of every onboarding that changed since the anchor before.
    pub heads: BTreeMap<OnboardingId, AnchoredHead>,
}

/// The newest entry of an onboarding at the time of an anchor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnchoredHead {
    /// Its number.
    pub number: u64,
    /// SHA-256 of its bytes, in hexadecimal.
    pub hash: String,
}

/// Why the anchors could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum AnchorError {
    /// The journal could not be read.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The store of the anchors did not answer.
    #[error("reading or writing the anchors")]
    Store(#[from] object_store::Error),
    /// An anchor was changed or removed.
    #[error("the anchors were tampered with at number {number}")]
    Tampered {
        /// The first anchor that does not fit.
        number: u64,
    },
}

impl Anchors {
    /// Anchors kept in this store.
    #[must_use]
    pub fn new(store: Arc<dyn ObjectStore>) -> Self {
        Self { store }
    }

    /// Writes an anchor; `None` when another instance wrote it at the same time, which is as good.
    ///
    /// # Errors
    /// When a store does not answer, or the anchors or an entry were tampered with.
    pub async fn write(&self, journal: &Journal, now: OffsetDateTime) -> Result<Option<Anchor>, AnchorError> {
        let last = self.chain().await?.pop();
        let since = last.as_ref().map(|(anchor, _)| anchor.at - MARGIN);
        let mut heads = BTreeMap::new();
        for onboarding in journal.changed_since(since).await? {
            if let Some(found) = journal.load(onboarding).await? {
                let number = found.onboarding.number();
                heads.insert(onboarding, AnchoredHead { number, hash: found.hash });
            }
        }
        let (number, previous) = match last {
            Some((anchor, hash)) => (anchor.number + 1, Some(hash)),
            None => (1, None),
        };
        let anchor = Anchor { format: FORMAT, number, at: now, previous, heads };
        let bytes = serde_json::to_vec_pretty(&anchor).expect("anchors hold only maps with string keys");
        let create = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
        match self.store.put_opts(&path_of(number), bytes.into(), create).await {
            Ok(_) => Ok(Some(anchor)),
            Err(object_store::Error::AlreadyExists { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Every anchor, the oldest first, each checked against the one before.
    ///
    /// # Errors
    /// [`AnchorError::Tampered`] at the first that does not fit.
    pub async fn all(&self) -> Result<Vec<Anchor>, AnchorError> {
        Ok(self.chain().await?.into_iter().map(|(anchor, _)| anchor).collect())
    }

    /// The same, each with the hash of its bytes.
    pub(super) async fn chain(&self) -> Result<Vec<(Anchor, String)>, AnchorError> {
        let listed: Vec<_> = self.store.list(Some(&Path::from("anchors"))).try_collect().await?;
        let mut paths: Vec<Path> = listed.into_iter().map(|object| object.location).collect();
        paths.sort();
        let mut chain = Vec::with_capacity(paths.len());
        let mut previous = None;
        for (expected, path) in (1..).zip(paths) {
            let bytes = self.store.get(&path).await?.bytes().await?;
            let anchor: Anchor = serde_json::from_slice(&bytes).map_err(|error| unreadable(&path, &error))?;
            if anchor.number != expected || anchor.previous != previous {
                return Err(AnchorError::Tampered { number: expected });
            }
            let hash = sha256(&bytes);
            previous = Some(hash.clone());
            chain.push((anchor, hash));
        }
        Ok(chain)
    }
}

impl Journal {
    /// The onboardings whose pointer was written since then, by the store's own clock; all of them without a time.
    async fn changed_since(
        &self,
        since: Option<OffsetDateTime>,
    ) -> Result<Vec<OnboardingId>, object_store::Error> {
        let listed: Vec<_> = self.store.list(Some(&head::folder())).try_collect().await?;
        let changed = listed.iter().filter(|object| {
            since.is_none_or(|since| object.last_modified.timestamp() >= since.unix_timestamp())
        });
        Ok(changed.filter_map(|object| head::onboarding_of(&object.location)).collect())
    }
}

fn path_of(number: u64) -> Path {
    Path::from(format!("anchors/{number:010}.json"))
}
