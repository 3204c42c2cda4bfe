//! Transactions: a client may prepare for them, and is told when it begins one.

use serde_amqp::Value;

use super::peer::*;
use crate::codec::{Positional, described, encode};

/// A peer with a link to the coordinator on handle 0.
fn prepared() -> Peer {
    let mut peer = Peer::in_session();
    let mut fields = attach_fields("t", 0, false, "");
    fields[6] = described(0x30, Value::List(vec![]));
    peer.say(ATTACH, fields);
    peer
}

#[test]
fn the_link_to_the_coordinator_opens() {
    let heard = prepared().hear();
    assert_eq!(heard.iter().map(|heard| heard.fields.code).collect::<Vec<_>>(), [ATTACH, FLOW]);
    assert_eq!(heard[0].fields.get(6), &described(0x30, Value::List(vec![])));
}

#[test]
fn a_transaction_that_is_begun_is_refused_by_name() {
    let mut peer = prepared();
    peer.hear();
    let declare = described(0x77, described(0x31, Value::List(vec![])));
    peer.say_with(0, TRANSFER, transfer_fields(0, 0, 0, false), &encode(&declare));
    let answer = peer.hear_only(DISPOSITION);
    let rejected = Positional::from_value(answer.fields.get(4).clone()).unwrap();
    assert_eq!((rejected.code, condition(&rejected, 0).as_str()), (0x25, "amqp:not-implemented"));
    let error = Positional::from_value(rejected.get(0).clone()).unwrap();
    assert!(error.text(1).unwrap().contains("ransactions are not supported"), "{error:?}");
}
