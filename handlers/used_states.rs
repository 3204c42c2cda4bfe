//! That the state of a consent is used once only.
//!
//! An object a nonce. Of two callbacks with the same state at the very same time both may pass; both publish the same
//! event under the same id, so it is one consent all the same.

use object_store::{ObjectStore, ObjectStoreExt as _, PutPayload, path::Path};
use std::sync::Arc;
use uuid::Uuid;

/// The nonces that were used.
#[derive(Debug, Clone)]
pub struct UsedStates {
    store: Arc<dyn ObjectStore>,
}

impl UsedStates {
    /// Nonces kept in this store.
    #[must_use]
    pub fn new(store: Arc<dyn ObjectStore>) -> Self {
        Self { store }
    }

    /// Whether a nonce was used before.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn is_used(&self, nonce: Uuid) -> Result<bool, object_store::Error> {
        match self.store.head(&path_of(nonce)).await {
            Ok(_) => Ok(true),
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Uses a nonce up. Using it up again is success.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn use_up(&self, nonce: Uuid) -> Result<(), object_store::Error> {
        self.store.put(&path_of(nonce), PutPayload::new()).await.map(drop)
    }
}

fn path_of(nonce: Uuid) -> Path {
    Path::from(format!("consent-states/{nonce}"))
}
