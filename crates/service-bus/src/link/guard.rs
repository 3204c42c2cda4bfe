//! Reads along with the AMQP library, and makes unreadable what must not be decoded.
//!
//! The library decodes a message itself, before anybody can look at its bytes, and a hostile one ends the process (see
//! [`Nesting`]). So each frame is followed on its way in. From the place where a message is not sound, its bytes are
//! replaced with one that begins no value: the library then says that the message cannot be decoded, like of any broken
//! one, and the connection goes on.

use std::collections::HashMap;

use crate::wire::{Nesting, Transfer};

/// Begins no value.
const NOTHING: u8 = 0x3f;
const FRAME_HEADER: usize = 8;
/// Frames of AMQP itself; the others are of SASL.
const AMQP: u8 = 0;

/// A delivery: its channel, and its link on the channel.
type Delivery = (u16, u32);

/// What the next byte belongs to.
#[derive(Debug)]
enum Part {
    Header {
        bytes: [u8; FRAME_HEADER],
        read: usize,
    },
    /// Bytes of the frame that say nothing about its body.
    Extended {
        left: u32,
        frame: Frame,
    },
    Performative {
        left: u32,
        frame: Frame,
        nesting: Nesting,
        bytes: Vec<u8>,
    },
    Payload {
        left: u32,
        delivery: Delivery,
        goes_on: bool,
    },
    /// Nothing of it can be decoded.
    Lost {
        left: u32,
    },
}

#[derive(Debug, Clone, Copy)]
struct Frame {
    channel: u16,
    is_amqp: bool,
    body: u32,
}

/// What is known of a delivery whose frames come one after the other.
#[derive(Debug)]
enum Sections {
    Sound(Nesting),
    Unsound,
}

/// Follows everything that comes in on a connection.
#[derive(Debug)]
pub(crate) struct Guard {
    part: Part,
    deliveries: HashMap<Delivery, Sections>,
}

const BETWEEN_FRAMES: Part = Part::Header { bytes: [0; FRAME_HEADER], read: 0 };

impl Guard {
    pub(crate) fn new() -> Self {
        Self { part: BETWEEN_FRAMES, deliveries: HashMap::new() }
    }

    /// Looks at bytes that came in, and replaces those that must not be decoded.
    pub(crate) fn inspect(&mut self, bytes: &mut [u8]) {
        for byte in bytes {
            self.take(byte);
        }
    }

    fn take(&mut self, byte: &mut u8) {
        match &mut self.part {
            Part::Header { bytes, read } => {
                bytes[*read] = *byte;
                *read += 1;
                if *read == FRAME_HEADER {
                    self.part = after_header(*bytes);
                }
            }
            Part::Extended { left, frame } => {
                *left -= 1;
                if *left == 0 {
                    self.part = body_of(*frame);
                }
            }
            Part::Performative { left, frame, nesting, bytes } => {
                *left -= 1;
                let (left, frame) = (*left, *frame);
                if nesting.take(*byte).is_err() {
                    *byte = NOTHING;
                    self.part = lost(left);
                    return;
                }
                bytes.push(*byte);
                if nesting.is_between_values() {
                    let performative = std::mem::take(bytes);
                    self.part = self.after_performative(frame, &performative, left);
                } else if left == 0 {
                    self.part = BETWEEN_FRAMES;
                }
            }
            Part::Payload { left, delivery, goes_on } => {
                *left -= 1;
                let (left, delivery, goes_on) = (*left, *delivery, *goes_on);
                let sections = self.deliveries.entry(delivery).or_insert_with(Sections::new);
                sections.take(byte);
                if left == 0 {
                    self.frame_ends(delivery, goes_on);
                }
            }
            Part::Lost { left } => {
                *byte = NOTHING;
                *left -= 1;
                if *left == 0 {
                    self.part = BETWEEN_FRAMES;
                }
            }
        }
    }

    fn after_performative(&mut self, frame: Frame, performative: &[u8], left: u32) -> Part {
        match Transfer::read(performative) {
            Some(Transfer::Part { handle, goes_on }) if frame.is_amqp => {
                let delivery = (frame.channel, handle);
                if left > 0 {
                    return Part::Payload { left, delivery, goes_on };
                }
                self.frame_ends(delivery, goes_on);
                BETWEEN_FRAMES
            }
            // A link, or a whole session, begins anew: what is known of an earlier one of the same number is void.
            Some(Transfer::LinkBegins { handle }) => {
                self.deliveries.remove(&(frame.channel, handle));
                lost(left)
            }
            Some(Transfer::SessionBegins) => {
                self.deliveries.retain(|(channel, _), _| *channel != frame.channel);
                lost(left)
            }
            // Nothing else has a payload.
            Some(Transfer::Part { .. }) | None => lost(left),
        }
    }

    fn frame_ends(&mut self, delivery: Delivery, goes_on: bool) {
        if !goes_on {
            self.deliveries.remove(&delivery);
        }
        self.part = BETWEEN_FRAMES;
    }
}

impl Sections {
    fn new() -> Self {
        Self::Sound(Nesting::new())
    }

    fn take(&mut self, byte: &mut u8) {
        let is_sound = match self {
            Self::Sound(nesting) => nesting.take(*byte).is_ok(),
            Self::Unsound => false,
        };
        if !is_sound {
            *self = Self::Unsound;
            *byte = NOTHING;
        }
    }
}

fn lost(left: u32) -> Part {
    if left == 0 { BETWEEN_FRAMES } else { Part::Lost { left } }
}

