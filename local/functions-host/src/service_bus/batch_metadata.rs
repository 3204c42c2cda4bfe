//! What a batch of messages looks like to the handler.
//!
//! azure-sdk-for-net, `ServiceBusTriggerBindingStrategy.cs` (names); azure-webjobs-sdk, `BindingFactoryHelpers.cs` and
//! the `TriggerArgumentBinding` folder (element types). Properties of bodies do not leak into `Metadata` here: the
//! trigger's value is a list, not a text.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use time::OffsetDateTime;

use super::Delivery;
use super::metadata::{NEVER, bytes_of, metadata_of_the_extension, text_of};
use crate::clock;
use crate::configuration::function_json::DataType;
use crate::invocation::{BindingData, InvocationError, WireValue};
use crate::json::Json;

/// The trigger's value: always a list, and so a JSON string that holds a JSON list.
pub(super) fn encode_bodies(
    deliveries: &[Delivery],
    data_type: DataType,
) -> Result<WireValue, InvocationError> {
    let item = |delivery: &Delivery| match data_type {
        DataType::Binary => Ok(Json::from(STANDARD.encode(bytes_of(delivery)?))),
        DataType::Text => Ok(Json::from(text_of(delivery)?)),
        DataType::Absent => object_of(&text_of(delivery)?),
        DataType::Stream => Err(InvocationError::Stream),
    };
    Ok(WireValue::Json(Json::Array(deliveries.iter().map(item).collect::<Result<_, _>>()?)))
}

/// Json.NET makes `null` of an empty text, and fails on anything that is not JSON: then the whole batch fails.
fn object_of(text: &str) -> Result<Json, InvocationError> {
    if text.trim().is_empty() {
        return Ok(Json::Null);
    }
    Json::parse_with_dates(text).map_err(|error| InvocationError::BodyIsNoJson(error.to_string()))
}

/// The names of a single message with `Array` behind them; what a message does not have is `null` in its place.
pub(super) fn metadata(deliveries: &[Delivery], namespace: &str) -> BindingData {
    let session_locked_until = deliveries.first().and_then(|delivery| delivery.session_locked_until);
    let mut data = metadata_of_the_extension(namespace, session_locked_until);
    let mut set = |name: &str, value: &dyn Fn(&Delivery) -> Json| {
        let items = deliveries.iter().map(value).collect();
        data.set(&format!("{name}Array"), WireValue::Json(Json::Array(items)));
    };
    let expires = |delivery: &Delivery| delivery.expires_at.unwrap_or(NEVER);
    let enqueued = |delivery: &Delivery| delivery.enqueued_time.unwrap_or(DEFAULT);
    let properties = |delivery: &Delivery| Json::object(delivery.application_properties.clone());
    set("DeliveryCount", &|delivery| Json::from(i64::from(delivery.delivery_count)));
    set("DeadLetterSource", &|delivery| Json::from(delivery.dead_letter_source.clone()));
    set("LockToken", &|delivery| Json::from(delivery.lock_token.to_string()));
    set("ExpiresAtUtc", &|delivery| Json::from(utc(expires(delivery))));
    set("ExpiresAt", &|delivery| Json::from(with_offset(expires(delivery))));
    set("EnqueuedTimeUtc", &|delivery| Json::from(utc(enqueued(delivery))));
    set("EnqueuedTime", &|delivery| Json::from(with_offset(enqueued(delivery))));
    set("MessageId", &|delivery| Json::from(delivery.message_id.clone()));
    set("ContentType", &|delivery| Json::from(delivery.content_type.clone()));
    set("ReplyTo", &|delivery| Json::from(delivery.reply_to.clone()));
    set("SequenceNumber", &|delivery| Json::from(delivery.sequence_number));
    set("To", &|delivery| Json::from(delivery.to.clone()));
    set("Subject", &|delivery| Json::from(delivery.subject.clone()));
    set("Label", &|delivery| Json::from(delivery.subject.clone()));
    set("CorrelationId", &|delivery| Json::from(delivery.correlation_id.clone()));
    set("ApplicationProperties", &properties);
    set("UserProperties", &properties);
    set("SessionId", &|delivery| Json::from(delivery.session_id.clone()));
    set("ReplyToSessionId", &|delivery| Json::from(delivery.reply_to_session_id.clone()));
    set("PartitionKey", &|delivery| Json::from(delivery.partition_key.clone()));
    // The extension fills this one with partition keys: a bug of its, and what a handler sees.
    set("TransactionPartitionKey", &|delivery| Json::from(delivery.partition_key.clone()));
    data
}

