//! Tells the marketplace that the subscription is delivered, which starts the billing.
//!
//! Only after every disk was read back as encrypted under the customer's key: the decision makes the plan, and without
//! a proven key and verified disks there is none. Activating again is success.

use onboarding::{Fact, SubscriptionStatus, event::ActivationRequested};

use crate::{
    App,
    step::{Next, Step, StepError},
    systems::subscription::status_of,
};

pub(crate) async fn handle(step: Step<ActivationRequested>, app: App) -> Result<Next, StepError> {
    let purchase = step.onboarding()?.activation_plan()?;
    let read = app.marketplace.subscription(purchase.subscription).await?;
    match status_of(&read.saas_subscription_status)? {
        // Activated by an earlier run.
        SubscriptionStatus::Subscribed => step.decide(Fact::Activated),
        SubscriptionStatus::PendingFulfillmentStart => {
            app.marketplace.activate(purchase.subscription, &purchase.plan, purchase.quantity).await?;
            step.decide(Fact::Activated)
        }
        // Cancelled or suspended meanwhile; its webhook may be still on its way.
        status @ (SubscriptionStatus::Suspended | SubscriptionStatus::Unsubscribed) => {
            step.decide(Fact::Subscription { status })
        }
    }
}
