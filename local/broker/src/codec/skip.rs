//! Where an encoded value ends.
//!
//! AMQP 1.0 (ISO/IEC 19464), part 1 section 1.2: the high half of a constructor's format code says how the length of
//! what follows is found.

use super::Malformed;

/// Described values whose descriptor or value is described again. Real peers nest once; a hostile one would have us
/// recurse until the stack is gone.
const DEEPEST: usize = 32;

/// Values that take no byte at all cost a sender nothing, and the decoder memory for each.
const MOST_EMPTY: usize = 1_000;

/// How many bytes the value at the front of `bytes` takes, without a look at what is inside.
///
/// For what is handed on as it came and never decoded here: what a sender puts into a body is between it and the receiver.
pub(crate) fn outer_length(bytes: &[u8]) -> Result<usize, Malformed> {
    let flat_length = |rest: &[u8]| {
        let total = plain_length(*rest.first().ok_or_else(cut_short)?, rest)?;
        if total > rest.len() { Err(cut_short()) } else { Ok(total) }
    };
    let mut described = 0;
    while bytes.get(described) == Some(&0x00) {
        described += 1 + flat_length(&bytes[described + 1..])?;
    }
    Ok(described + flat_length(&bytes[described..])?)
}

/// How many bytes the value at the front of `bytes` takes, its constructor included.
///
/// Walks into compound values too: a decoder that recurses may be let loose on what passes.
pub(crate) fn value_length(bytes: &[u8]) -> Result<usize, Malformed> {
    length(bytes, 0)
}

fn length(bytes: &[u8], depth: usize) -> Result<usize, Malformed> {
    if depth > DEEPEST {
        return Err(Malformed::because("values are nested too deeply"));
    }
    let code = *bytes.first().ok_or_else(cut_short)?;
    if code == 0x00 {
        let descriptor = length(&bytes[1..], depth + 1)?;
        return Ok(1 + descriptor + length(&bytes[1 + descriptor..], depth + 1)?);
    }
    let total = plain_length(code, bytes)?;
    if total > bytes.len() {
        return Err(cut_short());
    }
    match code {
        0xc0 | 0xc1 => walk_items(&bytes[3..total], usize::from(bytes[2]), depth)?,
        0xd0 | 0xd1 => walk_items(&bytes[9..total], read_u32(&bytes[5..])?, depth)?,
        0xe0 => walk_array(&bytes[3..total], usize::from(bytes[2]))?,
        0xf0 => walk_array(&bytes[9..total], read_u32(&bytes[5..])?)?,
        _ => {}
    }
    Ok(total)
}

fn plain_length(code: u8, bytes: &[u8]) -> Result<usize, Malformed> {
    Ok(match code >> 4 {
        0x4 => 1,
        0x5 => 2,
        0x6 => 3,
        0x7 => 5,
        0x8 => 9,
        0x9 => 17,
        0xa => 2 + usize::from(*bytes.get(1).ok_or_else(cut_short)?),
        0xb => 5 + read_u32(bytes.get(1..).ok_or_else(cut_short)?)?,
        // A compound's length counts what follows the length, beginning with the number of items.
        0xc | 0xe => 2 + at_least(usize::from(*bytes.get(1).ok_or_else(cut_short)?), 1)?,
        0xd | 0xf => 5 + at_least(read_u32(bytes.get(1..).ok_or_else(cut_short)?)?, 4)?,
        _ => return Err(Malformed::because(format!("no type has the format code {code:#04x}"))),
    })
}

fn at_least(length: usize, least: usize) -> Result<usize, Malformed> {
    if length < least {
        Err(Malformed::because("a compound value is shorter than its own count"))
    } else {
        Ok(length)
    }
}

fn walk_items(mut items: &[u8], count: usize, depth: usize) -> Result<(), Malformed> {
    let mut seen = 0;
    while !items.is_empty() {
        items = &items[length(items, depth + 1)?..];
        seen += 1;
    }
    if seen == count {
        Ok(())
    } else {
        Err(Malformed::because("a compound value does not hold what it counts"))
    }
}

/// An array's items share one constructor, written once.
fn walk_array(items: &[u8], count: usize) -> Result<(), Malformed> {
    let Some(&code) = items.first() else {
        return if count == 0 { Ok(()) } else { Err(cut_short()) };
    };
    if matches!(code, 0x00 | 0x45 | 0xc0..=0xff) {
        // They occur in nothing that Service Bus reads, and the decoder calls itself for each of their items.
        return Err(Malformed::because("an array of described or compound values"));
    }
    if count == 0 {
        return Err(Malformed::because("an array of nothing has a constructor"));
    }
    let mut rest = &items[1..];
    for _ in 0..count {
        let size = match code >> 4 {
            0xa => 1 + usize::from(*rest.first().ok_or_else(cut_short)?),
            0xb => 4 + read_u32(rest)?,
            _ => plain_length(code, &[code])? - 1,
        };
        if size == 0 && count > MOST_EMPTY {
            return Err(Malformed::because("an array counts more values without bytes than anybody needs"));
        }
        rest = rest.get(size..).ok_or_else(cut_short)?;
    }
    if rest.is_empty() { Ok(()) } else { Err(Malformed::because("an array does not hold what it counts")) }
}

