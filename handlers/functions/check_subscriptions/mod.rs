//! Once a day, has the marketplace asked about every subscription that has not ended.
//!
//! Reads the journals; changes nothing. Publishes
//! [`SubscriptionCheckDue`](onboarding::event::SubscriptionCheckDue) for each. A run that is killed sends the same
//! messages again, under the same ids.

use onboarding::{Stage, journal::JournalError};
use service_bus::ServiceBusError;

use crate::{App, systems::checks::publish_subscription_check};

/// Why a run did not end. What it did not reach is checked by the next.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CheckSubscriptionsError {
    /// A journal could not be read.
    #[error("reading the journals")]
    Journal(#[from] JournalError),
    /// A check could not be published.
    #[error("publishing a check")]
    Publish(#[from] ServiceBusError),
}

pub(crate) async fn handle(app: App) -> Result<(), CheckSubscriptionsError> {
    let mut checks = 0_usize;
    for onboarding in app.journal.onboardings().await? {
        let head = match app.journal.load(onboarding).await {
            // One journal that cannot be read must not keep the others from being checked.
            Err(error @ (JournalError::Unreadable { .. } | JournalError::Tampered { .. })) => {
                tracing::error!(%onboarding, %error, "the journal is damaged");
                continue;
            }
            loaded => loaded?,
        };
        if head.is_some_and(|head| head.onboarding.stage() != Stage::Ended) {
            publish_subscription_check(&app, onboarding).await?;
            checks += 1;
        }
    }
    tracing::info!(checks, "subscriptions are to be checked");
    Ok(())
}
