//! Events of Event Grid, in either of its schemas.
//!
//! The host does both validation handshakes itself and passes on one event a run. There is no dead-letter queue to move
//! an event to: after a failed run Event Grid delivers again, with growing pauses, and its own dead-lettering (to a
//! storage account) keeps what fails to the end. Source: azure-sdk-for-net, `EventGridExtensionConfigProvider.cs`; Microsoft Learn,
//! "Azure Event Grid event schema" and "CloudEvents v1.0 schema".

use std::{fmt::Display, sync::Arc};

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use time::OffsetDateTime;

use crate::{
    decode,
    failure::Failure,
    invocation::{Completion, Handler, Invocation},
    span, timestamp, wire,
};

/// An event of Event Grid.
#[derive(Debug, Clone)]
pub struct EventGridEvent<T> {
    /// The publisher's id for the event. The same event may come more than once.
    pub id: String,
    /// Where it comes from: CloudEvents' `source`, or the `topic` of Event Grid's own schema.
    pub source: String,
    /// What happened: CloudEvents' `type`, or the `eventType` of Event Grid's own schema.
    pub event_type: String,
    /// What it happened to.
    pub subject: Option<String>,
    /// When it happened.
    pub time: Option<OffsetDateTime>,
    /// The event's data, decoded.
    pub data: T,
    /// The event as it came, but for its data: schema versions, extensions such as `traceparent`.
    pub attributes: Map<String, Value>,
    /// The function that was invoked.
    pub function: &'static str,
    /// The host's id for this run, a GUID.
    pub invocation_id: String,
}

impl<T: DeserializeOwned> EventGridEvent<T> {
    fn read(mut event: Map<String, Value>, invocation: Invocation) -> Result<Self, String> {
        let data = event.remove("data").unwrap_or(Value::Null);
        let text =
            |names: [&str; 2]| names.iter().find_map(|name| event.get(*name)?.as_str().map(str::to_owned));
        let required = |names: [&str; 2]| {
            text(names).ok_or_else(|| format!("the event has neither {} nor {}", names[0], names[1]))
        };
        let (id, source) = (event.get("id").and_then(Value::as_str), required(["source", "topic"])?);
        Ok(Self {
            id: id.ok_or("the event has no id")?.to_owned(),
            source,
            event_type: required(["type", "eventType"])?,
            subject: text(["subject", "subject"]),
            time: text(["time", "eventTime"]).as_deref().and_then(timestamp::parse),
            data: serde_path_to_error::deserialize(data)
                .map_err(|error| format!("data: {}", decode::describe(&error)))?,
            attributes: event,
            function: invocation.function,
            invocation_id: invocation.id,
        })
    }
}

/// Adapts an Event Grid function to what the host sends.
pub(crate) fn on_event<S, T, H, Fut, E>(handler: H) -> Handler<S>
where
    S: Clone + Send + Sync + 'static,
    T: DeserializeOwned + Send + 'static,
    H: Fn(EventGridEvent<T>, S) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<(), E>> + Send + 'static,
    E: Display,
{
    let handler = Arc::new(handler);
    Arc::new(move |mut invocation: Invocation, state: S| {
        let handler = Arc::clone(&handler);
        Box::pin(async move {
            let value = invocation.envelope.take_trigger_value().map_err(Failure::Envelope)?;
            let event = wire::object(&value)
                .ok_or_else(|| Failure::Envelope("the event is not a JSON object".to_owned()))?;
            span::record_event(&event, invocation.trace_context.as_ref());
            let event = EventGridEvent::read(event, invocation).map_err(Failure::Envelope)?;
            handler(event, state).await.map_err(|error| Failure::handler(&error))?;
            Ok(Completion::Done)
        })
    })
}
