//! Whether encoded values hold together, told byte by byte, before anything decodes them.
//!
//! The AMQP library (`serde_amqp` 0.18) calls itself for each value inside another, as deep as whoever wrote the message
//! wants; it believes a list's count and not its size; and it reads arrays of lists that it cannot write. Whoever may
//! send to a queue could so end the process of whoever receives from it. What passes here is nested no deeper than
//! [`DEEPEST`], holds exactly what it counts, and has only plain values in arrays.
//!
//! AMQP 1.0 (ISO/IEC 19464), part 1 section 1.2: the high half of a constructor's format code says how the length of what
//! follows is found.

/// Values within values. Real messages nest a handful of times.
const DEEPEST: usize = 32;

/// The values that are still open.
#[derive(Debug, Clone, Copy)]
enum Open {
    /// A described value: its descriptor comes first.
    Described { descriptor_read: bool },
    /// A list or a map, until its items are read.
    Items { left: u32, end: u64 },
    /// An array of values of variable length, each with a length of so many bytes.
    Array { left: u32, end: u64, width: u8 },
}

/// What the next byte is.
#[derive(Debug, Clone, Copy)]
enum Next {
    Constructor,
    /// The length of a value, in so many bytes more.
    Length {
        missing: u8,
        so_far: u32,
    },
    /// Size and count of a compound value; so many bytes of both together are missing.
    Compound {
        code: u8,
        missing: u8,
        so_far: u64,
    },
    /// The one constructor of an array's items.
    ArrayConstructor {
        count: u32,
        end: u64,
    },
    /// Bytes that say nothing about the structure.
    Skip {
        left: u64,
    },
}

/// The bytes are not what can be decoded safely.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unsafe;

/// A reader of values one after the other, such as the sections of a message.
#[derive(Debug)]
pub(crate) struct Nesting {
    position: u64,
    open: Vec<Open>,
    next: Next,
}

impl Nesting {
    pub(crate) fn new() -> Self {
        Self { position: 0, open: Vec::new(), next: Next::Constructor }
    }

    /// Whether no value is begun.
    pub(crate) fn is_between_values(&self) -> bool {
        self.open.is_empty() && matches!(self.next, Next::Constructor)
    }

    /// Takes the next byte.
    pub(crate) fn take(&mut self, byte: u8) -> Result<(), Unsafe> {
        self.position += 1;
        match self.next {
            Next::Constructor => self.constructor(byte),
            Next::Length { missing, so_far } => {
                let so_far = so_far << 8 | u32::from(byte);
                if missing > 1 {
                    self.next = Next::Length { missing: missing - 1, so_far };
                    return Ok(());
                }
                self.skip(u64::from(so_far))
            }
            Next::Compound { code, missing, so_far } => {
                let so_far = so_far << 8 | u64::from(byte);
                if missing > 1 {
                    self.next = Next::Compound { code, missing: missing - 1, so_far };
                    return Ok(());
                }
                self.compound(code, so_far)
            }
            Next::ArrayConstructor { count, end } => self.array(byte, count, end),
            Next::Skip { left } if left > 1 => {
                self.next = Next::Skip { left: left - 1 };
                Ok(())
            }
            Next::Skip { .. } => self.value_ends(),
        }
    }

    /// Where the innermost compound value ends.
    fn end(&self) -> u64 {
        let mut ends = self.open.iter().rev().filter_map(|open| match open {
            Open::Described { .. } => None,
            Open::Items { end, .. } | Open::Array { end, .. } => Some(*end),
        });
        ends.next().unwrap_or(u64::MAX)
    }

    fn constructor(&mut self, code: u8) -> Result<(), Unsafe> {
        if matches!(self.open.last(), Some(Open::Described { descriptor_read: false }))
            && !matches!(code, 0x44 | 0x53 | 0x80 | 0xa3 | 0xb3)
        {
            return Err(Unsafe);
        }
        match code {
            0x00 => self.enter(Open::Described { descriptor_read: false }),
            0x45 => self.value_ends(),
            0xc0 | 0xc1 | 0xe0 => {
                self.next = Next::Compound { code, missing: 2, so_far: 0 };
                Ok(())
            }
            0xd0 | 0xd1 | 0xf0 => {
                self.next = Next::Compound { code, missing: 8, so_far: 0 };
                Ok(())
            }
            _ => match plain(code).ok_or(Unsafe)? {
                Plain::Fixed(width) => self.skip(u64::from(width)),
                Plain::Variable(missing) => {
                    self.next = Next::Length { missing, so_far: 0 };
                    Ok(())
                }
            },
        }
    }

    fn enter(&mut self, open: Open) -> Result<(), Unsafe> {
        if self.open.len() >= DEEPEST {
            return Err(Unsafe);
        }
        self.open.push(open);
        self.next = Next::Constructor;
        Ok(())
    }

