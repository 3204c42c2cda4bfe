//! Checks as messages: of what an onboarding waits for, and of its subscription.

use onboarding::{
    OnboardingId,
    event::{CheckCause, CheckDue, Event, EventData, EventId, SubscriptionCheckDue},
};
use service_bus::ServiceBusError;
use uuid::Uuid;

use crate::{App, trace_context};

/// The check that this entry set is due. Sent again it has the same id, so it is looked at once.
pub(crate) async fn publish_due(
    app: &App,
    onboarding: OnboardingId,
    entry: u64,
) -> Result<(), ServiceBusError> {
    let origin = format!("{onboarding}\n{entry}");
    publish(app, onboarding, "sweep", &origin, CheckDue { entry: Some(entry), because: None }).await
}

/// Nothing has happened since this entry, and it is nobody's turn. Sent again it is another message: what became of the
/// one before is not known, and once one of them was taken in the others are void.
pub(crate) async fn publish_standstill(
    app: &App,
    onboarding: OnboardingId,
    entry: u64,
) -> Result<(), ServiceBusError> {
    let origin = format!("{onboarding}\n{entry}\nstands still\n{}", Uuid::new_v4());
    let check = CheckDue { entry: Some(entry), because: Some(CheckCause::Standstill) };
    publish(app, onboarding, "sweep", &origin, check).await
}

/// A person asks to look again at everything. Asked again before anything changed, within the same ten seconds, it is
/// the same check.
pub(crate) async fn publish_asked_for(
    app: &App,
    onboarding: OnboardingId,
    number: u64,
    source: &str,
) -> Result<(), ServiceBusError> {
    let moment = app.clock.now().unix_timestamp() / 10;
    let origin = format!("{onboarding}\n{number}\nasked for at {moment}");
    publish(app, onboarding, source, &origin, CheckDue { entry: None, because: None }).await
}

/// The check of a subscription that is due today.
pub(crate) async fn publish_subscription_check(
    app: &App,
    onboarding: OnboardingId,
) -> Result<(), ServiceBusError> {
    let origin = format!("{onboarding}\n{}", app.clock.now().date());
    publish(app, onboarding, "check_subscriptions", &origin, SubscriptionCheckDue {}).await
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
