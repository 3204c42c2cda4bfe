//! Between [`Value`] and the AMQP library's values, without losing a type.

use bytes::Bytes;
use serde_amqp::{
    Value as Amqp,
    described::Described,
    descriptor::Descriptor as AmqpDescriptor,
    primitives::{Symbol, Timestamp},
};
use time::{Date, OffsetDateTime, Time};
use uuid::Uuid;

use crate::value::{DecimalBytes, Descriptor, Value};

/// What an AMQP value means to this crate.
pub(crate) fn from_amqp(value: Amqp) -> Value {
    match value {
        Amqp::Null => Value::Null,
        Amqp::Bool(value) => Value::Boolean(value),
        Amqp::Byte(value) => Value::Byte(value),
        Amqp::Ubyte(value) => Value::UnsignedByte(value),
        Amqp::Short(value) => Value::Short(value),
        Amqp::Ushort(value) => Value::UnsignedShort(value),
        Amqp::Int(value) => Value::Int(value),
        Amqp::Uint(value) => Value::UnsignedInt(value),
        Amqp::Long(value) => Value::Long(value),
        Amqp::Ulong(value) => Value::UnsignedLong(value),
        Amqp::Float(value) => Value::Float(value.into_inner()),
        Amqp::Double(value) => Value::Double(value.into_inner()),
        Amqp::Decimal32(value) => Value::Decimal(DecimalBytes::Decimal32(value.into_inner())),
        Amqp::Decimal64(value) => Value::Decimal(DecimalBytes::Decimal64(value.into_inner())),
        Amqp::Decimal128(value) => Value::Decimal(DecimalBytes::Decimal128(value.into_inner())),
        Amqp::Char(value) => Value::Character(value),
        Amqp::Timestamp(value) => Value::Timestamp(instant_from_timestamp(&value)),
        Amqp::Uuid(value) => Value::Uuid(Uuid::from_bytes(value.into_inner())),
        Amqp::Binary(value) => Value::Binary(Bytes::from(value.into_vec())),
        Amqp::String(value) => Value::String(value),
        Amqp::Symbol(value) => Value::Symbol(value.into_inner()),
        Amqp::List(values) => Value::List(values.into_iter().map(from_amqp).collect()),
        Amqp::Array(values) => Value::Array(values.into_inner().into_iter().map(from_amqp).collect()),
        Amqp::Map(entries) => {
            Value::Map(entries.into_iter().map(|(key, value)| (from_amqp(key), from_amqp(value))).collect())
        }
        Amqp::Described(described) => Value::Described {
            descriptor: match described.descriptor {
                AmqpDescriptor::Name(name) => Descriptor::Name(name.into_inner()),
                AmqpDescriptor::Code(code) => Descriptor::Code(code),
            },
            value: Box::new(from_amqp(described.value)),
        },
    }
}

/// The AMQP value for one of ours.
pub(super) fn to_amqp(value: &Value) -> Amqp {
    match value {
        Value::Null => Amqp::Null,
        Value::Boolean(value) => Amqp::Bool(*value),
        Value::Byte(value) => Amqp::Byte(*value),
        Value::UnsignedByte(value) => Amqp::Ubyte(*value),
        Value::Short(value) => Amqp::Short(*value),
        Value::UnsignedShort(value) => Amqp::Ushort(*value),
        Value::Int(value) => Amqp::Int(*value),
        Value::UnsignedInt(value) => Amqp::Uint(*value),
        Value::Long(value) => Amqp::Long(*value),
        Value::UnsignedLong(value) => Amqp::Ulong(*value),
        Value::Float(value) => Amqp::from(*value),
        Value::Double(value) => Amqp::from(*value),
        Value::Decimal(DecimalBytes::Decimal32(bytes)) => Amqp::Decimal32((*bytes).into()),
        Value::Decimal(DecimalBytes::Decimal64(bytes)) => Amqp::Decimal64((*bytes).into()),
        Value::Decimal(DecimalBytes::Decimal128(bytes)) => Amqp::Decimal128((*bytes).into()),
        Value::Character(value) => Amqp::Char(*value),
        Value::Timestamp(instant) => Amqp::Timestamp(instant_to_timestamp(*instant)),
        Value::Uuid(value) => Amqp::Uuid(value.into_bytes().into()),
        Value::Binary(bytes) => Amqp::Binary(serde_bytes::ByteBuf::from(bytes.to_vec())),
        Value::String(text) => Amqp::String(text.clone()),
        Value::Symbol(text) => Amqp::Symbol(Symbol::new(text.clone())),
        Value::List(values) => Amqp::List(values.iter().map(to_amqp).collect()),
        Value::Array(values) => Amqp::Array(values.iter().map(to_amqp).collect::<Vec<_>>().into()),
        Value::Map(entries) => {
            Amqp::Map(entries.iter().map(|(key, value)| (to_amqp(key), to_amqp(value))).collect())
        }
        Value::Described { descriptor, value } => Amqp::Described(Box::new(Described {
            descriptor: match descriptor {
                Descriptor::Name(name) => AmqpDescriptor::Name(Symbol::new(name.clone())),
                Descriptor::Code(code) => AmqpDescriptor::Code(*code),
            },
            value: to_amqp(value),
        })),
    }
}

