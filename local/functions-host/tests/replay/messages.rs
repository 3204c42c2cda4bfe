//! The messages of the recordings, as the .NET SDK sent them.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value as Json;
use service_bus::{BodySection, DecimalBytes, Descriptor, Message, Value};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// All messages of one entry of `sends`; `#` in a body counts them.
pub(crate) fn messages(send: &Json) -> Vec<Message> {
    let count = send["n"].as_u64().unwrap_or(1);
    (0..count).map(|index| message(send, index)).collect()
}

fn message(send: &Json, index: u64) -> Message {
    let mut message = Message::default();
    let text = |name: &str| send[name].as_str().map(str::to_owned);
    if let Some(body) = text("body") {
        message.body = if count_of(send) > 1 { body.replace('#', &index.to_string()) } else { body }.into();
    } else if let Some(encoded) = text("b64") {
        message.body = bytes(&encoded).into();
    } else if let Some(parts) = send["datas"].as_array() {
        // The client sends one data section; a receiver cannot tell it from several.
        message.body = parts.iter().flat_map(|part| bytes(part.as_str().unwrap())).collect::<Vec<_>>().into();
    } else if let Some(items) = send["seq"].as_array() {
        message.body_section = BodySection::Sequence(vec![items.iter().map(value).collect()]);
    } else {
        message.body_section = BodySection::Value(value(&send["value"]));
    }
    message.message_id = text("id");
    message.correlation_id = text("corr");
    message.subject = text("subject");
    message.content_type = text("ct");
    message.reply_to = text("reply");
    message.reply_to_session_id = text("replysession");
    message.to = text("dest");
    message.session_id = text("session");
    message.partition_key = text("pk");
    message.time_to_live = send["ttl"].as_f64().map(Duration::from_secs_f64);
    for properties in [&send["props"], &send["rawprops"]] {
        for (name, property) in properties.as_object().into_iter().flatten() {
            message.application_properties.insert(name.clone(), value(property));
        }
    }
    message
}

fn count_of(send: &Json) -> u64 {
    send["n"].as_u64().unwrap_or(1)
}

fn bytes(encoded: &str) -> Vec<u8> {
    STANDARD.decode(encoded).unwrap()
}

/// `{"t":type,"v":value}`, or a plain value; a plain number is .NET's `double`.
fn value(json: &Json) -> Value {
    let Some(kind) = json["t"].as_str() else {
        return match json {
            Json::Null => Value::Null,
            Json::Bool(flag) => Value::Boolean(*flag),
            Json::String(text) => Value::String(text.clone()),
            Json::Number(number) => Value::Double(number.as_f64().unwrap()),
            other => panic!("no plain value: {other}"),
        };
    };
    let v = &json["v"];
    let text = v.as_str().map_or_else(|| v.to_string(), str::to_owned);
    let described = |name: &str, value: Value| Value::Described {
        descriptor: Descriptor::Name(format!("com.microsoft:{name}")),
        value: Box::new(value),
    };
    match kind {
        "null" => Value::Null,
        "int" => Value::Int(text.parse().unwrap()),
        "long" => Value::Long(text.parse().unwrap()),
        "short" => Value::Short(text.parse().unwrap()),
        "byte" => Value::UnsignedByte(text.parse().unwrap()),
        "sbyte" => Value::Byte(text.parse().unwrap()),
        "uint" => Value::UnsignedInt(text.parse().unwrap()),
        "ulong" => Value::UnsignedLong(text.parse().unwrap()),
        "ushort" => Value::UnsignedShort(text.parse().unwrap()),
        "float" => Value::Float(text.parse().unwrap()),
        "double" => Value::Double(text.parse().unwrap()),
        "decimal" => Value::Decimal(decimal(&text)),
        "char" => Value::Character(text.chars().next().unwrap()),
        "guid" => Value::Uuid(text.parse().unwrap()),
        "datetime" => Value::Timestamp(OffsetDateTime::parse(&text, &Rfc3339).unwrap()),
        "dto" => described("datetime-offset", Value::Long(ticks(&text))),
        // The one that there is: 1.02:03:04.5.
        "timespan" => described("timespan", Value::Long(((26 * 60 + 3) * 60 + 4) * 10_000_000 + 5_000_000)),
        // The SDK sends what `Uri.AbsoluteUri` says.
        "uri" => described("uri", Value::String(text.replace(' ', "%20"))),
        "bytes" => Value::Binary(bytes(&text).into()),
        "list" => Value::List(v.as_array().unwrap().iter().map(value).collect()),
        "map" => {
            let members = v.as_object().unwrap().iter();
            Value::Map(members.map(|(name, member)| (Value::String(name.clone()), value(member))).collect())
        }
        other => panic!("unknown type {other}"),
    }
}

/// Microsoft.Azure.Amqp, `DecimalEncoding.cs`: the coefficient behind a biased exponent whose upper bits lie two
/// places higher than IEEE 754 has them.
fn decimal(text: &str) -> DecimalBytes {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let coefficient: u128 = format!("{whole}{fraction}").parse().unwrap();
    let exponent = 6176 - u16::try_from(fraction.len()).unwrap();
    let mut bytes = coefficient.to_be_bytes();
    bytes[0] = u8::try_from(exponent >> 9).unwrap();
    bytes[1] = u8::try_from((exponent & 0x7f) << 1).unwrap();
    DecimalBytes::Decimal128(bytes)
}

/// The UTC ticks of an instant.
fn ticks(text: &str) -> i64 {
    let instant = OffsetDateTime::parse(text, &Rfc3339).unwrap();
    i64::try_from(instant.unix_timestamp_nanos() / 100).unwrap() + 621_355_968_000_000_000
}
