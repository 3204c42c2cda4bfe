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

pub(crate) async fn handle(cx: Step<ActivationRequested>, app: App) -> Result<Next, StepError> {
    let purchase = match cx.onboarding()?.activation_plan() {
        Ok(purchase) => purchase,
        Err(illegal) => return Next::without_plan(illegal),
    };
    let read = app.marketplace.subscription(purchase.subscription).await?;
    match status_of(&read.saas_subscription_status)? {
        // Activated by an earlier run.
        SubscriptionStatus::Subscribed => cx.decide(Fact::Activated),
        SubscriptionStatus::PendingFulfillmentStart => {
            app.marketplace.activate(purchase.subscription, &purchase.plan, purchase.quantity).await?;
            cx.decide(Fact::Activated)
        }
        // Cancelled or suspended meanwhile; its webhook may be still on its way.
        status @ (SubscriptionStatus::Suspended | SubscriptionStatus::Unsubscribed) => {
            cx.decide(Fact::Subscription { status })
        }
    }
}
