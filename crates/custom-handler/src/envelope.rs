//! The JSON envelope of an invocation, and the values in it that are JSON in a string.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::Deserialize;
use serde_json::{Map, Value};
use time::{
    OffsetDateTime, PrimitiveDateTime, format_description::well_known::Iso8601,
    format_description::well_known::Rfc3339,
};

use crate::{MessageMetadata, Timer};

/// What the host posts: the trigger and the other inputs, and what it knows about them.
#[derive(Debug, Deserialize)]
pub(crate) struct Envelope {
    #[serde(rename = "Data")]
    data: Map<String, Value>,
    #[serde(rename = "Metadata", default)]
    metadata: Map<String, Value>,
}

/// Why an envelope is not one.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EnvelopeError {
    #[error("the invocation is not what the Functions host sends: {0}")]
    NotAnInvocation(String),
    #[error("the invocation has {0} inputs; exactly one was expected")]
    NotOneInput(usize),
}

impl Envelope {
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, EnvelopeError> {
        let mut json = serde_json::Deserializer::from_slice(bytes);
        serde_path_to_error::deserialize(&mut json)
            .map_err(|error| EnvelopeError::NotAnInvocation(error.to_string()))
    }

    /// The trigger's value. A queue or timer function of ours has no other input.
    fn trigger(&self) -> Result<&Value, EnvelopeError> {
        let mut values = self.data.values();
        match (values.next(), values.next()) {
            (Some(value), None) => Ok(value),
            _ => Err(EnvelopeError::NotOneInput(self.data.len())),
        }
    }

    /// The bytes of a queue message, for each `dataType` of the trigger.
    ///
    /// `binary` is plain base64; everything else is a string that holds the JSON text of the value.
    pub(crate) fn body(&self, encoding: BodyEncoding) -> Result<Vec<u8>, EnvelopeError> {
        let value = self.trigger()?;
        let Some(text) = value.as_str() else { return Ok(value.to_string().into_bytes()) };
        match encoding {
            BodyEncoding::Binary => STANDARD
                .decode(text)
                .map_err(|_| EnvelopeError::NotAnInvocation("a binary body that is not base64".to_owned())),
            BodyEncoding::Text => Ok(match serde_json::from_str::<Value>(text) {
                Ok(Value::String(inner)) => inner.into_bytes(),
                // A number or an array: its text is the body.
                Ok(_) | Err(_) => text.as_bytes().to_vec(),
            }),
        }
    }

    pub(crate) fn message_metadata(&self) -> MessageMetadata {
        let text = |name| self.value(name).and_then(|value| value.as_str().map(str::to_owned));
        let number = |name| self.value(name).and_then(|value| value.as_i64());
        MessageMetadata {
            message_id: text("MessageId"),
            lock_token: text("LockToken").and_then(|token| token.parse().ok()),
            delivery_count: number("DeliveryCount").and_then(|count| u32::try_from(count).ok()),
            sequence_number: number("SequenceNumber"),
            enqueued_time: self
                .value("EnqueuedTimeUtc")
                .or_else(|| self.value("EnqueuedTime"))
                .and_then(|value| time_of(value.as_str()?)),
            correlation_id: text("CorrelationId"),
            session_id: text("SessionId"),
            subject: text("Subject").or_else(|| text("Label")),
            content_type: text("ContentType"),
            reply_to: text("ReplyTo"),
            dead_letter_source: text("DeadLetterSource"),
            application_properties: match self
                .value("ApplicationProperties")
                .or_else(|| self.value("UserProperties"))
            {
                Some(Value::Object(properties)) => properties,
                _ => Map::new(),
            },
        }
    }

    pub(crate) fn timer(&self) -> Result<Timer, EnvelopeError> {
        let value = unwrapped(self.trigger()?);
        let status = &value["ScheduleStatus"];
        let time = |name: &str| status[name].as_str().and_then(time_of);
        Ok(Timer {
            is_past_due: value["IsPastDue"].as_bool().unwrap_or_default(),
            last: time("Last"),
            next: time("Next"),
        })
    }

    fn value(&self, name: &str) -> Option<Value> {
        self.metadata.get(name).map(unwrapped)
    }
}

/// How the trigger's `dataType` makes the host write a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BodyEncoding {
    /// `"dataType": "binary"`.
    Binary,
    /// `"dataType": "string"`, or none.
    Text,
}

