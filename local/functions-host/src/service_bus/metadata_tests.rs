//! Bodies of every kind, and the metadata of a message.

use bytes::Bytes;

use super::*;
use crate::clock::Clock;

fn encoded(body: impl Into<Bytes>, binary: bool) -> (Json, Json) {
    let mut delivery = Delivery::of_manual_input("");
    delivery.body = Body::Data(body.into());
    delivery.message_id = Some("from the broker".to_owned());
    delivery.delivery_count = 1;
    let data_type = if binary { DataType::Binary } else { DataType::Absent };
    let value = value(&delivery, data_type).unwrap();
    let mut metadata = metadata(&delivery, "namespace");
    metadata.set_system("helloQueue", Clock::default().now());
    metadata.overlay_properties_of_value(&value);
    (value.encode(), metadata.into_metadata())
}

#[test]
fn a_text_body_is_json_in_a_string_and_its_properties_leak() {
    let (data, metadata) = encoded(r#"{"message":"hello","number":2,"MessageId":"theirs"}"#, false);
    assert_eq!(data.as_str().unwrap(), r#""{\"message\":\"hello\",\"number\":2,\"MessageId\":\"theirs\"}""#);
    assert_eq!(metadata.member("message"), Some(&Json::from("\"hello\"")));
    assert_eq!(metadata.member("number"), Some(&Json::from("\"2\"")));
    assert_eq!(metadata.member("MessageId"), Some(&Json::from("\"theirs\"")));
}

#[test]
fn a_binary_body_is_plain_base64_and_leaks_nothing() {
    let (data, metadata) = encoded(r#"{"message":"hello","MessageId":"theirs"}"#, true);
    assert_eq!(data.as_str().unwrap(), "eyJtZXNzYWdlIjoiaGVsbG8iLCJNZXNzYWdlSWQiOiJ0aGVpcnMifQ==");
    assert_eq!(metadata.member("MessageId"), Some(&Json::from("\"from the broker\"")));
    assert_eq!(metadata.member("message"), None);
}

#[test]
fn text_bodies_of_every_kind_arrive() {
    let check = |body: &[u8], expected: &str| {
        assert_eq!(encoded(body.to_vec(), false).0.as_str().unwrap(), expected);
    };
    check(b"hello", r#""hello""#);
    check(b"", r#""""#);
    check(b"12", r#""12""#);
    check(b"[1,2]", r#""[1,2]""#);
    check(b"aGVsbG8=", r#""aGVsbG8=""#);
    check(b"\"q\\", r#""\"q\\""#);
    check(b"a\xffb", "\"a\u{fffd}b\"");
    let old_sdk = b"@\x06string\x083http://schemas.microsoft.com/2003/10/Serialization/\x99\x05hello";
    check(old_sdk, r#""hello""#);
}

#[test]
fn the_metadata_of_a_message_has_the_extensions_names_and_forms() {
    let mut delivery = Delivery::of_manual_input("x");
    delivery.lock_token = Uuid::parse_str("4e773554-f6b7-4ea2-b07d-4c5fd5aba741").unwrap();
    delivery.delivery_count = 1;
    delivery.sequence_number = 1;
    delivery.enqueued_time = Some(datetime!(2023-10-12 20:13:49.64 UTC));
    delivery.message_id = Some("m".to_owned());
    delivery.content_type = Some("application/json".to_owned());
    delivery.subject = Some("s".to_owned());
    delivery.application_properties =
        vec![("kind".to_owned(), Json::from("a")), ("n".to_owned(), Json::from(3))];
    let data = metadata(&delivery, "namespace");
    let Json::Object(mut members) = data.into_metadata() else { panic!("an object") };
    members.retain(|(name, _)| name != "Client");
    let expected = Json::parse(
        r#"{"MessageReceiver":{},"MessageSession":{},"MessageActions":{},"SessionActions":{},"ReceiveActions":{},
            "DeliveryCount":"1","LockToken":"\"4e773554-f6b7-4ea2-b07d-4c5fd5aba741\"",
            "ExpiresAtUtc":"9999-12-31T23:59:59","ExpiresAt":"9999-12-31T23:59:59+00:00",
            "EnqueuedTimeUtc":"2023-10-12T20:13:49","EnqueuedTime":"2023-10-12T20:13:49+00:00",
            "MessageId":"\"m\"","ContentType":"\"application/json\"","SequenceNumber":"1",
            "Subject":"\"s\"","Label":"\"s\"",
            "ApplicationProperties":{"kind":"a","n":3},"UserProperties":{"kind":"a","n":3}}"#,
    );
    assert_eq!(Json::Object(members), expected.unwrap());
}

#[test]
fn bodies_that_are_neither_data_nor_text_fail() {
    let mut delivery = Delivery::of_manual_input("");
    delivery.body = Body::Unsupported("Sequence");
    let error = value(&delivery, DataType::Absent).unwrap_err();
    assert!(error.to_string().contains("'Sequence'"), "{error}");
    delivery.body = Body::Text("a text is no bytes".to_owned());
    let error = value(&delivery, DataType::Binary).unwrap_err();
    assert!(error.to_string().contains("using the Body property"), "{error}");
    assert!(value(&Delivery::of_manual_input(""), DataType::Stream).is_err());
}