fn after_header(bytes: [u8; FRAME_HEADER]) -> Part {
    let [a, b, c, d, offset, kind, high, low] = bytes;
    let size = u32::from_be_bytes([a, b, c, d]);
    let before_body = u32::from(offset) * 4;
    // The header of a protocol, or of a frame that the library refuses.
    if &bytes[..4] == b"AMQP" || before_body < 8 || size < before_body {
        return BETWEEN_FRAMES;
    }
    let frame =
        Frame { channel: u16::from_be_bytes([high, low]), is_amqp: kind == AMQP, body: size - before_body };
    match before_body - 8 {
        0 => body_of(frame),
        left => Part::Extended { left, frame },
    }
}

fn body_of(frame: Frame) -> Part {
    if frame.body == 0 {
        // Nothing but a sign of life.
        return BETWEEN_FRAMES;
    }
    Part::Performative { left: frame.body, frame, nesting: Nesting::new(), bytes: Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(channel: u16, body: &[u8]) -> Vec<u8> {
        let size = u32::try_from(body.len() + 8).unwrap();
        let mut frame = size.to_be_bytes().to_vec();
        frame.extend([2, AMQP]);
        frame.extend(channel.to_be_bytes());
        frame.extend(body);
        frame
    }

    /// A part of a delivery on link 7.
    fn transfer(goes_on: bool, payload: &[u8]) -> Vec<u8> {
        let goes_on = if goes_on { 0x41 } else { 0x42 };
        let mut body = vec![0x00, 0x53, 0x14, 0xc0, 0x08, 0x06, 0x52, 0x07, 0x43, 0x40, 0x43, 0x40, goes_on];
        body.extend(payload);
        frame(1, &body)
    }

    /// What comes through, in pieces of this length.
    fn through(guard: &mut Guard, bytes: &[u8], piece: usize) -> Vec<u8> {
        let mut bytes = bytes.to_vec();
        bytes.chunks_mut(piece).for_each(|piece| guard.inspect(piece));
        bytes
    }

    const SOUND: [u8; 10] = [0x00, 0x53, 0x75, 0xa0, 0x05, 0x45, 0x45, 0x00, 0xc0, 0xff];

    #[test]
    fn what_is_sound_comes_through_as_it_is_whatever_the_pieces() {
        let mut all = b"AMQP\x03\x01\x00\x00".to_vec();
        // A frame of SASL, with an extended header; a sign of life; a session, a link.
        all.extend([0, 0, 0, 20, 3, 1, 0, 0, 9, 9, 9, 9, 0x00, 0x53, 0x44, 0xc0, 0x03, 0x01, 0x50, 0x00]);
        all.extend(b"AMQP\x00\x01\x00\x00");
        all.extend(frame(0, &[]));
        all.extend(frame(1, &[0x00, 0x53, 0x11, 0xc0, 0x05, 0x04, 0x40, 0x43, 0x43, 0x43]));
        all.extend(frame(1, &[0x00, 0x53, 0x12, 0xc0, 0x06, 0x02, 0xa1, 0x01, b'n', 0x52, 0x07]));
        all.extend(transfer(true, &SOUND[..4]));
        all.extend(transfer(true, &SOUND[4..4]));
        all.extend(transfer(false, &SOUND[4..]));
        all.extend(transfer(false, &SOUND));
        for piece in [1, 2, 3, 7, 1_000] {
            let mut guard = Guard::new();
            assert_eq!(through(&mut guard, &all, piece), all, "pieces of {piece}");
            assert!(guard.deliveries.is_empty(), "nothing is kept of what is over");
        }
    }

    #[test]
    fn from_where_a_message_is_not_sound_nothing_of_it_comes_through_and_the_next_one_does() {
        let deep = [0x00, 0x53, 0x77].repeat(40);
        let (first, last) = deep.split_at(50);
        let mut guard = Guard::new();
        assert_eq!(through(&mut guard, &transfer(true, first), 5), transfer(true, first));
        let came = through(&mut guard, &transfer(false, last), 5);
        let payload = &came[came.len() - last.len()..];
        let cut = payload.iter().position(|byte| *byte == NOTHING).unwrap();
        assert!(payload[cut..].iter().all(|byte| *byte == NOTHING));
        assert_eq!(payload[..cut], last[..cut]);
        assert_eq!(through(&mut guard, &transfer(false, &SOUND), 5), transfer(false, &SOUND));
    }

    #[test]
    fn deliveries_on_two_links_do_not_mix_and_a_link_that_begins_anew_has_no_past() {
        let on = |channel: u16, mut frame: Vec<u8>| {
            frame[6..8].copy_from_slice(&channel.to_be_bytes());
            frame
        };
        let mut guard = Guard::new();
        // Begun, and never ended.
        through(&mut guard, &on(1, transfer(true, &SOUND[..4])), 9);
        let other = on(2, transfer(false, &SOUND));
        assert_eq!(through(&mut guard, &other, 9), other);
        let attach = frame(1, &[0x00, 0x53, 0x12, 0xc0, 0x06, 0x02, 0xa1, 0x01, b'n', 0x52, 0x07]);
        through(&mut guard, &attach, 9);
        assert_eq!(through(&mut guard, &transfer(false, &SOUND), 9), transfer(false, &SOUND));
    }

    #[test]
    fn a_performative_that_is_not_sound_ends_where_its_frame_ends() {
        let broken = frame(1, &[0x00, 0x53, 0x14, 0xc0, 0x01, 0x01, 0x40, 0x40, 0x40]);
        let mut guard = Guard::new();
        assert_ne!(through(&mut guard, &broken, 4), broken);
        assert_eq!(through(&mut guard, &transfer(false, &SOUND), 4), transfer(false, &SOUND));
    }
}
