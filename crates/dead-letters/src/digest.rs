//! Hashes by which messages are recognized.

use service_bus::{BodySection, ReceivedMessage};
use sha2::{Digest as _, Sha256};

use crate::typed::to_json;

/// A hash of what a replay sends on or decides by; see [`Letter::digest`](crate::Letter::digest).
pub(crate) fn digest(message: &ReceivedMessage) -> String {
    let mut hash = Sha256::new();
    let mut part = |bytes: &[u8]| {
        hash.update((bytes.len() as u64).to_be_bytes());
        hash.update(bytes);
    };
    let texts = [
        &message.message_id,
        &message.content_type,
        &message.subject,
        &message.correlation_id,
        &message.to,
        &message.reply_to,
        &message.session_id,
        &message.reply_to_session_id,
        &message.partition_key,
    ];
    for text in texts {
        part(text.as_deref().unwrap_or("\0").as_bytes());
    }
    for (name, value) in &message.application_properties {
        part(name.as_bytes());
        part(to_json(value).map_or_else(|_| format!("{value:?}"), |value| value.to_string()).as_bytes());
    }
    part(&message.body);
    match &message.body_section {
        // Hashes of earlier plans stay what they were.
        BodySection::Data => {}
        BodySection::Empty => part(b"empty"),
        BodySection::Unreadable => part(b"unreadable"),
        BodySection::Value(value) => part(format!("{value:?}").as_bytes()),
        BodySection::Sequence(lists) => part(format!("{lists:?}").as_bytes()),
    }
    hex(&hash.finalize())
}

/// Bytes in hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing into a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
