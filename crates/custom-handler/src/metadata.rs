//! What Service Bus says about a message, as typed values.
//!
//! Source of the names: azure-sdk-for-net, `Microsoft.Azure.WebJobs.Extensions.ServiceBus`,
//! `ServiceBusTriggerBindingStrategy.cs`.

use std::collections::BTreeSet;

use serde_json::{Map, Value};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::{decode::Body, timestamp, wire};

/// What Service Bus says about a message. Everything is optional: the host leaves out what is not set.
///
/// # A body can overwrite these values
///
/// Unless the trigger's `dataType` is `binary`, the Functions host copies the top-level properties of a JSON body over
/// the metadata before it sends the invocation: a message `{"LockToken": "…"}` replaces the broker's lock token. What
/// the body may have overwritten is left out here, since the sender of the message chose it. Declare
/// `"dataType": "binary"` to have everything. (azure-functions-host, `WorkerFunctionInvoker.TransformInput`.)
#[derive(Debug, Clone, Default, PartialEq)]
pub struct MessageMetadata {
    /// The id that the sender chose; duplicate detection compares it.
    pub message_id: Option<String>,
    /// Settles the message, as long as its lock holds.
    pub lock_token: Option<Uuid>,
    /// How often the message was delivered, this time included: 1 on the first delivery.
    pub delivery_count: Option<u32>,
    /// The broker's number for the message.
    pub sequence_number: Option<i64>,
    /// When the broker took the message in. Whole seconds: the host drops the fraction.
    pub enqueued_time: Option<OffsetDateTime>,
    /// When the message expires. Whole seconds.
    pub expires_at: Option<OffsetDateTime>,
    /// What the message belongs to.
    pub correlation_id: Option<String>,
    /// The session that the message belongs to.
    pub session_id: Option<String>,
    /// Where an answer should go.
    pub reply_to: Option<String>,
    /// The session that an answer should belong to.
    pub reply_to_session_id: Option<String>,
    /// The address that the sender wrote on the message.
    pub to: Option<String>,
    /// The message's subject, formerly its label.
    pub subject: Option<String>,
    /// The media type of the body, if the sender said so.
    pub content_type: Option<String>,
    /// The partition that the sender chose.
    pub partition_key: Option<String>,
    /// The partition that the sender chose for the transaction it sent the message in.
    pub transaction_partition_key: Option<String>,
    /// The host name of the Service Bus namespace.
    pub namespace: Option<String>,
    /// The queue or subscription in which the message died, when it is read from a dead-letter queue.
    pub dead_letter_source: Option<String>,
    /// The sender's own properties, as plain JSON values.
    pub application_properties: Map<String, Value>,
}

impl MessageMetadata {
    /// The sender's W3C trace context: `traceparent`, or `Diagnostic-Id`, which older SDKs write.
    #[must_use]
    pub fn traceparent(&self) -> Option<&str> {
        let property = |name: &str| self.application_properties.get(name).and_then(Value::as_str);
        property("traceparent").or_else(|| property("Diagnostic-Id"))
    }

    /// The trace context that the message had before it was taken out of the dead letters and sent again, in another
    /// trace (`x-replay-of-traceparent`, as `latchkey dead-letters` writes it).
    #[must_use]
    pub fn replay_of_traceparent(&self) -> Option<&str> {
        self.application_properties.get("x-replay-of-traceparent").and_then(Value::as_str)
    }

