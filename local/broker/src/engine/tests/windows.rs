//! How much either side lets the other send. The numbers may be anything that 32 bits hold.

use super::peer::*;

/// A receiver on handle 1, and one message in the queue.
fn with_a_message() -> Peer {
    let mut peer = Peer::in_session();
    peer.attach_sender(0, "orders");
    peer.send(0, 0, "a");
    peer.attach_receiver(1, "orders");
    peer.hear();
    peer
}

#[test]
fn no_window_and_no_credit_is_too_large_to_be_used() {
    // The .NET SDK announces the largest window there is.
    for (credit, window) in
        [(1, 0x7fff_ffff), (1, 0x8000_0000), (1, u32::MAX), (0x8000_0000, 5000), (u32::MAX, u32::MAX)]
    {
        let mut peer = with_a_message();
        peer.say(FLOW, flow_fields(1, 0, credit, false, 0, window));
        peer.hear_only(TRANSFER);
        peer.say(FLOW, flow_fields(1, 0, credit, false, 0, window));
        peer.send(0, 1, "b");
        let again = peer.hear().iter().filter(|heard| heard.fields.code == TRANSFER).count();
        assert_eq!(again, usize::from(credit > 1), "credit {credit}, window {window}");
    }
}

#[test]
fn what_was_sent_meanwhile_counts_against_the_window() {
    let mut peer = with_a_message();
    peer.send(0, 1, "b");
    peer.send(0, 2, "c");
    peer.hear();
    peer.say(FLOW, flow_fields(1, 0, 10, false, 0, 2));
    assert_eq!(peer.hear().len(), 2);
    peer.say(FLOW, flow_fields(1, 0, 10, false, 0, 1));
    assert!(peer.hear().is_empty(), "two are under way, one is allowed");
    peer.say(FLOW, flow_fields(1, 2, 10, false, 2, 1));
    peer.hear_only(TRANSFER);
}

#[test]
fn only_the_end_that_takes_messages_says_how_large_they_may_be() {
    // What the broker adds to a message on its way out must not make it too large for its receiver.
    let mut peer = Peer::in_session();
    peer.attach_receiver(1, "orders");
    assert_eq!(peer.hear_only(ATTACH).fields.number(10), None);
    peer.attach_sender(2, "orders");
    assert_eq!(peer.hear()[0].fields.number(10), u32::try_from(LARGEST_MESSAGE).ok());
}
