//! What a message looks like to the handler.
//!
//! azure-sdk-for-net, `ServiceBusTriggerBindingStrategy.cs` (names), `MessageToStringConverter.cs` (bodies).

use std::str;
use std::sync::LazyLock;

use time::OffsetDateTime;
use time::macros::datetime;
use uuid::Uuid;

use super::{Body, Delivery, data_contract};
use crate::clock;
use crate::configuration::function_json::DataType;
use crate::invocation::{BindingData, InvocationError, WireValue};
use crate::json::Json;

/// .NET's `DateTimeOffset.MaxValue`: the expiry of a message without time to live.
pub(super) const NEVER: OffsetDateTime = datetime!(9999-12-31 23:59:59 UTC);

/// The trigger's value.
pub(crate) fn value(delivery: &Delivery, data_type: DataType) -> Result<WireValue, InvocationError> {
    match data_type {
        DataType::Binary => Ok(WireValue::Bytes(bytes_of(delivery)?)),
        DataType::Text | DataType::Absent => Ok(WireValue::text(text_of(delivery)?)),
        DataType::Stream => Err(InvocationError::Stream),
    }
}

/// The bytes of a body. Those of an AMQP value, a string too, are none.
pub(super) fn bytes_of(delivery: &Delivery) -> Result<Vec<u8>, InvocationError> {
    match &delivery.body {
        Body::Data(bytes) => Ok(bytes.to_vec()),
        Body::Text(_) => Err(InvocationError::NoBytes("Value")),
        Body::Unsupported(section) => Err(InvocationError::NoBytes(section)),
    }
}

/// UTF-8; failing that what .NET's DataContract serialiser wrote for a string; failing that UTF-8 with replacements.
pub(super) fn text_of(delivery: &Delivery) -> Result<String, InvocationError> {
    let bytes = match &delivery.body {
        Body::Data(bytes) => bytes,
        Body::Text(text) => return Ok(text.clone()),
        Body::Unsupported(section) => return Err(InvocationError::UnsupportedBody(section)),
    };
    Ok(match str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => data_contract::text(bytes).unwrap_or_else(|| String::from_utf8_lossy(bytes).into_owned()),
    })
}

/// What every invocation has, however many messages it is for.
pub(super) fn metadata_of_the_extension(
    namespace: &str,
    session_locked_until: Option<OffsetDateTime>,
) -> BindingData {
    let mut data = BindingData::default();
    // Objects of the extension, of which those about a session have one public member.
    let locked = session_locked_until.map(|until| {
        let text = format!("{}+00:00", clock::utc_text(until).trim_end_matches('Z'));
        ("SessionLockedUntil", Json::from(text))
    });
    for name in ["MessageReceiver", "MessageSession", "MessageActions", "SessionActions"] {
        data.set(name, WireValue::Json(Json::object(locked.clone())));
    }
    data.set("ReceiveActions", WireValue::Json(Json::Object(Vec::new())));
    data.set("Client", WireValue::Json(client(namespace)));
    data
}

pub(super) fn metadata(delivery: &Delivery, namespace: &str) -> BindingData {
    let mut data = metadata_of_the_extension(namespace, delivery.session_locked_until);
    describe(delivery, &mut data);
    data
}

/// What a run by hand has: the message is made up, and nobody received it.
pub(super) fn metadata_of_manual_run(delivery: &Delivery, trigger: &str, input: &str) -> BindingData {
    let mut data = BindingData::default();
    describe(delivery, &mut data);
    data.set_text(trigger, Some(input));
    data
}

/// The SDK shows an empty content type or subject as none, unlike all other texts.
fn written(text: Option<&str>) -> Option<&str> {
    text.filter(|text| !text.is_empty())
}

fn describe(delivery: &Delivery, data: &mut BindingData) {
    data.set("DeliveryCount", WireValue::Json(Json::from(i64::from(delivery.delivery_count))));
    data.set_text("DeadLetterSource", delivery.dead_letter_source.as_deref());
    data.set_text("LockToken", Some(&delivery.lock_token.to_string()));
    let expires_at = delivery.expires_at.unwrap_or(NEVER).min(NEVER);
    data.set("ExpiresAtUtc", WireValue::DateTime(expires_at));
    data.set("ExpiresAt", WireValue::DateTimeOffset(expires_at));
    data.set("EnqueuedTimeUtc", delivery.enqueued_time.map(WireValue::DateTime));
    data.set("EnqueuedTime", delivery.enqueued_time.map(WireValue::DateTimeOffset));
    data.set_text("MessageId", delivery.message_id.as_deref());
    data.set_text("ContentType", written(delivery.content_type.as_deref()));
    data.set_text("ReplyTo", delivery.reply_to.as_deref());
    data.set("SequenceNumber", WireValue::Json(Json::from(delivery.sequence_number)));
    data.set_text("To", delivery.to.as_deref());
    data.set_text("Subject", written(delivery.subject.as_deref()));
    data.set_text("Label", written(delivery.subject.as_deref()));
    data.set_text("CorrelationId", delivery.correlation_id.as_deref());
    let properties = Json::object(delivery.application_properties.clone());
    data.set("ApplicationProperties", WireValue::Json(properties.clone()));
    data.set("UserProperties", WireValue::Json(properties));
    data.set_text("SessionId", delivery.session_id.as_deref());
    data.set_text("ReplyToSessionId", delivery.reply_to_session_id.as_deref());
    data.set_text("PartitionKey", delivery.partition_key.as_deref());
}

/// One for all functions of a host.
static CLIENT: LazyLock<Uuid> = LazyLock::new(Uuid::new_v4);

fn client(namespace: &str) -> Json {
    Json::object([
        ("FullyQualifiedNamespace", Json::from(namespace)),
        ("IsClosed", Json::from(false)),
        ("TransportType", Json::from(0)),
        ("Identifier", Json::from(format!("{namespace}-{}", *CLIENT))),
    ])
}

#[cfg(test)]
#[path = "metadata_tests.rs"]
mod tests;
