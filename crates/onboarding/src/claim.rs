//! One key belongs to one onboarding: whoever proved it first, for as long as it uses the key.
//!
//! Without claims a customer could submit a key that another customer of the same vendor had shared, and the vendor's
//! one application would open it for both.
//!
//! The claims of a key are records, `claims/{key}/{number}.json`, each created only if absent; the newest counts. So of
//! two that take a key one wins, in any object store: a file system cannot update an object on a condition.
//!
//! A claim belongs to the journal entry that is to use the key. It is in force until another entry took that number, and
//! for as long as the newest entry uses the key; then anybody may take the key over. That is safe: an onboarding whose
//! journal moved on cannot append the entry that it had claimed for, so it comes to use the key only by another claim.

use std::sync::Arc;

use azure_ids::KeyUrl;
use object_store::{ObjectStore, path::Path};
use serde::{Deserialize, Serialize};

use crate::{
    Onboarding, OnboardingId, Stage,
    hash::sha256,
    journal::{Journal, JournalError},
    leaving::Leaving,
    numbered,
};

/// The claims of all keys, in the same store as the journal.
#[derive(Debug, Clone)]
pub struct Claims {
    store: Arc<dyn ObjectStore>,
}

/// Another onboarding holds this key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this key belongs to another onboarding")]
pub struct KeyClaimed;

