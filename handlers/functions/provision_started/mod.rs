//! Follows the creation of the disk encryption set, one look a message, and proves it when it is done.
//!
//! Reads the operation by its own address, verbatim, then the set, then the disks that are tagged for this purchase.
//! Changes nothing. While ARM still works, the same event goes out again for later. A set that was deleted meanwhile is made
//! again, one that somebody changed waits for the vendor. Publishes
//! [`DiskEncryptionRequested`](onboarding::event::DiskEncryptionRequested) for every disk.

use azure_clients::{
    ArmError, ArmRefusal,
    compute::{OperationState, OperationUrl, ProvisioningState},
};
use onboarding::{
    Contradiction, Fact, ProvisionPlan, Reason, Set, event::ProvisionStarted, finding::Finding,
};
use std::time::Duration;

use crate::{
    App,
    step::{Next, Step, StepError},
    systems::{
        disk_encryption_set::{LOOK_AFTER, changed, gone, is_ours, why_refused},
        disks::of_the_purchase,
        refusals::code_of,
    },
};

pub(crate) async fn handle(step: Step<ProvisionStarted>, app: App) -> Result<Next, StepError> {
    let onboarding = step.onboarding()?;
    let plan = onboarding.provision_plan()?;
    // The journal says which set; the message is only a hint.
    let set = match onboarding.set() {
        Set::None => return Ok(Next::NoNews("no set is asked for")),
        Set::Requested { set, .. } | Set::Ready { set } if *set == step.event.data.set => set.clone(),
        Set::Requested { .. } | Set::Ready { .. } => return Err(Contradiction::AnotherSet.into()),
    };
    if let Set::Requested { operation: Some(operation), .. } = onboarding.set()
        && let Some(next) = follow(&step, &app, operation, &plan).await?
    {
        return Ok(next);
    }
    let made = match app.compute.disk_encryption_set(&set).await {
        Ok(made) => made,
        // A resource that was made a moment ago may not be readable everywhere.
        Err(ArmError::Refused(ArmRefusal::NotFound { .. }))
            if matches!(onboarding.set(), Set::Requested { .. }) && step.may_be_spreading(&app) =>
        {
            return Err(StepError::retry("the disk encryption set cannot be read yet"));
        }
        Err(ArmError::Refused(ArmRefusal::NotFound { .. })) => return gone(&step, &app, &set).await,
        Err(error) => return Err(error.into()),
    };
    if !is_ours(&made, onboarding) {
        return step.wait(Finding::SetNotOurs { set }, None);
    }
    match made.provisioning_state {
        ProvisioningState::Succeeded => {}
        ProvisioningState::Failed => {
            let finding = Finding::ProvisioningFailed { set, error: "Failed".to_owned() };
            return step.decide(Fact::SetFailed { finding });
        }
        ProvisioningState::Updating | ProvisioningState::Other(_) | ProvisioningState::Unknown => {
            return Err(still_creating(None));
        }
    }
    if let Some(finding) = changed(&app, &set, &made, onboarding) {
        return step.wait(finding, None);
    }
    let disks = of_the_purchase(&app, onboarding, &set).await?;
    step.decide(Fact::SetReady { set, disks })
}

/// `None` when the operation is over and the set can be read.
async fn follow(
    step: &Step<ProvisionStarted>,
    app: &App,
    operation: &str,
    plan: &ProvisionPlan,
) -> Result<Option<Next>, StepError> {
    let url: OperationUrl = match operation.parse() {
        Ok(url) => url,
        // The operator has looked into it: the set tells the rest, and the address is not called.
        Err(_) if step.event.resumed => return Ok(None),
        Err(error) => {
            return Err(StepError::refuse(
                Reason::OperationElsewhere,
                format!("the address of the operation is not one of Azure Resource Manager's: {error}"),
            ));
        }
    };
    match app.compute.operation(&url).await {
        Ok(OperationState::Succeeded) => Ok(None),
        // ARM forgets operations after some days; the set itself tells the rest.
        Err(ArmError::Refused(ArmRefusal::NotFound { .. })) => Ok(None),
        Ok(OperationState::InProgress { retry_after }) => Err(still_creating(retry_after)),
        Ok(OperationState::Failed(error)) => {
            let finding = match error {
                ArmError::Refused(
                    ArmRefusal::KeyVaultAccessForbidden { .. } | ArmRefusal::KeyUnusable { .. },
                ) => why_refused(app, plan).await,
                error => failed(step, &code_of(&error)),
            };
            step.decide(Fact::SetFailed { finding }).map(Some)
        }
        Ok(OperationState::Canceled) => {
            step.decide(Fact::SetFailed { finding: failed(step, "Canceled") }).map(Some)
        }
        Err(error) => Err(error.into()),
    }
}

fn failed(step: &Step<ProvisionStarted>, error: &str) -> Finding {
    Finding::ProvisioningFailed { set: step.event.data.set.clone(), error: error.to_owned() }
}

fn still_creating(retry_after: Option<Duration>) -> StepError {
    StepError::retry_after(
        Some(retry_after.unwrap_or(LOOK_AFTER)),
        "Azure is still creating the disk encryption set",
    )
}

#[cfg(test)]
mod tests {
    use onboarding::event::{Event, EventId};

    use super::*;
    use crate::test_support::{NOW, chain, provisioning};

    /// The operator has looked into it, and resumes.
    #[tokio::test]
    async fn an_operation_elsewhere_is_never_called_and_does_not_stop_what_is_resumed() {
        let app = crate::tests::app();
        let id = provisioning(&app.journal).await;
        let onboarding = app.journal.load(id).await.unwrap().unwrap().onboarding;
        let Some(Some(Fact::SetRequested { set, .. })) = chain().into_iter().nth(1).map(|(fact, _)| fact)
        else {
            panic!("the chain begins with the set")
        };
        let plan = onboarding.provision_plan().unwrap();
        let data = ProvisionStarted { set };
        let mut event = Event::new(EventId::of_origin("test", "started"), "test", id, NOW, data);
        for resumed in [false, true] {
            event.resumed = resumed;
            let step = Step::on(event.clone(), onboarding.clone(), &app);
            match follow(&step, &app, "https://attacker.example/operations/1", &plan).await {
                Ok(None) => assert!(resumed),
                Err(StepError::Refuse { reason, .. }) => {
                    assert!(!resumed && reason == Reason::OperationElsewhere);
                }
                other => panic!("{other:?}"),
            }
        }
    }
}
