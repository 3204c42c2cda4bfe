//! Values of application properties, typed as AMQP types them.

use bytes::Bytes;
use serde::{Serialize, Serializer};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use uuid::Uuid;

/// The value of an application property, or of an AMQP value body.
///
/// Every simple AMQP type has its own variant, so that a message which is received and sent again keeps the types
/// of its properties. Serialised with serde it becomes plain data: numbers, text, booleans; instants as RFC 3339
/// text, binary as base64.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// No value.
    Null,
    /// True or false.
    Boolean(bool),
    /// Signed, 8 bits.
    Byte(i8),
    /// Unsigned, 8 bits.
    UnsignedByte(u8),
    /// Signed, 16 bits.
    Short(i16),
    /// Unsigned, 16 bits.
    UnsignedShort(u16),
    /// Signed, 32 bits.
    Int(i32),
    /// Unsigned, 32 bits.
    UnsignedInt(u32),
    /// Signed, 64 bits.
    Long(i64),
    /// Unsigned, 64 bits.
    UnsignedLong(u64),
    /// Binary floating point, 32 bits.
    Float(f32),
    /// Binary floating point, 64 bits.
    Double(f64),
    /// Decimal floating point of 32, 64 or 128 bits, as its bytes on the wire.
    Decimal(DecimalBytes),
    /// One Unicode character.
    Character(char),
    /// An instant, to the millisecond.
    Timestamp(OffsetDateTime),
    /// A UUID.
    Uuid(Uuid),
    /// Bytes.
    Binary(Bytes),
    /// Text.
    String(String),
    /// Text out of a constrained domain, in ASCII.
    Symbol(String),
    /// A list of values; only in bodies.
    List(Vec<Value>),
    /// Values of one type, which AMQP writes once; only in bodies.
    Array(Vec<Value>),
    /// A map of values; only in bodies.
    Map(Vec<(Value, Value)>),
    /// A value of a type with a name of its own. The .NET SDK writes time spans, URIs and dates with an offset as
    /// such (`com.microsoft:timespan`, `com.microsoft:uri`, `com.microsoft:datetime-offset`).
    Described {
        /// The name of the type, or its number in decimal.
        descriptor: Descriptor,
        /// What it holds.
        value: Box<Value>,
    },
}

/// A decimal number as its bytes on the wire; this crate does not calculate with them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DecimalBytes {
    /// 32 bits.
    Decimal32([u8; 4]),
    /// 64 bits.
    Decimal64([u8; 8]),
    /// 128 bits.
    Decimal128([u8; 16]),
}

/// The name of a described type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Descriptor {
    /// A symbolic name.
    Name(String),
    /// A number.
    Code(u64),
}

impl Value {
    /// The text of a string or a symbol.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) | Self::Symbol(text) => Some(text),
            _ => None,
        }
    }

    /// Any whole number that fits.
    pub fn as_i64(&self) -> Option<i64> {
        match *self {
            Self::Byte(number) => Some(number.into()),
            Self::UnsignedByte(number) => Some(number.into()),
            Self::Short(number) => Some(number.into()),
            Self::UnsignedShort(number) => Some(number.into()),
            Self::Int(number) => Some(number.into()),
            Self::UnsignedInt(number) => Some(number.into()),
            Self::Long(number) => Some(number),
            Self::UnsignedLong(number) => i64::try_from(number).ok(),
            _ => None,
        }
    }

    /// True or false.
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Boolean(value) => Some(*value),
            _ => None,
        }
    }
}

macro_rules! value_from {
    ($($source:ty => $variant:ident),+ $(,)?) => {
        $(impl From<$source> for Value {
            fn from(value: $source) -> Self {
                Self::$variant(value.into())
            }
        })+
    };
}

value_from!(
    bool => Boolean, i8 => Byte, u8 => UnsignedByte, i16 => Short, u16 => UnsignedShort, i32 => Int,
    u32 => UnsignedInt, i64 => Long, u64 => UnsignedLong, f32 => Float, f64 => Double, char => Character,
    OffsetDateTime => Timestamp, Uuid => Uuid, Bytes => Binary, String => String, &str => String,
);

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Boolean(value) => serializer.serialize_bool(*value),
            Self::Byte(value) => serializer.serialize_i8(*value),
            Self::UnsignedByte(value) => serializer.serialize_u8(*value),
            Self::Short(value) => serializer.serialize_i16(*value),
            Self::UnsignedShort(value) => serializer.serialize_u16(*value),
            Self::Int(value) => serializer.serialize_i32(*value),
            Self::UnsignedInt(value) => serializer.serialize_u32(*value),
            Self::Long(value) => serializer.serialize_i64(*value),
            Self::UnsignedLong(value) => serializer.serialize_u64(*value),
            Self::Float(value) => serializer.serialize_f32(*value),
            Self::Double(value) => serializer.serialize_f64(*value),
            Self::Decimal(bytes) => serializer.serialize_str(&base64(bytes.as_slice())),
            Self::Character(value) => serializer.serialize_char(*value),
            Self::Timestamp(instant) => {
                serializer.serialize_str(&instant.format(&Rfc3339).map_err(serde::ser::Error::custom)?)
            }
            Self::Uuid(value) => serializer.collect_str(value),
            Self::Binary(bytes) => serializer.serialize_str(&base64(bytes)),
            Self::String(text) | Self::Symbol(text) => serializer.serialize_str(text),
            Self::List(values) | Self::Array(values) => serializer.collect_seq(values),
            Self::Map(entries) => serializer.collect_map(entries.iter().map(|(key, value)| (key, value))),
            Self::Described { value, .. } => value.serialize(serializer),
        }
    }
}

impl DecimalBytes {
    fn as_slice(&self) -> &[u8] {
        match self {
            Self::Decimal32(bytes) => bytes,
            Self::Decimal64(bytes) => bytes,
            Self::Decimal128(bytes) => bytes,
        }
    }
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_become_plain_json() {
        let values = [
            (Value::from("text"), r#""text""#),
            (Value::from(3_i32), "3"),
            (Value::from(true), "true"),
            (Value::from(1.5_f64), "1.5"),
            (Value::Null, "null"),
            (Value::Binary(Bytes::from_static(b"\x00\xff")), r#""AP8=""#),
            (Value::from(OffsetDateTime::UNIX_EPOCH), r#""1970-01-01T00:00:00Z""#),
            (Value::from(Uuid::nil()), r#""00000000-0000-0000-0000-000000000000""#),
            (Value::List(vec![1_i32.into(), "a".into()]), r#"[1,"a"]"#),
            (Value::Map(vec![("k".into(), 1_i32.into())]), r#"{"k":1}"#),
        ];
        for (value, expected) in values {
            assert_eq!(serde_json::to_string(&value).unwrap(), expected, "{value:?}");
        }
    }

    #[test]
    fn every_width_of_whole_number_reads_as_i64() {
        for value in [Value::from(7_i8), 7_u8.into(), 7_i16.into(), 7_u16.into(), 7_u32.into(), 7_u64.into()]
        {
            assert_eq!(value.as_i64(), Some(7), "{value:?}");
        }
        assert_eq!(Value::from(u64::MAX).as_i64(), None);
    }
}
