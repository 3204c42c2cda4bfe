//! What goes wrong, as AMQP says it.

use fe2o3_amqp_types::definitions::{Error, ErrorCondition};
use serde_amqp::Value;
use serde_amqp::primitives::Symbol;

use crate::codec::{Malformed, described, symbol};
use crate::store::StoreError;

/// An AMQP error: a condition that programs read, and a description that people read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{condition}: {description}")]
pub(crate) struct AmqpError {
    pub(crate) condition: &'static str,
    pub(crate) description: String,
}

impl AmqpError {
    pub(crate) fn new(condition: &'static str, description: impl Into<String>) -> Self {
        Self { condition, description: description.into() }
    }

    pub(crate) fn to_error(&self) -> Error {
        let condition = ErrorCondition::Custom(Symbol::from(self.condition));
        Error::new(condition, Some(self.description.clone()), None)
    }

    /// With all three fields: the Python SDK breaks off (IndexError) where the error of a rejection ends before `info`.
    pub(crate) fn to_value(&self) -> Value {
        let fields = vec![symbol(self.condition), Value::from(self.description.as_str()), Value::Null];
        described(0x1d, Value::List(fields))
    }
}

impl From<Malformed> for AmqpError {
    fn from(malformed: Malformed) -> Self {
        Self::new("amqp:decode-error", malformed.to_string())
    }
}

/// Conditions from the Azure SDK for Python, `_pyamqp/error.py` and `_common/constants.py`.
impl From<StoreError> for AmqpError {
    fn from(error: StoreError) -> Self {
        let condition = match error {
            StoreError::NoSuchEntity(_) | StoreError::NoSuchRule(_) => "amqp:not-found",
            StoreError::LockLost => "com.microsoft:message-lock-lost",
            StoreError::SessionLockLost => "com.microsoft:session-lock-lost",
            StoreError::SessionCannotBeLocked(_) => "com.microsoft:session-cannot-be-locked",
            StoreError::MessageNotFound(_) => "com.microsoft:message-not-found",
            // Our guess: this condition.
            StoreError::RuleExists(_) => "com.microsoft:entity-already-exists",
            StoreError::DeadAlready
            | StoreError::NotForSending(_)
            | StoreError::NotForReceiving(_)
            | StoreError::Forwards(_)
            | StoreError::SessionIdMissing
            | StoreError::SessionRequired
            | StoreError::NoSessionsHere
            | StoreError::LockIsTheSessions
            | StoreError::NoRulesHere(_) => "amqp:not-allowed",
        };
        Self::new(condition, error.to_string())
    }
}
