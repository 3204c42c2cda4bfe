//! Deletes the disk encryption set of an onboarding that leaves, once nothing uses it.
//!
//! Reads what uses the set in the same breath: whatever does is left to the vendor, and nothing that holds data is
//! deleted. Changes: deletes the set, once, if it is ours. That it is gone is read back. Publishes itself again for that,
//! and [`AccessCheckRequested`](onboarding::event::AccessCheckRequested) when it is gone.

use std::time::Duration;

use azure_clients::{ArmError, ArmRefusal};
use onboarding::{
    Fact,
    event::SetRemovalRequested,
    finding::Finding,
    leaving::{RemovalStep, Removed, SetIs, SetRemoval, Sweep},
};

use crate::{
    App,
    step::{Next, Step, StepError},
    systems::{disk_encryption_set::LOOK_AFTER, estate, refusals::code_of},
};

/// A set is deleted within seconds.
const DELETED_WITHIN: Duration = Duration::from_secs(600);

const NOT_COMPLETED: &str = "accepted and not completed";

pub(crate) async fn handle(step: Step<SetRemovalRequested>, app: App) -> Result<Next, StepError> {
    let onboarding = step.onboarding()?;
    let Some(undo) = onboarding.undoing(step.now()).filter(|undo| undo.pending_disks().next().is_none())
    else {
        return Ok(Next::NoNews("the set is not to be deleted now"));
    };
    let is_requested = match undo.set {
        Removed::Waits => false,
        Removed::Requested => true,
        Removed::Gone { .. } => return Ok(Next::NoNews("the set is gone")),
    };
    let sweep = estate::sweep(&app, onboarding).await?;
    if sweep.set_is == SetIs::NotThere {
        return learns(&step, RemovalStep::Gone);
    }
    if is_requested && step.event.age(step.now()) < DELETED_WITHIN {
        return Err(StepError::retry_after(Some(LOOK_AFTER), "Azure is still deleting the set"));
    }
    match onboarding.removal_of_set(&sweep, app.clock.now()) {
        None => Err(StepError::retry("what uses the set was looked at too long ago")),
        Some(Err(finding)) => learns(&step, RemovalStep::Failed { finding }),
        Some(Ok(removal)) if is_requested => not_done(&step, &removal, NOT_COMPLETED.to_owned()),
        Some(Ok(removal)) => delete(&step, &app, &removal, sweep).await,
    }
}

async fn delete(
    step: &Step<SetRemovalRequested>,
    app: &App,
    removal: &SetRemoval,
    sweep: Sweep,
) -> Result<Next, StepError> {
    match app.compute.delete_disk_encryption_set(removal.set()).await {
        Ok(accepted) => {
            let after = accepted.retry_after.unwrap_or(LOOK_AFTER);
            let look_after_ms = u64::try_from(after.as_millis()).unwrap_or(u64::MAX);
            learns(step, RemovalStep::Requested { sweep, look_after_ms })
        }
        Err(
            error @ ArmError::Refused(
                ArmRefusal::Conflict { .. } | ArmRefusal::BadRequest { .. } | ArmRefusal::Forbidden { .. },
            ),
        ) => not_done(step, removal, code_of(&error)),
        Err(error) => Err(error.into()),
    }
}

fn learns(step: &Step<SetRemovalRequested>, learnt: RemovalStep) -> Result<Next, StepError> {
    step.decide(Fact::SetRemoval { step: learnt })
}

fn not_done(
    step: &Step<SetRemovalRequested>,
    removal: &SetRemoval,
    error: String,
) -> Result<Next, StepError> {
    let finding = Finding::SetNotRemoved { set: removal.set().clone(), error };
    learns(step, RemovalStep::Failed { finding })
}
