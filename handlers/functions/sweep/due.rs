//! The checks, the rungs and the windows whose time has come.

use onboarding::{Onboarding, What, due::DueCheck};

use super::{SweepError, load};
use crate::{
    App,
    systems::checks::{publish_due, publish_move},
};

/// A check that was sent and not made is sent again after so many times the wait before a first check.
const AGAIN_AFTER: u32 = 5;

/// Sends them.
pub(super) async fn send(app: &App) -> Result<(), SweepError> {
    let due = to_be_made(app).await?;
    for (check, onboarding) in &due {
        match check.entry {
            Some(entry) => publish_due(app, check.onboarding, entry).await?,
            None => publish_moves(app, onboarding).await?,
        }
        sent(app, check).await?;
    }
    if !due.is_empty() {
        tracing::info!(checks = due.len(), "checks were due");
    }
    Ok(())
}

/// The ladder, the window and the leaving have messages of their own: what one of them waits for does not hold up another.
async fn publish_moves(app: &App, onboarding: &Onboarding) -> Result<(), SweepError> {
    let due = onboarding.moves(&app.settings.grace).filter(|next| next.at <= app.clock.now());
    let (ladder, others): (Vec<What>, Vec<What>) =
        due.map(|next| next.what).partition(|what| what.is_of_the_ladder());
    for what in ladder.first().into_iter().chain(&others) {
        publish_move(app, onboarding.id(), *what).await?;
    }
    Ok(())
}

/// The checks that are due and were not made. The reminders of all others are taken away.
async fn to_be_made(app: &App) -> Result<Vec<(DueCheck, Onboarding)>, SweepError> {
    let mut to_be_made = vec![];
    for check in app.due.due_at(app.clock.now()).await? {
        // Of a journal that cannot be read, the reminders are as good as any others when it can be read again.
        let Some(onboarding) = load(app, check.onboarding).await? else { continue };
        let Some(entry) = check.entry else {
            match onboarding.next_move(&app.settings.grace) {
                Some(next) if next.at <= app.clock.now() => to_be_made.push((check, onboarding)),
                Some(next) => app.due.put_off(&check, next.at).await?,
                None => app.due.clear(&check).await?,
            }
            continue;
        };
        if onboarding.blockers().wait_for_check_of(entry) {
            to_be_made.push((check, onboarding));
        } else {
            app.due.clear(&check).await?;
        }
    }
    Ok(to_be_made)
}

/// The message may die like any other: whether the check was made is looked at then.
async fn sent(app: &App, check: &DueCheck) -> Result<(), SweepError> {
    let again = app.clock.now() + app.settings.first_check.saturating_mul(AGAIN_AFTER);
    Ok(app.due.put_off(check, again).await?)
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Duration};

    use onboarding::{Fact, OnboardingId, grace::Rung};
    use time::OffsetDateTime;

    use super::*;
    use crate::{
        clock::Clock,
        test_support::{NOW, append, opened, revoked},
    };

    struct At(OffsetDateTime);

    impl Clock for At {
        fn now(&self) -> OffsetDateTime {
            self.0
        }
    }

    async fn due_after(app: &mut App, seconds: u64) -> Vec<(OnboardingId, Option<u64>)> {
        app.clock = Arc::new(At(NOW + Duration::from_secs(seconds)));
        let due = to_be_made(app).await.unwrap();
        for (check, _) in &due {
            sent(app, check).await.unwrap();
        }
        due.into_iter().map(|(check, _)| (check.onboarding, check.entry)).collect()
    }

    #[tokio::test]
    async fn a_check_that_was_sent_and_not_made_is_sent_again_until_the_journal_shows_it() {
        let mut app = crate::tests::app();
        let id = opened(&app.journal).await;
        let waiting = app.journal.load(id).await.unwrap().unwrap().onboarding;
        app.due.set(&waiting, 1).await.unwrap();
        assert_eq!(due_after(&mut app, 59).await, []);
        assert_eq!(due_after(&mut app, 60).await, [(id, Some(1))]);
        assert_eq!(due_after(&mut app, 359).await, [], "it may be under way");
        for again in [360, 660, 960] {
            assert_eq!(due_after(&mut app, again).await, [(id, Some(1))], "its message died");
        }
        append(&app.journal, id, "check", Fact::CheckDue { entry: Some(1) }).await;
        assert_eq!(due_after(&mut app, 9999).await, [], "it was made");
        assert_eq!(app.due.due_at(NOW + Duration::from_secs(99_999)).await.unwrap(), [], "and is forgotten");
    }

    #[tokio::test]
    async fn a_rung_is_due_again_and_again_until_the_journal_shows_it() {
        let mut app = crate::tests::app();
        let id = revoked(&mut app).await;
        app.due.set_rung(id, NOW).await.unwrap();
        assert_eq!(due_after(&mut app, 99).await, [], "the reminder came too early");
        for again in [100, 400, 700] {
            assert_eq!(due_after(&mut app, again).await, [(id, None)], "its message died");
        }
        let due = NOW + Duration::from_secs(1100);
        append(&app.journal, id, "announced", Fact::RungAnnounced { rung: Rung::Suspend, due }).await;
        assert_eq!(due_after(&mut app, 1099).await, [], "it was announced");
        assert_eq!(due_after(&mut app, 1100).await, [(id, None)], "it is to be taken");
        append(&app.journal, id, "frozen", Fact::Frozen { reason: None }).await;
        assert_eq!(due_after(&mut app, 9999).await, [], "it is frozen");
        assert_eq!(app.due.due_at(NOW + Duration::from_secs(99_999)).await.unwrap(), []);
    }
}