/// Why a key could not be claimed.
#[derive(Debug, thiserror::Error)]
pub enum ClaimError {
    /// Another onboarding holds it.
    #[error(transparent)]
    Claimed(#[from] KeyClaimed),
    /// The store did not answer.
    #[error("claiming the key in the object store")]
    Store(#[from] object_store::Error),
    /// Whether the holder still uses the key could not be found out.
    #[error("reading the journal of the onboarding that holds the key")]
    Holder(#[from] JournalError),
}

/// Why the operator could not release a key.
#[derive(Debug, thiserror::Error)]
pub enum ReleaseError {
    /// Its holder uses it.
    #[error("onboarding {0} uses this key")]
    InUse(OnboardingId),
    /// The store did not answer.
    #[error("releasing the key in the object store")]
    Store(#[from] object_store::Error),
    /// Whether the holder still uses the key could not be found out.
    #[error("reading the journal of the onboarding that holds the key")]
    Holder(#[from] JournalError),
}

/// Who holds a key, from which entry on; nobody, when it was released.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Record {
    holder: Option<OnboardingId>,
    entry: u64,
    /// Why the operator released it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    because: Option<String>,
}

impl Claims {
    /// Claims kept in this store.
    #[must_use]
    pub fn new(store: Arc<dyn ObjectStore>) -> Self {
        Self { store }
    }

    /// Takes the key for the next entry of this onboarding, which is to use it. Taking it again is success, so a step
    /// may run twice.
    ///
    /// # Errors
    /// [`ClaimError::Claimed`] while another onboarding holds it.
    pub async fn take(
        &self,
        journal: &Journal,
        key: &KeyUrl,
        onboarding: &Onboarding,
    ) -> Result<(), ClaimError> {
        let mine = Record { holder: Some(onboarding.id()), entry: onboarding.number() + 1, because: None };
        loop {
            let newest = self.newest(key).await?;
            if let Some((_, record)) = &newest {
                if *record == mine {
                    return Ok(());
                }
                if let Some(holder) = record.holder
                    && holder != onboarding.id()
                    && is_in_force(journal, key, holder, record.entry).await?
                {
                    return Err(KeyClaimed.into());
                }
            }
            if self.write_after(key, newest, mine.clone()).await? {
                return Ok(());
            }
        }
    }

    /// Releases the key, if this onboarding holds it: this entry does not use it any more. A claim for a later entry
    /// stays.
    ///
    /// # Errors
    /// When the store does not answer. Then anybody may take the key over all the same.
    pub async fn release(
        &self,
        key: &KeyUrl,
        onboarding: OnboardingId,
        entry: u64,
    ) -> Result<(), object_store::Error> {
        loop {
            let newest = self.newest(key).await?;
            let Some((_, record)) = &newest else { return Ok(()) };
            if record.holder != Some(onboarding) || record.entry > entry {
                return Ok(());
            }
            if self.write_after(key, newest, Record { holder: None, entry, because: None }).await? {
                return Ok(());
            }
        }
    }

    /// The onboarding that holds the key, while it uses it.
    ///
    /// # Errors
    /// When the store does not answer, or the holder's journal cannot be read at present.
    pub async fn holder(&self, journal: &Journal, key: &KeyUrl) -> Result<Option<OnboardingId>, ClaimError> {
        let Some((_, Record { holder: Some(holder), entry, .. })) = self.newest(key).await? else {
            return Ok(None);
        };
        Ok(is_in_force(journal, key, holder, entry).await?.then_some(holder))
    }

    /// Releases the key because the vendor's operator says so: its holder does not use it, or its journal cannot be read
    /// any more. The reason stays with the claims. Answers who held it; nobody, when it was free.
    ///
    /// # Errors
    /// [`ReleaseError::InUse`] while the holder's journal says that it uses the key.
    pub async fn release_by_operator(
        &self,
        journal: &Journal,
        key: &KeyUrl,
        because: &str,
    ) -> Result<Option<OnboardingId>, ReleaseError> {
        loop {
            let newest = self.newest(key).await?;
            let Some((_, Record { holder: Some(holder), entry, .. })) = newest else { return Ok(None) };
            if !is_damaged(journal, holder).await? && is_in_force(journal, key, holder, entry).await? {
                return Err(ReleaseError::InUse(holder));
            }
            let released = Record { holder: None, entry, because: Some(because.to_owned()) };
            if self.write_after(key, newest.clone(), released).await? {
                return Ok(Some(holder));
            }
        }
    }

    /// The newest record with its number.
    async fn newest(&self, key: &KeyUrl) -> Result<Option<(u64, Record)>, object_store::Error> {
        let Some((number, bytes)) = numbered::newest(&self.store, &folder_of(key)).await? else {
            return Ok(None);
        };
        let record = serde_json::from_slice(&bytes)
            .map_err(|error| object_store::Error::Generic { store: "claims", source: Box::new(error) })?;
        Ok(Some((number, record)))
    }

    /// Writes the record after the newest; `false` when somebody else did.
    async fn write_after(
        &self,
        key: &KeyUrl,
        newest: Option<(u64, Record)>,
        record: Record,
    ) -> Result<bool, object_store::Error> {
        let number = newest.map_or(1, |(number, _)| number + 1);
        let bytes = serde_json::to_vec(&record).unwrap_or_default();
        let is_first = numbered::write(&self.store, &folder_of(key), number, bytes).await?;
        if is_first {
            numbered::remove_overtaken(&self.store, &folder_of(key)).await?;
        }
        Ok(is_first)
    }
}

impl Onboarding {
    /// The keys that it uses: the one in use, one that was proven beside it, and one that was replaced while disks may need it.
    /// None, once it has ended, or nothing uses its key any more. A key that was refused is not used: whoever gives it up has
    /// nothing to give back.
    pub fn keys(&self) -> impl Iterator<Item = &KeyUrl> {
        let in_use = self.key.as_ref().map(|proof| &proof.version);
        let proven = self.candidate.as_ref().filter(|candidate| candidate.proof.is_some());
        let has_left = self.leaving.as_ref().is_some_and(Leaving::has_given_up_key);
        let uses = self.stage() != Stage::Ended && !has_left;
        let proven = proven.map(|candidate| &candidate.key);
        in_use.into_iter().chain(proven).chain(self.former_keys()).filter(move |_| uses)
    }

    /// Whether it uses this key, in whatever version.
    #[must_use]
    pub fn holds(&self, key: &KeyUrl) -> bool {
        self.keys().any(|held| held.is_same_key(key))
    }
}

/// Whether nothing can be learnt from the holder's journal, now or later.
async fn is_damaged(journal: &Journal, holder: OnboardingId) -> Result<bool, JournalError> {
    match journal.load(holder).await {
        Ok(found) => Ok(found.is_none()),
        Err(JournalError::Unreadable { .. } | JournalError::Tampered { .. }) => Ok(true),
        Err(error) => Err(error),
    }
}

/// Whether the holder uses the key, or may still append the entry that is to use it. In doubt it does: a journal that
/// cannot be read is no reason to give its key away.
async fn is_in_force(
    journal: &Journal,
    key: &KeyUrl,
    holder: OnboardingId,
    entry: u64,
) -> Result<bool, JournalError> {
    match journal.load(holder).await {
        Ok(Some(head)) => Ok(head.onboarding.number() < entry || head.onboarding.holds(key)),
        Ok(None) | Err(JournalError::Unreadable { .. } | JournalError::Tampered { .. }) => Ok(true),
        Err(error) => Err(error),
    }
}

/// Key names compare without case, so the name is folded before it is hashed.
fn folder_of(key: &KeyUrl) -> Path {
    let identity = format!("{}/{}", key.host().as_str(), key.name().to_ascii_lowercase());
    Path::from(format!("claims/{}", sha256(identity.as_bytes())))
}

#[cfg(test)]
#[path = "claim_tests.rs"]
mod tests;
