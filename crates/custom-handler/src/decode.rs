//! From a trigger's value to the bytes that were sent, and from those to the function's type.
//!
//! How the host writes a message body depends on the binding's `dataType`, which an invocation does not tell:
//!
//! - `binary`: a JSON string of plain base64, lossless;
//! - `string`, or none: a JSON string whose content is the text as a JSON string *literal*, quotes included.
//!
//! A quotation mark is no character of base64, so the two cannot be mistaken for each other. Whatever else comes (an
//! object, or unquoted text as Microsoft's documentation shows it) is taken as it is.
//!
//! Source: azure-functions-host, `ScriptInvocationContextExtensions.cs` and `DefaultHttpWorkerServiceTests.cs`.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use serde::{
    Deserializer,
    de::{DeserializeOwned, Error as _, Visitor},
};
use serde_json::Value;

use crate::wire;

/// The body of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Body {
    pub(crate) bytes: Bytes,
    /// It came as text, so the host may have copied its properties over the metadata.
    pub(crate) is_text: bool,
}

impl Body {
    /// Reads the trigger's value.
    pub(crate) fn of(value: Value) -> Self {
        let content = match value {
            Value::String(content) => content,
            other => return Self::text(other.to_string()),
        };
        if let Some(text) = wire::literal(&content) {
            return Self::text(text);
        }
        match STANDARD.decode(&content) {
            Ok(bytes) => Self { bytes: bytes.into(), is_text: false },
            Err(_) => Self::text(content),
        }
    }

    fn text(text: String) -> Self {
        Self { bytes: text.into(), is_text: true }
    }

    /// Decodes the body: as JSON; `String` also takes any other text, and byte buffers such as [`Bytes`] take
    /// everything as it is.
    ///
    /// # Errors
    /// The path of the bad field, and what was expected there.
    pub(crate) fn decode<T: DeserializeOwned>(&self) -> Result<T, String> {
        // To keep track of the path costs as much as to decode, so it is done once there is trouble.
        T::deserialize(BodyDeserializer(&self.bytes)).or_else(|_| {
            serde_path_to_error::deserialize(BodyDeserializer(&self.bytes)).map_err(|error| describe(&error))
        })
    }
}

/// `{path}: {what was expected}`, on one line, of bounded length and without the value itself: a body may hold what
/// must not reach a log.
pub(crate) fn describe(error: &serde_path_to_error::Error<serde_json::Error>) -> String {
    const LONGEST: usize = 1_000;
    let problem = without_strings(&error.inner().to_string());
    let path = error.path().to_string();
    let described = if path == "." { problem } else { format!("{path}: {problem}") };
    described.chars().map(|c| if c.is_control() { ' ' } else { c }).take(LONGEST).collect()
}

/// serde writes an unexpected text as `string "…"`, escaped as Rust's `Debug` does.
fn without_strings(problem: &str) -> String {
    const OPENING: &str = "string \"";
    let Some((before, quoted)) = problem.split_once(OPENING) else {
        return problem.to_owned();
    };
    let mut escaped = false;
    let end = quoted.char_indices().find(|&(_, c)| {
        let closes = c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        closes
    });
    let after = end.map_or("", |(index, _)| &quoted[index + 1..]);
    format!("{before}string{after}")
}

/// JSON, except that a whole body can also be asked for as text or as bytes.
struct BodyDeserializer<'a>(&'a [u8]);

impl<'a> BodyDeserializer<'a> {
    fn json<T>(
        &self,
        read: impl FnOnce(&mut serde_json::Deserializer<serde_json::de::SliceRead<'a>>) -> serde_json::Result<T>,
    ) -> serde_json::Result<T> {
        // Some senders begin their JSON with a byte order mark.
        let json = self.0.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(self.0);
        let mut deserializer = serde_json::Deserializer::from_slice(json);
        let value = read(&mut deserializer)?;
        deserializer.end()?;
        Ok(value)
    }
}

impl<'de> Deserializer<'de> for BodyDeserializer<'de> {
    type Error = serde_json::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> serde_json::Result<V::Value> {
        self.json(|json| json.deserialize_any(visitor))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> serde_json::Result<V::Value> {
        self.json(|json| json.deserialize_option(visitor))
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> serde_json::Result<V::Value> {
        self.json(|json| json.deserialize_newtype_struct(name, visitor))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> serde_json::Result<V::Value> {
        self.json(|json| json.deserialize_enum(name, variants, visitor))
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> serde_json::Result<V::Value> {
        self.deserialize_string(visitor)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> serde_json::Result<V::Value> {
        match serde_json::from_slice::<String>(self.0) {
            Ok(text) => visitor.visit_string(text),
            Err(_) => match std::str::from_utf8(self.0) {
                Ok(text) => visitor.visit_borrowed_str(text),
                Err(_) => Err(Self::Error::custom("invalid type: bytes that are not UTF-8, expected a text")),
            },
        }
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> serde_json::Result<V::Value> {
        visitor.visit_borrowed_bytes(self.0)
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> serde_json::Result<V::Value> {
        visitor.visit_byte_buf(self.0.to_vec())
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char unit unit_struct seq tuple tuple_struct map struct
        identifier ignored_any
    }
}

#[cfg(test)]
mod tests;
