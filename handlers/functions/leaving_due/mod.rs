//! Plans what is undone for an onboarding that leaves, and begins with it once the hold is over and the plan approved.
//!
//! Reads what uses the disk encryption set, in the same breath as the decision; changes nothing in Azure. A plan that grew
//! since it was approved has to be approved again. Publishes
//! [`DiskReturnRequested`](onboarding::event::DiskReturnRequested) for each disk, or, where there is none,
//! [`SetRemovalRequested`](onboarding::event::SetRemovalRequested). Where a replacement of the key was under way, the set says
//! first which key it is that everything is undone for; then it publishes itself again.

use onboarding::{Fact, Onboarding, Set, event::LeavingDue, leaving::Leaving, rotation::SetLook};

use crate::{
    App,
    settings::ApprovedBy,
    step::{Next, Step, StepError},
    systems::{
        disk_encryption_set::{SetIs, look_at},
        estate, rotation,
    },
};

pub(crate) async fn handle(step: Step<LeavingDue>, app: App) -> Result<Next, StepError> {
    let onboarding = step.onboarding()?;
    if !onboarding.leaving().is_some_and(Leaving::is_held) {
        return Ok(Next::NoNews("it does not leave, or it is being undone already"));
    }
    if let Some(set) = replaced_meanwhile(&app, onboarding).await? {
        return step.decide(Fact::KeyReplaced { set: Box::new(set) });
    }
    let sweep = estate::sweep(&app, onboarding).await?;
    let by_policy = app.settings.leaving.approval == ApprovedBy::Policy;
    step.decide(Fact::LeavingSwept { sweep, by_policy })
}

/// Azure may have changed the set, and nobody could record that before it began to leave.
async fn replaced_meanwhile(app: &App, onboarding: &Onboarding) -> Result<Option<SetLook>, StepError> {
    let (Some(to), Set::Ready { set }) = (onboarding.replaced_by(), onboarding.set()) else {
        return Ok(None);
    };
    let SetIs::AsMade(set) = look_at(app, onboarding, set).await? else { return Ok(None) };
    if !set.active_key.as_ref().is_some_and(|live| live.is_same_key(to)) {
        return Ok(None);
    }
    rotation::compare(app, onboarding, &set).await.map(Some)
}
