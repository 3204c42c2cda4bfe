//! Checks as messages: of what an onboarding waits for, and of its subscription.

use onboarding::{
    Asked, Onboarding, OnboardingId,
    event::{CheckCause, CheckDue, Event, EventData, EventId, RungDue, SubscriptionCheckDue, WatchDue},
};
use service_bus::ServiceBusError;
use uuid::Uuid;

use crate::{App, trace_context};

/// The check that this entry set is due. Sent again it is another message: the one before may have died, and once one of
/// them was taken in the others are void.
pub(crate) async fn publish_due(
    app: &App,
    onboarding: OnboardingId,
    entry: u64,
) -> Result<(), ServiceBusError> {
    publish_once(app, onboarding, "sweep", CheckDue { entry: Some(entry), because: None }).await
}

/// The grace ladder has something to do. Sent again it is another message; the journal knows what is due.
pub(crate) async fn publish_rung_due(app: &App, onboarding: OnboardingId) -> Result<(), ServiceBusError> {
    publish_once(app, onboarding, "sweep", RungDue {}).await
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

/// A person asks to look again at everything; answers what comes of it. Each time is a message of its own, unless there is
/// nothing to look at.
pub(crate) async fn ask(app: &App, onboarding: &Onboarding, source: &str) -> Result<Asked, ServiceBusError> {
    let asked = onboarding.asked(app.clock.now(), app.settings.first_check);
    let check = CheckDue { entry: None, because: None };
    match asked {
        Asked::LooksAgain => publish_once(app, onboarding.id(), source, check).await?,
        Asked::LooksAtKey => {
            let until = app.clock.now() + app.settings.watch;
            publish_once(app, onboarding.id(), source, WatchDue { until, asked: true, seen: None }).await?;
            if onboarding.waits_beside_its_key() {
                publish_once(app, onboarding.id(), source, check).await?;
            }
        }
        Asked::UnderWay | Asked::VendorsTurn | Asked::NothingToDo | Asked::Ended => {}
    }
    Ok(asked)
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
