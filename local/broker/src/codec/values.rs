//! Reading decoded values leniently: by position, and by what they can be taken for.
//!
//! Peers differ in the types they choose (a sequence number as `long` or `int`, a map's keys as strings or symbols).
//! The broker takes what can be understood; what it sends itself is typed strictly.

use serde_amqp::Value;
use serde_amqp::described::Described;
use serde_amqp::descriptor::Descriptor;
use serde_amqp::primitives::{OrderedMap, Symbol};
use uuid::Uuid;

use super::{Malformed, value_length};

/// Decodes the one value that `bytes` hold.
pub(crate) fn decode(bytes: &[u8]) -> Result<Value, Malformed> {
    if value_length(bytes)? != bytes.len() {
        return Err(Malformed::because("bytes are left over after a value"));
    }
    serde_amqp::from_slice(bytes).map_err(|error| Malformed(error.to_string()))
}

/// Encodes a value or one of the protocol's typed structures.
pub(crate) fn encode<T: serde::Serialize>(value: &T) -> Vec<u8> {
    serde_amqp::to_vec(value).expect("writing AMQP into memory fails only for types that AMQP does not have")
}

pub(crate) fn described(code: u64, value: Value) -> Value {
    Value::Described(Box::new(Described { descriptor: Descriptor::Code(code), value }))
}

pub(crate) fn symbol(text: &str) -> Value {
    Value::Symbol(Symbol::from(text))
}

/// The fields of a composite value, by their position in the standard. Missing ones read as null.
#[derive(Debug)]
pub(crate) struct Positional {
    pub(crate) code: u64,
    fields: Vec<Value>,
}

impl Positional {
    /// Takes a described list apart.
    pub(crate) fn from_value(value: Value) -> Result<Self, Malformed> {
        let Value::Described(described) = value else {
            return Err(Malformed::because("a described list was expected"));
        };
        let code = match &described.descriptor {
            Descriptor::Code(code) => *code,
            Descriptor::Name(name) => code_of(name.as_str())?,
        };
        match described.value {
            Value::List(fields) => Ok(Self { code, fields }),
            _ => Err(Malformed::because(format!("the value described by {code:#04x} is not a list"))),
        }
    }

    pub(crate) fn take(&mut self, index: usize) -> Value {
        self.fields.get_mut(index).map(std::mem::take).unwrap_or_default()
    }

    pub(crate) fn get(&self, index: usize) -> &Value {
        self.fields.get(index).unwrap_or(&Value::Null)
    }

    pub(crate) fn number(&self, index: usize) -> Option<u32> {
        as_integer(self.get(index)).and_then(|number| u32::try_from(number).ok())
    }

    pub(crate) fn mandatory_number(&self, index: usize) -> Result<u32, Malformed> {
        self.number(index)
            .ok_or_else(|| Malformed(format!("field {index} of {:#04x} is not a number", self.code)))
    }

    pub(crate) fn is_true(&self, index: usize) -> bool {
        matches!(self.get(index), Value::Bool(true))
    }

    pub(crate) fn text(&self, index: usize) -> Option<&str> {
        as_text(self.get(index))
    }
}

/// Peers may write a descriptor's symbolic name instead of its number. None of the clients we know does so for
/// performatives; delivery states are named here because hand-written clients do.
fn code_of(name: &str) -> Result<u64, Malformed> {
    Ok(match name {
        "amqp:accepted:list" => 0x24,
        "amqp:rejected:list" => 0x25,
        "amqp:released:list" => 0x26,
        "amqp:modified:list" => 0x27,
        "amqp:error:list" => 0x1d,
        "amqp:source:list" => 0x28,
        "amqp:target:list" => 0x29,
        _ => return Err(Malformed(format!("the descriptor {name:?} is not known here"))),
    })
}

pub(crate) fn as_text(value: &Value) -> Option<&str> {
    match value {
        Value::String(text) => Some(text),
        Value::Symbol(symbol) => Some(symbol.as_str()),
        _ => None,
    }
}

pub(crate) fn as_integer(value: &Value) -> Option<i64> {
    match value {
        Value::Ubyte(number) => Some(i64::from(*number)),
        Value::Ushort(number) => Some(i64::from(*number)),
        Value::Uint(number) => Some(i64::from(*number)),
        Value::Ulong(number) => i64::try_from(*number).ok(),
        Value::Byte(number) => Some(i64::from(*number)),
        Value::Short(number) => Some(i64::from(*number)),
        Value::Int(number) => Some(i64::from(*number)),
        Value::Long(number) => Some(*number),
        Value::Timestamp(time) => Some(time.milliseconds()),
        _ => None,
    }
}

pub(crate) fn as_uuid(value: &Value) -> Option<Uuid> {
    match value {
        Value::Uuid(uuid) => Some(Uuid::from_bytes(*uuid.as_inner())),
        _ => None,
    }
}

/// What a map holds under a key that may have been written as a string or as a symbol.
pub(crate) fn lookup<'map>(map: &'map OrderedMap<Value, Value>, key: &str) -> Option<&'map Value> {
    map.iter().find(|(candidate, _)| as_text(candidate) == Some(key)).map(|(_, value)| value)
}