/// .NET's default `DateTimeOffset`.
const DEFAULT: OffsetDateTime = time::macros::datetime!(0001-01-01 00:00 UTC);

/// Dates in lists keep their fractions, unlike those of a single message, and lose their zone all the same. .NET's
/// greatest instant has seven nines.
fn utc(instant: OffsetDateTime) -> String {
    if instant >= NEVER {
        return "9999-12-31T23:59:59.9999999".to_owned();
    }
    clock::utc_text(instant).trim_end_matches('Z').to_owned()
}

fn with_offset(instant: OffsetDateTime) -> String {
    format!("{}+00:00", utc(instant))
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;
    use uuid::Uuid;

    fn deliveries(bodies: &[&str]) -> Vec<Delivery> {
        bodies.iter().map(|body| Delivery::of_manual_input(body)).collect()
    }

    fn data(bodies: &[&str], data_type: DataType) -> Result<String, String> {
        let encoded = encode_bodies(&deliveries(bodies), data_type).map_err(|error| error.to_string())?;
        let Json::String(text) = encoded.encode() else { panic!("a list travels as a JSON string") };
        Ok(text)
    }

    #[test]
    fn the_data_type_decides_what_the_items_are() {
        let check = |bodies: &[&str], data_type, expected: &str| {
            assert_eq!(data(bodies, data_type).as_deref(), Ok(expected), "{bodies:?}");
        };
        check(&[r#"{"a":1}"#, r#"{ "a" : 2 }"#], DataType::Absent, r#"[{"a":1},{"a":2}]"#);
        check(&["1", "\"x\"", "[true]", "", "null"], DataType::Absent, r#"[1,"x",[true],null,null]"#);
        check(&[r#"{"a":1}"#, "plain"], DataType::Text, r#"["{\"a\":1}","plain"]"#);
        check(&[r#"{"a":1}"#, ""], DataType::Binary, r#"["eyJhIjoxfQ==",""]"#);
    }

    #[test]
    fn without_a_data_type_one_body_that_is_no_json_fails_the_batch() {
        let error = data(&[r#"{"a":1}"#, "plain"], DataType::Absent).unwrap_err();
        assert!(
            error.starts_with("Binding parameters to complex objects (such as 'Object') uses Json.NET"),
            "{error}"
        );
    }

    #[test]
    fn metadata_are_lists_that_keep_nulls_and_fractions() {
        let mut two = deliveries(&["{\"MessageId\":\"theirs\"}", "b"]);
        two[0].message_id = Some("m".to_owned());
        two[0].delivery_count = 1;
        two[1].delivery_count = 3;
        two[0].lock_token = Uuid::from_u128(1);
        two[0].enqueued_time = Some(datetime!(2023-10-12 20:13:49.64 UTC));
        two[0].partition_key = Some("p".to_owned());
        two[0].application_properties = vec![("kind".to_owned(), Json::from("a"))];
        let metadata = metadata(&two, "namespace").into_metadata();
        let check = |name: &str, expected: &str| {
            assert_eq!(metadata.member(name).and_then(Json::as_str), Some(expected), "{name}");
        };
        check("DeliveryCountArray", "[1,3]");
        check("MessageIdArray", r#"["m",null]"#);
        check(
            "LockTokenArray",
            r#"["00000000-0000-0000-0000-000000000001","00000000-0000-0000-0000-000000000000"]"#,
        );
        check("EnqueuedTimeUtcArray", r#"["2023-10-12T20:13:49.64","0001-01-01T00:00:00"]"#);
        check("EnqueuedTimeArray", r#"["2023-10-12T20:13:49.64+00:00","0001-01-01T00:00:00+00:00"]"#);
        check("ExpiresAtUtcArray", r#"["9999-12-31T23:59:59.9999999","9999-12-31T23:59:59.9999999"]"#);
        check("ApplicationPropertiesArray", r#"[{"kind":"a"},{}]"#);
        check("TransactionPartitionKeyArray", r#"["p",null]"#);
        assert_eq!(metadata.member("MessageId"), None);
        assert!(metadata.member("MessageActions").is_some() && metadata.member("Client").is_some());
    }
}
