//! What of a frame's performative says where its payload belongs.

use super::nesting::first_length;

/// A performative that matters for the payloads of frames (AMQP 1.0, part 2 section 2.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Transfer {
    /// A delivery, or a part of one.
    Part {
        /// Its link.
        handle: u32,
        /// Whether more of it comes.
        goes_on: bool,
    },
    /// A link is attached.
    LinkBegins {
        /// Its number from now on.
        handle: u32,
    },
    /// A session begins.
    SessionBegins,
}

/// No field after these says anything here.
const ASKED_FOR: usize = 10;
const BEGIN: u8 = 0x11;
const ATTACH: u8 = 0x12;
const TRANSFER: u8 = 0x14;

impl Transfer {
    /// Reads a performative that is sound; `None` for every other one.
    pub(crate) fn read(performative: &[u8]) -> Option<Self> {
        let (code, list) = match performative {
            [0x00, 0x53, code, list @ ..] => (*code, list),
            [0x00, 0x80, 0, 0, 0, 0, 0, 0, 0, code, list @ ..] => (*code, list),
            _ => return None,
        };
        let fields = fields(list)?;
        let field = |place: usize| fields.get(place).copied().unwrap_or(&[0x40]);
        match code {
            BEGIN => Some(Self::SessionBegins),
            ATTACH => Some(Self::LinkBegins { handle: number(field(1))? }),
            TRANSFER => {
                let goes_on = is_true(field(5)) && !is_true(field(9));
                Some(Self::Part { handle: number(field(0))?, goes_on })
            }
            _ => None,
        }
    }
}

/// The encoded fields of a list.
fn fields(list: &[u8]) -> Option<Vec<&[u8]>> {
    let mut rest = match list {
        [0x45] => &[][..],
        [0xc0, _, _, items @ ..] | [0xd0, _, _, _, _, _, _, _, _, items @ ..] => items,
        _ => return None,
    };
    let mut fields = Vec::new();
    while !rest.is_empty() && fields.len() < ASKED_FOR {
        let (field, others) = rest.split_at(first_length(rest)?);
        fields.push(field);
        rest = others;
    }
    Some(fields)
}

fn number(field: &[u8]) -> Option<u32> {
    match field {
        [0x43] => Some(0),
        [0x52, number] => Some(u32::from(*number)),
        [0x70, number @ ..] => number.try_into().ok().map(u32::from_be_bytes),
        _ => None,
    }
}

fn is_true(field: &[u8]) -> bool {
    matches!(field, [0x41] | [0x56, 0x01])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_says_where_a_payload_belongs_is_read_in_every_encoding() {
        let part = |handle, goes_on| Some(Transfer::Part { handle, goes_on });
        for (bytes, read) in [
            (&[0x00, 0x53, 0x14, 0xc0, 0x02, 0x01, 0x43][..], part(0, false)),
            (&[0x00, 0x53, 0x14, 0xc0, 0x03, 0x01, 0x52, 0x07], part(7, false)),
            (
                &[0x00, 0x53, 0x14, 0xc0, 0x0b, 0x06, 0x52, 0x07, 0x43, 0xa0, 0x01, 0x09, 0x43, 0x42, 0x41],
                part(7, true),
            ),
            (
                &[
                    0x00, 0x53, 0x14, 0xc0, 0x0c, 0x0a, 0x52, 0x07, 0x40, 0x40, 0x40, 0x40, 0x41, 0x40, 0x40,
                    0x40, 0x41,
                ],
                part(7, false),
            ),
            (
                &[0x00, 0x80, 0, 0, 0, 0, 0, 0, 0, 0x14, 0xd0, 0, 0, 0, 9, 0, 0, 0, 1, 0x70, 0, 0, 1, 0],
                part(256, false),
            ),
            (
                &[0x00, 0x53, 0x12, 0xc0, 0x06, 0x02, 0xa1, 0x01, b'n', 0x52, 0x03],
                Some(Transfer::LinkBegins { handle: 3 }),
            ),
            (&[0x00, 0x53, 0x11, 0x45], Some(Transfer::SessionBegins)),
            (&[0x00, 0x53, 0x13, 0x45], None),
            (&[0x00, 0x53, 0x14, 0x45], None),
            (&[0x45], None),
        ] {
            assert_eq!(Transfer::read(bytes), read, "{bytes:02x?}");
        }
    }
}
