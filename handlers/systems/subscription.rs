//! The customer's subscription in the marketplace.

use azure_clients::marketplace;
use onboarding::{Cause, Contradiction, Onboarding, OnboardingId, Purchase, SubscriptionStatus};

use crate::{
    App,
    step::{Next, StepError},
};

/// Opens the onboarding of a purchase, as the marketplace knows it. The tenant is the beneficiary's; the purchaser may
/// be a reseller in another one.
pub(crate) fn opened(
    app: &App,
    subject: OnboardingId,
    read: marketplace::Subscription,
    cause: Cause,
) -> Result<Next, StepError> {
    let region = app.settings.region.clone();
    if OnboardingId::of_subscription(read.id) != subject {
        return Err(Contradiction::AnotherSubscription.into());
    }
    let Some(beneficiary) = read.beneficiary else {
        return Err(StepError::retry("the marketplace does not name the subscription's beneficiary"));
    };
    let status = status_of(&read.saas_subscription_status)?;
    let purchase = Purchase { subscription: read.id, plan: read.plan_id, quantity: read.quantity, status };
    let decision = Onboarding::open(subject, beneficiary.tenant_id, region, purchase, cause);
    Ok(Next::Decided(Box::new(decision)))
}

/// The marketplace's status in the domain's words. One that we do not know may be known to a newer release.
pub(crate) fn status_of(status: &marketplace::SubscriptionStatus) -> Result<SubscriptionStatus, StepError> {
    use marketplace::SubscriptionStatus as Read;
    Ok(match status {
        Read::PendingFulfillmentStart => SubscriptionStatus::PendingFulfillmentStart,
        Read::Subscribed => SubscriptionStatus::Subscribed,
        Read::Suspended => SubscriptionStatus::Suspended,
        Read::Unsubscribed => SubscriptionStatus::Unsubscribed,
        // Microsoft's OpenAPI and client have it for a purchase that nothing was done about; it was never seen.
        Read::Other(other) if other == "NotStarted" => SubscriptionStatus::PendingFulfillmentStart,
        Read::Other(other) => {
            return Err(StepError::retry(format!("the marketplace names an unknown status: {other}")));
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_support::{ID, NOW};

    fn read(status: &str) -> marketplace::Subscription {
        let body = serde_json::json!({"id": ID, "planId": "gold", "quantity": 5.0, "isTest": null,
            "beneficiary": {"tenantId": ID, "objectId": ""}, "purchaser": {"tenantId": ""},
            "saasSubscriptionStatus": status});
        serde_json::from_value(body).unwrap()
    }

    fn cause() -> Cause {
        Cause {
            event: onboarding::event::EventId::of_origin("test", "opened"),
            function: "signup_requested",
            now: NOW,
            traceparent: None,
            first_check: std::time::Duration::from_secs(60),
            hold: std::time::Duration::from_secs(7 * 86_400),
        }
    }

    #[test]
    fn a_purchase_is_opened_in_every_state_that_the_marketplace_may_name() {
        let app = crate::tests::app();
        let id = OnboardingId::of_subscription(ID.parse().unwrap());
        for (status, expected) in [
            ("NotStarted", SubscriptionStatus::PendingFulfillmentStart),
            (" PendingFulfillmentStart ", SubscriptionStatus::PendingFulfillmentStart),
            ("Subscribed", SubscriptionStatus::Subscribed),
        ] {
            let Ok(Next::Decided(decision)) = opened(&app, id, read(status), cause()) else {
                panic!("{status} is not opened")
            };
            let purchase = decision.onboarding().purchase();
            assert_eq!((purchase.status, purchase.quantity), (expected, Some(5)), "{status}");
        }
        assert!(matches!(opened(&app, id, read("Paused"), cause()), Err(StepError::Retry { .. })));
        let other = OnboardingId::of_subscription(uuid::Uuid::from_u128(8));
        assert!(matches!(opened(&app, other, read("Subscribed"), cause()), Err(StepError::Refuse { .. })));
    }
}