fn read_u32(bytes: &[u8]) -> Result<usize, Malformed> {
    let four: [u8; 4] = bytes.get(..4).and_then(|four| four.try_into().ok()).ok_or_else(cut_short)?;
    usize::try_from(u32::from_be_bytes(four))
        .map_err(|_| Malformed::because("a length does not fit this machine"))
}

fn cut_short() -> Malformed {
    Malformed::because("a value is cut short")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_amqp::primitives::{Array, OrderedMap};
    use serde_amqp::{Value, to_vec};

    fn check(value: &Value) {
        let mut bytes = to_vec(value).unwrap();
        let expected = bytes.len();
        bytes.extend([0xde, 0xad]);
        assert_eq!(value_length(&bytes), Ok(expected), "{value:?}");
        for cut in 0..expected {
            assert!(value_length(&bytes[..cut]).is_err(), "{value:?} cut at {cut}");
        }
    }

    #[test]
    fn every_kind_of_value_ends_where_its_encoding_ends() {
        check(&Value::Null);
        check(&Value::Bool(true));
        check(&Value::Ubyte(7));
        check(&Value::Ushort(7));
        check(&Value::Uint(0));
        check(&Value::Uint(70_000));
        check(&Value::Ulong(u64::MAX));
        check(&Value::Long(-5));
        check(&Value::from(1.5_f64));
        check(&Value::String("hello".to_owned()));
        check(&Value::String("x".repeat(300)));
        check(&Value::Binary(serde_bytes::ByteBuf::from(vec![0; 300])));
        check(&Value::Uuid([3_u8; 16].into()));
        check(&Value::List(vec![]));
        check(&Value::List(vec![Value::Uint(1), Value::List(vec![Value::Null])]));
        check(&Value::List(vec![Value::String("y".repeat(200)); 3]));
        check(&Value::Array(Array::from(vec![Value::Long(1), Value::Long(700)])));
        let mut map = OrderedMap::new();
        map.insert(Value::from("a"), Value::Uint(1));
        check(&Value::Map(map));
    }

    #[test]
    fn what_is_not_amqp_is_refused() {
        for bad in
            [&[][..], &[0x00], &[0x00, 0x53], &[0x3f], &[0xc0, 0x00, 0x00], &[0xd0, 0xff, 0xff, 0xff, 0xff]]
        {
            assert!(value_length(bad).is_err(), "{bad:?}");
        }
        assert!(value_length(&[0xc0, 0x02, 0x05, 0x40]).is_err(), "a list of one that says five");
    }

    /// The decoder goes by an array's count and constructor, whatever its size says, and calls itself for what is inside.
    #[test]
    fn arrays_that_the_decoder_would_read_otherwise_are_refused() {
        let nested_arrays = (0..100).fold(vec![0x40], |inside: Vec<u8>, _| {
            let size = u32::try_from(inside.len() + 5).unwrap();
            let mut outer = size.to_be_bytes().to_vec();
            outer.extend(1_u32.to_be_bytes());
            outer.push(0xf0);
            outer.extend(inside);
            outer
        });
        let hostile = [
            // Empty lists, arrays in arrays, described values, and four thousand million nulls.
            vec![0xe0, 0x02, 0x04, 0x45],
            [vec![0xf0], nested_arrays].concat(),
            vec![0xe0, 0x05, 0x01, 0x00, 0x53, 0x77, 0x40],
            vec![0xf0, 0x00, 0x00, 0x00, 0x05, 0xff, 0xff, 0xff, 0xff, 0x40],
            vec![0xe0, 0x02, 0x00, 0x40],
        ];
        for bytes in hostile {
            assert!(value_length(&bytes).is_err(), "{:02x?}", &bytes[..bytes.len().min(16)]);
        }
        assert_eq!(value_length(&[0xe0, 0x01, 0x00]), Ok(3));
    }

    #[test]
    fn what_is_handed_on_as_it_came_is_only_measured() {
        let described = [[0x00, 0x53, 0x77].repeat(50_000), vec![0x45]].concat();
        for deep in [vec![0xc0, 0x02, 0x05, 0x40], vec![0xe0, 0x02, 0x04, 0x45], described] {
            assert_eq!(outer_length(&deep), Ok(deep.len()));
            assert!(outer_length(&deep[..deep.len() - 1]).is_err());
        }
        assert!(outer_length(&[0x3f]).is_err() && outer_length(&[]).is_err());
    }

    #[test]
    fn nesting_without_end_is_refused_before_the_stack_is_gone() {
        assert!(value_length(&[0x00; 100_000]).is_err());
        let mut nested = vec![0x45];
        for _ in 0..100 {
            let inside = u32::try_from(nested.len()).unwrap() + 4;
            let mut outer = vec![0xd0];
            outer.extend(inside.to_be_bytes());
            outer.extend(1_u32.to_be_bytes());
            outer.extend(nested);
            nested = outer;
        }
        assert!(value_length(&nested).is_err());
    }
}
