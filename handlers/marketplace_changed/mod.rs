//! Takes in that a subscription changed.
//!
//! Webhooks are repeated and come out of order, so the message is only a hint: the marketplace itself is asked how the
//! subscription stands. Changes nothing outside. A subscription that comes back from suspension goes on where it stood.

use onboarding::{Fact, event::MarketplaceChanged};

use crate::{
    App,
    signup_requested::status_of,
    step::{Next, Step, StepError},
};

pub(crate) async fn handle(cx: Step<MarketplaceChanged>, app: App) -> Result<Next, StepError> {
    let MarketplaceChanged { subscription, .. } = cx.event.data;
    let Some(onboarding) = cx.opened() else {
        // Bought and cancelled without ever opening the landing page.
        return Ok(Next::NoNews("nobody opened an onboarding for this subscription"));
    };
    if onboarding.purchase().subscription != subscription {
        return Err(StepError::refuse("Forbidden", "the subscription belongs to another onboarding"));
    }
    let read = app.marketplace.subscription(subscription).await?;
    let status = status_of(&read.saas_subscription_status)?;
    cx.decide(Fact::Subscription { status })
}
