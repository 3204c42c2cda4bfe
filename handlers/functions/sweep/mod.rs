//! Looks after everything that would otherwise stand: sends the checks whose time has come, and walks over the onboardings.
//!
//! Lists the reminders of onboardings that wait, publishes [`CheckDue`](onboarding::event::CheckDue) for each
//! that is due, and then takes the reminder away: never the other way round, so a sweep that is killed sends the same
//! check again, under the same id.
//!
//! Then it walks a part of the way over all onboardings, because a message or a reminder may have been lost: one that
//! has stood without anybody's turn is to be started again ([`restart_at`](onboarding::Onboarding::restart_at)), and a reminder whose time is
//! long past is set again. Reads the journal; changes the place that the walk has reached.

mod walk;

use onboarding::journal::JournalError;

use crate::{App, systems::checks::publish_due};

/// Why a sweep did not end. What it did not reach is swept next time.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SweepError {
    /// The reminders, or the place of the walk, could not be read or written.
    #[error("reading or writing the reminders")]
    Reminders(#[from] object_store::Error),
    /// A check could not be published.
    #[error("publishing a check")]
    Publish(#[from] service_bus::ServiceBusError),
    /// The journals could not be read.
    #[error("reading the journals")]
    Journal(#[from] JournalError),
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
    walk::on(&app).await
}
