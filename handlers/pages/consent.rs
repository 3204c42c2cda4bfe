//! What binds a consent to one browser and to one use.

use std::sync::Arc;

use axum::http::{HeaderMap, header};
use object_store::{ObjectStore, ObjectStoreExt as _, PutPayload, path::Path};
use uuid::Uuid;

/// The cookie that binds a consent to the browser that began it.
pub(crate) const COOKIE: &str = "latchkey_consent";

/// The consent cookie of a request.
pub(crate) fn cookie_of(headers: &HeaderMap) -> Option<String> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| *name == COOKIE).map(|(_, value)| value.to_owned())
}

/// The nonces that were used, so that the state of a consent is used only once.
///
/// An object a nonce. Of two callbacks with the same state at the very same time both may pass; both publish the same
/// event under the same id, so it is one consent all the same.
#[derive(Debug, Clone)]
pub(crate) struct UsedStates {
    store: Arc<dyn ObjectStore>,
}

impl UsedStates {
    /// Nonces kept in this store.
    #[must_use]
    pub(crate) fn new(store: Arc<dyn ObjectStore>) -> Self {
        Self { store }
    }

    /// Whether a nonce was used before.
    ///
    /// # Errors
    /// When the store does not answer.
    pub(crate) async fn is_used(&self, nonce: Uuid) -> Result<bool, object_store::Error> {
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
    pub(crate) async fn use_up(&self, nonce: Uuid) -> Result<(), object_store::Error> {
        self.store.put(&path_of(nonce), PutPayload::new()).await.map(drop)
    }
}

fn path_of(nonce: Uuid) -> Path {
    Path::from(format!("consent-states/{nonce}"))
}
