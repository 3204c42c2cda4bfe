use std::time::Duration;

use serde_amqp::Value;
use serde_amqp::primitives::OrderedMap;

use super::peer::*;
use crate::codec::{as_integer, described, lookup, symbol};
use crate::message::Properties;
use crate::message::tests::encoded_of_session;
use crate::store::{Counts, EntityName};

const ENTITY: &str = "sessions";

/// An attach that asks for a session by name or, with None, for the next, and waits this many milliseconds.
fn asking(handle: u32, session: Option<&str>, time_out: Option<u32>) -> Vec<Value> {
    let mut filters = OrderedMap::new();
    filters.insert(symbol("com.microsoft:session-filter"), session.map_or(Value::Null, Value::from));
    let mut source = vec![Value::from(ENTITY)];
    source.resize(7, Value::Null);
    source.push(Value::Map(filters));
    let mut fields = attach_fields("s", handle, true, ENTITY);
    fields[5] = described(0x28, Value::List(source));
    fields.resize(13, Value::Null);
    let mut properties = OrderedMap::new();
    if let Some(milliseconds) = time_out {
        properties.insert(symbol("com.microsoft:timeout"), Value::Uint(milliseconds));
    }
    fields.push(Value::Map(properties));
    fields
}

fn granted(attach: &Heard) -> (Option<String>, Option<i64>) {
    let Value::Described(source) = attach.fields.get(5) else { return (None, None) };
    let Value::List(fields) = &source.value else { panic!("{attach:?}") };
    let Some(Value::Map(filters)) = fields.get(7) else { panic!("{attach:?}") };
    let Value::Map(properties) = attach.fields.get(13) else { panic!("{attach:?}") };
    let text = |map: &Properties, key| lookup(map, key).and_then(crate::codec::as_text).map(str::to_owned);
    let until = lookup(properties, "com.microsoft:locked-until-utc").and_then(as_integer);
    (text(filters, "com.microsoft:session-filter"), until)
}

fn put(peer: &mut Peer, delivery: u32, session: &str, id: &str) {
    let fields = transfer_fields(0, delivery, 0, false);
    peer.say_with(0, TRANSFER, fields, &encoded_of_session(session, id));
}

/// A peer with a sender on handle 0.
fn sending() -> Peer {
    let mut peer = Peer::in_session();
    peer.attach_sender(0, ENTITY);
    peer.hear();
    peer
}

fn counts(peer: &Peer) -> Counts {
    peer.store.counts(&EntityName::new(ENTITY)).unwrap()
}

fn codes(heard: &[Heard]) -> Vec<u64> {
    heard.iter().map(|heard| heard.fields.code).collect()
}

#[test]
fn a_named_session_is_granted_with_the_end_of_its_lock_in_dotnet_time() {
    let mut peer = sending();
    put(&mut peer, 0, "a", "a1");
    put(&mut peer, 1, "b", "b1");
    peer.hear();
    peer.say(ATTACH, asking(1, Some("b"), None));
    let attach = peer.hear_only(ATTACH);
    // The epoch of Unix is 621,355,968,000,000,000 ticks of 100 nanoseconds after the year 1.
    let until = 621_355_968_000_000_000 + (peer.now.milliseconds() + 60_000) * 10_000;
    assert_eq!(granted(&attach), (Some("b".to_owned()), Some(until)));
    peer.credit(1, 0, 10, false);
    let heard = peer.hear();
    assert_eq!(codes(&heard), [TRANSFER], "only the messages of this session");
    peer.settle(0, 0, state(0x24));
    assert_eq!(peer.hear_only(DISPOSITION).fields.get(4), &state(0x24));
    assert_eq!(counts(&peer), Counts { active: 1, ..Counts::default() });
}

#[test]
fn a_session_that_is_locked_is_refused() {
    let mut peer = sending();
    peer.say(ATTACH, asking(1, Some("a"), None));
    peer.say(ATTACH, asking(2, Some("a"), None));
    let heard = peer.hear();
    assert_eq!(codes(&heard), [ATTACH, ATTACH, DETACH]);
    assert_eq!(heard[1].fields.get(5), &Value::Null, "attached to nothing");
    assert_eq!(condition(&heard[2].fields, 2), "com.microsoft:session-cannot-be-locked");
}

#[test]
fn the_next_session_is_waited_for_and_its_messages_use_the_credit_given_meanwhile() {
    let mut peer = sending();
    peer.say(ATTACH, asking(1, None, Some(5000)));
    assert!(peer.hear().is_empty(), "no session has messages");
    peer.credit(1, 0, 3, false);
    put(&mut peer, 0, "a", "a1");
    let heard = peer.hear();
    let attach = heard.iter().find(|heard| heard.fields.code == ATTACH).unwrap();
    assert_eq!(granted(attach).0.as_deref(), Some("a"));
    assert_eq!(codes(&heard).iter().filter(|code| **code == TRANSFER).count(), 1);
}