/// Everything that is not an object travels as a string that holds its JSON text; what does not parse is meant as it
/// stands, such as the host's dates.
fn unwrapped(value: &Value) -> Value {
    match value {
        Value::String(text) => serde_json::from_str(text).unwrap_or_else(|_| value.clone()),
        other => other.clone(),
    }
}

/// The host's `…Utc` dates carry no zone and are UTC.
fn time_of(text: &str) -> Option<OffsetDateTime> {
    OffsetDateTime::parse(text, &Rfc3339)
        .or_else(|_| PrimitiveDateTime::parse(text, &Iso8601::DEFAULT).map(PrimitiveDateTime::assume_utc))
        .ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use time::macros::datetime;

    use super::*;

    fn envelope(data: &Value, metadata: &Value) -> Envelope {
        Envelope::parse(json!({"Data": {"message": data}, "Metadata": metadata}).to_string().as_bytes())
            .unwrap()
    }

    #[test]
    fn a_body_is_read_in_every_encoding() {
        let check = |data: Value, encoding, expected: &[u8]| {
            assert_eq!(envelope(&data, &json!({})).body(encoding).unwrap(), expected, "{data}");
        };
        check(json!("eyJhIjoxfQ=="), BodyEncoding::Binary, b"{\"a\":1}");
        check(json!(""), BodyEncoding::Binary, b"");
        check(json!("\"{\\\"a\\\":1}\""), BodyEncoding::Text, b"{\"a\":1}");
        check(json!("\"hello\""), BodyEncoding::Text, b"hello");
        check(json!("4"), BodyEncoding::Text, b"4");
        check(json!("[\"a\",\"b\"]"), BodyEncoding::Text, b"[\"a\",\"b\"]");
        check(json!("hello"), BodyEncoding::Text, b"hello");
        assert!(envelope(&json!("not base64!"), &json!({})).body(BodyEncoding::Binary).is_err());
    }

    #[test]
    fn metadata_is_unwrapped_and_everything_in_it_is_optional() {
        let metadata = envelope(
            &json!(""),
            &json!({
                "MessageReceiver": {}, "DeliveryCount": "1", "SequenceNumber": "7",
                "LockToken": "\"4e773554-f6b7-4ea2-b07d-4c5fd5aba741\"", "MessageId": "\"m-1\"",
                "EnqueuedTimeUtc": "2023-10-12T20:13:49", "ExpiresAt": "9999-12-31T23:59:59+00:00",
                "ApplicationProperties": {"kind": "a", "n": 3, "Diagnostic-Id": "00-x-y-01"}, "sys": {}
            }),
        )
        .message_metadata();
        assert_eq!(metadata.message_id.as_deref(), Some("m-1"));
        assert_eq!((metadata.delivery_count, metadata.sequence_number), (Some(1), Some(7)));
        assert_eq!(metadata.lock_token.unwrap().to_string(), "4e773554-f6b7-4ea2-b07d-4c5fd5aba741");
        assert_eq!(metadata.enqueued_time, Some(datetime!(2023-10-12 20:13:49 UTC)));
        assert_eq!(metadata.application_properties["n"], 3);
        assert_eq!(metadata.traceparent(), Some("00-x-y-01"));
        assert_eq!(envelope(&json!(""), &json!({})).message_metadata(), MessageMetadata::default());
    }

    #[test]
    fn a_timer_is_read_with_and_without_a_schedule_status() {
        let monitored = json!({
            "Schedule": {"AdjustForDST": true},
            "ScheduleStatus": {"Last": "2023-10-12T20:13:49.640002Z", "Next": "2016-10-04T10:15:00+00:00"},
            "IsPastDue": true
        });
        let timer = envelope(&monitored, &json!({})).timer().unwrap();
        assert!(timer.is_past_due);
        assert_eq!(timer.next, Some(datetime!(2016-10-04 10:15 UTC)));
        let plain =
            envelope(&json!({"ScheduleStatus": null, "IsPastDue": false}), &json!({})).timer().unwrap();
        assert_eq!(plain, Timer::default());
    }

    #[test]
    fn what_is_not_an_invocation_is_refused_with_the_place() {
        let check = |bytes: &[u8], expected: &str| {
            let error = Envelope::parse(bytes).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        };
        check(b"", "EOF");
        check(b"[]", "invalid length 0");
        check(b"{}", "Data");
        check(br#"{"Data": 7}"#, "Data: invalid type");
    }
}
