//! Looks at once whether the key in use has a new version, and what the disk encryption set makes of it.
//!
//! Reads the customer's vault with a new token, and the set; changes nothing. The event is only a hint: nothing that it
//! said is believed. Publishes nothing. What is wrong with the key as a whole is not said here, because one look does
//! not prove it.

use onboarding::event::KeyEventReceived;
use time::Duration;

use crate::{
    App,
    step::{Next, Step, StepError},
    systems::{refusals::Refusal, rotation::fresh_look},
};

/// A hint that is older is worth nothing: the key was looked at since.
const WORTH: Duration = Duration::HOUR;

pub(crate) async fn handle(step: Step<KeyEventReceived>, app: App) -> Result<Next, StepError> {
    let onboarding = step.onboarding()?;
    if step.event.age(step.now()) > WORTH {
        return Ok(Next::Void("this event is too old to be worth a look"));
    }
    match fresh_look(&app, onboarding).await {
        Ok(Some(fact)) => step.decide(fact),
        Ok(None) => Ok(Next::NoNews("no disk encryption set follows a key yet")),
        Err(Refusal::Finding { .. }) => Ok(Next::NoNews("the key cannot be read at present")),
        Err(Refusal::Error(error)) => Err(error),
    }
}
