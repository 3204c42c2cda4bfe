//! Timer functions.
//!
//! Source: azure-webjobs-sdk-extensions, `TimerInfo.cs`; Microsoft Learn, "Timer trigger for Azure Functions".

use std::{fmt::Display, sync::Arc};

use serde::Deserialize;
use time::OffsetDateTime;
use tracing::Span;

use crate::{
    decode,
    failure::Failure,
    invocation::{Completion, Handler, Invocation},
    span, timestamp, wire,
};

/// A timer that fired.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timer {
    /// It fired later than scheduled, for instance because the app was not running.
    pub is_past_due: bool,
    /// Absent when the host does not keep it: `useMonitor` is off, or the interval shorter than a minute.
    pub schedule_status: Option<ScheduleStatus>,
    /// The function that was invoked.
    pub function: &'static str,
    /// The host's id for this run, a GUID.
    pub invocation_id: String,
}

/// When a timer fired and will fire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(default)]
pub struct ScheduleStatus {
    /// The last time; absent when this is the first.
    #[serde(rename = "Last", alias = "last", deserialize_with = "timestamp::lenient")]
    pub last: Option<OffsetDateTime>,
    /// The next time, as it was expected before this run.
    #[serde(rename = "Next", alias = "next", deserialize_with = "timestamp::lenient")]
    pub next: Option<OffsetDateTime>,
    /// When the host last wrote this status down.
    #[serde(rename = "LastUpdated", alias = "lastUpdated", deserialize_with = "timestamp::lenient")]
    pub last_updated: Option<OffsetDateTime>,
}

#[derive(Deserialize)]
struct Wire {
    #[serde(rename = "IsPastDue", alias = "isPastDue", default)]
    is_past_due: bool,
    #[serde(rename = "ScheduleStatus", alias = "scheduleStatus", default)]
    schedule_status: Option<ScheduleStatus>,
}

/// Adapts a timer function to what the host sends.
pub(crate) fn on_timer<S, H, Fut, E>(handler: H) -> Handler<S>
where
    S: Clone + Send + Sync + 'static,
    H: Fn(Timer, S) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<(), E>> + Send + 'static,
    E: Display,
{
    let handler = Arc::new(handler);
    Arc::new(move |mut invocation: Invocation, state: S| {
        let handler = Arc::clone(&handler);
        Box::pin(async move {
            span::continue_trace(&Span::current(), invocation.trace_context.as_ref());
            let value = invocation.envelope.take_trigger_value().map_err(Failure::Envelope)?;
            let wire: Wire = serde_path_to_error::deserialize(wire::unwrapped(&value))
                .map_err(|error| Failure::Envelope(decode::describe(&error)))?;
            let timer = Timer {
                is_past_due: wire.is_past_due,
                schedule_status: wire.schedule_status,
                function: invocation.function,
                invocation_id: invocation.id,
            };
            handler(timer, state).await.map_err(|error| Failure::handler(&error))?;
            Ok(Completion::Done)
        })
    })
}
