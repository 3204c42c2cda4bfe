//! Has the keys of active onboardings looked at, each once in every interval and at a moment of its own.
//!
//! Lists names only, and publishes [`WatchDue`](onboarding::event::WatchDue) for each onboarding whose moment has come.
//! When many keys were found wrong within a short time, raises the alarm at the vendor's: it is probably not their doing.
//! A repeated run, or another instance, sends the same messages; a run that is missed costs one look.

use futures::{StreamExt as _, stream};
use onboarding::{OnboardingId, watched::Slots};
use service_bus::ServiceBusError;

use crate::{
    App,
    systems::{
        checks::publish_look,
        our_side::{AlarmError, alarm_about_many},
    },
};

/// Messages that are sent at a time.
const AT_A_TIME: usize = 16;

/// Why a run did not end. What it did not reach is looked at an interval later.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WatchError {
    /// The names of the onboardings could not be listed.
    #[error("listing the onboardings that are watched")]
    List(#[from] object_store::Error),
    /// A look could not be published.
    #[error("publishing a look")]
    Publish(#[from] ServiceBusError),
    /// Whether many were found wrong could not be looked at.
    #[error(transparent)]
    Alarm(#[from] AlarmError),
}

pub(crate) async fn handle(app: App) -> Result<(), WatchError> {
    let (slots, now) = (Slots::every(app.settings.watch), app.clock.now());
    let watched = app.watched.all().await?;
    let due = |onboarding| Some((onboarding, slots.due(onboarding, now)?));
    let due: Vec<(OnboardingId, i64)> = watched.iter().copied().filter_map(due).collect();
    let sent = stream::iter(due).map(|(onboarding, look)| publish_look(&app, onboarding, look));
    let sent: Vec<Result<(), ServiceBusError>> = sent.buffer_unordered(AT_A_TIME).collect().await;
    let looks = sent.len();
    sent.into_iter().collect::<Result<(), ServiceBusError>>()?;
    alarm_about_many(&app, watched.len()).await?;
    tracing::debug!(watched = watched.len(), looks, "looks are due");
    Ok(())
}
