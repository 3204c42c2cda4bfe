//! How the host writes a batch of messages.
//!
//! The bodies are a JSON array, and the metadata one JSON array a name, `MessageIdArray` for `MessageId`; as arrays are
//! no objects, each is JSON in a string. Unlike those of a single message, the texts *in* an array are not wrapped
//! again, so a text cannot be told from base64: the binding's `dataType` has to be known. Bodies do not leak into the
//! metadata here. Source: azure-sdk-for-net, `ServiceBusTriggerBindingStrategy.cs`; azure-webjobs-sdk,
//! `BindingFactoryHelpers.cs`.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use serde_json::{Map, Value};

use crate::{decode::Body, metadata::MessageMetadata, wire};

/// The `dataType` of a trigger in `function.json`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DataType {
    /// `"binary"`: bodies arrive byte for byte.
    Binary,
    /// `"string"`: bodies arrive as text.
    String,
    /// No `dataType`: the host reads bodies as JSON and writes them anew, which may change white space and numbers. A
    /// body that is no JSON fails the whole batch before we hear of it.
    Unspecified,
}

/// One message of a batch.
pub(crate) struct Element {
    pub(crate) body: Body,
    pub(crate) metadata: MessageMetadata,
}

/// Takes a batch apart.
///
/// # Errors
/// When it is not a batch of that data type, or the metadata do not fit the bodies.
pub(crate) fn elements(
    data_type: DataType,
    value: &Value,
    metadata: &Map<String, Value>,
) -> Result<Vec<Element>, String> {
    let bodies = array(value).ok_or(
        "the trigger's value is no array: a batch function needs \"cardinality\": \"many\" in its function.json",
    )?;
    let arrays = arrays(metadata, bodies.len())?;
    let element = |(index, body): (usize, Value)| {
        let body = self::body(data_type, body)
            .ok_or_else(|| format!("message {index} of the batch is not of the data type {data_type:?}"))?;
        let mut wire: Map<String, Value> =
            arrays.iter().map(|(name, values)| ((*name).to_owned(), wrapped(&values[index]))).collect();
        for shared in ["RetryContext", "Client"] {
            if let Some(value) = metadata.get(shared) {
                wire.insert(shared.to_owned(), value.clone());
            }
        }
        Ok(Element { metadata: MessageMetadata::read(&wire, &body), body })
    };
    bodies.into_iter().enumerate().map(element).collect()
}

fn array(value: &Value) -> Option<Vec<Value>> {
    match wire::unwrapped(value) {
        Value::Array(values) => Some(values),
        _ => None,
    }
}

fn arrays(metadata: &Map<String, Value>, size: usize) -> Result<Vec<(&str, Vec<Value>)>, String> {
    let named =
        metadata.iter().filter_map(|(name, value)| Some((name.strip_suffix("Array")?, array(value)?)));
    named
        .map(|(name, values)| match values.len() {
            length if length == size => Ok((name, values)),
            length => Err(format!("{name}Array has {length} values for {size} messages")),
        })
        .collect()
}

/// As the metadata of a single message would be written, so that one reader serves both.
fn wrapped(value: &Value) -> Value {
    match value {
        Value::Null | Value::Object(_) => value.clone(),
        other => Value::String(other.to_string()),
    }
}

