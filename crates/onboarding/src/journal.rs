//! The append-only history of each onboarding, in an object store.
//!
//! One object an entry, `journal/{onboarding}/{number}.json`, created only if absent: two steps on one onboarding
//! cannot both win, and the loser loads again. Every entry holds the whole state after it, so reading the present is
//! one list and one get. Every entry holds the SHA-256 of the bytes of the entry before, so that tampering shows:
//! the history of a customer's key is evidence.
//!
//! The same code runs on files, in memory and on Azure Blob Storage; put-if-absent is all that it asks of a store
//! (`If-None-Match: *` in Blob Storage, a hard link on files).

use std::sync::Arc;

use futures::TryStreamExt as _;
use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutOptions, path::Path};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use time::OffsetDateTime;

use crate::{
    Decision, Fact, Onboarding, OnboardingId,
    claim::hex,
    event::{EventId, Outgoing},
};

/// The journal of all onboardings.
#[derive(Debug, Clone)]
pub struct Journal {
    store: Arc<dyn ObjectStore>,
}

/// The newest entry of one onboarding: the present.
#[derive(Debug, Clone)]
pub struct Head {
    /// The state.
    pub state: Onboarding,
    /// What that entry published.
    pub messages: Vec<Outgoing>,
    hash: String,
}

/// One entry as it is read back, for whoever wants to see the history.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Entry {
    /// 1 for the first.
    pub number: u64,
    /// The onboarding.
    pub onboarding: OnboardingId,
    /// When the step decided.
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
    /// The function that ran.
    pub function: String,
    /// The event that it ran on.
    pub event: EventId,
    /// What it learnt.
    pub fact: serde_json::Value,
    /// What it published.
    pub messages: Vec<Outgoing>,
    /// SHA-256 of the bytes of the entry before, in hexadecimal; absent in the first.
    pub previous: Option<String>,
    /// The state from then on.
    pub state: Onboarding,
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
    /// An entry is not what we wrote.
    #[error("the journal entry {path} cannot be read: {field}")]
    Unreadable {
        /// Where it is.
        path: String,
        /// The field that is wrong, and how.
        field: String,
    },
    /// The chain of hashes is broken: an entry was changed or taken away.
    #[error("the journal of {onboarding} was tampered with at entry {number}")]
    Tampered {
        /// The onboarding.
        onboarding: OnboardingId,
        /// The first entry that does not fit the one before it.
        number: u64,
    },
}

impl Journal {
    /// The journal kept in this store.
    #[must_use]
    pub fn new(store: Arc<dyn ObjectStore>) -> Self {
        Self { store }
    }

    /// The present of an onboarding; `None` when nobody opened it.
    ///
    /// # Errors
    /// When the store does not answer, or the entry cannot be read.
    pub async fn load(&self, onboarding: OnboardingId) -> Result<Option<Head>, JournalError> {
        let listed: Vec<_> = self.store.list(Some(&folder(onboarding))).try_collect().await?;
        let Some(newest) = listed.into_iter().map(|object| object.location).max() else { return Ok(None) };
        let (entry, hash) = self.read(&newest).await?;
        Ok(Some(Head { state: entry.state, messages: entry.messages, hash }))
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
        Ok(self.read(&path_of(onboarding, number)).await?.0.messages)
    }

    /// Appends the decision's entry after this head, or as the first when there is none.
    ///
    /// # Errors
    /// [`JournalError::Lost`] when another step appended first.
    pub async fn append(&self, after: Option<&Head>, decision: Decision) -> Result<Head, JournalError> {
        let Decision { state, fact, cause, messages } = decision;
        let (onboarding, number) = (state.id(), state.number());
        let entry = Entry {
            number,
            onboarding,
            at: cause.now,
            function: cause.function.to_owned(),
            event: cause.event,
            fact: fact_as_json(&fact),
            messages,
            previous: after.map(|head| head.hash.clone()),
            state,
        };
        let bytes = serde_json::to_vec_pretty(&entry).expect("entries hold only maps with string keys");
        let hash = hex(&Sha256::digest(&bytes));
        let create = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
        match self.store.put_opts(&path_of(onboarding, number), bytes.into(), create).await {
            Ok(_) => Ok(Head { state: entry.state, messages: entry.messages, hash }),
            Err(object_store::Error::AlreadyExists { .. }) => Err(JournalError::Lost { onboarding, number }),
            Err(error) => Err(error.into()),
        }
    }

    /// The whole history of an onboarding, checked: every entry fits the one before it.
    ///
    /// # Errors
    /// [`JournalError::Tampered`] at the first entry that does not.
    pub async fn history(&self, onboarding: OnboardingId) -> Result<Vec<Entry>, JournalError> {
        let listed: Vec<_> = self.store.list(Some(&folder(onboarding))).try_collect().await?;
        let mut paths: Vec<Path> = listed.into_iter().map(|object| object.location).collect();
        paths.sort();
        let mut history = Vec::with_capacity(paths.len());
        let mut previous = None;
        for (expected, path) in (1..).zip(paths) {
            let (entry, hash) = self.read(&path).await?;
            if entry.number != expected || entry.onboarding != onboarding || entry.previous != previous {
                return Err(JournalError::Tampered { onboarding, number: expected });
            }
            previous = Some(hash);
            history.push(entry);
        }
        Ok(history)
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

    async fn read(&self, path: &Path) -> Result<(Entry, String), JournalError> {
        let bytes = self.store.get(path).await?.bytes().await?;
        let mut json = serde_json::Deserializer::from_slice(&bytes);
        let entry = serde_path_to_error::deserialize(&mut json)
            .map_err(|error| JournalError::Unreadable { path: path.to_string(), field: error.to_string() })?;
        Ok((entry, hex(&Sha256::digest(&bytes))))
    }
}

fn fact_as_json(fact: &Fact) -> serde_json::Value {
    serde_json::to_value(fact).expect("facts hold only maps with string keys")
}

fn folder(onboarding: OnboardingId) -> Path {
    Path::from(format!("journal/{onboarding}"))
}

/// Ten digits, so that the order of names is the order of numbers.
fn path_of(onboarding: OnboardingId, number: u64) -> Path {
    Path::from(format!("journal/{onboarding}/{number:010}.json"))
}

#[cfg(test)]
#[path = "journal_tests.rs"]
mod tests;
