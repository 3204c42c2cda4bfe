//! Plans what is undone for an onboarding that leaves, and begins with it once the hold is over and the plan approved.
//!
//! Reads what uses the disk encryption set, in the same breath as the decision; changes nothing in Azure. A plan that grew
//! since it was approved has to be approved again. Publishes
//! [`DiskReturnRequested`](onboarding::event::DiskReturnRequested) for each disk, or, where there is none,
//! [`SetRemovalRequested`](onboarding::event::SetRemovalRequested).

use onboarding::{Fact, event::LeavingDue, leaving::Leaving};

use crate::{
    App,
    settings::ApprovedBy,
    step::{Next, Step, StepError},
    systems::estate,
};

pub(crate) async fn handle(step: Step<LeavingDue>, app: App) -> Result<Next, StepError> {
    let onboarding = step.onboarding()?;
    if !onboarding.leaving().is_some_and(Leaving::is_held) {
        return Ok(Next::NoNews("it does not leave, or it is being undone already"));
    }
    let sweep = estate::sweep(&app, onboarding).await?;
    let by_policy = app.settings.leaving.approval == ApprovedBy::Policy;
    step.decide(Fact::LeavingSwept { sweep, by_policy })
}
