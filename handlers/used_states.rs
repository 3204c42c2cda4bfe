//! That the state of a consent is used once only.
//!
//! An object a nonce, created only if absent: of two callbacks with the same state one wins, whichever process it
//! reaches.

use object_store::{ObjectStore, ObjectStoreExt as _, PutMode, PutOptions, PutPayload, path::Path};
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

    /// Uses a nonce; `false` when it was used before.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn claim(&self, nonce: Uuid) -> Result<bool, object_store::Error> {
        let path = Path::from(format!("consent-states/{nonce}"));
        let create = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
        match self.store.put_opts(&path, PutPayload::new(), create).await {
            Ok(_) => Ok(true),
            Err(object_store::Error::AlreadyExists { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Gives a nonce back, when what it was used for could not be done.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn release(&self, nonce: Uuid) -> Result<(), object_store::Error> {
        self.store.delete(&Path::from(format!("consent-states/{nonce}"))).await
    }
}
