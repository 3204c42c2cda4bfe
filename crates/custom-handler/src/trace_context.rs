//! The W3C Trace Context of what caused an invocation.

use axum::http::HeaderMap;
use serde_json::Value;

use crate::metadata::MessageMetadata;

/// The trace context that came with a request or a message.
#[derive(Debug, Clone)]
pub(crate) struct TraceContext {
    pub(crate) traceparent: String,
    #[cfg_attr(not(feature = "otlp"), expect(dead_code, reason = "only an exporter passes it on"))]
    pub(crate) tracestate: Option<String>,
}

impl TraceContext {
    fn new(traceparent: Option<&str>, tracestate: Option<&str>) -> Option<Self> {
        Some(Self { traceparent: traceparent?.to_owned(), tracestate: tracestate.map(str::to_owned) })
    }

    pub(crate) fn of_headers(headers: &HeaderMap) -> Option<Self> {
        let header = |name: &str| headers.get(name)?.to_str().ok();
        Self::new(header("traceparent"), header("tracestate"))
    }

    pub(crate) fn of_message(metadata: &MessageMetadata) -> Option<Self> {
        let tracestate = metadata.application_properties.get("tracestate").and_then(Value::as_str);
        Self::new(metadata.traceparent(), tracestate)
    }

    /// Of the message that this one is a replay of: another message, in another trace.
    pub(crate) fn of_replayed(metadata: &MessageMetadata) -> Option<Self> {
        Self::new(metadata.replay_of_traceparent(), None)
    }
}
