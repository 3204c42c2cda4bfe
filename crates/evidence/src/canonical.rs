//! The one form of a pack: JSON as RFC 8785 (JCS) writes it, and a line feed.
//!
//! A file in any other form is refused, so no byte of it is without meaning: what is hashed is what is in the file. All
//! numbers are whole, from 0 to 2^53 - 1, and all names of members are ASCII; so the two difficult parts of RFC 8785,
//! how a fraction is written and how names sort in UTF-16, do not occur.

use aws_lc_rs::digest::{SHA256, digest};
use serde_json::{Number, Value};

/// The largest whole number that every reader of JSON keeps.
const LARGEST: u64 = (1 << 53) - 1;

/// Why some bytes are not JSON in its one form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Unreadable {
    /// They are not JSON.
    Syntax(String),
    /// They are JSON, but this byte is not the one that stands there in its one form; the first is 0.
    OtherForm(usize),
    /// A number that is not whole, or too large, or a name that is not ASCII.
    NotPlain(String),
}

/// The value of a file, if the file is in the one form.
pub(crate) fn read(file: &[u8]) -> Result<Value, Unreadable> {
    let value: Value = serde_json::from_slice(file).map_err(|error| Unreadable::Syntax(error.to_string()))?;
    check(&value)?;
    let mut expected = bytes(&value);
    expected.push(b'\n');
    if expected == file {
        return Ok(value);
    }
    let differs = expected.iter().zip(file).position(|(expected, found)| expected != found);
    Err(Unreadable::OtherForm(differs.unwrap_or_else(|| expected.len().min(file.len()))))
}

/// Whether a value can be written in the one form.
pub(crate) fn check(value: &Value) -> Result<(), Unreadable> {
    match value {
        Value::Null | Value::Bool(_) | Value::String(_) => Ok(()),
        Value::Number(number) if is_plain(number) => Ok(()),
        Value::Number(number) => Err(Unreadable::NotPlain(format!("the number {number}"))),
        Value::Array(items) => items.iter().try_for_each(check),
        Value::Object(members) => members.iter().try_for_each(|(name, value)| {
            if name.is_ascii() {
                check(value)
            } else {
                Err(Unreadable::NotPlain(format!("the name {name:?}")))
            }
        }),
    }
}

fn is_plain(number: &Number) -> bool {
    number.as_u64().is_some_and(|number| number <= LARGEST)
}

/// The bytes of a value that was checked.
pub(crate) fn bytes(value: &Value) -> Vec<u8> {
    let mut out = vec![];
    write(value, &mut out);
    out
}

fn write(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Array(items) => {
            out.push(b'[');
            for (place, item) in items.iter().enumerate() {
                separate(place, out);
                write(item, out);
            }
            out.push(b']');
        }
        // Sorted here: in which order the map keeps its members is a choice of whoever builds the whole program.
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_by_key(|(name, _)| name.as_str());
            out.push(b'{');
            for (place, (name, value)) in members.into_iter().enumerate() {
                separate(place, out);
                write_string(name, out);
                out.push(b':');
                write(value, out);
            }
            out.push(b'}');
        }
        Value::String(text) => write_string(text, out),
        Value::Null | Value::Bool(_) | Value::Number(_) => {
            out.extend_from_slice(value.to_string().as_bytes())
        }
    }
}

fn separate(place: usize, out: &mut Vec<u8>) {
    if place > 0 {
        out.push(b',');
    }
}

/// As RFC 8785, section 3.2.2.2: the short escapes where there are some, `\u00xx` for other controls, all else as it is.
fn write_string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    for c in text.chars() {
        match c {
            '"' => out.extend_from_slice(b"\\\""),
            '\\' => out.extend_from_slice(b"\\\\"),
            '\u{8}' => out.extend_from_slice(b"\\b"),
            '\t' => out.extend_from_slice(b"\\t"),
            '\n' => out.extend_from_slice(b"\\n"),
            '\u{c}' => out.extend_from_slice(b"\\f"),
            '\r' => out.extend_from_slice(b"\\r"),
            c if c < ' ' => out.extend_from_slice(format!("\\u{:04x}", u32::from(c)).as_bytes()),
            c => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    out.push(b'"');
}

/// The SHA-256 of a value in its one form, in hexadecimal.
pub(crate) fn hash(value: &Value) -> String {
    hex(digest(&SHA256, &bytes(value)).as_ref())
}

/// Bytes in hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn there_is_one_form_of_each_value() {
        let value = json!({"b": [1, true, null], "a": "x\u{1}\n\"\\\u{e9}\u{1f511}/", "": {}});
        let written = "{\"\":{},\"a\":\"x\\u0001\\n\\\"\\\\\u{e9}\u{1f511}/\",\"b\":[1,true,null]}";
        assert_eq!(String::from_utf8(bytes(&value)).unwrap(), written);
        assert_eq!(read(format!("{written}\n").as_bytes()), Ok(value));
    }

    #[test]
    fn every_other_form_is_refused() {
        let check = |file: &str, expected: &str| {
            let found = format!("{:?}", read(file.as_bytes()).unwrap_err());
            assert!(found.starts_with(expected), "{file:?}: {found}");
        };
        check("{\"a\":1}", "OtherForm(7)");
        check("{\"a\":1}\n\n", "OtherForm(8)");
        check("{\"a\": 1}\n", "OtherForm(5)");
        check(" {\"a\":1}\n", "OtherForm(0)");
        check("{\"b\":1,\"a\":1}\n", "OtherForm(2)");
        check("{\"a\":1,\"a\":1}\n", "OtherForm(6)");
        check("{\"a\":\"\\u0041\"}\n", "OtherForm(6)");
        check("{\"a\":\"\\/\"}\n", "OtherForm(6)");
        check("{\"a\":\"\\u001F\"}\n", "OtherForm(11)");
        check("{\"a\":1.0}\n", "NotPlain");
        check("{\"a\":1e2}\n", "NotPlain");
        check("{\"a\":-1}\n", "NotPlain");
        check("{\"a\":-0}\n", "NotPlain");
        check("{\"a\":9007199254740992}\n", "NotPlain");
        check("{\"\u{e9}\":1}\n", "NotPlain");
        check("{\"a\":01}\n", "Syntax");
        check("{\"a\":\"\\ud800\"}\n", "Syntax");
        check("\u{feff}{}\n", "Syntax");
        check(&format!("{}\n", "[".repeat(1000)), "Syntax");
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            (0..=LARGEST).prop_map(Value::from),
            any::<String>().prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::btree_map("[ -~]{0,6}", inner, 0..6)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_the_same(value in value()) {
            let mut file = bytes(&value);
            // The other writer that we have sorts names too, and agrees on every string.
            prop_assert_eq!(&file, &serde_json::to_vec(&value).unwrap());
            file.push(b'\n');
            prop_assert_eq!(read(&file), Ok(value));
        }
    }
}
