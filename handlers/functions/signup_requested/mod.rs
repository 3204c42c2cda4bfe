//! Opens an onboarding, bound to one tenant for good.
//!
//! Reads the marketplace: the message only says which subscription, the marketplace says whose it is. The tenant is
//! the beneficiary's; the purchaser may be a reseller in another one. Writes the first journal entry; publishes
//! nothing, for now it is the customer's turn.

use onboarding::{Contradiction, OnboardingId, event::SignupRequested};

use crate::{
    App,
    step::{Next, Step, StepError},
    systems::subscription::opened,
};

pub(crate) async fn handle(step: Step<SignupRequested>, app: App) -> Result<Next, StepError> {
    let SignupRequested { subscription } = step.event.data;
    if step.opened().is_some() {
        return Ok(Next::NoNews("opened before"));
    }
    if OnboardingId::of_subscription(subscription) != step.event.subject {
        return Err(Contradiction::AnotherSubscription.into());
    }
    let read = app.marketplace.subscription(subscription).await?;
    opened(&app, step.event.subject, read, step.cause())
}
