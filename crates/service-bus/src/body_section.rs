//! What a body is made of.

use crate::value::Value;

/// The kind of section that a body came in (OASIS AMQP 1.0, part 3, section 3.2).
#[derive(Debug, Clone, Default, PartialEq)]
pub enum BodySection {
    /// Bytes, in one or more data sections: what every current SDK sends.
    #[default]
    Data,
    /// One AMQP value.
    Value(Value),
    /// Lists of AMQP values.
    Sequence(Vec<Vec<Value>>),
    /// No body at all.
    Empty,
    /// One that was not read, because its values do not hold together or are nested too deeply. It cannot be sent again.
    Unreadable,
}
