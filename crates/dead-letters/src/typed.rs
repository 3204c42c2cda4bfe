//! AMQP values as JSON that keeps their types, so that an exported message comes back as it was.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use serde_json::{Value as Json, json};
use service_bus::{DecimalBytes, Descriptor, Value};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

/// A value that has no JSON, or JSON that is not what this module writes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct TypedValueError(pub(crate) String);

/// `{"type": "int", "value": 3}`; texts and booleans and nothing stand for themselves.
///
/// # Errors
/// For an instant that has no text.
pub fn to_json(value: &Value) -> Result<Json, TypedValueError> {
    let typed = |kind: &str, value: Json| json!({"type": kind, "value": value});
    Ok(match value {
        Value::Null => Json::Null,
        Value::Boolean(value) => json!(value),
        Value::String(text) => json!(text),
        Value::Byte(value) => typed("byte", json!(value)),
        Value::UnsignedByte(value) => typed("ubyte", json!(value)),
        Value::Short(value) => typed("short", json!(value)),
        Value::UnsignedShort(value) => typed("ushort", json!(value)),
        Value::Int(value) => typed("int", json!(value)),
        Value::UnsignedInt(value) => typed("uint", json!(value)),
        Value::Long(value) => typed("long", json!(value)),
        Value::UnsignedLong(value) => typed("ulong", json!(value)),
        // As bits: JSON has neither infinities nor NaN.
        Value::Float(value) => typed("float", json!(value.to_bits())),
        Value::Double(value) => typed("double", json!(value.to_bits().to_string())),
        Value::Decimal(DecimalBytes::Decimal32(bytes)) => typed("decimal32", json!(STANDARD.encode(bytes))),
        Value::Decimal(DecimalBytes::Decimal64(bytes)) => typed("decimal64", json!(STANDARD.encode(bytes))),
        Value::Decimal(DecimalBytes::Decimal128(bytes)) => typed("decimal128", json!(STANDARD.encode(bytes))),
        Value::Character(value) => typed("char", json!(value.to_string())),
        Value::Timestamp(value) => typed(
            "timestamp",
            json!(value.format(&Rfc3339).map_err(|error| TypedValueError(error.to_string()))?),
        ),
        Value::Uuid(value) => typed("uuid", json!(value.to_string())),
        Value::Binary(bytes) => typed("binary", json!(STANDARD.encode(bytes))),
        Value::Symbol(text) => typed("symbol", json!(text)),
        Value::List(values) => typed("list", all_to_json(values)?),
        Value::Array(values) => typed("array", all_to_json(values)?),
        Value::Map(entries) => {
            let pairs = entries.iter().map(|(key, value)| Ok(json!([to_json(key)?, to_json(value)?])));
            typed("map", Json::Array(pairs.collect::<Result<_, TypedValueError>>()?))
        }
        Value::Described { descriptor: Descriptor::Name(name), value } => {
            json!({"type": "described", "name": name, "value": to_json(value)?})
        }
        Value::Described { descriptor: Descriptor::Code(code), value } => {
            json!({"type": "described", "code": code.to_string(), "value": to_json(value)?})
        }
    })
}

fn all_to_json(values: &[Value]) -> Result<Json, TypedValueError> {
    values.iter().map(to_json).collect::<Result<_, _>>().map(Json::Array)
}

/// Reads what [`to_json`] wrote.
///
/// # Errors
/// When it is something else.
pub fn from_json(json: &Json) -> Result<Value, TypedValueError> {
    match json {
        Json::Null => Ok(Value::Null),
        Json::Bool(value) => Ok(Value::Boolean(*value)),
        Json::String(text) => Ok(Value::String(text.clone())),
        Json::Object(map) => {
            let kind = map.get("type").and_then(Json::as_str).unwrap_or_default();
            let value = map.get("value").unwrap_or(&Json::Null);
            let read = match kind {
                "described" => read_described(map, value),
                _ => read_typed(kind, value),
            };
            read.ok_or_else(|| TypedValueError(format!("{value} is no value of the type {kind:?}")))
        }
        other => Err(TypedValueError(format!(
            "{other}: a number needs its type, as in {{\"type\":\"int\",\"value\":3}}"
        ))),
    }
}

