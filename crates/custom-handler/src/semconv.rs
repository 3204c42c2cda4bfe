//! The names of attributes, in one place because OpenTelemetry still changes some of them.
//!
//! Source: OpenTelemetry semantic conventions, FaaS and messaging (Azure Service Bus).

/// The function's name.
pub const FAAS_NAME: &str = "faas.name";
/// What invoked it: `pubsub`, `timer`, `http`.
pub const FAAS_TRIGGER: &str = "faas.trigger";
/// The host's id of the invocation.
pub const FAAS_INVOCATION_ID: &str = "faas.invocation_id";
/// Always `servicebus`.
pub const MESSAGING_SYSTEM: &str = "messaging.system";
/// The queue.
pub const MESSAGING_DESTINATION_NAME: &str = "messaging.destination.name";
/// The message's id.
pub const MESSAGING_MESSAGE_ID: &str = "messaging.message.id";
/// What the message belongs to.
pub const MESSAGING_CONVERSATION_ID: &str = "messaging.message.conversation_id";
/// How often it was delivered.
pub const MESSAGING_DELIVERY_COUNT: &str = "messaging.servicebus.message.delivery_count";
