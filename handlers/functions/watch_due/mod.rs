//! Looks at the key of an active onboarding, because its time has come, because somebody asks, or to confirm what the
//! look before it saw.
//!
//! Reads the customer's vault and changes nothing there. That the key works is no news: it is written down beside the
//! journal, once an hour. Publishes [`WatchDue`] when something is to be confirmed.

use onboarding::event::WatchDue;

use crate::{
    App,
    step::{Next, Step, StepError},
    systems::watch::{self, Why},
};

pub(crate) async fn handle(step: Step<WatchDue>, app: App) -> Result<Next, StepError> {
    let WatchDue { asked, seen, until } = step.event.data;
    let why = match seen {
        Some(seen) => Why::Confirm { seen, until },
        None if asked => Why::Asked,
        None => Why::ItsTime,
    };
    watch::look(&step, &app, why).await
}
