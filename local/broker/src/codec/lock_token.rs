//! A lock token on the wire.
//!
//! Service Bus puts the token into the delivery tag in the byte order of .NET's `Guid.ToByteArray`: the first three
//! groups are little-endian. In management requests the same token is an AMQP uuid in RFC 4122 order
//! (azure-sdk-for-python, `_common/message.py`: `uuid.UUID(bytes_le=delivery_tag)`).

use uuid::Uuid;

/// The delivery tag that carries this lock token.
pub(crate) fn delivery_tag(token: Uuid) -> [u8; 16] {
    token.to_bytes_le()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_three_groups_are_reversed() {
        let token = Uuid::parse_str("00112233-4455-6677-8899-aabbccddeeff").unwrap();
        let tag = delivery_tag(token);
        assert_eq!(tag[..8], [0x33, 0x22, 0x11, 0x00, 0x55, 0x44, 0x77, 0x66]);
        assert_eq!(tag[8..], [0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff]);
    }
}
