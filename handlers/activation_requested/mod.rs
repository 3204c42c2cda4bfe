//! Tells the marketplace that the subscription is delivered, which starts the billing.
//!
//! Only after every disk was read back as encrypted under the customer's key: the decision makes the plan, and without
//! a proven key and verified disks there is none. Activating again is success.

use azure_clients::{MarketplaceError, marketplace::SubscriptionStatus};
use onboarding::{Fact, Illegal, event::ActivationRequested};

use crate::{
    App,
    step::{Next, Step, StepError},
};

pub(crate) async fn handle(cx: Step<ActivationRequested>, app: App) -> Result<Next, StepError> {
    let purchase = match cx.onboarding()?.activation_plan() {
        Ok(purchase) => purchase,
        // Taken up again when the subscription is reinstated.
        Err(Illegal::Suspended) => return Ok(Next::NoNews("the subscription is suspended")),
        Err(Illegal::Ended) => return Ok(Next::NoNews("the subscription has ended")),
        Err(illegal) => return Err(illegal.into()),
    };
    let read = app.marketplace.subscription(purchase.subscription).await?;
    if read.saas_subscription_status == SubscriptionStatus::PendingFulfillmentStart {
        match app.marketplace.activate(purchase.subscription, &purchase.plan, purchase.quantity).await {
            Ok(()) => {}
            // An earlier run may have activated it between the two calls; the next one will read it so.
            Err(error @ MarketplaceError::BadRequest { .. }) => return Err(StepError::retry(error)),
            Err(error) => return Err(error.into()),
        }
    }
    cx.decide(Fact::Activated)
}
