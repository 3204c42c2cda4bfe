//! The check of what an onboarding waits for, as a message.

use onboarding::{
    OnboardingId,
    event::{Event, EventData, EventId, KeyCheckDue},
};

use crate::{App, trace_context};

/// Asks to look again at what an onboarding waits for. The sweep and an impatient customer publish the same id for
/// the same check, so it is looked at once.
pub(crate) async fn publish_check(
    app: &App,
    onboarding: OnboardingId,
    entry: u64,
    source: &str,
) -> Result<(), service_bus::ServiceBusError> {
    let id = EventId::of_origin(KeyCheckDue::KIND, &format!("{onboarding}\n{entry}"));
    let mut event = Event::new(id, source, onboarding, app.clock.now(), KeyCheckDue { entry });
    event.traceparent = Some(trace_context::new_trace());
    app.bus.publish(&event.to_message(None)).await
}
