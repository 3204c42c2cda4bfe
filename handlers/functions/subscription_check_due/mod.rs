//! Asks the marketplace how a subscription stands, whether or not a webhook said that it changed.
//!
//! A webhook can be lost: the marketplace gives up after some time, and so may whatever is in between. Reads the
//! marketplace; changes nothing there. A subscription that comes back from suspension goes on where it stood.

use onboarding::{Fact, event::SubscriptionCheckDue};

use crate::{
    App,
    step::{Next, Step, StepError},
    systems::subscription::status_of,
};

pub(crate) async fn handle(step: Step<SubscriptionCheckDue>, app: App) -> Result<Next, StepError> {
    let subscription = step.onboarding()?.purchase().subscription;
    let read = app.marketplace.subscription(subscription).await?;
    let status = status_of(&read.saas_subscription_status)?;
    step.decide(Fact::Subscription { status })
}
