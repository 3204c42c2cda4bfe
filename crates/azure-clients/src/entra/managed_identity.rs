//! The managed identity, whose errors say that they are its own.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use azure_core::{
    credentials::{AccessToken, TokenCredential, TokenRequestOptions},
    error::ErrorKind,
};

use super::{error::FromManagedIdentity, kept::Kept};
use crate::clock::Clock;

type Make = dyn Fn() -> azure_core::Result<Arc<dyn TokenCredential>> + Send + Sync;

pub(super) struct ManagedIdentity {
    make: Box<Make>,
    clock: Arc<dyn Clock>,
    kept: Mutex<Kept>,
}

impl ManagedIdentity {
    pub(super) fn new(make: Box<Make>, clock: Arc<dyn Clock>) -> azure_core::Result<Self> {
        let kept = Mutex::new(Kept::new(make()?, &*clock));
        Ok(Self { make, clock, kept })
    }

    /// With a credential that is somebody else's to keep.
    pub(super) fn of(credential: Arc<dyn TokenCredential>, clock: Arc<dyn Clock>) -> Self {
        let kept = Mutex::new(Kept::new(credential.clone(), &*clock));
        Self { make: Box::new(move || Ok(credential.clone())), clock, kept }
    }

    fn credential(&self) -> azure_core::Result<Arc<dyn TokenCredential>> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(credential) = kept.usable(&*self.clock) {
            return Ok(credential);
        }
        let credential = (self.make)()?;
        *kept = Kept::new(credential.clone(), &*self.clock);
        Ok(credential)
    }
}

impl fmt::Debug for ManagedIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ManagedIdentity").finish_non_exhaustive()
    }
}

#[async_trait::async_trait]
impl TokenCredential for ManagedIdentity {
    async fn get_token(
        &self,
        scopes: &[&str],
        options: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<AccessToken> {
        self.credential()?.get_token(scopes, options).await.map_err(|error| {
            let error = FromManagedIdentity(error);
            azure_core::Error::with_error(ErrorKind::Credential, error, "the managed identity gave no token")
        })
    }
}
