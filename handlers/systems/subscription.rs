//! The customer's subscription in the marketplace.

use azure_clients::marketplace;
use onboarding::SubscriptionStatus;

use crate::step::StepError;

/// The marketplace's status in the domain's words. One that we do not know may be known to a newer release.
pub(crate) fn status_of(status: &marketplace::SubscriptionStatus) -> Result<SubscriptionStatus, StepError> {
    use marketplace::SubscriptionStatus as Read;
    Ok(match status {
        Read::PendingFulfillmentStart => SubscriptionStatus::PendingFulfillmentStart,
        Read::Subscribed => SubscriptionStatus::Subscribed,
        Read::Suspended => SubscriptionStatus::Suspended,
        Read::Unsubscribed => SubscriptionStatus::Unsubscribed,
        Read::Other(other) => {
            return Err(StepError::retry(format!("the marketplace names an unknown status: {other}")));
        }
    })
}
