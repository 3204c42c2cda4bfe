//! One span an invocation. `tracing` wants the name of a span to be constant, so the name that varies is in
//! `otel.name`, where an exporter finds it.

use time::OffsetDateTime;
use tracing::{Span, field::Empty};

use crate::{metadata::MessageMetadata, otlp, semconv, trace_context::TraceContext};

/// What sets a function off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trigger {
    Http,
    Queue,
    Timer,
}

impl Trigger {
    /// The `type` of the binding in `function.json`.
    pub(crate) fn binding_type(self) -> &'static str {
        match self {
            Self::Http => "httpTrigger",
            Self::Queue => "serviceBusTrigger",
            Self::Timer => "timerTrigger",
        }
    }
}

/// Makes the span a part of the sender's trace. At most once a span: what is recorded twice is written twice.
pub(crate) fn continue_trace(span: &Span, sender: Option<&TraceContext>) {
    if let Some(sender) = sender {
        span.record(semconv::TRACE_PARENT, sender.traceparent.as_str());
        otlp::continue_trace(span, sender);
    }
}

/// The span of one invocation.
pub(crate) fn of_invocation(trigger: Trigger, function: &'static str, id: &str) -> Span {
    match trigger {
        Trigger::Http => tracing::info_span!(
            "invoke",
            { semconv::OTEL_NAME } = function,
            { semconv::OTEL_KIND } = "server",
            { semconv::FAAS_TRIGGER } = "http",
            { semconv::FAAS_NAME } = function,
            { semconv::FAAS_INVOCATION_ID } = id,
            { semconv::TRACE_PARENT } = Empty,
            { semconv::ERROR_TYPE } = Empty,
        ),
        Trigger::Queue => tracing::info_span!(
            "process",
            { semconv::OTEL_NAME } = format_args!("process {function}"),
            { semconv::OTEL_KIND } = "consumer",
            { semconv::FAAS_TRIGGER } = "pubsub",
            { semconv::FAAS_NAME } = function,
            { semconv::FAAS_INVOCATION_ID } = id,
            { semconv::MESSAGING_SYSTEM } = "servicebus",
            { semconv::MESSAGING_OPERATION_NAME } = "process",
            { semconv::MESSAGING_OPERATION_TYPE } = "process",
            { semconv::MESSAGING_DESTINATION_NAME } = function,
            { semconv::MESSAGING_MESSAGE_ID } = Empty,
            { semconv::MESSAGING_MESSAGE_CONVERSATION_ID } = Empty,
            { semconv::MESSAGING_MESSAGE_BODY_SIZE } = Empty,
            { semconv::MESSAGING_SERVICEBUS_MESSAGE_DELIVERY_COUNT } = Empty,
            { semconv::MESSAGING_SERVICEBUS_MESSAGE_ENQUEUED_TIME } = Empty,
            { semconv::MESSAGING_SERVICEBUS_DISPOSITION_STATUS } = Empty,
            { semconv::SERVER_ADDRESS } = Empty,
            { semconv::TRACE_PARENT } = Empty,
            { semconv::ERROR_TYPE } = Empty,
        ),
        Trigger::Timer => tracing::info_span!(
            "invoke",
            { semconv::OTEL_NAME } = function,
            { semconv::OTEL_KIND } = "internal",
            { semconv::FAAS_TRIGGER } = "timer",
            { semconv::FAAS_NAME } = function,
            { semconv::FAAS_INVOCATION_ID } = id,
            { semconv::TRACE_PARENT } = Empty,
            { semconv::ERROR_TYPE } = Empty,
        ),
    }
}

/// Adds what became of the message to the current span.
pub(crate) fn record_disposition(status: &'static str) {
    Span::current().record(semconv::MESSAGING_SERVICEBUS_DISPOSITION_STATUS, status);
}

/// Adds what the message says to the current span. `host` is the trace context of the request itself.
pub(crate) fn record_message(metadata: &MessageMetadata, body_size: usize, host: Option<&TraceContext>) {
    let span = Span::current();
    describe(&span, metadata, body_size, TraceContext::of_message(metadata).as_ref().or(host));
}

/// Adds that it failed, and how.
pub(crate) fn record_failure(span: &Span, kind: &'static str, text: &str) {
    span.record(semconv::ERROR_TYPE, kind);
    otlp::failed(span, text);
}

/// OpenTelemetry knows signed numbers only; anything else would be exported as text.
fn number(size: usize) -> i64 {
    size.try_into().unwrap_or(i64::MAX)
}

/// All at once: what formats spans for log lines starts again with each record.
fn describe(span: &Span, metadata: &MessageMetadata, body_size: usize, sender: Option<&TraceContext>) {
    if span.is_disabled() {
        return;
    }
    tracing::record_all!(
        span,
        { semconv::MESSAGING_MESSAGE_ID } = metadata.message_id.as_deref(),
        { semconv::MESSAGING_MESSAGE_CONVERSATION_ID } = metadata.correlation_id.as_deref(),
        { semconv::MESSAGING_MESSAGE_BODY_SIZE } = number(body_size),
        { semconv::MESSAGING_SERVICEBUS_MESSAGE_DELIVERY_COUNT } = metadata.delivery_count.map(i64::from),
        { semconv::MESSAGING_SERVICEBUS_MESSAGE_ENQUEUED_TIME } =
            metadata.enqueued_time.map(OffsetDateTime::unix_timestamp),
        { semconv::SERVER_ADDRESS } = metadata.namespace.as_deref(),
        { semconv::TRACE_PARENT } = sender.map(|sender| sender.traceparent.as_str()),
    );
    if let Some(sender) = sender {
        otlp::continue_trace(span, sender);
    }
    if let Some(before) = TraceContext::of_replayed(metadata) {
        otlp::link(span, &before);
    }
}
