//! Frames: how performatives follow each other on the wire (AMQP 1.0, part 2 section 2.3).

use bytes::{Buf, BufMut, Bytes, BytesMut};

use crate::amqp_error::AmqpError;

const HEADER: usize = 8;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FrameKind {
    Amqp,
    Sasl,
}

#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) kind: FrameKind,
    pub(crate) channel: u16,
    /// The performative and what follows it. Empty in a frame that only says that its sender is alive.
    pub(crate) body: Bytes,
}

/// Takes the next whole frame off the input, if it is there.
pub(crate) fn take_frame(input: &mut BytesMut, largest: usize) -> Result<Option<Frame>, AmqpError> {
    if input.len() < HEADER {
        return Ok(None);
    }
    let size = u32::from_be_bytes([input[0], input[1], input[2], input[3]]) as usize;
    let body_starts = usize::from(input[4]) * 4;
    if size < HEADER || body_starts < HEADER || body_starts > size {
        return Err(framing("a frame's size and offset contradict each other"));
    }
    if size > largest {
        return Err(framing("a frame is larger than was agreed"));
    }
    if input.len() < size {
        return Ok(None);
    }
    let mut frame = input.split_to(size).freeze();
    let kind = match frame[5] {
        0 => FrameKind::Amqp,
        1 => FrameKind::Sasl,
        _ => return Err(framing("a frame has a type that AMQP 1.0 does not know")),
    };
    let channel = u16::from_be_bytes([frame[6], frame[7]]);
    frame.advance(body_starts);
    Ok(Some(Frame { kind, channel, body: frame }))
}

/// Appends a frame to the output.
pub(crate) fn put_frame(
    output: &mut BytesMut,
    kind: FrameKind,
    channel: u16,
    performative: &[u8],
    payload: &[u8],
) {
    let size = HEADER + performative.len() + payload.len();
    output.reserve(size);
    output.put_u32(
        u32::try_from(size).expect("a frame is cut to fit the largest size that a peer announced as u32"),
    );
    output.put_u8(2);
    output.put_u8(match kind {
        FrameKind::Amqp => 0,
        FrameKind::Sasl => 1,
    });
    output.put_u16(channel);
    output.put_slice(performative);
    output.put_slice(payload);
}

fn framing(reason: &str) -> AmqpError {
    AmqpError::new("amqp:connection:framing-error", reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_come_out_as_they_went_in_and_only_when_whole() {
        let mut wire = BytesMut::new();
        put_frame(&mut wire, FrameKind::Amqp, 3, b"perf", b"payload");
        put_frame(&mut wire, FrameKind::Sasl, 0, b"", b"");
        let all = wire.clone();
        let mut early = BytesMut::from(&all[..10]);
        assert!(take_frame(&mut early, 512).unwrap().is_none());
        let first = take_frame(&mut wire, 512).unwrap().unwrap();
        assert_eq!((first.kind, first.channel, &first.body[..]), (FrameKind::Amqp, 3, &b"perfpayload"[..]));
        assert!(take_frame(&mut wire, 512).unwrap().unwrap().body.is_empty());
        assert!(take_frame(&mut wire, 512).unwrap().is_none());
    }

    #[test]
    fn an_impossible_frame_is_a_framing_error() {
        for bad in [
            [0, 0, 0, 4, 2, 0, 0, 0],
            [0, 0, 0, 8, 1, 0, 0, 0],
            [0, 0, 0, 8, 9, 0, 0, 0],
            [1, 0, 0, 0, 2, 0, 0, 0],
        ] {
            let fault = take_frame(&mut BytesMut::from(&bad[..]), 65536).unwrap_err();
            assert_eq!(fault.condition, "amqp:connection:framing-error");
        }
    }
}
