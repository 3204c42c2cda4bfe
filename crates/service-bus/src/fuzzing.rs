//! The entry function of a fuzz target: bytes in, and nothing but a panic out.

use time::OffsetDateTime;
use uuid::Uuid;

use crate::{
    link::Guard,
    wire::{decode, decode_received, encode, encoded_message, read_encoded},
};

/// A transfer on link 7, with more to come (true, 0x41) or not (0x42).
const TRANSFER: [u8; 12] = [0x00, 0x53, 0x14, 0xc0, 0x08, 0x06, 0x52, 0x07, 0x43, 0x40, 0x43, 0x40];

/// A message as the service may send it, however broken. What can be read can be sent again with the same body.
///
/// # Panics
///
/// When the client would, or when the body changes on its way.
pub fn message(bytes: &[u8]) {
    let guarded = through_guard(bytes);
    // Whatever comes through, the library survives it.
    drop(decode(&guarded));
    let Ok(message) = read_encoded(bytes) else { return };
    assert_eq!(guarded, bytes, "a sound message comes through as it is");
    let received = decode_received(message, Some(Uuid::nil()));
    let again = received.to_message();
    let Ok(encoded) = encode(&again, OffsetDateTime::UNIX_EPOCH) else { return };
    let sent = encoded_message(&encoded).expect("a message that was made can be written");
    let back = read_encoded(&sent).expect("a message that was written can be read");
    assert_eq!(decode_received(back, None).body, received.body, "the body changed on its way");
}

/// What is left of a message that comes in two frames.
fn through_guard(message: &[u8]) -> Vec<u8> {
    let mut guard = Guard::new();
    let (first, last) = message.split_at(message.len() / 2);
    let parts = [(first, 0x41), (last, 0x42)].map(|(part, goes_on)| {
        let size = u32::try_from(8 + TRANSFER.len() + 1 + part.len()).unwrap_or(u32::MAX);
        let mut frame = [&size.to_be_bytes()[..], &[2, 0, 0, 1], &TRANSFER, &[goes_on], part].concat();
        guard.inspect(&mut frame);
        frame.split_off(8 + TRANSFER.len() + 1)
    });
    parts.concat()
}