    /// Reads an invocation's `Metadata`, but for what the body may have overwritten.
    pub(crate) fn read(wire: &Map<String, Value>, body: &Body) -> Self {
        let source = Source { wire, overwritten: Overwritten::by(body) };
        Self {
            message_id: source.text("MessageId"),
            lock_token: source.text("LockToken").and_then(|text| text.parse().ok()),
            delivery_count: source.integer("DeliveryCount").and_then(|count| count.try_into().ok()),
            sequence_number: source.integer("SequenceNumber"),
            enqueued_time: source.timestamp("EnqueuedTime").or_else(|| source.timestamp("EnqueuedTimeUtc")),
            expires_at: source.timestamp("ExpiresAt").or_else(|| source.timestamp("ExpiresAtUtc")),
            correlation_id: source.text("CorrelationId"),
            session_id: source.text("SessionId"),
            reply_to: source.text("ReplyTo"),
            reply_to_session_id: source.text("ReplyToSessionId"),
            to: source.text("To"),
            subject: source.text("Subject").or_else(|| source.text("Label")),
            content_type: source.text("ContentType"),
            partition_key: source.text("PartitionKey"),
            transaction_partition_key: source.text("TransactionPartitionKey"),
            namespace: source.object("Client").and_then(|mut client| {
                let name = wire::text(&client.remove("FullyQualifiedNamespace")?)?;
                Some(name).filter(|name| !name.is_empty())
            }),
            dead_letter_source: source.text("DeadLetterSource"),
            application_properties: source
                .object("ApplicationProperties")
                .or_else(|| source.object("UserProperties"))
                .unwrap_or_default(),
        }
    }
}

struct Source<'a> {
    wire: &'a Map<String, Value>,
    overwritten: Overwritten,
}

impl Source<'_> {
    fn get(&self, name: &str) -> Option<&Value> {
        if self.overwritten.contains(name) { None } else { self.wire.get(name) }
    }

    fn text(&self, name: &str) -> Option<String> {
        wire::text(self.get(name)?)
    }

    fn integer(&self, name: &str) -> Option<i64> {
        wire::integer(self.get(name)?)
    }

    fn timestamp(&self, name: &str) -> Option<OffsetDateTime> {
        timestamp::read(self.get(name)?)
    }

    fn object(&self, name: &str) -> Option<Map<String, Value>> {
        wire::object(self.get(name)?)
    }
}

/// Which values of the metadata the body may have replaced.
enum Overwritten {
    /// These, in lower case: the host's dictionary ignores case.
    Names(BTreeSet<String>),
    /// Perhaps any: the host's JSON parser reads more than JSON, and may have understood what we do not.
    Everything,
}

impl Overwritten {
    fn by(body: &Body) -> Self {
        if !body.is_text || !body.bytes.trim_ascii_start().starts_with(b"{") {
            return Self::Names(BTreeSet::new());
        }
        match serde_json::from_slice::<Map<String, Value>>(&body.bytes) {
            Ok(properties) => Self::Names(properties.keys().map(|name| name.to_lowercase()).collect()),
            Err(_) => Self::Everything,
        }
    }

