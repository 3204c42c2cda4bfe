//! Looks again at what an onboarding waits for, when it is time or when somebody asks.
//!
//! Takes the chain up where it stands: the step that found the blocker runs once more. Asks and changes nothing by
//! itself; sets the next check, later than the last.

use onboarding::{Fact, event::CheckDue};

use crate::{
    App,
    step::{Next, Step, StepError},
};

pub(crate) async fn handle(step: Step<CheckDue>, _app: App) -> Result<Next, StepError> {
    let CheckDue { entry } = step.event.data;
    step.decide(Fact::CheckDue { entry })
}
