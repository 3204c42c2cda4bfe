//! What a refusal of the marketplace's means where a function has no better idea.

use azure_clients::{MarketplaceError, MarketplaceRefusal};

use super::refusal_of;
use crate::step::StepError;

impl From<MarketplaceError> for StepError {
    fn from(error: MarketplaceError) -> Self {
        let refusal = match refusal_of(error) {
            Ok(refusal) => refusal,
            Err(error) => return error,
        };
        match refusal {
            // The marketplace may know it a moment later, and the vendor may mend the offer within the deadline.
            MarketplaceRefusal::LandingTokenRefused
            | MarketplaceRefusal::Forbidden
            | MarketplaceRefusal::NotFound
            | MarketplaceRefusal::BadRequest { .. }
            | MarketplaceRefusal::Conflict => Self::retry(refusal),
        }
    }
}
