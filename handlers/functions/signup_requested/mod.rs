//! Opens an onboarding, bound to one tenant for good.
//!
//! Reads the marketplace: the message only says which subscription, the marketplace says whose it is. The tenant is
//! the beneficiary's; the purchaser may be a reseller in another one. Writes the first journal entry; publishes
//! nothing, for now it is the customer's turn.

use onboarding::{Contradiction, Onboarding, OnboardingId, Purchase, event::SignupRequested};

use crate::{
    App,
    step::{Next, Step, StepError},
    systems::subscription::status_of,
};

pub(crate) async fn handle(step: Step<SignupRequested>, app: App) -> Result<Next, StepError> {
    let SignupRequested { subscription } = step.event.data;
    if step.opened().is_some() {
        return Ok(Next::NoNews("opened before"));
    }
    let onboarding = OnboardingId::of_subscription(subscription);
    if onboarding != step.event.subject {
        return Err(Contradiction::AnotherSubscription.into());
    }
    let read = app.marketplace.subscription(subscription).await?;
    let Some(beneficiary) = read.beneficiary else {
        return Err(StepError::retry("the marketplace does not name the subscription's beneficiary"));
    };
    let status = status_of(&read.saas_subscription_status)?;
    let purchase = Purchase { subscription, plan: read.plan_id, quantity: read.quantity, status };
    let region = app.settings.region.clone();
    let decision = Onboarding::open(onboarding, beneficiary.tenant_id, region, purchase, step.cause());
    Ok(Next::Decided(Box::new(decision)))
}
