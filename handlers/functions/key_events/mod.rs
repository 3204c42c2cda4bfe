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
        rotation::{fresh_look, take_in},
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
        Ok(Some(fact)) => take_in(&step, fact),
        Ok(None) => Ok(Next::NoNews("no disk encryption set follows a key yet")),
        Err(Refusal::Finding { .. }) => Ok(Next::NoNews("the key cannot be read at present")),
        Err(Refusal::Error(error)) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use onboarding::event::{Event, EventData as _, EventId};

    use super::*;
    use crate::test_support::provisioning;

    /// This app reaches nobody: whoever looks gets an error.
    #[tokio::test]
    async fn a_hint_is_followed_for_an_hour_and_then_forgotten() {
        let app = crate::tests::app();
        let id = provisioning(&app.journal).await;
        let onboarding = app.journal.load(id).await.unwrap().unwrap().onboarding;
        for (minutes, is_void) in [(0, false), (59, false), (61, true)] {
            let event_id = EventId::of_origin(KeyEventReceived::KIND, "test");
            let at = app.clock.now() - Duration::minutes(minutes);
            let event = Event::new(event_id, "test", id, at, KeyEventReceived {});
            let next = handle(Step::on(event, onboarding.clone(), &app), app.clone()).await;
            assert_eq!(matches!(next, Ok(Next::Void(_))), is_void, "{minutes}: {next:?}");
        }
    }
}
