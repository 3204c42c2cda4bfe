//! Takes in that a subscription changed.
//!
//! Webhooks are repeated and come out of order, so the message is only a hint: the marketplace itself is asked how the
//! subscription stands, once the operation that the webhook named is concluded. A subscription may lag behind its
//! operation: while the two disagree, both are asked again; past the deadline the refused step names the vendor.
//! A purchase that is announced by a `Subscribe` webhook is opened, as if by its landing page, and the vendor told.
//! Changes: agrees to a reinstatement. A subscription that comes back from suspension goes on where it stood.

mod announcement;

use std::time::Duration;

use azure_clients::{
    MarketplaceError, MarketplaceRefusal,
    marketplace::{OperationAction, OperationStatus},
};
use onboarding::{Contradiction, OnboardingId, event::MarketplaceChanged};
use uuid::Uuid;

use self::announcement::{Announcement, Verdict};
use crate::{
    App,
    step::{Next, Step, StepError},
    systems::subscription::{opened, status_of},
};

/// What announces the purchase of a plan with automatic activation (Microsoft Learn, webhook page).
const SUBSCRIBE: &str = "Subscribe";

pub(crate) async fn handle(step: Step<MarketplaceChanged>, app: App) -> Result<Next, StepError> {
    let MarketplaceChanged { subscription, operation, action } = step.event.data.clone();
    let Some(onboarding) = step.opened() else {
        if action.eq_ignore_ascii_case(SUBSCRIBE) {
            return subscribed(step, app, subscription).await;
        }
        // Bought and cancelled without ever opening the landing page.
        return Ok(Next::NoNews("nobody opened an onboarding for this subscription"));
    };
    if onboarding.purchase().subscription != subscription {
        return Err(Contradiction::AnotherSubscription.into());
    }
    let announced = match operation {
        Some(operation) => conclude(&app, subscription, operation).await?,
        None => None,
    };
    // Without an operation there is only the webhook's word, which counts while it is fresh.
    let announced =
        announced.unwrap_or_else(|| Announcement::by_webhook(action, step.may_be_spreading(&app)));
    let read = app.marketplace.subscription(subscription).await?;
    let status = status_of(&read.saas_subscription_status)?;
    match announced.against(status, onboarding.changed_at()) {
        Verdict::Fact(fact) => step.decide(fact),
        Verdict::AskAgain => Err(StepError::retry(announced.disagreement(status))),
    }
}

/// A plan with automatic activation was bought: nobody came by the landing page, and billing has begun.
async fn subscribed(step: Step<MarketplaceChanged>, app: App, subscription: Uuid) -> Result<Next, StepError> {
    if OnboardingId::of_subscription(subscription) != step.event.subject {
        return Err(Contradiction::AnotherSubscription.into());
    }
    let read = app.marketplace.subscription(subscription).await?;
    tracing::warn!(
        %subscription,
        plan = read.plan_id,
        status = ?read.saas_subscription_status,
        "bought without the landing page: if its plan activates by itself, billing has begun before the key protects anything"
    );
    opened(&app, step.event.subject, read, step.cause())
}

/// Until the operation is concluded the subscription still reads as before. A reinstatement is agreed to: the customer
/// has paid. A change of plan or of seats counts as agreed ten seconds after its webhook. Actions that are only announced
/// (`Suspend`, `Unsubscribe`, `Renew`) need not have an operation.
///
/// Gives what happened; `None` when the marketplace knows no such operation.
async fn conclude(app: &App, subscription: Uuid, operation: Uuid) -> Result<Option<Announcement>, StepError> {
    let read = match app.marketplace.operation(subscription, operation).await {
        Ok(read) => read,
        Err(MarketplaceError::Refused(MarketplaceRefusal::NotFound)) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    match read.status {
        OperationStatus::Succeeded => {
            return Ok(Some(Announcement::by_operation(read.action, read.time_stamp)));
        }
        OperationStatus::Failed | OperationStatus::Conflict | OperationStatus::Other(_) => {
            return Ok(Some(Announcement::nothing()));
        }
        OperationStatus::NotStarted | OperationStatus::InProgress => {}
    }
    if read.action == OperationAction::Reinstate {
        return match app.marketplace.agree(subscription, operation).await {
            // Until it is concluded the subscription still reads as suspended.
            Ok(()) | Err(MarketplaceError::Refused(MarketplaceRefusal::Conflict)) => {
                Err(StepError::retry_after(Some(Duration::from_secs(1)), "the reinstatement is agreed to"))
            }
            // It cannot be agreed to any more, or the marketplace does not know it any more: the subscription tells.
            Err(MarketplaceError::Refused(
                MarketplaceRefusal::BadRequest { .. } | MarketplaceRefusal::NotFound,
            )) => Ok(None),
            Err(error) => Err(error.into()),
        };
    }
    let after = Some(Duration::from_secs(3));
    Err(StepError::retry_after(after, "the marketplace has not concluded the operation yet"))
}
