//! Asking for the key in use to be replaced, as a message.

use azure_ids::KeyUrl;
use onboarding::{
    Onboarding,
    event::{Event, EventData, EventId, KeyReplacementRequested},
    replacement::Asker,
};
use service_bus::ServiceBusError;

use crate::{App, trace_context};

/// A person asks for it. A double click is one message.
pub(crate) async fn ask(
    app: &App,
    onboarding: &Onboarding,
    key: &KeyUrl,
    by: Asker,
) -> Result<(), ServiceBusError> {
    let (id, number) = (onboarding.id(), onboarding.number());
    let (source, now) = match by {
        Asker::Customer => ("onboarding_page", app.clock.now()),
        Asker::Operator => ("operations", app.clock.now()),
    };
    let origin = format!("{id}\n{number}\n{key}\n{by}\nat {}", now.unix_timestamp() / 10);
    let event_id = EventId::of_origin(KeyReplacementRequested::KIND, &origin);
    let data = KeyReplacementRequested { key: key.without_version(), by: Some(by) };
    let mut event = Event::new(event_id, source, id, now, data);
    event.traceparent = Some(trace_context::new_trace());
    app.bus.publish(&event.to_message(None)).await
}
