//! Application properties as Newtonsoft.Json writes what the .NET SDK makes of them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use service_bus::{DecimalBytes, Descriptor, Value};
use time::OffsetDateTime;

use crate::clock;
use crate::json::Json;
use crate::json::number::Number;

const TICKS_A_SECOND: i128 = 10_000_000;
/// Of .NET's year 1, in ticks before the year 1970.
const EPOCH: i128 = 621_355_968_000_000_000;

pub(super) fn json(value: &Value) -> Json {
    let integer = |number: &dyn ToString| Json::Number(Number::Integer(number.to_string()));
    match value {
        Value::Null => Json::Null,
        Value::Boolean(flag) => Json::Bool(*flag),
        Value::Byte(number) => integer(number),
        Value::UnsignedByte(number) => integer(number),
        Value::Short(number) => integer(number),
        Value::UnsignedShort(number) => integer(number),
        Value::Int(number) => integer(number),
        Value::UnsignedInt(number) => integer(number),
        Value::Long(number) => integer(number),
        Value::UnsignedLong(number) => integer(number),
        Value::Float(number) => Json::Number(Number::Float(*number)),
        Value::Double(number) => Json::Number(Number::Double(*number)),
        Value::Decimal(DecimalBytes::Decimal128(bytes)) => Json::Number(Number::Decimal(decimal(bytes))),
        Value::Decimal(DecimalBytes::Decimal64(bytes)) => Json::from(STANDARD.encode(bytes)),
        Value::Decimal(DecimalBytes::Decimal32(bytes)) => Json::from(STANDARD.encode(bytes)),
        Value::Character(character) => Json::from(character.to_string()),
        Value::Timestamp(instant) => Json::from(clock::utc_text(*instant)),
        Value::Uuid(id) => Json::from(id.to_string()),
        Value::Binary(bytes) => Json::from(STANDARD.encode(bytes)),
        Value::String(text) | Value::Symbol(text) => Json::from(text.as_str()),
        Value::List(items) | Value::Array(items) => Json::Array(items.iter().map(json).collect()),
        Value::Map(members) => Json::object(members.iter().map(|(name, value)| {
            let name = json(name).to_dotnet_string().unwrap_or_default();
            (name, json(value))
        })),
        Value::Described { descriptor: Descriptor::Name(name), value } => described(name, value),
        Value::Described { value, .. } => json(value),
    }
}

fn described(name: &str, value: &Value) -> Json {
    let ticks = || value.as_i64().map(i128::from);
    let text = match name {
        "com.microsoft:datetime-offset" => ticks().and_then(date_time_offset),
        "com.microsoft:timespan" => ticks().map(time_span),
        _ => None,
    };
    text.map_or_else(|| json(value), Json::from)
}

/// The SDK sends the ticks in UTC and loses the offset.
fn date_time_offset(ticks: i128) -> Option<String> {
    let instant = OffsetDateTime::from_unix_timestamp_nanos((ticks - EPOCH) * 100).ok()?;
    Some(format!("{}+00:00", clock::utc_text(instant).trim_end_matches('Z')))
}

/// `[-][d.]hh:mm:ss[.fffffff]`
fn time_span(ticks: i128) -> String {
    let sign = if ticks < 0 { "-" } else { "" };
    let ticks = ticks.abs();
    let (seconds, fraction) = (ticks / TICKS_A_SECOND, ticks % TICKS_A_SECOND);
    let (days, hours) = (seconds / 86_400, seconds / 3_600 % 24);
    let days = if days > 0 { format!("{days}.") } else { String::new() };
    let fraction = if fraction > 0 { format!(".{fraction:07}") } else { String::new() };
    format!("{sign}{days}{hours:02}:{:02}:{:02}{fraction}", seconds / 60 % 60, seconds % 60)
}

/// Microsoft.Azure.Amqp, `DecimalEncoding.cs`: a sign, an exponent whose upper bits lie two places higher than IEEE 754 has
/// them, and a coefficient of 96 bits.
fn decimal(bytes: &[u8; 16]) -> String {
    const BIAS: usize = 6176;
    let exponent = usize::from(bytes[0] & 0x7f) << 9 | usize::from(bytes[1] >> 1);
    let scale = BIAS.saturating_sub(exponent);
    let mut coefficient = *bytes;
    coefficient[..4].fill(0);
    let digits = format!("{:0>width$}", u128::from_be_bytes(coefficient), width = scale + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    let sign = if bytes[0] & 0x80 == 0 { "" } else { "-" };
    let point = if fraction.is_empty() { "" } else { "." };
    format!("{sign}{whole}{point}{fraction}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_of_dotnet_have_their_texts() {
        let check = |value: Value, expected: &str| assert_eq!(json(&value).to_compact_text(), expected);
        let described = |name: &str, ticks: i64| Value::Described {
            descriptor: Descriptor::Name(format!("com.microsoft:{name}")),
            value: Box::new(Value::Long(ticks)),
        };
        let mut decimal = [0; 16];
        (decimal[0], decimal[1], decimal[15]) = (0x8c, 0x3c, 110);
        check(Value::Decimal(DecimalBytes::Decimal128(decimal)), "-1.10");
        check(described("timespan", 937_845_000_000), "\"1.02:03:04.5000000\"");
        check(described("timespan", -10_000_000), "\"-00:00:01\"");
        check(described("datetime-offset", 637_135_238_456_789_000), "\"2020-01-02T01:04:05.6789+00:00\"");
        check(Value::Double(f64::NAN), "\"NaN\"");
        check(Value::Double(3.0), "3.0");
        check(Value::UnsignedLong(u64::MAX), "18446744073709551615");
    }
}
