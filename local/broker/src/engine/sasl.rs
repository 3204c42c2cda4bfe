//! The SASL layer, by which a connection may say who it is before it opens.
//!
//! The SDKs say nothing here (ANONYMOUS, MSSBCBS) and put a token on `$cbs` afterwards; AMQP clients that know nothing
//! of Service Bus use PLAIN with the name of a key and the key (Microsoft Learn, "AMQP 1.0 in Azure Service Bus
//! protocol guide", SASL).

use fe2o3_amqp_types::sasl::{SaslCode, SaslMechanisms, SaslOutcome};
use serde_amqp::Value;
use serde_amqp::primitives::{Array, Symbol};

use crate::cbs::{Access, Authority};
use crate::codec::{Positional, decode};

use crate::amqp_error::AmqpError;

const MECHANISMS: [&str; 4] = ["MSSBCBS", "PLAIN", "ANONYMOUS", "EXTERNAL"];
const SASL_INIT: u64 = 0x41;

pub(crate) fn mechanisms() -> SaslMechanisms {
    SaslMechanisms { sasl_server_mechanisms: Array::from(MECHANISMS.map(Symbol::from).to_vec()) }
}

/// Reads the peer's choice. PLAIN is checked and opens everything; the others leave it to `$cbs`.
pub(crate) fn answer(body: &[u8], authority: &Authority) -> Result<(SaslOutcome, Option<Access>), AmqpError> {
    let init = Positional::from_value(decode(body)?)?;
    if init.code != SASL_INIT {
        return Err(AmqpError::new("amqp:decode-error", "sasl-init was expected"));
    }
    let access = match init.text(0) {
        Some("PLAIN") => plain_access(init.get(1), authority),
        Some(mechanism) if MECHANISMS.contains(&mechanism) => Some(Access::none_yet()),
        _ => None,
    };
    let code = if access.is_some() { SaslCode::Ok } else { SaslCode::Auth };
    Ok((SaslOutcome { code, additional_data: None }, access))
}

/// RFC 4616: authorization identity, NUL, name, NUL, password.
fn plain_access(response: &Value, authority: &Authority) -> Option<Access> {
    let Value::Binary(response) = response else { return None };
    let mut parts = response.split(|byte| *byte == 0).skip(1);
    let (name, key) = (parts.next()?, parts.next()?);
    authority
        .is_key(std::str::from_utf8(name).ok()?, std::str::from_utf8(key).ok()?)
        .then(Access::to_everything)
}
