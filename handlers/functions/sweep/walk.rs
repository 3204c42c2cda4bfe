//! The walk over all onboardings.

use onboarding::{OnboardingId, Stage, walk::Stretch};

use super::{SweepError, load};
use crate::{App, systems::checks::publish_standstill};

/// Goes on with the walk.
pub(super) async fn on(app: &App) -> Result<(), SweepError> {
    let stretch = app.walk.next(app.journal.onboardings().await?).await?;
    for (onboarding, entry) in stands_still(app, &stretch).await? {
        tracing::warn!(%onboarding, entry, "nothing happens here, and it is nobody's turn: it is started again");
        publish_standstill(app, onboarding, entry).await?;
    }
    Ok(app.walk.done(&stretch).await?)
}

/// What has stood for too long, with its newest entry. On the way, reminders and watches that were lost are set again, and
/// the keys that were submitted where the subscription has ended are forgotten.
async fn stands_still(app: &App, stretch: &Stretch) -> Result<Vec<(OnboardingId, u64)>, SweepError> {
    let (now, standstill) = (app.clock.now(), app.settings.standstill);
    let watched = app.watched.all().await?;
    let mut found = vec![];
    for id in &stretch.onboardings {
        let Some(onboarding) = load(app, *id).await? else { continue };
        if onboarding.restart_at(standstill).is_some_and(|at| at <= now) {
            found.push((*id, onboarding.number()));
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
