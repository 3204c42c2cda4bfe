//! One key belongs to one onboarding: whoever proved it first.
//!
//! A claim is an object whose name derives from the vault and the key and which is created only if absent, so two
//! steps cannot both win. Without it a customer could submit a key that another customer of the same vendor had
//! shared, and the vendor's one application would open it for both.

use azure_ids::KeyUrl;
use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutOptions, path::Path};
use std::sync::Arc;

use crate::{OnboardingId, hash::sha256};

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
}

impl Claims {
    /// Claims kept in this store.
    #[must_use]
    pub fn new(store: Arc<dyn ObjectStore>) -> Self {
        Self { store }
    }

    /// Takes the key for this onboarding. Taking it again is success, so a step may run twice.
    ///
    /// # Errors
    /// [`ClaimError::Claimed`] when another onboarding holds it.
    pub async fn take(&self, key: &KeyUrl, onboarding: OnboardingId) -> Result<(), ClaimError> {
        let path = path_of(key);
        let mine = onboarding.to_string();
        let create = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
        match self.store.put_opts(&path, mine.clone().into_bytes().into(), create).await {
            Ok(_) => Ok(()),
            Err(object_store::Error::AlreadyExists { .. }) => {
                let holder = self.store.get(&path).await?.bytes().await?;
                if holder == mine.as_bytes() { Ok(()) } else { Err(KeyClaimed.into()) }
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// Key names compare without case, so the name is folded before it is hashed.
fn path_of(key: &KeyUrl) -> Path {
    let identity = format!("{}/{}", key.host().as_str(), key.name().to_ascii_lowercase());
    Path::from(format!("claims/{}.json", sha256(identity.as_bytes())))
}

#[cfg(test)]
mod tests {
    use object_store::memory::InMemory;
    use uuid::Uuid;

    use super::*;

    #[tokio::test]
    async fn a_key_belongs_to_whoever_proved_it_first() {
        let claims = Claims::new(Arc::new(InMemory::new()));
        let region = "westeurope".parse().unwrap();
        let [first, second] = [1, 2].map(|n| OnboardingId::of_subscription(Uuid::from_u128(n), &region));
        let key: KeyUrl = "https://contoso.vault.azure.net/keys/disks".parse().unwrap();
        let version: KeyUrl =
            "https://contoso.vault.azure.net/keys/DISKS/d3781afa0b4848ab9aee9edf0848f28c".parse().unwrap();
        claims.take(&key, first).await.unwrap();
        claims.take(&version, first).await.unwrap();
        assert!(matches!(claims.take(&version, second).await, Err(ClaimError::Claimed(_))));
        let other: KeyUrl = "https://contoso.vault.azure.net/keys/others".parse().unwrap();
        claims.take(&other, second).await.unwrap();
    }
}