    fn skip(&mut self, left: u64) -> Result<(), Unsafe> {
        if left == 0 {
            return self.value_ends();
        }
        self.next = Next::Skip { left };
        if self.position + left > self.end() { Err(Unsafe) } else { Ok(()) }
    }

    /// Its size counts what follows the size, beginning with the count.
    fn compound(&mut self, code: u8, size_and_count: u64) -> Result<(), Unsafe> {
        let bits = if matches!(code, 0xc0 | 0xc1 | 0xe0) { 8 } else { 32 };
        let size = (size_and_count >> bits).checked_sub(bits / 8).ok_or(Unsafe)?;
        let count = u32::try_from(size_and_count & ((1 << bits) - 1)).map_err(|_| Unsafe)?;
        let end = self.position + size;
        let is_map = matches!(code, 0xc1 | 0xd1);
        if end > self.end() || (is_map && count % 2 != 0) {
            return Err(Unsafe);
        }
        match code {
            _ if count == 0 => {
                if size == 0 {
                    self.value_ends()
                } else {
                    Err(Unsafe)
                }
            }
            0xe0 | 0xf0 => {
                self.next = Next::ArrayConstructor { count, end };
                Ok(())
            }
            _ => self.enter(Open::Items { left: count, end }),
        }
    }

    fn array(&mut self, code: u8, count: u32, end: u64) -> Result<(), Unsafe> {
        let left = end.checked_sub(self.position).ok_or(Unsafe)?;
        match plain(code).ok_or(Unsafe)? {
            Plain::Fixed(width) if u64::from(width) * u64::from(count) == left => self.skip(left),
            Plain::Fixed(_) => Err(Unsafe),
            Plain::Variable(width) => {
                self.enter(Open::Array { left: count, end, width })?;
                self.next = Next::Length { missing: width, so_far: 0 };
                Ok(())
            }
        }
    }

    /// A value is read; with it may end those that it is the last one in.
    fn value_ends(&mut self) -> Result<(), Unsafe> {
        self.next = Next::Constructor;
        loop {
            match self.open.last_mut() {
                None => return Ok(()),
                Some(Open::Described { descriptor_read: descriptor_read @ false }) => {
                    *descriptor_read = true;
                    return Ok(());
                }
                Some(Open::Described { .. }) => {}
                Some(Open::Items { left, end } | Open::Array { left, end, .. }) => {
                    *left -= 1;
                    // Every item takes a byte at least.
                    let fits = if *left > 0 { self.position < *end } else { self.position == *end };
                    if !fits {
                        return Err(Unsafe);
                    }
                    if *left > 0 {
                        if let Some(Open::Array { width, .. }) = self.open.last() {
                            self.next = Next::Length { missing: *width, so_far: 0 };
                        }
                        return Ok(());
                    }
                }
            }
            self.open.pop();
        }
    }
}

/// How long a value is that holds no other.
enum Plain {
    Fixed(u8),
    /// Its length comes first, in so many bytes.
    Variable(u8),
}

fn plain(code: u8) -> Option<Plain> {
    Some(match code {
        0x40..=0x44 => Plain::Fixed(0),
        0x50..=0x56 => Plain::Fixed(1),
        0x60 | 0x61 => Plain::Fixed(2),
        0x70..=0x74 => Plain::Fixed(4),
        0x80..=0x84 => Plain::Fixed(8),
        0x94 | 0x98 => Plain::Fixed(16),
        0xa0 | 0xa1 | 0xa3 => Plain::Variable(1),
        0xb0 | 0xb1 | 0xb3 => Plain::Variable(4),
        _ => return None,
    })
}

/// How many bytes at the front are whole values that can be decoded safely: all of them, in a sound message.
pub(crate) fn sound_length(bytes: &[u8]) -> usize {
    let (mut nesting, mut sound) = (Nesting::new(), 0);
    for (place, byte) in bytes.iter().enumerate() {
        if nesting.take(*byte).is_err() {
            break;
        }
        if nesting.is_between_values() {
            sound = place + 1;
        }
    }
    sound
}

