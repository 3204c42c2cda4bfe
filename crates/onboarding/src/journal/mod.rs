//! The append-only history of each onboarding, in an object store.
//!
//! One object an entry, `journal/{onboarding}/{number}.json`, created only if absent: two steps on one onboarding
//! cannot both win, and the loser loads again. Every entry holds the whole state after it and the SHA-256 of the bytes
//! of the entry before, so that a change shows: the history of a customer's key is evidence. [`anchor`] writes the
//! newest hashes down once a day, in a place that can be protected, so that a removed end shows too.
//!
//! The present is found by `heads/{onboarding}.json`, which names the newest entry that its writer knew, and by looking
//! for newer ones from there. It is only a hint: when it is missing or behind, a few looks more find the newest entry,
//! and the next entry writes it again. So a step costs the same whatever the age of its onboarding.
//!
//! The same code runs on files, in memory and on Azure Blob Storage; put-if-absent is all that it asks of a store
//! (`If-None-Match: *` in Blob Storage, a hard link on files).

pub mod anchor;
mod entry_v1;
mod head;
mod history;
mod public;
mod verify;

use std::sync::Arc;

use futures::TryStreamExt as _;
use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutOptions, path::Path};
use serde::Deserialize;
use serde_json::Value;

use crate::{Decision, Onboarding, OnboardingId, event::Outgoing, hash::sha256};
pub use entry_v1::Chapter;
use entry_v1::EntryV1;
use head::Heads;
pub use history::{History, ToldEntry};
pub use verify::{Anchored, ToldAnchor, Verification};

/// The journal of all onboardings.
#[derive(Debug, Clone)]
pub struct Journal {
    store: Arc<dyn ObjectStore>,
    heads: Heads,
}

/// The newest entry of one onboarding: the present.
#[derive(Debug, Clone)]
pub struct Head {
    /// What is so.
    pub onboarding: Onboarding,
    /// What that entry published.
    pub messages: Vec<Outgoing>,
    hash: String,
}

/// One entry as it is read back, for whoever wants to see the history.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The entry as it is stored, in the format that it names.
    pub record: Value,
    /// What was so from then on.
    pub onboarding: Onboarding,
}

/// One entry that fits the one before it.
struct Checked {
    bytes: bytes::Bytes,
    entry: EntryV1,
    hash: String,
}

/// Why the journal could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// Another step appended first: load again and decide again.
    #[error("another step appended entry {number} of {onboarding} first")]
    Lost {
        /// The onboarding.
        onboarding: OnboardingId,
        /// The number of the entry.
        number: u64,
    },
    /// The store did not answer.
    #[error("reading or writing the journal")]
    Store(#[from] object_store::Error),
    /// An entry is of a newer format than this version of the app reads: a newer version of the app wrote it.
    #[error("the journal entry {path} has format {format}, which a newer version of the app wrote")]
    Newer {
        /// Where it is.
        path: String,
        /// Its format.
        format: u32,
    },
    /// An entry is not what we wrote.
    #[error("the journal entry {path} cannot be read: {field}")]
    Unreadable {
        /// Where it is.
        path: String,
        /// The field that is wrong, and how.
        field: String,
    },
    /// An entry was changed or removed.
    #[error("the journal of {onboarding} was tampered with at entry {number}")]
    Tampered {
        /// The onboarding.
        onboarding: OnboardingId,
        /// The first entry that is missing or does not fit.
        number: u64,
    },
}

impl Journal {
    /// The journal kept in this store.
    #[must_use]
    pub fn new(store: Arc<dyn ObjectStore>) -> Self {
        Self { heads: Heads::new(store.clone()), store }
    }

    /// The present of an onboarding; `None` when nobody opened it.
    ///
    /// # Errors
    /// When the store does not answer, the entry cannot be read, or the newest entry that was known is gone.
    pub async fn load(&self, onboarding: OnboardingId) -> Result<Option<Head>, JournalError> {
        let known = self.heads.known(onboarding).await?;
        let number = self.heads.newest(onboarding, known.as_ref()).await?;
        if number == 0 {
            return Ok(None);
        }
        let (entry, hash) = match self.read(onboarding, number).await {
            // The pointer is written after its entry: without the entry, somebody removed it.
            Err(JournalError::Store(object_store::Error::NotFound { .. })) => {
                return Err(JournalError::Tampered { onboarding, number });
            }
            read => read?,
        };
        if known.is_some_and(|known| known.number == number && known.hash != hash) {
            return Err(JournalError::Tampered { onboarding, number });
        }
        let messages = entry.messages.into_iter().map(Into::into).collect();
        Ok(Some(Head { onboarding: entry.state.into(), messages, hash }))
    }

    /// What an earlier entry published, to publish it again.
    ///
    /// # Errors
    /// When the store does not answer, or the entry cannot be read.
    pub async fn messages_of(
        &self,
        onboarding: OnboardingId,
        number: u64,
    ) -> Result<Vec<Outgoing>, JournalError> {
        let (entry, _) = self.read(onboarding, number).await?;
        Ok(entry.messages.into_iter().map(Into::into).collect())
    }

