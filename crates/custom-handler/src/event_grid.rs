//! Events of Event Grid, in either of its schemas.
//!
//! The host does both handshakes itself and hands over one event a run. There are no dead letters to move an event to:
//! a failed run makes Event Grid deliver again, with growing pauses, and its own dead-lettering (to a storage account)
//! keeps what fails to the end. Source: azure-sdk-for-net, `EventGridExtensionConfigProvider.cs`; Microsoft Learn,
//! "Azure Event Grid event schema" and "CloudEvents v1.0 schema".

use std::{fmt::Display, sync::Arc};

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use time::OffsetDateTime;

use crate::{
    answer::Verdict,
    decode,
    dispatch::{Handler, Invocation},
    failure::Failure,
    metadata::RetryContext,
    moment,
    outputs::Outputs,
    span, wire,
};

/// An event of Event Grid.
#[derive(Debug, Clone)]
pub struct GridEvent<T> {
    /// The publisher's name for the event. The same event may come more than once.
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
    /// Which attempt this is, when the function has a retry policy.
    pub retry: Option<RetryContext>,
    /// The function that was invoked.
    pub function: &'static str,
    /// The host's name for this run, a GUID.
    pub invocation_id: String,
}

impl<T: DeserializeOwned> GridEvent<T> {
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
            time: text(["time", "eventTime"]).as_deref().and_then(moment::parse),
            data: serde_path_to_error::deserialize(data)
                .map_err(|error| format!("data: {}", decode::describe(&error)))?,
            attributes: event,
            retry: RetryContext::read(&invocation.envelope.metadata),
            function: invocation.function,
            invocation_id: invocation.id,
        })
    }
}

/// Adapts an Event Grid function to the wire.
pub(crate) fn on_event<S, T, H, Fut, R, E>(handler: H) -> Handler<S>
where
    S: Clone + Send + Sync + 'static,
    T: DeserializeOwned + Send + 'static,
    H: Fn(GridEvent<T>, S) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<R, E>> + Send + 'static,
    R: Into<Outputs>,
    E: Display,
{
    let handler = Arc::new(handler);
    Arc::new(move |mut invocation: Invocation, state: S| {
        let handler = Arc::clone(&handler);
        Box::pin(async move {
            let value = invocation.envelope.take_trigger_value().map_err(Failure::Envelope)?;
            let event = wire::object(&value)
                .ok_or_else(|| Failure::Envelope("the event is no JSON object".to_owned()))?;
            span::record_event(&event, invocation.sender.as_ref());
            let event = GridEvent::read(event, invocation).map_err(Failure::Envelope)?;
            let returned = handler(event, state).await.map_err(|error| Failure::handler(&error))?;
            Ok(Verdict::Done(returned.into()))
        })
    })
}
