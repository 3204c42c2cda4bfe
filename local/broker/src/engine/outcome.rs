//! Delivery states: what a receiver says about a delivery, and what the broker answers.
//!
//! The meaning that Service Bus gives to AMQP's outcomes: Microsoft Learn, "AMQP 1.0 in Azure Service Bus protocol
//! guide", and the settlement code of the SDKs.

use serde_amqp::Value;
use serde_amqp::described::Described;

use crate::codec::{Positional, described, lookup};
use crate::message::{Properties, text_keys};
use crate::store::{Settlement, dead_letter_properties};

use crate::amqp_error::AmqpError;

const ACCEPTED: u64 = 0x24;
const REJECTED: u64 = 0x25;
const RELEASED: u64 = 0x26;
const MODIFIED: u64 = 0x27;
const TRANSACTIONAL: u64 = 0x34;

/// The properties that say why a message was dead-lettered, beside which any others are kept.
const REASON: &str = "DeadLetterReason";
const DESCRIPTION: &str = "DeadLetterErrorDescription";

/// Reads the outcome that a receiver wants. None for a state that is no outcome (`received`, or nothing at all).
///
/// # Errors
/// When the state belongs to a transaction: this broker has none.
pub(crate) fn read_outcome(state: &Value) -> Result<Option<Settlement>, AmqpError> {
    if *state == Value::Null {
        return Ok(None);
    }
    let fields = Positional::from_value(state.clone())?;
    Ok(match fields.code {
        ACCEPTED => Some(Settlement::Complete),
        REJECTED => Some(Settlement::DeadLetter(read_rejection(fields.get(0)))),
        RELEASED => Some(Settlement::Release),
        MODIFIED => {
            let changes = text_keys(fields.get(2));
            Some(if fields.is_true(1) { Settlement::Defer(changes) } else { Settlement::Abandon(changes) })
        }
        0x23 => None,
        TRANSACTIONAL => return Err(no_transactions()),
        code => {
            return Err(AmqpError::new(
                "amqp:not-implemented",
                format!("The delivery state {code:#04x} is not supported."),
            ));
        }
    })
}

/// The answer to an outcome that was carried out: the same again. A rejection is repeated without its error, which
/// the Python SDK would take for a failure of its own request.
pub(crate) fn echo(state: &Value) -> Value {
    match state {
        Value::Described(rejected) if is_rejected(rejected) => described(REJECTED, Value::List(Vec::new())),
        other => other.clone(),
    }
}

/// What a client hears that begins a transaction, or settles in one.
pub(crate) fn no_transactions() -> AmqpError {
    AmqpError::new("amqp:not-implemented", "Transactions are not supported by this broker.")
}

pub(crate) fn accepted() -> Value {
    described(ACCEPTED, Value::List(Vec::new()))
}

pub(crate) fn rejected(fault: &AmqpError) -> Value {
    described(REJECTED, Value::List(vec![fault.to_value()]))
}

fn is_rejected(state: &Described<Value>) -> bool {
    Positional::from_value(Value::Described(Box::new(state.clone())))
        .is_ok_and(|fields| fields.code == REJECTED)
}

fn read_rejection(error: &Value) -> Properties {
    let Ok(error) = Positional::from_value(error.clone()) else {
        return dead_letter_properties(None, None);
    };
    let mut properties = text_keys(error.get(2));
    let described_as = error.text(1).map(Value::from);
    if lookup(&properties, DESCRIPTION).is_none()
        && lookup(&properties, REASON).is_none()
        && let Some(description) = described_as
    {
        properties.insert(Value::from(DESCRIPTION), description);
    }
    properties
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_amqp::primitives::OrderedMap;

    use crate::codec::symbol;

    fn rejection(key: impl Fn(&str) -> Value) -> Value {
        let mut info = OrderedMap::new();
        info.insert(key(REASON), Value::from("Bad"));
        info.insert(key(DESCRIPTION), Value::from("very bad"));
        let error = vec![symbol("com.microsoft:dead-letter"), Value::Null, Value::Map(info)];
        described(REJECTED, Value::List(vec![described(0x1d, Value::List(error))]))
    }

    #[test]
    fn a_rejection_says_why_with_either_kind_of_key() {
        let expected = Settlement::DeadLetter(dead_letter_properties(Some("Bad"), Some("very bad")));
        assert_eq!(read_outcome(&rejection(symbol)), Ok(Some(expected.clone())));
        assert_eq!(read_outcome(&rejection(|key| Value::from(key))), Ok(Some(expected)));
    }

    #[test]
    fn a_rejection_is_echoed_without_its_error() {
        assert_eq!(echo(&rejection(symbol)), described(REJECTED, Value::List(Vec::new())));
        assert_eq!(echo(&accepted()), accepted());
    }

    #[test]
    fn modified_means_abandon_or_defer() {
        let modified =
            |undeliverable: Value| described(MODIFIED, Value::List(vec![Value::Bool(true), undeliverable]));
        assert_eq!(read_outcome(&modified(Value::Null)), Ok(Some(Settlement::Abandon(Properties::new()))));
        assert_eq!(
            read_outcome(&modified(Value::Bool(false))),
            Ok(Some(Settlement::Abandon(Properties::new())))
        );
        assert_eq!(
            read_outcome(&modified(Value::Bool(true))),
            Ok(Some(Settlement::Defer(Properties::new())))
        );
    }

    #[test]
    fn a_transaction_is_refused_and_nothing_is_no_outcome() {
        assert!(read_outcome(&described(0x34, Value::List(Vec::new()))).is_err());
        assert_eq!(read_outcome(&Value::Null), Ok(None));
    }
}