    fn contains(&self, name: &str) -> bool {
        match self {
            Self::Names(names) => !names.is_empty() && names.contains(&name.to_lowercase()),
            Self::Everything => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use time::macros::datetime;

    use super::*;

    fn sample() -> Map<String, Value> {
        let wire = json!({
            "MessageReceiver": {}, "Client": { "FullyQualifiedNamespace": "namespace", "IsClosed": false },
            "DeliveryCount": "2", "LockToken": "\"4e773554-f6b7-4ea2-b07d-4c5fd5aba741\"",
            "ExpiresAtUtc": "2023-10-13T20:13:49", "ExpiresAt": "2023-10-13T20:13:49+00:00",
            "EnqueuedTimeUtc": "2023-10-12T20:13:49", "EnqueuedTime": "2023-10-12T20:13:49+00:00",
            "MessageId": "\"m-1\"", "ContentType": "\"application/json\"", "SequenceNumber": "7",
            "CorrelationId": "\"c\"", "SessionId": "\"s\"", "ReplyTo": "\"r\"", "ReplyToSessionId": "\"rs\"",
            "To": "\"t\"", "Subject": "\"sub\"", "Label": "\"sub\"", "PartitionKey": "\"p\"", "TransactionPartitionKey": "\"tp\"",
            "DeadLetterSource": "\"q\"", "ApplicationProperties": { "kind": "a", "n": 3 },
            "UserProperties": { "kind": "a", "n": 3 },
            "sys": { "MethodName": "f", "UtcNow": "2023-10-12T20:13:49.640002Z", "RandGuid": "x" }
        });
        wire.as_object().unwrap().clone()
    }

    fn read(wire: &Map<String, Value>, body: &str, is_text: bool) -> MessageMetadata {
        MessageMetadata::read(wire, &Body { bytes: body.to_owned().into(), is_text })
    }

    #[test]
    fn every_value_is_read_from_the_wire() {
        let text = |text: &str| Some(text.to_owned());
        let expected = MessageMetadata {
            message_id: text("m-1"),
            lock_token: Some("4e773554-f6b7-4ea2-b07d-4c5fd5aba741".parse().unwrap()),
            delivery_count: Some(2),
            sequence_number: Some(7),
            enqueued_time: Some(datetime!(2023-10-12 20:13:49 UTC)),
            expires_at: Some(datetime!(2023-10-13 20:13:49 UTC)),
            correlation_id: text("c"),
            session_id: text("s"),
            reply_to: text("r"),
            reply_to_session_id: text("rs"),
            to: text("t"),
            subject: text("sub"),
            content_type: text("application/json"),
            partition_key: text("p"),
            transaction_partition_key: text("tp"),
            namespace: text("namespace"),
            dead_letter_source: text("q"),
            application_properties: json!({ "kind": "a", "n": 3 }).as_object().unwrap().clone(),
        };
        assert_eq!(read(&sample(), "{}", false), expected);
        assert_eq!(read(&Map::new(), "{}", false), MessageMetadata::default());
    }

    #[test]
    fn unreadable_values_are_left_out_and_older_names_serve_instead() {
        let wire = json!({
            "LockToken": "\"no guid\"", "DeliveryCount": "-1", "SequenceNumber": "many", "EnqueuedTime": "soon",
            "EnqueuedTimeUtc": "2023-10-12T20:13:49", "Label": "\"l\"", "UserProperties": "{\"a\":1}"
        });
        let metadata = read(wire.as_object().unwrap(), "", false);
        assert_eq!(
            (metadata.lock_token, metadata.delivery_count, metadata.sequence_number),
            (None, None, None)
        );
        assert_eq!(metadata.enqueued_time, Some(datetime!(2023-10-12 20:13:49 UTC)));
        assert_eq!(metadata.subject.as_deref(), Some("l"));
        assert_eq!(metadata.application_properties["a"], 1);
    }

    #[test]
    fn what_a_text_body_overwrote_is_left_out() {
        let mut wire = sample();
        wire.insert("LockToken".into(), json!("\"00000000-0000-0000-0000-000000000001\""));
        wire.insert("DeliveryCount".into(), json!("\"99\""));
        let body = "{\"locktoken\":\"00000000-0000-0000-0000-000000000001\",\"DeliveryCount\":99}";
        let metadata = read(&wire, body, true);
        assert_eq!((metadata.lock_token, metadata.delivery_count), (None, None));
        assert_eq!(metadata.message_id.as_deref(), Some("m-1"));
        // As bytes the same body cannot reach the metadata.
        assert_eq!(read(&sample(), body, false).delivery_count, Some(2));
        // The host's parser takes single quotes; a body that only it understands hides everything.
        assert_eq!(read(&wire, " {'LockToken':'x'}", true), MessageMetadata::default());
        // Text that is no object overwrites nothing.
        assert_eq!(read(&sample(), "[1]", true), read(&sample(), "", false));
    }

    #[test]
    fn the_trace_context_is_found_under_either_name() {
        let with = |properties: Value| MessageMetadata {
            application_properties: properties.as_object().unwrap().clone(),
            ..MessageMetadata::default()
        };
        assert_eq!(with(json!({"Diagnostic-Id": "d", "traceparent": "t"})).traceparent(), Some("t"));
        assert_eq!(with(json!({"Diagnostic-Id": "d"})).traceparent(), Some("d"));
        assert_eq!(with(json!({"traceparent": 3})).traceparent(), None);
    }
}
