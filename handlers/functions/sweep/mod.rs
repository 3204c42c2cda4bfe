//! Sends the checks whose time has come.
//!
//! Lists the reminders of onboardings that wait, publishes [`CheckDue`](onboarding::event::CheckDue) for each
//! that is due, and then takes the reminder away: never the other way round, so a sweep that is killed sends the same
//! check again, under the same id.

use crate::{App, systems::checks::publish_due};

/// Why a sweep did not end. What it did not reach is swept next time.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SweepError {
    /// The reminders could not be read or taken away.
    #[error("reading the reminders")]
    Reminders(#[from] object_store::Error),
    /// A check could not be published.
    #[error("publishing a check")]
    Publish(#[from] service_bus::ServiceBusError),
}

pub(crate) async fn handle(app: App) -> Result<(), SweepError> {
    let due = app.due.due_at(app.clock.now()).await?;
    for check in &due {
        publish_due(&app, check.onboarding, check.entry).await?;
        app.due.clear(check).await?;
    }
    if !due.is_empty() {
        tracing::info!(checks = due.len(), "checks were due");
    }
    Ok(())
}
