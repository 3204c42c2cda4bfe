//! Looks again at what an onboarding waits for, when it is time or when somebody asks.
//!
//! Takes the chain up where it stands: the step that found the blocker runs once more. Asks and changes nothing by
//! itself; sets the next check, later than the last.

use onboarding::{
    Fact,
    event::{CheckCause, CheckDue},
};

use crate::{
    App,
    step::{Next, Step, StepError},
};

pub(crate) async fn handle(step: Step<CheckDue>, _app: App) -> Result<Next, StepError> {
    let CheckDue { entry, because } = step.event.data;
    step.decide(match (because, entry) {
        (Some(CheckCause::Standstill), Some(entry)) => Fact::StandsStill { entry },
        (Some(CheckCause::Operator), _) => Fact::OperatorAsked,
        (Some(CheckCause::Standstill) | None, entry) => Fact::CheckDue { entry },
    })
}