#[test]
fn whoever_has_waited_long_enough_is_told_and_whoever_hangs_up_is_left_alone() {
    let mut peer = sending();
    peer.say(ATTACH, asking(1, None, Some(5000)));
    peer.say(ATTACH, asking(2, None, Some(9000)));
    let end = peer.connection.next_deadline(peer.now).unwrap();
    assert_eq!(end, peer.now.after(Duration::from_secs(5)));
    peer.now = end;
    peer.acting(|connection, context| connection.deliver(context));
    let heard = peer.hear();
    assert_eq!(codes(&heard), [ATTACH, DETACH]);
    assert_eq!(heard[0].fields.get(5), &Value::Null, "attached to nothing");
    assert_eq!(condition(&heard[1].fields, 2), "com.microsoft:timeout");
    peer.say(DETACH, vec![Value::Uint(2), Value::Bool(true)]);
    peer.hear_only(DETACH);
    put(&mut peer, 0, "a", "a1");
    assert_eq!(codes(&peer.hear()), [DISPOSITION], "nobody waits any more");
    assert_eq!(counts(&peer).active, 1);
}

#[test]
fn a_link_loses_its_session_with_the_lock_and_is_told() {
    let mut peer = sending();
    put(&mut peer, 0, "a", "a1");
    peer.say(ATTACH, asking(1, Some("a"), None));
    peer.credit(1, 0, 1, false);
    peer.hear();
    peer.now = peer.now.after(Duration::from_secs(60));
    peer.acting(|connection, context| connection.deliver(context));
    assert_eq!(condition(&peer.hear_only(DETACH).fields, 2), "com.microsoft:session-lock-lost");
    peer.settle(0, 0, state(0x24));
    let answer = peer.hear_only(DISPOSITION);
    let rejected = crate::codec::Positional::from_value(answer.fields.get(4).clone()).unwrap();
    assert_eq!(condition(&rejected, 0), "com.microsoft:session-lock-lost");
    assert_eq!(counts(&peer).active, 1);
}

#[test]
fn a_session_is_free_when_its_link_session_or_connection_ends_in_order_and_not_when_the_wire_breaks() {
    let endings: [(u64, Vec<Value>); 3] =
        [(DETACH, vec![Value::Uint(1), Value::Bool(true)]), (END, vec![]), (CLOSE, vec![])];
    for (code, fields) in endings {
        let mut peer = sending();
        put(&mut peer, 0, "a", "a1");
        peer.say(ATTACH, asking(1, Some("a"), None));
        peer.credit(1, 0, 1, false);
        assert_eq!(counts(&peer).locked, 1);
        peer.say(code, fields);
        assert_eq!(counts(&peer), Counts { active: 1, ..Counts::default() }, "{code:#x}");
        let again = peer.store.accept_session(&EntityName::new(ENTITY), None, uuid::Uuid::nil(), peer.now);
        assert!(again.unwrap().is_some(), "{code:#x}");
    }
    let mut peer = sending();
    put(&mut peer, 0, "a", "a1");
    peer.say(ATTACH, asking(1, Some("a"), None));
    peer.connection = crate::engine::Connection::new("another".to_owned());
    let again = peer.store.accept_session(&EntityName::new(ENTITY), Some("a"), uuid::Uuid::nil(), peer.now);
    assert!(again.is_err(), "our guess: the lock stays until it ends, as locks of messages do");
}

#[test]
fn sessions_are_asked_for_where_there_are_some_and_only_there() {
    let mut peer = Peer::in_session();
    peer.attach_receiver(1, ENTITY);
    assert_eq!(condition(&peer.hear()[1].fields, 2), "amqp:not-allowed");
    let mut elsewhere = asking(2, None, None);
    let Value::Described(source) = &mut elsewhere[5] else { panic!("no source") };
    let Value::List(fields) = &mut source.value else { panic!("no list") };
    fields[0] = Value::from("orders");
    peer.say(ATTACH, elsewhere);
    assert_eq!(condition(&peer.hear()[1].fields, 2), "amqp:not-allowed");
}

#[test]
fn a_message_without_a_session_is_rejected_and_with_it_its_whole_batch() {
    let mut peer = sending();
    peer.send(0, 0, "without");
    let answer = peer.hear_only(DISPOSITION);
    let rejected = crate::codec::Positional::from_value(answer.fields.get(4).clone()).unwrap();
    assert_eq!(condition(&rejected, 0), "amqp:not-allowed");
    let with = encoded_of_session("a", "a1");
    let without = crate::message::tests::encoded_message("b", "b");
    let section = |bytes: &[u8]| {
        crate::codec::encode(&described(0x75, Value::Binary(serde_bytes::ByteBuf::from(bytes))))
    };
    let batch = [section(&with), section(&without)].concat();
    peer.say_with(0, TRANSFER, transfer_fields(0, 1, 0x8001_3700, false), &batch);
    assert_ne!(peer.hear_only(DISPOSITION).fields.get(4), &state(0x24));
    assert_eq!(counts(&peer), Counts::default());
}

#[test]
fn a_session_to_be_shared_is_refused_by_name() {
    let mut peer = Peer::in_session();
    let mut fields = asking(1, None, None);
    let Value::Described(source) = &mut fields[5] else { panic!("no source") };
    let Value::List(source) = &mut source.value else { panic!("no list") };
    let mut filters = OrderedMap::new();
    let shared = described(0x0137_0000_000e, Value::List(vec![Value::from("a"), Value::Null]));
    filters.insert(symbol("com.microsoft:non-exclusive-session-filter"), shared);
    source[7] = Value::Map(filters);
    peer.say(ATTACH, fields);
    assert_eq!(condition(&peer.hear()[1].fields, 2), "amqp:not-implemented");
}
