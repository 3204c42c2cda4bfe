//! Looks at once whether the key in use has a new version, and what the disk encryption set makes of it.
//!
//! Reads the customer's vault with a new token, and the set; changes nothing. The event is only a hint: nothing that it
//! said is believed. While the key is watched, it is looked at in full, and what is wrong with it as a whole is treated as
//! the watch does; before that it is not said here, because one look does not prove it. Publishes
//! [`WatchDue`](onboarding::event::WatchDue) when something is to be confirmed.

use onboarding::event::KeyEventReceived;
use time::Duration;

use crate::{
    App,
    step::{Next, Step, StepError},
    systems::{
        refusals::Refusal,
        rotation::fresh_look,
        watch::{self, Why},
    },
};

/// A hint that is older is worth nothing: the key was looked at since.
const WORTH: Duration = Duration::HOUR;

pub(crate) async fn handle(step: Step<KeyEventReceived>, app: App) -> Result<Next, StepError> {
    let onboarding = step.onboarding()?;
    if step.event.age(step.now()) > WORTH {
        return Ok(Next::Void("this event is too old to be worth a look"));
    }
    if onboarding.is_watched() {
        return watch::look(&step, &app, Why::Asked).await;
    }
    match fresh_look(&app, onboarding).await {
        Ok(Some(fact)) => step.decide(fact),
        Ok(None) => Ok(Next::NoNews("no disk encryption set follows a key yet")),
        Err(Refusal::Finding { .. }) => Ok(Next::NoNews("the key cannot be read at present")),
        Err(Refusal::Error(error)) => Err(error),
    }
}
