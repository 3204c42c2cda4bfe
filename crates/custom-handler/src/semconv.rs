//! Names of span attributes: OpenTelemetry's semantic conventions for FaaS and messaging, in one place because the
//! messaging ones still change (status "development").
//!
//! Source: open-telemetry/semantic-conventions, `docs/faas/faas-spans.md`, `docs/messaging/messaging-spans.md`,
//! `docs/messaging/azure-messaging.md`.

/// What set the function off: `http`, `pubsub`, `timer`.
pub const FAAS_TRIGGER: &str = "faas.trigger";
/// The host's name for the run.
pub const FAAS_INVOCATION_ID: &str = "faas.invocation_id";
/// The function's name.
pub const FAAS_NAME: &str = "faas.name";
/// The messaging system: `servicebus`.
pub const MESSAGING_SYSTEM: &str = "messaging.system";
/// The operation's name: always `process`.
pub const MESSAGING_OPERATION_NAME: &str = "messaging.operation.name";
/// The operation's type: always `process`.
pub const MESSAGING_OPERATION_TYPE: &str = "messaging.operation.type";
/// Where the message came from. An invocation does not name the queue, so the function's name stands for it.
pub const MESSAGING_DESTINATION_NAME: &str = "messaging.destination.name";
/// The message's id.
pub const MESSAGING_MESSAGE_ID: &str = "messaging.message.id";
/// The message's correlation id.
pub const MESSAGING_MESSAGE_CONVERSATION_ID: &str = "messaging.message.conversation_id";
/// The size of the body, in bytes.
pub const MESSAGING_MESSAGE_BODY_SIZE: &str = "messaging.message.body.size";
/// How often the message was delivered.
pub const MESSAGING_SERVICEBUS_MESSAGE_DELIVERY_COUNT: &str = "messaging.servicebus.message.delivery_count";
/// When the broker took the message in, in seconds since 1970.
pub const MESSAGING_SERVICEBUS_MESSAGE_ENQUEUED_TIME: &str = "messaging.servicebus.message.enqueued_time";
/// How the message was settled: `complete` or `dead_letter`; absent when the invocation failed.
pub const MESSAGING_SERVICEBUS_DISPOSITION_STATUS: &str = "messaging.servicebus.disposition_status";
/// The host name of the Service Bus namespace.
pub const SERVER_ADDRESS: &str = "server.address";
/// The failure's kind, one of few values; absent on success.
pub const ERROR_TYPE: &str = "error.type";
/// The span's name where it is not constant; read by `tracing-opentelemetry`.
pub const OTEL_NAME: &str = "otel.name";
/// The span's kind; read by `tracing-opentelemetry`.
pub const OTEL_KIND: &str = "otel.kind";
/// The sender's W3C trace context: the parent of the span once spans are exported. A name of our own.
pub const TRACE_PARENT: &str = "trace.parent";
