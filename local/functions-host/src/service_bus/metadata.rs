//! What a message looks like to the handler.
//!
//! azure-sdk-for-net, `ServiceBusTriggerBindingStrategy.cs` (names), `MessageToStringConverter.cs` (bodies).

use std::str;

use time::OffsetDateTime;
use time::macros::datetime;
use uuid::Uuid;

use super::{Body, Delivery};
use crate::configuration::function_json::DataType;
use crate::invocation::{BindingData, InvocationError, WireValue};
use crate::json::Json;

/// .NET's `DateTimeOffset.MaxValue`: the expiry of a message without time to live.
pub(super) const NEVER: OffsetDateTime = datetime!(9999-12-31 23:59:59 UTC);

/// The trigger's value, and `Metadata` without what a text body does to it.
pub(crate) fn encode(
    delivery: &Delivery,
    data_type: DataType,
    namespace: &str,
) -> Result<(WireValue, BindingData), InvocationError> {
    let value = match data_type {
        DataType::Binary => WireValue::Bytes(bytes_of(delivery)?),
        DataType::Text | DataType::Absent => WireValue::text(text_of(delivery)?),
    };
    let mut metadata = metadata(delivery, namespace);
    if let WireValue::Json(Json::String(text)) = &value {
        metadata.overlay_properties_of(text);
    }
    Ok((value, metadata))
}

/// The bytes of a body.
pub(super) fn bytes_of(delivery: &Delivery) -> Result<Vec<u8>, InvocationError> {
    match &delivery.body {
        Body::Data(bytes) => Ok(bytes.to_vec()),
        Body::Text(text) => Ok(text.clone().into_bytes()),
        Body::Unsupported(section) => Err(InvocationError::UnsupportedBody(section)),
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
        Err(_) => data_contract_text(bytes).unwrap_or_else(|| String::from_utf8_lossy(bytes).into_owned()),
    })
}

/// The binary XML of `DataContractSerializer` for one string ([MC-NBFX], "Chars8TextWithEndElement" and its wider
/// sisters): what clients of the oldest .NET SDK put into a message.
fn data_contract_text(bytes: &[u8]) -> Option<String> {
    const HEAD: &[u8] = b"@\x06string\x083http://schemas.microsoft.com/2003/10/Serialization/";
    let (kind, rest) = bytes.strip_prefix(HEAD)?.split_first()?;
    let (length, text) = match kind {
        0x99 => (usize::from(*rest.first()?), rest.get(1..)?),
        0x9b => (usize::from(u16::from_le_bytes(rest.get(..2)?.try_into().ok()?)), rest.get(2..)?),
        0x9d => (usize::try_from(u32::from_le_bytes(rest.get(..4)?.try_into().ok()?)).ok()?, rest.get(4..)?),
        _ => return None,
    };
    String::from_utf8(text.get(..length)?.to_vec()).ok()
}

/// What every invocation has, however many messages it is for.
pub(super) fn metadata_of_the_extension(namespace: &str) -> BindingData {
    let mut data = BindingData::default();
    // Objects of the extension without public members.
    for name in ["MessageReceiver", "MessageSession", "MessageActions", "SessionActions", "ReceiveActions"] {
        data.set(name, WireValue::Json(Json::Object(Vec::new())));
    }
    data.set("Client", WireValue::Json(client(namespace)));
    data
}

pub(super) fn metadata(delivery: &Delivery, namespace: &str) -> BindingData {
    let mut data = metadata_of_the_extension(namespace);
    data.set("DeliveryCount", WireValue::Json(Json::from(i64::from(delivery.delivery_count))));
    data.set_text("DeadLetterSource", delivery.dead_letter_source.as_deref());
    data.set_text("LockToken", Some(&delivery.lock_token.to_string()));
    let expires_at = delivery.expires_at.unwrap_or(NEVER).min(NEVER);
    data.set("ExpiresAtUtc", WireValue::DateTime(expires_at));
    data.set("ExpiresAt", WireValue::DateTimeOffset(expires_at));
    data.set("EnqueuedTimeUtc", delivery.enqueued_time.map(WireValue::DateTime));
    data.set("EnqueuedTime", delivery.enqueued_time.map(WireValue::DateTimeOffset));
    data.set_text("MessageId", delivery.message_id.as_deref());
    data.set_text("ContentType", delivery.content_type.as_deref());
    data.set_text("ReplyTo", delivery.reply_to.as_deref());
    data.set("SequenceNumber", WireValue::Json(Json::from(delivery.sequence_number)));
    data.set_text("To", delivery.to.as_deref());
    data.set_text("Subject", delivery.subject.as_deref());
    data.set_text("Label", delivery.subject.as_deref());
    data.set_text("CorrelationId", delivery.correlation_id.as_deref());
    let properties = Json::object(delivery.application_properties.clone());
    data.set("ApplicationProperties", WireValue::Json(properties.clone()));
    data.set("UserProperties", WireValue::Json(properties));
    data.set_text("SessionId", delivery.session_id.as_deref());
    data.set_text("ReplyToSessionId", delivery.reply_to_session_id.as_deref());
    data.set_text("PartitionKey", delivery.partition_key.as_deref());
    data
}

fn client(namespace: &str) -> Json {
    Json::object([
        ("FullyQualifiedNamespace", Json::from(namespace)),
        ("IsClosed", Json::from(false)),
        ("TransportType", Json::from(0)),
        ("Identifier", Json::from(format!("{namespace}-{}", Uuid::new_v4()))),
    ])
}

#[cfg(test)]
#[path = "metadata_tests.rs"]
mod tests;