    /// Appends the decision's entry after this head, or as the first when there is none.
    ///
    /// # Errors
    /// [`JournalError::Lost`] when another step appended first.
    pub async fn append(&self, after: Option<&Head>, decision: Decision) -> Result<Head, JournalError> {
        let (onboarding, messages) = (decision.onboarding.clone(), decision.messages.clone());
        let (id, number) = (onboarding.id(), onboarding.number());
        let bytes = bytes_of(decision, after.map(|head| head.hash.clone()));
        let hash = sha256(&bytes);
        let create = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
        match self.store.put_opts(&path_of(id, number), bytes.into(), create).await {
            Ok(_) => {}
            Err(object_store::Error::AlreadyExists { .. }) => {
                return Err(JournalError::Lost { onboarding: id, number });
            }
            Err(error) => return Err(error.into()),
        }
        self.heads.point_to(id, number, &hash).await?;
        Ok(Head { onboarding, messages, hash })
    }

    /// The whole history of an onboarding, checked: every entry fits the one before it.
    ///
    /// # Errors
    /// [`JournalError::Tampered`] at the first entry that does not.
    pub async fn history(&self, onboarding: OnboardingId) -> Result<Vec<Entry>, JournalError> {
        let shown = |path: &Path, entry: Checked| {
            let record = serde_json::from_slice(&entry.bytes).map_err(|error| unreadable(path, &error))?;
            Ok(Entry { record, onboarding: entry.entry.state.into() })
        };
        self.check_all(onboarding, shown).await
    }

    /// Every onboarding that was ever opened.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn onboardings(&self) -> Result<Vec<OnboardingId>, JournalError> {
        let listed = self.store.list_with_delimiter(Some(&Path::from("journal"))).await?;
        let names = listed.common_prefixes.iter().filter_map(|prefix| prefix.filename().map(str::to_owned));
        Ok(names.filter_map(|name| name.parse().ok()).collect())
    }

    /// Checks every entry against the one before it, and keeps of each only what is wanted: all the entries of a long
    /// history do not fit in memory.
    async fn check_all<T>(
        &self,
        onboarding: OnboardingId,
        keep: impl Fn(&Path, Checked) -> Result<T, JournalError>,
    ) -> Result<Vec<T>, JournalError> {
        let listed: Vec<_> = self.store.list(Some(&folder(onboarding))).try_collect().await?;
        let mut paths: Vec<Path> = listed.into_iter().map(|object| object.location).collect();
        paths.sort();
        let mut kept = Vec::with_capacity(paths.len());
        let mut previous = None;
        for (expected, path) in (1..).zip(paths) {
            let (bytes, entry) = self.read_at(&path).await?;
            if entry.number != expected || entry.onboarding != onboarding || entry.previous != previous {
                return Err(JournalError::Tampered { onboarding, number: expected });
            }
            let hash = sha256(&bytes);
            previous = Some(hash.clone());
            kept.push(keep(&path, Checked { bytes, entry, hash })?);
        }
        Ok(kept)
    }

    async fn read(&self, onboarding: OnboardingId, number: u64) -> Result<(EntryV1, String), JournalError> {
        let (bytes, entry) = self.read_at(&path_of(onboarding, number)).await?;
        Ok((entry, sha256(&bytes)))
    }

    async fn read_at(&self, path: &Path) -> Result<(bytes::Bytes, EntryV1), JournalError> {
        let bytes = self.store.get(path).await?.bytes().await?;
        let entry = entry_of(&bytes, path)?;
        Ok((bytes, entry))
    }
}

/// Only the format, which says how the rest is read.
#[derive(Deserialize)]
struct Format {
    format: u32,
}

/// An entry in any format that this version reads.
fn entry_of(bytes: &[u8], path: &Path) -> Result<EntryV1, JournalError> {
    let Format { format } = serde_json::from_slice(bytes).map_err(|error| unreadable(path, &error))?;
    match format {
        entry_v1::FORMAT => {
            let mut json = serde_json::Deserializer::from_slice(bytes);
            serde_path_to_error::deserialize(&mut json).map_err(|error| unreadable(path, &error))
        }
        format if format > entry_v1::FORMAT => Err(JournalError::Newer { path: path.to_string(), format }),
        format => Err(unreadable(path, &format!("there never was a format {format}"))),
    }
}

fn unreadable(path: &Path, error: &dyn std::fmt::Display) -> JournalError {
    JournalError::Unreadable { path: path.to_string(), field: error.to_string() }
}

/// The bytes under which a decision is stored.
fn bytes_of(decision: Decision, previous: Option<String>) -> Vec<u8> {
    let Decision { onboarding, fact, cause, messages } = decision;
    let entry = EntryV1 {
        format: entry_v1::FORMAT,
        number: onboarding.number(),
        onboarding: onboarding.id(),
        at: cause.now,
        function: cause.function.to_owned(),
        event: cause.event,
        fact: fact.into(),
        messages: messages.into_iter().map(Into::into).collect(),
        previous,
        state: onboarding.into(),
    };
    serde_json::to_vec_pretty(&entry).expect("entries hold only maps with string keys")
}

fn folder(onboarding: OnboardingId) -> Path {
    Path::from(format!("journal/{onboarding}"))
}

/// Ten digits, so that the order of names is the order of numbers.
fn path_of(onboarding: OnboardingId, number: u64) -> Path {
    Path::from(format!("journal/{onboarding}/{number:010}.json"))
}

#[cfg(test)]
mod golden_tests;
#[cfg(test)]
mod tests;
