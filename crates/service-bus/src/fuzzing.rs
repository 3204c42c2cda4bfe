//! The entry function of a fuzz target: bytes in, and nothing but a panic out.

use time::OffsetDateTime;
use uuid::Uuid;

use crate::wire::{decode_received, encode, encoded_message, read_encoded};

/// A message as the service may send it, however broken. What can be read can be sent again with the same body.
///
/// # Panics
///
/// When the client would, or when the body changes on its way.
pub fn message(bytes: &[u8]) {
    let Ok(message) = read_encoded(bytes) else { return };
    let received = decode_received(message, Some(Uuid::nil()));
    let again = received.to_message();
    let Ok(encoded) = encode(&again, OffsetDateTime::UNIX_EPOCH) else { return };
    let sent = encoded_message(&encoded).expect("a message that was made can be written");
    let back = read_encoded(&sent).expect("a message that was written can be read");
    assert_eq!(decode_received(back, None).body, received.body, "the body changed on its way");
}