/// How long the first value is, when it is sound.
pub(crate) fn first_length(bytes: &[u8]) -> Option<usize> {
    let mut nesting = Nesting::new();
    for (place, byte) in bytes.iter().enumerate() {
        nesting.take(*byte).ok()?;
        if nesting.is_between_values() {
            return Some(place + 1);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use serde_amqp::{
        Value,
        described::Described,
        descriptor::Descriptor,
        primitives::{Array, OrderedMap, Symbol},
        to_vec,
    };

    use super::*;

    fn check(value: &Value) {
        let mut bytes = to_vec(value).unwrap();
        let whole = bytes.len();
        assert_eq!(sound_length(&bytes), whole, "{value:?}: {bytes:02x?}");
        for cut in 0..whole {
            assert_eq!(sound_length(&bytes[..cut]), 0, "{value:?} cut at {cut}");
        }
        bytes.extend_from_within(..);
        assert_eq!(sound_length(&bytes), 2 * whole, "{value:?} twice");
    }

    fn list(items: Vec<Value>) -> Value {
        Value::List(items)
    }

    #[test]
    fn every_kind_of_value_that_occurs_is_sound() {
        check(&Value::Null);
        check(&Value::Bool(true));
        check(&Value::Uint(0));
        check(&Value::Uint(70_000));
        check(&Value::Ulong(u64::MAX));
        check(&Value::from(1.5_f64));
        check(&Value::String("hello".to_owned()));
        check(&Value::String("x".repeat(300)));
        check(&Value::Binary(serde_bytes::ByteBuf::from(vec![0; 300])));
        check(&Value::Uuid([3_u8; 16].into()));
        check(&list(vec![]));
        check(&list(vec![Value::Uint(1), list(vec![Value::Null, list(vec![])]), Value::Bool(false)]));
        check(&list(vec![Value::String("y".repeat(200)); 3]));
        check(&Value::Array(Array::from(Vec::<Value>::new())));
        check(&Value::Array(Array::from(vec![Value::Long(1), Value::Long(700)])));
        check(&Value::Array(Array::from(vec![Value::from("a"), Value::from("bc"), Value::from("")])));
        check(&Value::Array(Array::from(vec![Value::Uuid([3_u8; 16].into()); 3])));
        let map: OrderedMap<Value, Value> =
            [(Value::from("a"), Value::Uint(1)), (Value::from("b"), list(vec![Value::Uint(1)]))]
                .into_iter()
                .collect();
        check(&Value::Map(map));
        for descriptor in [Descriptor::Code(0x77), Descriptor::Name(Symbol::from("x:y"))] {
            check(&Value::Described(Box::new(Described { descriptor, value: list(vec![Value::Null]) })));
        }
    }

    /// A list of one inside a list of one, and so on.
    fn nested(times: u32) -> Vec<u8> {
        let mut bytes = vec![0x45];
        for _ in 0..times {
            let inside = u32::try_from(bytes.len()).unwrap() + 4;
            let mut outer = vec![0xd0];
            outer.extend(inside.to_be_bytes());
            outer.extend(1_u32.to_be_bytes());
            outer.extend(bytes);
            bytes = outer;
        }
        bytes
    }

    #[test]
    fn what_is_nested_too_deeply_is_not() {
        let deepest = u32::try_from(DEEPEST).unwrap();
        assert!(sound_length(&nested(deepest)) > 0);
        assert_eq!(sound_length(&nested(deepest + 1)), 0);
        // Descriptions of descriptions, and of what they describe.
        assert_eq!(sound_length(&[0x00; 100_000]), 0);
        assert_eq!(sound_length(&[0x00, 0x53, 0x77].repeat(50_000)), 0);
    }

    /// The library goes by the count where the size says something else, and by an array's constructor wherever it is.
    #[test]
    fn what_would_be_read_otherwise_than_it_is_cut_is_not() {
        for bytes in [
            // Lists of one that end before their one.
            &[0xc0, 0x01, 0x01].repeat(50_000)[..],
            // A size that does not even hold the count, and one that holds too much or too little.
            &[0xc0, 0x00, 0x05, 0x40],
            &[0xc0, 0x03, 0x01, 0x40, 0x40],
            &[0xc0, 0x02, 0x02, 0x40, 0x40],
            // An item that goes beyond its list.
            &[0xc0, 0x03, 0x01, 0xa1, 0x05, 0x61, 0x61, 0x61, 0x61, 0x61],
            // A map with half an entry.
            &[0xc1, 0x02, 0x01, 0x40],
            // An array of empty lists, one of arrays, one of described values, one with more than it has bytes.
            &[0xe0, 0x55, 0x04, 0x45],
            &[0xe0, 0x02, 0x04, 0x45],
            &[0xf0, 0x00, 0x00, 0x00, 0x08, 0x00, 0x00, 0x00, 0x01, 0xe0, 0x02, 0x00, 0x40],
            &[0xe0, 0x05, 0x01, 0x00, 0x53, 0x77, 0x40],
            &[0xe0, 0x02, 0x03, 0x50],
            // No item, and yet a constructor for them.
            &[0xe0, 0x02, 0x00, 0x40],
            // A descriptor that is none, and a code that no type has.
            &[0x00, 0x45, 0x40],
            &[0x46],
            &[0x3f],
        ] {
            assert_eq!(sound_length(bytes), 0, "{:02x?}", &bytes[..bytes.len().min(16)]);
        }
    }
}