/// The instant of an AMQP timestamp. One outside the years that a calendar date can name becomes the nearest that it
/// can: .NET writes "never" as the end of the year 9999, others write the largest number.
pub(crate) fn instant_from_timestamp(timestamp: &Timestamp) -> OffsetDateTime {
    let milliseconds = i128::from(timestamp.milliseconds());
    OffsetDateTime::from_unix_timestamp_nanos(milliseconds * 1_000_000).unwrap_or(if milliseconds > 0 {
        Date::MAX.with_time(Time::MAX).assume_utc()
    } else {
        Date::MIN.midnight().assume_utc()
    })
}

/// The instant of a .NET tick count: tenths of microseconds since the beginning of the year 1.
pub(crate) fn instant_from_ticks(ticks: i64) -> Option<OffsetDateTime> {
    /// Ticks from there to 1970.
    const UNIX_EPOCH: i64 = 621_355_968_000_000_000;
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(ticks.checked_sub(UNIX_EPOCH)?) * 100).ok()
}

/// An instant as AMQP counts it: milliseconds since 1970.
pub(crate) fn instant_to_timestamp(instant: OffsetDateTime) -> Timestamp {
    let milliseconds = instant.unix_timestamp_nanos().div_euclid(1_000_000);
    Timestamp::from(i64::try_from(milliseconds).expect("a calendar date is within 64 bits of milliseconds"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_survives_the_wire() {
        let values = [
            Value::Null,
            true.into(),
            (-1_i8).into(),
            200_u8.into(),
            (-300_i16).into(),
            60_000_u16.into(),
            (-70_000_i32).into(),
            4_000_000_000_u32.into(),
            i64::MIN.into(),
            u64::MAX.into(),
            1.5_f32.into(),
            (-2.25_f64).into(),
            Value::Decimal(DecimalBytes::Decimal128([7; 16])),
            'ß'.into(),
            OffsetDateTime::UNIX_EPOCH.into(),
            Uuid::from_u128(7).into(),
            Bytes::from_static(b"\x00\xff").into(),
            "text".into(),
            Value::Symbol("symbol".to_owned()),
            Value::Described {
                descriptor: Descriptor::Name("com.microsoft:timespan".to_owned()),
                value: Box::new(36_000_000_000_i64.into()),
            },
        ];
        for value in values {
            let bytes = serde_amqp::to_vec(&to_amqp(&value)).unwrap();
            let back: Amqp = serde_amqp::from_slice(&bytes).unwrap();
            assert_eq!(from_amqp(back), value);
        }
    }

    #[test]
    fn ticks_count_from_the_year_one() {
        let of = |ticks| instant_from_ticks(ticks).map(|instant| instant.unix_timestamp());
        assert_eq!(of(621_355_968_000_000_000), Some(0));
        assert_eq!(of(638_448_448_000_000_000), Some(1_709_248_000));
        assert_eq!(of(i64::MIN), None);
    }

    #[test]
    fn timestamps_beyond_the_calendar_are_clamped() {
        let year = |milliseconds: i64| instant_from_timestamp(&Timestamp::from(milliseconds)).year();
        assert_eq!(year(i64::MAX), 9999);
        assert_eq!(year(i64::MIN), -9999);
        assert_eq!(year(253_402_300_799_999), 9999);
        assert_eq!(year(0), 1970);
    }
}
