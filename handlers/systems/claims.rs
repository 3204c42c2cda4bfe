//! The claim of a key, for the entry that is to use it.

use azure_ids::KeyUrl;
use onboarding::{Onboarding, claim::ClaimError};

use crate::{App, step::StepError};

/// Whose a key is.
pub(crate) enum Claim {
    /// This onboarding's.
    Ours,
    /// Another onboarding uses it.
    OfAnother,
}

/// Takes the key for the next entry of this onboarding.
///
/// # Errors
/// When it could not be found out whose it is.
pub(crate) async fn take(app: &App, key: &KeyUrl, onboarding: &Onboarding) -> Result<Claim, StepError> {
    match app.claims.take(&app.journal, key, onboarding).await {
        Ok(()) => Ok(Claim::Ours),
        Err(ClaimError::Claimed(_)) => Ok(Claim::OfAnother),
        Err(ClaimError::Store(error)) => Err(error.into()),
        Err(ClaimError::Holder(error)) => Err(StepError::retry(error)),
    }
}
