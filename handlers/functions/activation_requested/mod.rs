//! Tells the marketplace that the subscription is delivered, which starts the billing.
//!
//! Only after every disk was read back as encrypted under the customer's key: the decision makes the plan, and without
//! a proven key and verified disks there is none. Activating again is success.
//!
//! Every disk is read once more before: what was given to somebody else since it was encrypted, or deleted, is dropped, and
//! nobody is billed for it. So is the set: while it is gone, or is not as it was made, nobody is billed. And the disks are
//! listed: one that was tagged meanwhile is encrypted first.

use azure_ids::ArmId;
use onboarding::{
    Contradiction, DropReason, Fact, NoPlan, Onboarding, Set, SubscriptionStatus, event::ActivationRequested,
};

use crate::{
    App,
    step::{Next, Step, StepError},
    systems::{
        disk_encryption_set::obstacle,
        disks::{is_gone, is_tagged_for, of_the_purchase},
        subscription::status_of,
    },
};

pub(crate) async fn handle(step: Step<ActivationRequested>, app: App) -> Result<Next, StepError> {
    let onboarding = step.onboarding()?;
    let purchase = match onboarding.activation_plan() {
        // Found while this message travelled. Once it is encrypted, activation is asked for again.
        Err(NoPlan::Contradiction(Contradiction::NotEncrypted)) => {
            return Ok(Next::NoNews("a disk is still to be encrypted"));
        }
        plan => plan?,
    };
    if onboarding.activated_at().is_none() {
        if let Some((disk, why)) = no_longer_theirs(&app, onboarding).await? {
            return step.decide(Fact::DiskDropped { disk, why });
        }
        if let Set::Ready { set } = onboarding.set()
            && let Some(next) = obstacle(&step, &app, set).await?
        {
            return Ok(next);
        }
        if let Some((set, disks)) = others_are_there(&app, onboarding).await? {
            return step.decide(Fact::SetReady { set, disks });
        }
    }
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

/// The set and every disk of the purchase, when there is one that is not known: it may have come in the place of one that
/// cannot be encrypted.
async fn others_are_there(
    app: &App,
    onboarding: &Onboarding,
) -> Result<Option<(ArmId, Vec<ArmId>)>, StepError> {
    let Set::Ready { set } = onboarding.set() else { return Ok(None) };
    let disks = of_the_purchase(app, onboarding, set).await?;
    let is_new = disks.iter().any(|disk| !onboarding.disks().contains_key(disk));
    Ok(is_new.then(|| (set.clone(), disks)))
}

/// The first disk that is not this customer's any more.
async fn no_longer_theirs(
    app: &App,
    onboarding: &Onboarding,
) -> Result<Option<(ArmId, DropReason)>, StepError> {
    for disk in onboarding.disks().keys() {
        match app.compute.disk(disk).await {
            Ok(read) if is_tagged_for(&read, onboarding) => {}
            Ok(_) => return Ok(Some((disk.clone(), DropReason::RetaggedLate))),
            Err(error) if is_gone(&error) => return Ok(Some((disk.clone(), DropReason::Deleted))),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use onboarding::event::{Event, EventId};

    use super::*;
    use crate::test_support::{NOW, append, chain, provisioning};

    /// Another disk was tagged while the message travelled.
    #[tokio::test]
    async fn a_disk_that_is_still_to_be_encrypted_is_no_reason_for_a_dead_letter() {
        let app = crate::tests::app();
        let id = provisioning(&app.journal).await;
        for (fact, _) in chain().into_iter().take(3) {
            if let Some(fact) = fact {
                append(&app.journal, id, &format!("{fact:?}"), fact).await;
            }
        }
        let onboarding = app.journal.load(id).await.unwrap().unwrap().onboarding;
        let event = Event::new(EventId::of_origin("test", "a"), "test", id, NOW, ActivationRequested {});
        let next = handle(Step::on(event, onboarding, &app), app.clone()).await.unwrap();
        assert!(matches!(next, Next::NoNews(_)), "{next:?}");
    }
}
