//! Finds the newest entry of an onboarding with a bounded number of calls.

use std::sync::Arc;

use object_store::{ObjectStore, ObjectStoreExt, PutPayload, path::Path};
use serde::{Deserialize, Serialize};

use super::path_of;
use crate::OnboardingId;

/// The pointers of all onboardings, in the same store as the entries.
#[derive(Debug, Clone)]
pub(super) struct Heads {
    store: Arc<dyn ObjectStore>,
}

/// The newest entry that somebody knew.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Pointer {
    format: u32,
    pub(super) number: u64,
    pub(super) hash: String,
}

impl Heads {
    pub(super) fn new(store: Arc<dyn ObjectStore>) -> Self {
        Self { store }
    }

    /// The pointer of an onboarding. One that cannot be read is as good as none: the search finds what it named.
    pub(super) async fn known(
        &self,
        onboarding: OnboardingId,
    ) -> Result<Option<Pointer>, object_store::Error> {
        let bytes = match self.store.get(&pointer_of(onboarding)).await {
            Ok(found) => found.bytes().await?,
            Err(object_store::Error::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        Ok(serde_json::from_slice(&bytes).ok())
    }

    /// The number of the newest entry, 0 when there is none. Usually one look behind the pointer; after a kill between
    /// entry and pointer one or two more; without a pointer as many as the number has binary digits, twice.
    pub(super) async fn newest(
        &self,
        onboarding: OnboardingId,
        known: Option<&Pointer>,
    ) -> Result<u64, object_store::Error> {
        let mut there = known.map_or(0, |pointer| pointer.number);
        let mut stride = 1;
        while self.exists(onboarding, there + stride).await? {
            there += stride;
            stride *= 2;
        }
        let mut absent = there + stride;
        while absent - there > 1 {
            let middle = there + (absent - there) / 2;
            if self.exists(onboarding, middle).await? { there = middle } else { absent = middle }
        }
        Ok(there)
    }

    /// Points to this entry from now on. Of two steps that write at the same time the earlier entry may win: then the
    /// next look goes a little further.
    pub(super) async fn point_to(
        &self,
        onboarding: OnboardingId,
        number: u64,
        hash: &str,
    ) -> Result<(), object_store::Error> {
        let pointer = Pointer { format: 1, number, hash: hash.to_owned() };
        let bytes = serde_json::to_vec(&pointer).expect("a pointer holds only strings and numbers");
        self.store.put(&pointer_of(onboarding), PutPayload::from(bytes)).await?;
        Ok(())
    }

    async fn exists(&self, onboarding: OnboardingId, number: u64) -> Result<bool, object_store::Error> {
        match self.store.head(&path_of(onboarding, number)).await {
            Ok(_) => Ok(true),
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

fn pointer_of(onboarding: OnboardingId) -> Path {
    Path::from(format!("heads/{onboarding}.json"))
}

/// The folder of all pointers: the store knows when each was written.
pub(super) fn folder() -> Path {
    Path::from("heads")
}

/// Whose pointer this is.
pub(super) fn onboarding_of(pointer: &Path) -> Option<OnboardingId> {
    pointer.filename()?.strip_suffix(".json")?.parse().ok()
}
