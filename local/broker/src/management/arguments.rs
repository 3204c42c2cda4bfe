//! The arguments of a request: what the map in its body holds.

use bytes::Bytes;
use serde_amqp::Value;
use serde_amqp::primitives::Array;
use uuid::Uuid;

use crate::amqp_error::AmqpError;
use crate::codec::{as_integer, as_text, as_uuid, lookup};
use crate::message::Properties;
use crate::message::text_keys;
use crate::store::{Settlement, dead_letter_properties};

use super::argument;

/// The map that a request has for its body.
pub(super) struct Arguments(Properties);

impl Arguments {
    pub(super) fn of(body: &Value) -> Result<Self, AmqpError> {
        match body {
            Value::Map(_) => Ok(Self(text_keys(body))),
            _ => Err(argument("the body of the request is not a map")),
        }
    }

    pub(super) fn get(&self, name: &str) -> Result<&Value, AmqpError> {
        match lookup(&self.0, name) {
            Some(value) if *value != Value::Null => Ok(value),
            _ => Err(argument(&format!("'{name}' is missing"))),
        }
    }

    pub(super) fn integer(&self, name: &str) -> Result<i64, AmqpError> {
        as_integer(self.get(name)?).ok_or_else(|| argument(&format!("'{name}' is not a number")))
    }

    pub(super) fn text(&self, name: &str) -> Option<&str> {
        lookup(&self.0, name).and_then(as_text)
    }

    pub(super) fn map(&self, name: &str) -> Result<Properties, AmqpError> {
        match self.get(name)? {
            map @ Value::Map(_) => Ok(text_keys(map)),
            _ => Err(argument(&format!("'{name}' is not a map"))),
        }
    }

    pub(super) fn mandatory_text(&self, name: &str) -> Result<&str, AmqpError> {
        as_text(self.get(name)?).ok_or_else(|| argument(&format!("'{name}' is not a text")))
    }

    /// Bytes, or nothing.
    pub(super) fn bytes(&self, name: &str) -> Result<Option<Bytes>, AmqpError> {
        match lookup(&self.0, name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Binary(bytes)) => Ok(Some(Bytes::copy_from_slice(bytes))),
            Some(_) => Err(argument(&format!("'{name}' is not binary"))),
        }
    }

    /// A number that counts something: at least 0.
    pub(super) fn count(&self, name: &str) -> Result<usize, AmqpError> {
        usize::try_from(self.integer(name)?).map_err(|_| argument(&format!("'{name}' is negative")))
    }

    /// A list or an array, of at least one item.
    pub(super) fn list(&self, name: &str) -> Result<&[Value], AmqpError> {
        match self.get(name)? {
            Value::List(items) | Value::Array(Array(items)) if !items.is_empty() => Ok(items),
            _ => Err(argument(&format!("'{name}' is not a list of at least one"))),
        }
    }

    pub(super) fn sequence_numbers(&self) -> Result<Vec<i64>, AmqpError> {
        let wrong = || argument("'sequence-numbers' holds something else than numbers");
        self.list("sequence-numbers")?.iter().map(|number| as_integer(number).ok_or_else(wrong)).collect()
    }

    pub(super) fn lock_tokens(&self) -> Result<Vec<Uuid>, AmqpError> {
        let wrong = || argument("'lock-tokens' holds something else than uuids");
        self.list("lock-tokens")?.iter().map(|token| as_uuid(token).ok_or_else(wrong)).collect()
    }

    pub(super) fn settlement(&self) -> Result<Settlement, AmqpError> {
        let changes = lookup(&self.0, "properties-to-modify").map(text_keys).unwrap_or_default();
        match self.text("disposition-status") {
            Some("completed") => Ok(Settlement::Complete),
            Some("abandoned") => Ok(Settlement::Abandon(changes)),
            // Spelled so in the service's protocol.
            Some("defered") => Ok(Settlement::Defer(changes)),
            Some("suspended") => {
                let reason = self.text("deadletter-reason");
                let mut properties = dead_letter_properties(reason, self.text("deadletter-description"));
                for (name, value) in changes.iter() {
                    properties.insert(name.clone(), value.clone());
                }
                Ok(Settlement::DeadLetter(properties))
            }
            other => Err(argument(&format!("the disposition status {other:?} is not known"))),
        }
    }
}
