//! Spans and metrics: exported by OTLP; spans are continued by the next service.
//!
//! Each invocation is one `tracing` span. With the crate's feature `otlp` (on by default) they leave for an
//! OpenTelemetry collector as soon as the environment names one, by OTLP over HTTP with protobuf:
//!
//! | variable | meaning |
//! |---|---|
//! | `OTEL_EXPORTER_OTLP_ENDPOINT` | the collector, such as `http://127.0.0.1:4318`; `/v1/traces` is added |
//! | `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT` | the same for spans alone; nothing is added |
//! | `OTEL_EXPORTER_OTLP_HEADERS`, `…_TIMEOUT` | headers (`name=value,…`) and time limit (milliseconds) of an export |
//! | `OTEL_SERVICE_NAME`, `OTEL_RESOURCE_ATTRIBUTES` | who we are; else the function app's or the executable's name |
//! | `OTEL_TRACES_SAMPLER`, `…_ARG` | which traces; all of them unless the sender decided otherwise |
//! | `OTEL_BSP_SCHEDULE_DELAY`, … | how spans are collected; every 200 ms unless set |
//! | `OTEL_METRIC_EXPORT_INTERVAL` | milliseconds between two exports of metrics; 10 seconds unless set |
//! | `OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE` | `cumulative` (unless set), `delta` or `lowmemory` |
//! | `OTEL_TRACES_EXPORTER=none`, `OTEL_METRICS_EXPORTER=none`, `OTEL_SDK_DISABLED=true` | no export |
//!
//! Sources: OpenTelemetry specification, "Environment Variable Specification" and "OpenTelemetry Protocol Exporter".
//!
//! Metrics are whatever the app measures with OpenTelemetry's global meter (`opentelemetry::global::meter`), asked for after
//! [`logging::init`](crate::logging::init). Without a collector they cost nothing.
//!
//! # What a killed process loses
//!
//! The Functions host ends a handler by SIGKILL, so nothing can be sent at the end. Spans are therefore sent while the
//! process runs, every 200 ms: a kill loses the spans that ended within that time, and those of invocations that were
//! still running. A collector that cannot be reached costs spans, never an invocation, and one line in the log.
//!
//! # One trace through several queues
//!
//! The span of a message is the child of the span that sent it, if the message says so in its application properties
//! `traceparent` (and `tracestate`) or `Diagnostic-Id`, W3C Trace Context each; so is that of an event with
//! CloudEvents' `traceparent`. A message that was taken out of the dead-letter queue and sent again is in a trace of its
//! own; its span has a link to the span that sent it first (`x-replay-of-traceparent`). HTTP requests and timers take
//! the trace from the headers of the request. To continue the trace, send [`traceparent`] with whatever the function
//! sends.

pub use crate::exports::Export;
use crate::{exports, otlp};

/// What became of the last export of spans by this process.
#[must_use]
pub fn spans() -> Export {
    exports::SPANS.last()
}

/// What became of the last export of metrics by this process.
#[must_use]
pub fn metrics() -> Export {
    exports::METRICS.last()
}

/// The current span, in the form in which W3C Trace Context passes it on (`00-{trace}-{span}-{flags}`); `None` when spans are not
/// exported, since they have no ids then.
#[must_use]
pub fn traceparent() -> Option<String> {
    otlp::current()
}
