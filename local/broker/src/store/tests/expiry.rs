//! How long messages live, and what they say about it.

use serde_amqp::primitives::Timestamp as AmqpTimestamp;

use super::*;
use crate::codec::{Positional, described, encode};
use crate::message::tests::encoded_message;

const DAY: i64 = 24 * 60 * MINUTE;

/// The header's time to live and the properties' absolute expiry, as a receiver gets them.
fn shown(store: &mut Store) -> (Option<u32>, Option<i64>) {
    let encoded = store.lock_next(&queue(), None, at(0)).unwrap().unwrap().encoded;
    let sections = split_sections(encoded.into()).unwrap();
    let fields = |kind| {
        let section = sections.iter().find(|section| section.kind == kind).unwrap();
        Positional::from_value(decode(&section.whole).unwrap()).unwrap()
    };
    let absolute = crate::codec::as_integer(fields(SectionKind::Properties).get(8));
    (fields(SectionKind::Header).number(2), absolute)
}

/// As .NET writes a time to live that the header cannot hold: the largest there, and the two times that it lies between.
fn living(milliseconds: i64) -> Message {
    let time = |at| Value::Timestamp(AmqpTimestamp::from_milliseconds(at));
    let mut fields = vec![Value::Null; 10];
    fields[0] = Value::from("long");
    fields[8] = time(milliseconds + 5);
    fields[9] = time(5);
    let header = Value::List(vec![Value::Bool(true), Value::Null, Value::Uint(u32::MAX)]);
    let mut bytes = encode(&described(0x70, header));
    bytes.extend(encode(&described(0x73, Value::List(fields))));
    Message::parse(bytes.into(), Uuid::nil()).unwrap()
}

#[test]
fn a_deferred_message_stays_when_its_time_is_over() {
    let mut store = store();
    let number = store.send(&queue(), expiring("e", 1000), at(0)).unwrap();
    let (_, token) = lock(&mut store, 0).unwrap();
    store.settle(&queue(), token, Settlement::Defer(Properties::new()), at(0)).unwrap();
    store.advance(at(DAY));
    assert_eq!(counts(&store), Counts { deferred: 1, ..Counts::default() });
    assert_eq!(store.receive_deferred(&queue(), None, &[number], true, at(DAY)).unwrap().len(), 1);
}

#[test]
fn a_message_shows_the_time_that_its_queue_lets_it_live() {
    let limit = Some(Duration::from_secs(60));
    for (message, expected) in [
        (Message::parse(encoded_message("none", "none"), Uuid::nil()).unwrap(), 60_000),
        (expiring("shorter", 1000), 1000),
        (expiring("longer", 90_000), 60_000),
    ] {
        let mut store = store_with(QueueOptions { default_time_to_live: limit, ..options() });
        store.send(&queue(), message, at(0)).unwrap();
        assert_eq!(shown(&mut store).0, Some(expected));
    }
}

#[test]
fn a_message_may_live_longer_than_the_header_can_say() {
    let mut free = store();
    free.send(&queue(), living(100 * DAY), at(0)).unwrap();
    free.advance(at(99 * DAY));
    assert_eq!(counts(&free).active, 1, "32 bits of milliseconds end after 49.7 days");
    assert_eq!(shown(&mut free), (Some(u32::MAX), Some(100 * DAY + 5)));
    free.advance(at(100 * DAY));

    let limit = Some(Duration::from_secs(60));
    let mut limited = store_with(QueueOptions { default_time_to_live: limit, ..options() });
    limited.send(&queue(), living(100 * DAY), at(0)).unwrap();
    assert_eq!(shown(&mut limited), (Some(60_000), Some(60_005)), "both are cut");
}