fn body(data_type: DataType, value: Value) -> Option<Body> {
    let bytes: Bytes = match (data_type, value) {
        (DataType::Binary, Value::String(base64)) => STANDARD.decode(base64).ok()?.into(),
        (DataType::String, Value::String(text)) => text.into(),
        (DataType::Unspecified, value) => value.to_string().into(),
        (DataType::Binary | DataType::String, _) => return None,
    };
    Some(Body { bytes, is_text: false })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;
    use time::macros::datetime;

    use super::*;

    fn metadata(value: Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    fn bodies(data_type: DataType, value: Value) -> Result<Vec<Bytes>, String> {
        Ok(elements(data_type, &value, &Map::new())?.into_iter().map(|element| element.body.bytes).collect())
    }

    #[test]
    fn bodies_of_every_data_type_are_read() {
        for (data_type, wire, expected) in [
            (DataType::Binary, "[\"eyJhIjoxfQ==\",\"\"]", ["{\"a\":1}", ""]),
            (DataType::String, "[\"{\\\"a\\\":1}\",\"plain\"]", ["{\"a\":1}", "plain"]),
            (DataType::String, "[\"test\",\"\\\"quoted\\\"\"]", ["test", "\"quoted\""]),
            (DataType::Unspecified, "[{\"a\":1},\"text\"]", ["{\"a\":1}", "\"text\""]),
        ] {
            assert_eq!(bodies(data_type, json!(wire)).unwrap(), expected, "{data_type:?}");
        }
        assert_eq!(bodies(DataType::Binary, json!("[]")), Ok(vec![]));
    }

    #[test]
    fn what_is_no_batch_of_the_data_type_says_why() {
        for (data_type, wire, expected) in [
            (DataType::Binary, json!("eyJhIjoxfQ=="), "cardinality"),
            (DataType::Binary, json!("[\"no base64\"]"), "message 0 of the batch"),
            (DataType::Binary, json!("[\"\",{}]"), "message 1 of the batch"),
            (DataType::String, json!("[1]"), "data type String"),
        ] {
            let problem = bodies(data_type, wire).unwrap_err();
            assert!(problem.contains(expected), "{problem}");
        }
    }

    #[test]
    fn each_message_has_its_own_metadata() {
        let wire = metadata(json!({
            "MessageReceiver": {}, "Client": { "IsClosed": false },
            "DeliveryCountArray": "[1,2]", "SequenceNumberArray": "[7,8]",
            "LockTokenArray": "[\"4e773554-f6b7-4ea2-b07d-4c5fd5aba741\",\"4e773554-f6b7-4ea2-b07d-4c5fd5aba742\"]",
            "MessageIdArray": "[\"m-1\",\"\\\"m-2\\\"\"]", "SubjectArray": "[null,\"s\"]",
            "EnqueuedTimeUtcArray": "[\"2023-10-12T20:13:49.64Z\",\"2023-10-12T20:13:50Z\"]",
            "ApplicationPropertiesArray": "[{\"n\":1},{}]",
            "RetryContext": { "RetryCount": 1, "MaxRetryCount": 2 }, "sys": { "MethodName": "f" },
        }));
        let elements = elements(DataType::String, &json!("[\"a\",\"b\"]"), &wire).unwrap();
        let [first, second] = [&elements[0].metadata, &elements[1].metadata];
        assert_eq!((first.delivery_count, second.delivery_count), (Some(1), Some(2)));
        assert_eq!((first.sequence_number, second.sequence_number), (Some(7), Some(8)));
        assert!(first.lock_token.is_some() && first.lock_token != second.lock_token);
        // The quotation marks are part of the second id.
        assert_eq!(first.message_id.as_deref(), Some("m-1"));
        assert_eq!(second.message_id.as_deref(), Some("\"m-2\""));
        assert_eq!((first.subject.as_deref(), second.subject.as_deref()), (None, Some("s")));
        assert_eq!(first.enqueued_time, Some(datetime!(2023-10-12 20:13:49.64 UTC)));
        assert_eq!(first.application_properties["n"], 1);
        assert_eq!(second.retry.as_ref().map(|retry| retry.retry_count), Some(1));
    }

    #[test]
    fn metadata_for_another_number_of_messages_are_refused() {
        let wire = metadata(json!({ "LockTokenArray": "[\"a\"]" }));
        let problem = elements(DataType::String, &json!("[\"a\",\"b\"]"), &wire).err();
        assert_eq!(problem.as_deref(), Some("LockTokenArray has 1 values for 2 messages"));
    }

    proptest! {
        #[test]
        fn no_batch_makes_the_decoder_panic(value in ".*", name in ".*", array in ".*") {
            let wire = metadata(json!({ format!("{name}Array"): array }));
            for data_type in [DataType::Binary, DataType::String, DataType::Unspecified] {
                let _ = elements(data_type, &json!(value), &wire);
            }
        }

        #[test]
        fn any_bytes_arrive_as_they_were_sent(sent in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..8)) {
            let wire: Vec<String> = sent.iter().map(|bytes| STANDARD.encode(bytes)).collect();
            prop_assert_eq!(bodies(DataType::Binary, json!(json!(wire).to_string())).unwrap(), sent);
        }
    }
}
