//! Checks as messages: of what an onboarding waits for, and of its subscription.

use std::time::Duration;

use onboarding::{
    Asked, Onboarding, OnboardingId, What,
    event::{
        CheckCause, CheckDue, Event, EventData, EventId, LeavingDue, ReplayDue, RungDue,
        SubscriptionCheckDue, WatchDue, WindowDue,
    },
};
use service_bus::ServiceBusError;
use uuid::Uuid;

use crate::{App, budgets, trace_context};

/// The check that this entry set is due. Sent again it is another message: the one before may have died, and once one of
/// them was taken in the others are void.
pub(crate) async fn publish_due(
    app: &App,
    onboarding: OnboardingId,
    entry: u64,
) -> Result<(), ServiceBusError> {
    publish_once(app, onboarding, "sweep", CheckDue { entry: Some(entry), because: None }).await
}

/// The grace ladder has something to do, or an onboarding that leaves. Sent again it is another message; the journal knows
/// what is due.
pub(crate) async fn publish_move(
    app: &App,
    onboarding: OnboardingId,
    what: What,
) -> Result<(), ServiceBusError> {
    match what {
        What::Leave => publish_once(app, onboarding, "sweep", LeavingDue {}).await,
        What::Window => publish_once(app, onboarding, "sweep", WindowDue {}).await,
        What::Announce(_) | What::Withdraw(_) | What::Take(_) | What::LookAtMachines => {
            publish_once(app, onboarding, "sweep", RungDue {}).await
        }
    }
}

/// Nothing was heard of this replay. Sent again it is another message: of several only the first counts.
pub(crate) async fn publish_replay_due(
    app: &App,
    onboarding: OnboardingId,
    entry: u64,
) -> Result<(), ServiceBusError> {
    publish_once(app, onboarding, "sweep", ReplayDue { entry }).await
}

/// Nothing has happened since this entry, and it is nobody's turn. Sent again it is another message: what became of the
/// one before is not known, and once one of them was taken in the others are void.
pub(crate) async fn publish_standstill(
    app: &App,
    onboarding: OnboardingId,
    entry: u64,
) -> Result<(), ServiceBusError> {
    let check = CheckDue { entry: Some(entry), because: Some(CheckCause::Standstill) };
    publish_once(app, onboarding, "sweep", check).await
}

/// What comes of it when a person asks to look again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    /// What the onboarding says.
    Asked(Asked),
    /// Somebody asked a moment ago, and there is no other look so soon.
    AskedBefore {
        /// Until a new look can be asked for.
        wait: Duration,
    },
    /// The tenant asked too often.
    TooOften {
        /// Until it can ask again.
        wait: Duration,
    },
}

/// Why nobody could be asked to look.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AskError {
    /// The budgets could not be read or written.
    #[error("taking a check from its budget")]
    Budget(#[from] object_store::Error),
    /// The check could not be published.
    #[error("publishing a check")]
    Publish(#[from] ServiceBusError),
}

/// A person asks to look again at everything; answers what comes of it. Who asks first within a window of the budget has
/// it looked at, under a message of its own.
pub(crate) async fn ask(app: &App, onboarding: &Onboarding, source: &str) -> Result<Answer, AskError> {
    let asked = onboarding.asked(app.clock.now(), app.settings.first_check);
    match asked {
        Asked::LooksAgain | Asked::LooksAtKey => {}
        Asked::UnderWay | Asked::VendorsTurn | Asked::NothingToDo | Asked::Ended => {
            return Ok(Answer::Asked(asked));
        }
    }
    if let Some(wait) = budgets::take_one(app, &budgets::checks(app), onboarding.id()).await? {
        return Ok(Answer::AskedBefore { wait });
    }
    if let Some(wait) = budgets::take_one(app, &budgets::CHECKS_OF_TENANT, onboarding.tenant()).await? {
        return Ok(Answer::TooOften { wait });
    }
    if asked == Asked::LooksAtKey {
        let until = app.clock.now() + app.settings.watch;
        publish_once(app, onboarding.id(), source, WatchDue { until, asked: true, seen: None }).await?;
    }
    if asked == Asked::LooksAgain || onboarding.waits_beside_its_key() {
        publish_once(app, onboarding.id(), source, CheckDue { entry: None, because: None }).await?;
    }
    Ok(Answer::Asked(asked))
}

/// The operator asks to look again at everything, also at what was refused.
pub(crate) async fn resume(app: &App, onboarding: OnboardingId) -> Result<(), ServiceBusError> {
    publish_once(app, onboarding, "operations", CheckDue { entry: None, because: Some(CheckCause::Operator) })
        .await
}

/// The check of a subscription that is due today.
pub(crate) async fn publish_subscription_check(
    app: &App,
    onboarding: OnboardingId,
) -> Result<(), ServiceBusError> {
    let origin = format!("{onboarding}\n{}", app.clock.now().date());
    publish(app, onboarding, "check_subscriptions", &origin, SubscriptionCheckDue {}).await
}

/// The disks of an onboarding were listed, and one of them has something to be done. One message an hour, whatever the
/// number of runs.
pub(crate) async fn publish_found<D: EventData>(
    app: &App,
    onboarding: OnboardingId,
    target: &str,
    found: D,
) -> Result<(), ServiceBusError> {
    let now = app.clock.now();
    let origin = format!("{onboarding}\n{target}\n{} {}", now.date(), now.hour());
    publish(app, onboarding, "find_disks", &origin, found).await
}

/// It is time for this look at the key of an active onboarding. Sent again it is the same message.
pub(crate) async fn publish_look(
    app: &App,
    onboarding: OnboardingId,
    look: i64,
) -> Result<(), ServiceBusError> {
    let until = app.clock.now() + app.settings.watch;
    let origin = format!("{onboarding}\n{look}");
    publish(app, onboarding, "watch", &origin, WatchDue { until, asked: false, seen: None }).await
}

/// Under an id that nobody can know before, and that nothing else has: no other message can take its place.
async fn publish_once<D: EventData>(
    app: &App,
    onboarding: OnboardingId,
    source: &str,
    check: D,
) -> Result<(), ServiceBusError> {
    publish(app, onboarding, source, &one_of_a_kind(onboarding), check).await
}

fn one_of_a_kind(onboarding: OnboardingId) -> String {
    format!("{onboarding}\n{}", Uuid::new_v4())
}

async fn publish<D: EventData>(
    app: &App,
    onboarding: OnboardingId,
    source: &str,
    origin: &str,
    check: D,
) -> Result<(), ServiceBusError> {
    let id = EventId::of_origin(D::KIND, origin);
    let mut event = Event::new(id, source, onboarding, app.clock.now(), check);
    event.traceparent = Some(trace_context::new_trace());
    app.bus.publish(&event.to_message(None)).await
}
