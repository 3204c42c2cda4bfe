use serde_amqp::Value;

use super::peer::*;
use crate::codec::as_integer;

#[test]
fn a_bare_header_opens_without_sasl() {
    let mut peer = Peer::new();
    peer.raw(BARE_HEADER);
    peer.say(OPEN, open_fields());
    assert!(peer.connection.output().starts_with(BARE_HEADER));
    let heard = peer.hear_after_headers();
    assert_eq!(heard.len(), 1);
    assert_eq!(heard[0].fields.code, OPEN);
    assert_eq!(heard[0].fields.number(2), Some(65536));
    assert_eq!(heard[0].fields.number(4), Some(240_000));
}

#[test]
fn everything_may_be_said_before_anything_is_heard() {
    let mut peer = Peer::new();
    peer.sasl("ANONYMOUS", b"");
    peer.raw(BARE_HEADER);
    peer.say(OPEN, open_fields());
    peer.say(BEGIN, begin_fields(5000));
    peer.attach_receiver(0, "$cbs");
    let codes: Vec<u64> = peer.hear_after_headers().iter().map(|heard| heard.fields.code).collect();
    assert_eq!(codes, [0x40, 0x44, OPEN, BEGIN, ATTACH]);
}

#[test]
fn bytes_may_come_one_at_a_time() {
    let mut peer = Peer::new();
    for byte in SASL_HEADER {
        peer.raw(&[*byte]);
    }
    assert!(peer.connection.output().starts_with(SASL_HEADER));
}

#[test]
fn the_four_mechanisms_are_offered_and_an_unknown_one_is_refused() {
    for (mechanism, code) in [("MSSBCBS", 0), ("ANONYMOUS", 0), ("EXTERNAL", 0), ("SCRAM-SHA-1", 1)] {
        let mut peer = Peer::new();
        peer.sasl(mechanism, b"");
        let heard = peer.hear_after_headers();
        let Value::Array(offered) = heard[0].fields.get(0) else { panic!("{heard:?}") };
        assert_eq!(offered.len(), 4);
        assert_eq!(as_integer(heard[1].fields.get(0)), Some(code), "{mechanism}");
        assert_eq!(peer.connection.is_closed(), code != 0);
    }
}

#[test]
fn plain_needs_the_key() {
    let mut peer = Peer::new();
    peer.sasl("PLAIN", b"\0RootManageSharedAccessKey\0guessed");
    assert_eq!(as_integer(peer.hear_after_headers()[1].fields.get(0)), Some(1));
    assert!(peer.connection.is_closed());
    Peer::in_session().attach_sender(0, "orders");
}

#[test]
fn another_protocol_is_told_which_one_is_spoken_here() {
    for stranger in [&b"GET / HTTP/1.1\r\n"[..], &[0x16, 3, 1, 0, 200, 1, 0, 0], b"AMQP\x02\x01\x00\x00"] {
        let mut peer = Peer::new();
        peer.raw(stranger);
        assert_eq!(&peer.connection.output()[..], SASL_HEADER);
        assert!(peer.connection.is_closed());
    }
}

#[test]
fn no_frame_breaks_the_silence_before_open() {
    let mut peer = Peer::new();
    peer.raw(BARE_HEADER);
    peer.connection.output().clear();
    peer.connection.heartbeat();
    assert!(peer.connection.output().is_empty());
    peer.say(OPEN, open_fields());
    peer.connection.output().clear();
    peer.connection.heartbeat();
    assert_eq!(&peer.connection.output()[..], [0, 0, 0, 8, 2, 0, 0, 0]);
}

#[test]
fn what_cannot_be_read_closes_the_connection_with_the_reason() {
    let mut peer = Peer::in_session();
    peer.raw(&[0, 0, 0, 12, 2, 0, 0, 0, 0x00, 0x53, 0x99, 0x45]);
    let close = peer.hear_only(CLOSE);
    assert_eq!(condition(&close.fields, 0), "amqp:decode-error");
    assert!(peer.connection.is_closed());

    let mut peer = Peer::in_session();
    peer.raw(&[0, 0, 0, 3, 2, 0, 0, 0]);
    assert_eq!(condition(&peer.hear_only(CLOSE).fields, 0), "amqp:connection:framing-error");
}

#[test]
fn a_connection_that_does_not_begin_with_open_is_closed() {
    let mut peer = Peer::new();
    peer.raw(BARE_HEADER);
    peer.say(BEGIN, begin_fields(1));
    let heard = peer.hear_after_headers();
    assert_eq!(heard.iter().map(|heard| heard.fields.code).collect::<Vec<_>>(), [OPEN, CLOSE]);
    assert_eq!(condition(&heard[1].fields, 0), "amqp:illegal-state");
}

#[test]
fn close_is_answered_by_close_and_end_by_end() {
    let mut peer = Peer::in_session();
    peer.say(END, vec![]);
    peer.hear_only(END);
    peer.say(FLOW, flow_fields(0, 0, 1, false, 0, 5000));
    assert!(peer.hear().is_empty(), "what comes for an ended session is ignored");
    peer.say(CLOSE, vec![]);
    peer.hear_only(CLOSE);
    assert!(peer.connection.is_closed());
}

#[test]
fn random_bytes_never_upset_the_broker() {
    // A fixed sequence (xorshift), so that a failure can be repeated.
    let mut seed = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = move || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed
    };
    for _ in 0..2000 {
        let mut peer = Peer::in_session();
        peer.attach_sender(0, "orders");
        let length = usize::try_from(next() % 60).unwrap();
        let mut body: Vec<u8> = (0..length).map(|_| u8::try_from(next() % 256).unwrap()).collect();
        // Half of them begin as a performative does.
        if next() % 2 == 0 && length > 3 {
            body[..3].copy_from_slice(&[0x00, 0x53, 0x10 + u8::try_from(next() % 9).unwrap()]);
        }
        let mut frame = u32::try_from(length + 8).unwrap().to_be_bytes().to_vec();
        frame.extend([2, 0, 0, 0]);
        frame.extend(body);
        peer.raw(&frame);
        peer.hear();
    }
}
