//! The walk over all onboardings.

use std::sync::PoisonError;

use onboarding::{OnboardingId, Stage, walk::Stretch};

use super::{SweepError, load};
use crate::{
    App,
    metrics::{self, Census},
    systems::checks::{publish_replay_due, publish_standstill},
};

/// Goes on with the walk.
pub(super) async fn on(app: &App) -> Result<(), SweepError> {
    let stretch = app.walk.next(app.journal.onboardings().await?).await?;
    let found = stands_still(app, &stretch).await?;
    census(app, &stretch, found.census);
    for (onboarding, entry) in found.replays {
        tracing::warn!(%onboarding, entry, "nothing was heard of a replay: it is gone on with");
        publish_replay_due(app, onboarding, entry).await?;
    }
    for (onboarding, entry) in found.standing {
        tracing::warn!(%onboarding, entry, "nothing happens here, and it is nobody's turn: it is started again");
        publish_standstill(app, onboarding, entry).await?;
    }
    Ok(app.walk.done(&stretch).await?)
}

/// What a stretch of the walk found, each with the entry that nothing came after.
#[derive(Debug, Default)]
struct Found {
    standing: Vec<(OnboardingId, u64)>,
    replays: Vec<(OnboardingId, u64)>,
    census: Census,
}

/// Adds up what the stretches of a walk counted, and reports it when the walk ends. The walk goes on in another instance
/// when this one ends; then the next whole walk counts.
fn census(app: &App, stretch: &Stretch, counted: Census) {
    let mut census = app.census.lock().unwrap_or_else(PoisonError::into_inner);
    if stretch.is_first {
        *census = Some(Census::default());
    }
    let Some(whole) = census.as_mut() else { return };
    whole.add(counted);
    if stretch.is_last {
        metrics::census(whole);
        *census = None;
    }
}

/// What has stood for too long. On the way, reminders and watches that were lost are set again, and
/// the keys that were submitted where the subscription has ended are forgotten.
async fn stands_still(app: &App, stretch: &Stretch) -> Result<Found, SweepError> {
    let (now, standstill) = (app.clock.now(), app.settings.standstill);
    let watched = app.watched.all().await?;
    let mut found = Found::default();
    for id in &stretch.onboardings {
        let Some(onboarding) = load(app, *id).await? else { continue };
        found.census.count(&onboarding);
        if onboarding.restart_at(standstill).is_some_and(|at| at <= now) {
            found.standing.push((*id, onboarding.number()));
        }
        if let Some(replay) = onboarding.lost_replay(now - standstill) {
            found.replays.push((*id, replay.entry));
        }
        app.due.set_lost(&onboarding, now - standstill).await?;
        if onboarding.is_watched() != watched.contains(id) {
            app.watched.follow(&onboarding).await?;
        }
        if onboarding.stage() == Stage::Ended {
            app.submissions.forget(*id).await?;
        }
        if let Some(next) =
            onboarding.next_move(&app.settings.grace).filter(|next| next.at < now - standstill)
        {
            app.due.set_rung(*id, next.at).await?;
        }
    }
    Ok(found)
}

#[cfg(test)]
#[path = "walk_tests.rs"]
mod tests;
