//! Takes in that a subscription changed.
//!
//! Webhooks are repeated and come out of order, so the message is only a hint: the marketplace itself is asked how the
//! subscription stands, once the operation that the webhook named is concluded. Changes: agrees to a reinstatement.
//! A subscription that comes back from suspension goes on where it stood.

use std::time::Duration;

use azure_clients::{
    MarketplaceError, MarketplaceRefusal,
    marketplace::{OperationAction, OperationStatus},
};
use onboarding::{Contradiction, Fact, event::MarketplaceChanged};
use uuid::Uuid;

use crate::{
    App,
    step::{Next, Step, StepError},
    systems::subscription::status_of,
};

pub(crate) async fn handle(step: Step<MarketplaceChanged>, app: App) -> Result<Next, StepError> {
    let MarketplaceChanged { subscription, operation, .. } = step.event.data;
    let Some(onboarding) = step.opened() else {
        // Bought and cancelled without ever opening the landing page.
        return Ok(Next::NoNews("nobody opened an onboarding for this subscription"));
    };
    if onboarding.purchase().subscription != subscription {
        return Err(Contradiction::AnotherSubscription.into());
    }
    if let Some(operation) = operation {
        conclude(&app, subscription, operation).await?;
    }
    let read = app.marketplace.subscription(subscription).await?;
    let status = status_of(&read.saas_subscription_status)?;
    step.decide(Fact::Subscription { status })
}

/// Until the operation is concluded the subscription still reads as before. A reinstatement is agreed to: the customer
/// has paid. A change of plan or of seats counts as agreed ten seconds after its webhook. Actions that are only told of
/// (`Suspend`, `Unsubscribe`, `Renew`) need not have an operation.
async fn conclude(app: &App, subscription: Uuid, operation: Uuid) -> Result<(), StepError> {
    let read = match app.marketplace.operation(subscription, operation).await {
        Ok(read) => read,
        Err(MarketplaceError::Refused(MarketplaceRefusal::NotFound)) => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    match read.status {
        OperationStatus::Succeeded
        | OperationStatus::Failed
        | OperationStatus::Conflict
        | OperationStatus::Other(_) => return Ok(()),
        OperationStatus::NotStarted | OperationStatus::InProgress => {}
    }
    if read.action == OperationAction::Reinstate {
        return match app.marketplace.agree(subscription, operation).await {
            // Until it is concluded the subscription still reads as suspended.
            Ok(()) | Err(MarketplaceError::Refused(MarketplaceRefusal::Conflict)) => {
                Err(StepError::retry_after(Some(Duration::from_secs(1)), "the reinstatement is agreed to"))
            }
            Err(error) => Err(error.into()),
        };
    }
    let after = Some(Duration::from_secs(3));
    Err(StepError::retry_after(after, "the marketplace has not concluded the operation yet"))
}
