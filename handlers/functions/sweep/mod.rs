//! Looks after everything that would otherwise stand: sends the checks whose time has come, and walks over the onboardings.
//!
//! Lists the reminders of onboardings that wait, and publishes [`CheckDue`](onboarding::event::CheckDue) for each that is
//! due. A message that was sent may die, so the reminder is only put off then, and taken away when the journal shows that
//! the check was made. A sweep that is killed sends the same check again; all but the first are void.
//!
//! Then it walks a part of the way over all onboardings, because a message or a reminder may have been lost: one that
//! has stood without anybody's turn is to be started again ([`restart_at`](onboarding::Onboarding::restart_at)), and a reminder whose time is
//! long past is set again. Reads the journal; changes the place that the walk has reached.
//!
//! A sign-up that was not opened has no journal; its marker says that it is to be sent again.
//!
//! At last it takes away what is past its use: used states of consents, and budgets.

mod due;
mod signups;
mod walk;

use onboarding::journal::{Head, JournalError};
use onboarding::{Onboarding, OnboardingId};

use crate::App;

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
    due::send(&app).await?;
    walk::on(&app).await?;
    signups::send_again(&app).await?;
    take_away(&app).await
}

/// Takes away what is past its use, a bounded number at a time.
async fn take_away(app: &App) -> Result<(), SweepError> {
    let now = app.clock.now();
    let objects = app.budgets.remove_past(now).await? + app.used_states.remove_past(now).await?;
    if objects > 0 {
        tracing::info!(objects, "objects past their use were taken away");
    }
    Ok(())
}

/// One journal that cannot be read must not keep the others from being looked after.
async fn load(app: &App, onboarding: OnboardingId) -> Result<Option<Onboarding>, JournalError> {
    match app.journal.load(onboarding).await {
        Err(error @ (JournalError::Unreadable { .. } | JournalError::Tampered { .. })) => {
            tracing::error!(%onboarding, %error, "the journal is damaged");
            Ok(None)
        }
        // The newer version of the app that wrote it sweeps too.
        Err(JournalError::Newer { .. }) => Ok(None),
        Ok(head) => Ok(head.map(|Head { onboarding, .. }| onboarding)),
        Err(error) => Err(error),
    }
}
