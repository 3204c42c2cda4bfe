//! One span an invocation. `tracing` wants the name of a span to be constant, so the name that varies is in
//! `otel.name`, where an exporter finds it.

use tracing::{Span, field::Empty};

use crate::{metadata::MessageMetadata, semconv};

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

/// The span of one invocation. `traceparent` is the header of the request, for what comes without message properties.
pub(crate) fn of_invocation(
    trigger: Trigger,
    function: &'static str,
    id: &str,
    traceparent: Option<&str>,
) -> Span {
    let span = match trigger {
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
    };
    // A message's own context comes with its metadata, and a field can be recorded only once.
    if let (Trigger::Http | Trigger::Timer, Some(traceparent)) = (trigger, traceparent) {
        span.record(semconv::TRACE_PARENT, traceparent);
    }
    span
}

/// Adds what became of the message to the current span.
pub(crate) fn record_disposition(status: &'static str) {
    Span::current().record(semconv::MESSAGING_SERVICEBUS_DISPOSITION_STATUS, status);
}

/// Adds what the event tells to the current span.
pub(crate) fn record_event(id: &str, traceparent: Option<&str>) {
    let span = Span::current();
    span.record(semconv::MESSAGING_MESSAGE_ID, id);
    if let Some(traceparent) = traceparent {
        span.record(semconv::TRACE_PARENT, traceparent);
    }
}

/// Adds the size of a batch to the current span.
pub(crate) fn record_batch(messages: usize) {
    Span::current().record(semconv::MESSAGING_BATCH_MESSAGE_COUNT, messages);
}

/// The span of one message of a batch, within that of the invocation.
pub(crate) fn of_message(metadata: &MessageMetadata, body_size: usize) -> Span {
    let span = tracing::info_span!(
        "message",
        { semconv::MESSAGING_MESSAGE_ID } = Empty,
        { semconv::MESSAGING_MESSAGE_CONVERSATION_ID } = Empty,
        { semconv::MESSAGING_MESSAGE_BODY_SIZE } = Empty,
        { semconv::MESSAGING_SERVICEBUS_MESSAGE_DELIVERY_COUNT } = Empty,
        { semconv::MESSAGING_SERVICEBUS_MESSAGE_ENQUEUED_TIME } = Empty,
        { semconv::MESSAGING_SERVICEBUS_DISPOSITION_STATUS } = Empty,
        { semconv::TRACE_PARENT } = Empty,
        { semconv::ERROR_TYPE } = Empty,
    );
    describe(&span, metadata, body_size);
    span
}

/// Adds what the message tells to the current span.
pub(crate) fn record_message(metadata: &MessageMetadata, body_size: usize) {
    describe(&Span::current(), metadata, body_size);
}

fn describe(span: &Span, metadata: &MessageMetadata, body_size: usize) {
    if span.is_disabled() {
        return;
    }
    if let Some(id) = &metadata.message_id {
        span.record(semconv::MESSAGING_MESSAGE_ID, id);
    }
    if let Some(id) = &metadata.correlation_id {
        span.record(semconv::MESSAGING_MESSAGE_CONVERSATION_ID, id);
    }
    span.record(semconv::MESSAGING_MESSAGE_BODY_SIZE, body_size);
    if let Some(count) = metadata.delivery_count {
        span.record(semconv::MESSAGING_SERVICEBUS_MESSAGE_DELIVERY_COUNT, count);
    }
    if let Some(time) = metadata.enqueued_time {
        span.record(semconv::MESSAGING_SERVICEBUS_MESSAGE_ENQUEUED_TIME, time.unix_timestamp());
    }
    if let Some(traceparent) = metadata.traceparent() {
        span.record(semconv::TRACE_PARENT, traceparent);
    }
}
