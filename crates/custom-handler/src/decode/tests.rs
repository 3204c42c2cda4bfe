use std::collections::BTreeMap;

use proptest::prelude::*;
use serde::Deserialize;
use serde_json::json;

use super::*;

#[derive(Debug, Deserialize, PartialEq)]
struct Order {
    lines: Vec<Line>,
}

#[derive(Debug, Deserialize, PartialEq)]
struct Line {
    amount: u32,
}

#[test]
fn every_encoding_of_a_body_yields_the_same_bytes() {
    for text in
        ["{\"amount\":3}", "hello", "\"quoted\"", "[1]", "4", "test", "", "aGVsbG8=", "ä\n\u{1F980}", " { }"]
    {
        let binary = json!(STANDARD.encode(text));
        let string = json!(serde_json::to_string(text).unwrap());
        assert_eq!(Body::of(binary), Body { bytes: Bytes::from(text), is_text: false }, "{text}");
        assert_eq!(Body::of(string), Body { bytes: Bytes::from(text), is_text: true }, "{text}");
    }
}

#[test]
fn bytes_that_are_not_text_survive_as_binary() {
    let bytes: Vec<u8> = (0..=255).collect();
    assert_eq!(Body::of(json!(STANDARD.encode(&bytes))).bytes, bytes);
}

#[test]
fn what_documentation_shows_is_taken_as_it_is() {
    for (value, expected) in [
        (json!("{ message: \"Message sent\" }"), "{ message: \"Message sent\" }"),
        (json!("{\"message\":\"hello\",\"number\":2}"), "{\"message\":\"hello\",\"number\":2}"),
        (json!({"message": "hello"}), "{\"message\":\"hello\"}"),
        (json!(4), "4"),
        (json!("not base64!"), "not base64!"),
    ] {
        assert_eq!(Body::of(value), Body { bytes: Bytes::from(expected), is_text: true });
    }
}

fn body(text: &str) -> Body {
    Body { bytes: Bytes::copy_from_slice(text.as_bytes()), is_text: false }
}

#[test]
fn bodies_decode_to_what_the_function_wants() {
    assert_eq!(body("{\"lines\":[{\"amount\":3}]}").decode(), Ok(Order { lines: vec![Line { amount: 3 }] }));
    assert_eq!(body("\u{FEFF}{\"lines\":[]}").decode(), Ok(Order { lines: vec![] }));
    assert_eq!(body("\"hello\"").decode(), Ok("hello".to_owned()));
    assert_eq!(body("hello").decode(), Ok("hello".to_owned()));
    assert_eq!(body("{}").decode(), Ok("{}".to_owned()));
    assert_eq!(body("").decode(), Ok(String::new()));
    assert_eq!(body("\"hello\"").decode(), Ok(Bytes::from("\"hello\"")));
    assert_eq!(body("[1,2]").decode(), Ok((1, 2)));
    assert_eq!(body("null").decode(), Ok(None::<u8>));
    assert_eq!(body("3").decode(), Ok(Some(3)));
    assert_eq!(body("{\"a\":1}").decode(), Ok(BTreeMap::from([("a".to_owned(), 1)])));
    assert_eq!(body("{\"a\":1}").decode(), Ok(json!({"a": 1})));
    assert_eq!(body("18446744073709551615").decode(), Ok(u64::MAX));
    assert_eq!(body("{\"Ok\":1}").decode::<Result<u8, u8>>(), Ok(Ok(1)));
}

#[test]
fn the_bad_field_is_named() {
    for (text, expected) in [
        (
            "{\"lines\":[{\"amount\":1},{\"amount\":-1}]}",
            "lines[1].amount: invalid value: integer `-1`, expected u32",
        ),
        ("{\"lines\":[{}]}", "lines[0]: missing field `amount`"),
        ("{\"lines\":{}}", "lines: invalid type: map, expected a sequence"),
        ("{}", "missing field `lines`"),
        ("hello", "expected value"),
        ("", "EOF while parsing a value"),
        ("{\"lines\":[]} x", "trailing characters"),
    ] {
        let problem = body(text).decode::<Order>().unwrap_err();
        assert!(problem.starts_with(expected), "{text}: {problem}");
    }
}

#[test]
fn a_description_holds_no_text_of_the_body_and_is_short() {
    let problem = body("{\"lines\":\"it is \\\"secret\\\" \\\\\"}").decode::<Order>().unwrap_err();
    assert_eq!(problem, "lines: invalid type: string, expected a sequence at line 1 column 30");
    let key = "k".repeat(5_000);
    let long = body(&format!("{{\"{key}\":\"x\"}}")).decode::<BTreeMap<String, u8>>().unwrap_err();
    assert_eq!(long.len(), 1_000);
}

proptest! {
    #[test]
    fn decoding_never_panics(content in ".*", bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let read = Body::of(Value::String(content));
        let _ = (read.decode::<Order>(), read.decode::<String>(), read.decode::<Value>());
        let raw = Body { bytes: bytes.into(), is_text: false };
        let _ = (raw.decode::<Order>(), raw.decode::<String>(), raw.decode::<Value>());
    }

    #[test]
    fn any_bytes_arrive_as_they_were_sent(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert_eq!(Body::of(Value::String(STANDARD.encode(&bytes))).bytes, bytes);
    }

    #[test]
    fn any_text_arrives_as_it_was_sent(text in ".*") {
        let wire = Value::String(serde_json::to_string(&text).unwrap());
        prop_assert_eq!(Body::of(wire).bytes, text.into_bytes());
    }

    #[test]
    fn no_bytes_make_the_envelope_panic(body in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = crate::envelope::Envelope::decode(&body);
    }
}
