//! What binds a consent to one browser and to one use.

use std::sync::Arc;

use axum::http::{HeaderMap, header};
use object_store::ObjectStore;
use onboarding::{OnboardingId, expiring::Expiring};
use time::OffsetDateTime;

use super::signing::ConsentState;

/// The name of the cookie that binds the consent of an onboarding to the browser that began it.
pub(crate) fn cookie_name(onboarding: OnboardingId) -> String {
    format!("latchkey_consent_{onboarding}")
}

/// The consent cookie of a request, for this onboarding.
pub(crate) fn cookie_of(headers: &HeaderMap, onboarding: OnboardingId) -> Option<String> {
    let ours = cookie_name(onboarding);
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| *name == ours).map(|(_, value)| value.to_owned())
}

/// The nonces that were used, so that the state of a consent is used only once. Each is remembered until its state is void.
///
/// Of two callbacks with the same state at the very same time both may pass; both publish the same event under the same
/// id, so it is one consent all the same.
#[derive(Debug, Clone)]
pub(crate) struct UsedStates(Expiring);

impl UsedStates {
    /// Nonces kept in this store.
    #[must_use]
    pub(crate) fn new(store: Arc<dyn ObjectStore>) -> Self {
        Self(Expiring::new(store, "consent-states"))
    }

    /// Whether a state was used before.
    ///
    /// # Errors
    /// When the store does not answer.
    pub(crate) async fn is_used(&self, state: &ConsentState) -> Result<bool, object_store::Error> {
        self.0.contains(state.expires(), &state.nonce.to_string()).await
    }

    /// Uses a state up. Using it up again is success.
    ///
    /// # Errors
    /// When the store does not answer.
    pub(crate) async fn use_up(&self, state: &ConsentState) -> Result<(), object_store::Error> {
        self.0.create(state.expires(), &state.nonce.to_string()).await.map(drop)
    }

    /// Takes away the nonces of states that are void; answers how many.
    ///
    /// # Errors
    /// When the store does not answer.
    pub(crate) async fn remove_past(&self, now: OffsetDateTime) -> Result<usize, object_store::Error> {
        self.0.remove_past(now).await
    }
}