fn read_typed(kind: &str, value: &Json) -> Option<Value> {
    let text = || value.as_str();
    let bytes = || STANDARD.decode(value.as_str()?).ok();
    Some(match kind {
        "byte" => Value::Byte(value.as_i64()?.try_into().ok()?),
        "ubyte" => Value::UnsignedByte(value.as_u64()?.try_into().ok()?),
        "short" => Value::Short(value.as_i64()?.try_into().ok()?),
        "ushort" => Value::UnsignedShort(value.as_u64()?.try_into().ok()?),
        "int" => Value::Int(value.as_i64()?.try_into().ok()?),
        "uint" => Value::UnsignedInt(value.as_u64()?.try_into().ok()?),
        "long" => Value::Long(value.as_i64()?),
        "ulong" => Value::UnsignedLong(value.as_u64()?),
        "float" => Value::Float(f32::from_bits(value.as_u64()?.try_into().ok()?)),
        "double" => Value::Double(f64::from_bits(text()?.parse().ok()?)),
        "decimal32" => Value::Decimal(DecimalBytes::Decimal32(bytes()?.try_into().ok()?)),
        "decimal64" => Value::Decimal(DecimalBytes::Decimal64(bytes()?.try_into().ok()?)),
        "decimal128" => Value::Decimal(DecimalBytes::Decimal128(bytes()?.try_into().ok()?)),
        "char" => {
            let mut characters = text()?.chars();
            let first = characters.next()?;
            characters.next().is_none().then_some(Value::Character(first))?
        }
        "timestamp" => Value::Timestamp(OffsetDateTime::parse(text()?, &Rfc3339).ok()?),
        "uuid" => Value::Uuid(text()?.parse().ok()?),
        "binary" => Value::Binary(Bytes::from(bytes()?)),
        "symbol" => Value::Symbol(text()?.to_owned()),
        "list" => Value::List(read_all(value)?),
        "array" => Value::Array(read_all(value)?),
        "map" => Value::Map(value.as_array()?.iter().map(read_pair).collect::<Option<_>>()?),
        _ => return None,
    })
}

fn read_all(values: &Json) -> Option<Vec<Value>> {
    values.as_array()?.iter().map(|value| from_json(value).ok()).collect()
}

fn read_pair(pair: &Json) -> Option<(Value, Value)> {
    let [key, value]: [Value; 2] = read_all(pair)?.try_into().ok()?;
    Some((key, value))
}

fn read_described(map: &serde_json::Map<String, Json>, value: &Json) -> Option<Value> {
    let text = |name: &str| map.get(name).and_then(Json::as_str);
    let descriptor = match (text("name"), text("code")) {
        (Some(name), None) => Descriptor::Name(name.to_owned()),
        (None, Some(code)) => Descriptor::Code(code.parse().ok()?),
        _ => return None,
    };
    Some(Value::Described { descriptor, value: Box::new(from_json(value).ok()?) })
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn described(descriptor: Descriptor) -> Value {
        Value::Described { descriptor, value: Box::new(3_i64.into()) }
    }

    #[test]
    fn every_type_comes_back_as_it_was() {
        let values = [
            Value::Null,
            true.into(),
            "ü".into(),
            (-3_i8).into(),
            3_u8.into(),
            (-3_i16).into(),
            3_u16.into(),
            (-3_i32).into(),
            3_u32.into(),
            i64::MIN.into(),
            u64::MAX.into(),
            1.5_f32.into(),
            f64::NEG_INFINITY.into(),
            Value::Decimal(DecimalBytes::Decimal64([1, 2, 3, 4, 5, 6, 7, 8])),
            'x'.into(),
            OffsetDateTime::UNIX_EPOCH.into(),
            Uuid::from_u128(7).into(),
            Bytes::from_static(b"\x00\xff").into(),
            Value::Symbol("s".to_owned()),
            Value::List(vec![1.into(), Value::Array(vec![2.into()]), Value::List(Vec::new())]),
            Value::Map(vec![(7.into(), "seven".into())]),
            described(Descriptor::Name("com.microsoft:timespan".to_owned())),
            described(Descriptor::Code(u64::MAX)),
        ];
        for value in values {
            assert_eq!(from_json(&to_json(&value).unwrap()), Ok(value));
        }
    }

    #[test]
    fn what_is_no_value_is_refused() {
        for json in
            [json!(3), json!([]), json!({"type": "int", "value": "3"}), json!({"type": "byte", "value": 300})]
        {
            assert!(from_json(&json).is_err(), "{json}");
        }
    }
}
