//! What the broker needs of AMQP's type system, beyond what `serde_amqp` decodes.
//!
//! A broker must hand a message on as it came in, byte for byte where it changes nothing. So it cuts encoded data at
//! the borders of values without decoding them, and decodes only what it looks at.

mod lock_token;
mod sections;
mod skip;
mod values;

pub(crate) use lock_token::delivery_tag;
pub(crate) use sections::{SectionKind, split_sections};
pub(crate) use skip::{outer_length, value_length};
pub(crate) use values::{
    Positional, as_integer, as_text, as_uuid, decode, described, encode, lookup, symbol,
};

/// Encoded data that is not AMQP 1.0.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("malformed AMQP data: {0}")]
pub(crate) struct Malformed(pub(crate) String);

impl Malformed {
    pub(crate) fn because(reason: impl Into<String>) -> Self {
        Self(reason.into())
    }
}
