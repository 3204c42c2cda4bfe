//! What .NET's `DataContractSerializer` wrote for a string in binary XML: bodies of clients of the oldest .NET SDK.
//!
//! [MC-NBFX], 2.2.3, text records; azure-sdk-for-net, `MessageToStringConverter.cs`. Measured on the real host: anything
//! behind the end of the element makes the body no such text.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

const HEAD: &[u8] = b"@\x06string\x083http://schemas.microsoft.com/2003/10/Serialization/";
const END_ELEMENT: u8 = 0x01;

/// The string, if the body is one.
pub(super) fn text(body: &[u8]) -> Option<String> {
    let mut rest = body.strip_prefix(HEAD)?;
    let kind = take(&mut rest, 1)?[0];
    if kind == END_ELEMENT {
        return rest.is_empty().then(String::new);
    }
    // The odd records are the even ones with the end of the element in them.
    let text = record(kind & !1, &mut rest)?;
    let is_over = if kind & 1 == 1 { rest.is_empty() } else { rest == [END_ELEMENT] };
    is_over.then_some(text)
}

fn record(kind: u8, rest: &mut &[u8]) -> Option<String> {
    Some(match kind {
        0x80 => "0".to_owned(),
        0x82 => "1".to_owned(),
        0x84 => "false".to_owned(),
        0x86 => "true".to_owned(),
        0x88 => i8::from_le_bytes(array(rest)?).to_string(),
        0x8a => i16::from_le_bytes(array(rest)?).to_string(),
        0x8c => i32::from_le_bytes(array(rest)?).to_string(),
        0x8e => i64::from_le_bytes(array(rest)?).to_string(),
        0x90 => f32::from_le_bytes(array(rest)?).to_string(),
        0x92 => f64::from_le_bytes(array(rest)?).to_string(),
        0x98 => utf8(rest, 1)?,
        0x9a => utf8(rest, 2)?,
        0x9c => utf8(rest, 4)?,
        0x9e => STANDARD.encode(counted(rest, 1)?),
        0xa0 => STANDARD.encode(counted(rest, 2)?),
        0xa2 => STANDARD.encode(counted(rest, 4)?),
        0xa8 => String::new(),
        0xb0 => uuid::Uuid::from_bytes_le(array(rest)?).to_string(),
        0xb2 => u64::from_le_bytes(array(rest)?).to_string(),
        0xb4 => (array::<1>(rest)? != [0]).to_string(),
        0xb6 => utf16(rest, 1)?,
        0xb8 => utf16(rest, 2)?,
        0xba => utf16(rest, 4)?,
        _ => return None,
    })
}

fn take<'a>(rest: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
    let (taken, left) = rest.split_at_checked(count)?;
    *rest = left;
    Some(taken)
}

fn array<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    take(rest, N)?.try_into().ok()
}

/// Bytes behind their count, which has one, two or four bytes itself.
fn counted<'a>(rest: &mut &'a [u8], width: usize) -> Option<&'a [u8]> {
    let mut count = [0; 4];
    count[..width].copy_from_slice(take(rest, width)?);
    take(rest, usize::try_from(u32::from_le_bytes(count)).ok()?)
}

fn utf8(rest: &mut &[u8], width: usize) -> Option<String> {
    String::from_utf8(counted(rest, width)?.to_vec()).ok()
}

fn utf16(rest: &mut &[u8], width: usize) -> Option<String> {
    let units = counted(rest, width)?.chunks(2).map(|unit| Some(u16::from_le_bytes(unit.try_into().ok()?)));
    String::from_utf16(&units.collect::<Option<Vec<_>>>()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_record_is_read_with_and_without_the_end_of_its_element() {
        let check = |record: &[u8], expected: Option<&str>| {
            assert_eq!(text(&[HEAD, record].concat()).as_deref(), expected, "{record:x?}");
        };
        check(b"\x99\x05hello", Some("hello"));
        check(b"\x98\x05hello\x01", Some("hello"));
        check(b"\x9a\x05\x00hello\x01", Some("hello"));
        check(b"\x9d\x05\x00\x00\x00hello", Some("hello"));
        check(b"\xb7\x04h\x00\xe9\x00", Some("hé"));
        check(b"\x87", Some("true"));
        check(b"\x89\x05", Some("5"));
        check(b"\x8d\xff\xff\xff\xff", Some("-1"));
        check(b"\xa9", Some(""));
        check(b"\x9f\x03abc", Some("YWJj"));
        check(b"\x99\x05hello\xff", None);
        check(b"\x98\x05hello", None);
        check(b"\x99\xffhello", None);
        check(b"", None);
        assert_eq!(text(b"other"), None);
    }
}
