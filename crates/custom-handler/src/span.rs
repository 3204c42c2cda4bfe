//! One span an invocation. `tracing` wants the name of a span to be constant, so the name that varies is in
//! `otel.name`, where an exporter finds it.

use axum::http::HeaderMap;
use serde_json::{Map, Value};
use time::OffsetDateTime;
use tracing::{Span, field::Empty};

use crate::{metadata::MessageMetadata, otlp, semconv};

/// What sets a function off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trigger {
    Http,
    Queue,
    EventGrid,
    Timer,
}

impl Trigger {
    /// The `type` of the binding in `function.json`.
    pub(crate) fn binding_type(self) -> &'static str {
        match self {
            Self::Http => "httpTrigger",
            Self::Queue => "serviceBusTrigger",
            Self::EventGrid => "eventGridTrigger",
            Self::Timer => "timerTrigger",
        }
    }
}

/// Whoever caused an invocation: its W3C Trace Context.
#[derive(Debug, Clone)]
pub(crate) struct Sender {
    pub(crate) traceparent: String,
    #[cfg_attr(not(feature = "otlp"), expect(dead_code, reason = "only an exporter hands it on"))]
    pub(crate) tracestate: Option<String>,
}

impl Sender {
    fn of(traceparent: Option<&str>, tracestate: Option<&str>) -> Option<Self> {
        Some(Self { traceparent: traceparent?.to_owned(), tracestate: tracestate.map(str::to_owned) })
    }

    pub(crate) fn of_headers(headers: &HeaderMap) -> Option<Self> {
        let header = |name: &str| headers.get(name)?.to_str().ok();
        Self::of(header("traceparent"), header("tracestate"))
    }

    pub(crate) fn of_message(metadata: &MessageMetadata) -> Option<Self> {
        let tracestate = metadata.application_properties.get("tracestate").and_then(Value::as_str);
        Self::of(metadata.traceparent(), tracestate)
    }

    /// Whoever sent the message that this one is a replay of: another message, in another trace.
    fn of_replayed(metadata: &MessageMetadata) -> Option<Self> {
        Self::of(metadata.replay_of_traceparent(), None)
    }

    /// From the attributes of CloudEvents' extension "distributed tracing".
    pub(crate) fn of_event(event: &Map<String, Value>) -> Option<Self> {
        let text = |name: &str| event.get(name).and_then(Value::as_str);
        Self::of(text("traceparent"), text("tracestate"))
    }
}

/// Makes the span a part of the sender's trace. At most once a span: what is recorded twice is written twice.
pub(crate) fn continue_trace(span: &Span, sender: Option<&Sender>) {
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
            { semconv::MESSAGING_BATCH_MESSAGE_COUNT } = Empty,
            { semconv::MESSAGING_SERVICEBUS_MESSAGE_DELIVERY_COUNT } = Empty,
            { semconv::MESSAGING_SERVICEBUS_MESSAGE_ENQUEUED_TIME } = Empty,
            { semconv::MESSAGING_SERVICEBUS_DISPOSITION_STATUS } = Empty,
            { semconv::SERVER_ADDRESS } = Empty,
            { semconv::TRACE_PARENT } = Empty,
            { semconv::ERROR_TYPE } = Empty,
        ),
        Trigger::EventGrid => tracing::info_span!(
            "process",
            { semconv::OTEL_NAME } = format_args!("process {function}"),
            { semconv::OTEL_KIND } = "consumer",
            { semconv::FAAS_TRIGGER } = "pubsub",
            { semconv::FAAS_NAME } = function,
            { semconv::FAAS_INVOCATION_ID } = id,
            { semconv::MESSAGING_SYSTEM } = "eventgrid",
            { semconv::MESSAGING_OPERATION_NAME } = "process",
            { semconv::MESSAGING_OPERATION_TYPE } = "process",
            { semconv::MESSAGING_DESTINATION_NAME } = function,
            { semconv::MESSAGING_MESSAGE_ID } = Empty,
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

/// Adds what the event tells to the current span. `host` is who the request itself names as its sender.
pub(crate) fn record_event(event: &Map<String, Value>, host: Option<&Sender>) {
    let span = Span::current();
    if let Some(id) = event.get("id").and_then(Value::as_str) {
        span.record(semconv::MESSAGING_MESSAGE_ID, id);
    }
    continue_trace(&span, Sender::of_event(event).as_ref().or(host));
}

/// Adds what the message tells to the current span. `host` is who the request itself names as its sender.
pub(crate) fn record_message(metadata: &MessageMetadata, body_size: usize, host: Option<&Sender>) {
    let span = Span::current();
    describe(&span, metadata, body_size, Sender::of_message(metadata).as_ref().or(host));
}

/// Adds the size of a batch to the current span.
pub(crate) fn record_batch(messages: usize, host: Option<&Sender>) {
    let span = Span::current();
    span.record(semconv::MESSAGING_BATCH_MESSAGE_COUNT, number(messages));
    continue_trace(&span, host);
}

/// Points from the current span, that of a whole batch, to the sender of one of its messages.
pub(crate) fn link_sender(metadata: &MessageMetadata) {
    if let Some(sender) = Sender::of_message(metadata) {
        otlp::link_sender(&Span::current(), &sender);
    }
}

/// The span of one message of a batch: a part of its sender's trace, with a link to the invocation, the current span.
pub(crate) fn of_message(function: &'static str, metadata: &MessageMetadata, body_size: usize) -> Span {
    let span = tracing::info_span!(
        "message",
        { semconv::OTEL_NAME } = format_args!("process {function}"),
        { semconv::OTEL_KIND } = "consumer",
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
    );
    let sender = Sender::of_message(metadata);
    describe(&span, metadata, body_size, sender.as_ref());
    if sender.is_some() {
        otlp::link(&span, &Span::current());
    }
    span
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

/// All at once: whoever formats spans for log lines starts anew with each record.
fn describe(span: &Span, metadata: &MessageMetadata, body_size: usize, sender: Option<&Sender>) {
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
    if let Some(before) = Sender::of_replayed(metadata) {
        otlp::link_sender(span, &before);
    }
}
