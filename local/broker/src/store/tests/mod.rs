//! The store under a clock that stands still until it is told to move.

mod expiry;
mod forwarding;
mod sessions;
mod topics;

use std::time::Duration;

use serde_amqp::Value;
use uuid::Uuid;

use super::*;
use crate::codec::{SectionKind, decode, split_sections};
use crate::message::tests::{a_message, expiring, scheduled};
use crate::message::{Message, Properties};
use crate::options::QueueOptions;

const QUEUE: &str = "orders";
const MINUTE: i64 = 60_000;

fn at(milliseconds: i64) -> Timestamp {
    Timestamp::from_milliseconds(milliseconds)
}

fn queue() -> EntityName {
    EntityName::new(QUEUE)
}

fn options() -> QueueOptions {
    QueueOptions { max_delivery_count: 3, ..QueueOptions::new(QUEUE) }
}

fn store_with(options: QueueOptions) -> Store {
    Store::new(&Options { queues: vec![options], ..Options::default() }, true)
}

fn store() -> Store {
    store_with(options())
}

fn text_of(encoded: &[u8]) -> String {
    let sections = split_sections(encoded.to_vec().into()).unwrap();
    let data = sections.iter().find(|section| section.kind == SectionKind::Data).unwrap();
    match decode(&data.value).unwrap() {
        Value::Binary(bytes) => String::from_utf8(bytes.into_vec()).unwrap(),
        other => panic!("a data section holds {other:?}"),
    }
}

fn send(store: &mut Store, body: &str, now: i64) -> i64 {
    store.send(&queue(), a_message(body, body), at(now)).unwrap()
}

fn lock(store: &mut Store, now: i64) -> Option<(String, Uuid)> {
    let delivery = store.lock_next(&queue(), None, at(now)).unwrap()?;
    Some((text_of(&delivery.encoded), delivery.token))
}

fn counts(store: &Store) -> Counts {
    store.counts(&queue()).unwrap()
}

fn dead_letter(store: &mut Store) -> Message {
    let name = queue().dead_letters();
    let delivery = store.take_next(&name, None, at(i64::MAX / 2)).unwrap().unwrap();
    Message::parse(delivery.encoded.into(), Uuid::nil()).unwrap()
}

#[test]
fn messages_come_out_in_the_order_in_which_they_came_in() {
    let mut store = store();
    for body in ["a", "b", "c"] {
        send(&mut store, body, 0);
    }
    let received: Vec<String> = std::iter::from_fn(|| lock(&mut store, 0)).map(|(body, _)| body).collect();
    assert_eq!(received, ["a", "b", "c"]);
    assert_eq!(counts(&store), Counts { locked: 3, ..Counts::default() });
}

#[test]
fn a_completed_message_is_gone_and_its_token_worth_nothing() {
    let mut store = store();
    send(&mut store, "a", 0);
    let (_, token) = lock(&mut store, 0).unwrap();
    store.settle(&queue(), token, Settlement::Complete, at(1)).unwrap();
    assert_eq!(counts(&store), Counts::default());
    assert_eq!(store.settle(&queue(), token, Settlement::Complete, at(1)), Err(StoreError::LockLost));
}

#[test]
fn an_abandoned_message_returns_to_its_place_until_its_attempts_are_used_up() {
    let mut store = store();
    send(&mut store, "first", 0);
    send(&mut store, "second", 0);
    for attempt in 1..=3 {
        let (body, token) = lock(&mut store, 0).unwrap();
        assert_eq!(body, "first", "attempt {attempt}");
        store.settle(&queue(), token, Settlement::Abandon(Properties::new()), at(0)).unwrap();
    }
    assert_eq!(counts(&store), Counts { active: 1, dead_letter: 1, ..Counts::default() });
    let dead = dead_letter(&mut store);
    assert_eq!(dead.property("DeadLetterReason"), Some(Value::from("MaxDeliveryCountExceeded")));
    let description = "Message could not be consumed after 3 delivery attempts.";
    assert_eq!(dead.property("DeadLetterErrorDescription"), Some(Value::from(description)));
}

#[test]
fn a_released_message_returns_without_being_counted() {
    let mut store = store();
    send(&mut store, "a", 0);
    for _ in 0..10 {
        let (_, token) = lock(&mut store, 0).unwrap();
        store.settle(&queue(), token, Settlement::Release, at(0)).unwrap();
    }
    assert_eq!(counts(&store), Counts { active: 1, ..Counts::default() });
}

#[test]
fn a_lock_that_ends_is_a_failed_attempt() {
    let mut store = store();
    send(&mut store, "a", 0);
    let (_, token) = lock(&mut store, 0).unwrap();
    store.advance(at(MINUTE - 1));
    assert_eq!(counts(&store).locked, 1);
    assert_eq!(store.next_deadline(), Some(at(MINUTE)));
    store.advance(at(MINUTE));
    assert_eq!(counts(&store), Counts { active: 1, ..Counts::default() });
    assert_eq!(store.settle(&queue(), token, Settlement::Complete, at(MINUTE)), Err(StoreError::LockLost));
    lock(&mut store, MINUTE).unwrap();
    store.advance(at(2 * MINUTE));
    lock(&mut store, 2 * MINUTE).unwrap();
    store.advance(at(3 * MINUTE));
    assert_eq!(counts(&store), Counts { dead_letter: 1, ..Counts::default() });
}

#[test]
fn a_lock_that_has_ended_counts_for_nothing_even_before_it_was_cleared_away() {
    let mut store = store();
    send(&mut store, "a", 0);
    let (_, token) = lock(&mut store, 0).unwrap();
    assert_eq!(store.settle(&queue(), token, Settlement::Complete, at(MINUTE)), Err(StoreError::LockLost));
}

#[test]
fn a_renewed_lock_ends_one_duration_after_it_was_renewed() {
    let mut store = store();
    send(&mut store, "a", 0);
    let (_, token) = lock(&mut store, 0).unwrap();
    assert_eq!(store.renew(&queue(), token, at(MINUTE - 1)), Ok(at(2 * MINUTE - 1)));
    store.advance(at(MINUTE));
    store.settle(&queue(), token, Settlement::Complete, at(MINUTE)).unwrap();
    assert_eq!(store.renew(&queue(), token, at(MINUTE)), Err(StoreError::LockLost));
}

#[test]
fn a_scheduled_message_waits_for_its_time_and_gets_a_new_number_then() {
    let mut store = store();
    let waiting = store.send(&queue(), scheduled("s", at(MINUTE)), at(0)).unwrap();
    assert!(lock(&mut store, 0).is_none());
    assert_eq!(counts(&store).scheduled, 1);
    assert_eq!(store.next_deadline(), Some(at(MINUTE)));
    let before = send(&mut store, "sent meanwhile", 1);
    store.advance(at(MINUTE));
    assert_eq!(counts(&store), Counts { active: 2, ..Counts::default() });
    let numbers: Vec<i64> =
        store.entity(&queue()).unwrap().messages().map(|stored| stored.sequence).collect();
    assert_eq!(numbers, [before, before + 1]);
    let original = store.entity(&queue()).unwrap().get(before + 1).unwrap().enqueued_sequence;
    assert_eq!(original, waiting);
    assert_eq!(store.cancel_scheduled(&queue(), &[waiting]), Err(StoreError::MessageNotFound(waiting)));
}

#[test]
fn a_schedule_in_the_past_is_no_schedule() {
    let mut store = store();
    store.send(&queue(), scheduled("s", at(5)), at(5)).unwrap();
    assert_eq!(counts(&store).active, 1);
}

#[test]
fn a_cancelled_schedule_never_comes_and_one_wrong_number_cancels_nothing() {
    let mut store = store();
    let first = store.send(&queue(), scheduled("1", at(MINUTE)), at(0)).unwrap();
    let second = store.send(&queue(), scheduled("2", at(MINUTE)), at(0)).unwrap();
    let active = send(&mut store, "active", 0);
    assert_eq!(store.cancel_scheduled(&queue(), &[first, active]), Err(StoreError::MessageNotFound(active)));
    assert_eq!(counts(&store).scheduled, 2);
    store.cancel_scheduled(&queue(), &[first, second]).unwrap();
    store.advance(at(MINUTE));
    assert_eq!(counts(&store), Counts { active: 1, ..Counts::default() });
}

#[test]
fn copies_are_dropped_while_their_id_is_remembered() {
    let mut store = store_with(QueueOptions {
        requires_duplicate_detection: true,
        duplicate_detection_history: Duration::from_secs(60),
        ..options()
    });
    send(&mut store, "same", 0);
    send(&mut store, "same", MINUTE - 1);
    store.send(&queue(), scheduled("same", at(2 * MINUTE)), at(MINUTE - 1)).unwrap();
    assert_eq!(counts(&store), Counts { active: 1, ..Counts::default() });
    send(&mut store, "same", MINUTE);
    assert_eq!(counts(&store).active, 2);
}

#[test]
fn an_id_is_remembered_though_its_message_is_gone() {
    let mut store = store_with(QueueOptions { requires_duplicate_detection: true, ..options() });
    send(&mut store, "same", 0);
    let (_, token) = lock(&mut store, 0).unwrap();
    store.settle(&queue(), token, Settlement::Complete, at(0)).unwrap();
    send(&mut store, "same", 1);
    assert_eq!(counts(&store), Counts::default());
}

#[test]
fn without_duplicate_detection_copies_are_kept() {
    let mut store = store();
    send(&mut store, "same", 0);
    send(&mut store, "same", 0);
    assert_eq!(counts(&store).active, 2);
}

#[test]
fn a_deferred_message_comes_only_when_asked_for_by_number() {
    let mut store = store();
    let number = send(&mut store, "a", 0);
    let (_, token) = lock(&mut store, 0).unwrap();
    assert!(
        store.receive_deferred(&queue(), None, &[number], true, at(0)).is_err(),
        "locked, but not deferred"
    );
    store.settle(&queue(), token, Settlement::Defer(Properties::new()), at(0)).unwrap();
    assert_eq!(counts(&store), Counts { deferred: 1, ..Counts::default() });
    assert!(lock(&mut store, 0).is_none());
    let fetched = store.receive_deferred(&queue(), None, &[number], true, at(0)).unwrap().remove(0);
    assert_eq!(counts(&store).locked, 1);
    assert!(store.receive_deferred(&queue(), None, &[number], true, at(0)).is_err(), "someone holds it");
    store.advance(at(MINUTE));
    assert_eq!(counts(&store).deferred, 1, "its lock ended: deferred again, not active");
    assert!(store.settle(&queue(), fetched.token, Settlement::Complete, at(MINUTE)).is_err());
    let again = store.receive_deferred(&queue(), None, &[number], true, at(MINUTE)).unwrap().remove(0);
    store.settle(&queue(), again.token, Settlement::Complete, at(MINUTE)).unwrap();
    assert_eq!(counts(&store), Counts::default());
}

#[test]
fn deferred_messages_are_fetched_all_or_none() {
    let mut store = store();
    let number = send(&mut store, "a", 0);
    let (_, token) = lock(&mut store, 0).unwrap();
    store.settle(&queue(), token, Settlement::Defer(Properties::new()), at(0)).unwrap();
    let asked = store.receive_deferred(&queue(), None, &[number, 999], false, at(0));
    assert_eq!(asked.err(), Some(StoreError::MessageNotFound(999)));
    assert_eq!(counts(&store).deferred, 1);
    assert_eq!(store.receive_deferred(&queue(), None, &[number], false, at(0)).unwrap().len(), 1);
    assert_eq!(counts(&store), Counts::default());
}

#[test]
fn expired_messages_are_dropped_or_dead_lettered_as_the_queue_says() {
    let mut dropping = store();
    dropping.send(&queue(), expiring("e", 1000), at(0)).unwrap();
    assert!(lock(&mut dropping, 1000).is_none(), "not delivered, though nobody has cleared it away");
    dropping.advance(at(1000));
    assert_eq!(counts(&dropping), Counts::default());

    let mut keeping = store_with(QueueOptions { dead_lettering_on_message_expiration: true, ..options() });
    keeping.send(&queue(), expiring("e", 1000), at(0)).unwrap();
    keeping.advance(at(999));
    assert_eq!(counts(&keeping).active, 1);
    keeping.advance(at(1000));
    assert_eq!(counts(&keeping), Counts { dead_letter: 1, ..Counts::default() });
    keeping.advance(at(i64::MAX / 4));
    assert_eq!(counts(&keeping).dead_letter, 1, "dead letters do not expire");
    let reason = dead_letter(&mut keeping).property("DeadLetterReason");
    assert_eq!(reason, Some(Value::from("TTLExpiredException")));
}

#[test]
fn a_message_lives_no_longer_than_its_queue_allows() {
    let limit = Some(Duration::from_secs(1));
    let mut store = store_with(QueueOptions { default_time_to_live: limit, ..options() });
    store.send(&queue(), expiring("long", 60_000), at(0)).unwrap();
    send(&mut store, "says nothing", 0);
    store.advance(at(1000));
    assert_eq!(counts(&store), Counts::default());
}

#[test]
fn a_locked_message_expires_only_when_it_is_given_back() {
    let mut store = store();
    store.send(&queue(), expiring("e", 1000), at(0)).unwrap();
    let (_, token) = lock(&mut store, 0).unwrap();
    store.advance(at(2000));
    assert_eq!(counts(&store).locked, 1);
    store.settle(&queue(), token, Settlement::Release, at(2000)).unwrap();
    assert!(lock(&mut store, 2000).is_none());
    store.advance(at(2000));
    assert_eq!(counts(&store), Counts::default());
}

#[test]
fn a_dead_letter_says_why_and_stays_dead() {
    let mut store = store();
    send(&mut store, "a", 0);
    let (_, token) = lock(&mut store, 0).unwrap();
    let why = dead_letter_properties(Some("Bad"), Some("very bad"));
    store.settle(&queue(), token, Settlement::DeadLetter(why), at(0)).unwrap();
    let name = queue().dead_letters();
    for _ in 0..20 {
        let token = store.lock_next(&name, None, at(0)).unwrap().unwrap().token;
        store.settle(&name, token, Settlement::Abandon(Properties::new()), at(0)).unwrap();
    }
    let token = store.lock_next(&name, None, at(0)).unwrap().unwrap().token;
    let again = store.settle(&name, token, Settlement::DeadLetter(Properties::new()), at(0));
    assert_eq!(again, Err(StoreError::DeadAlready));
    store.settle(&name, token, Settlement::Release, at(0)).unwrap();
    assert_eq!(dead_letter(&mut store).property("DeadLetterErrorDescription"), Some(Value::from("very bad")));
}

#[test]
fn a_peek_shows_everything_from_a_number_on_and_touches_nothing() {
    let mut store = store();
    let first = send(&mut store, "locked", 0);
    lock(&mut store, 0).unwrap();
    store.send(&queue(), scheduled("later", at(MINUTE)), at(0)).unwrap();
    send(&mut store, "active", 0);
    let bodies = |store: &mut Store, from, most| -> Vec<String> {
        store.peek(&queue(), None, from, most, 1000).unwrap().iter().map(|encoded| text_of(encoded)).collect()
    };
    let before = counts(&store);
    assert_eq!(bodies(&mut store, 0, 10), ["locked", "later", "active"]);
    assert_eq!(bodies(&mut store, first + 1, 1), ["later"]);
    assert!(bodies(&mut store, 99, 10).is_empty());
    assert_eq!(store.peek(&queue(), None, 0, 10, 1).unwrap().len(), 1, "one is shown though it does not fit");
    assert_eq!(counts(&store), before);
}

#[test]
fn received_and_deleted_is_gone_at_once() {
    let mut store = store();
    send(&mut store, "a", 0);
    assert!(store.take_next(&queue(), None, at(0)).unwrap().is_some());
    assert!(store.take_next(&queue(), None, at(0)).unwrap().is_none());
    assert_eq!(counts(&store), Counts::default());
}

#[test]
fn a_queue_that_is_not_there_is_not_found() {
    let mut store = store();
    let nowhere = EntityName::new("nowhere");
    let error = store.send(&nowhere, a_message("a", "a"), at(0)).unwrap_err();
    assert_eq!(error.to_string(), "The messaging entity 'nowhere' could not be found.");
    assert!(store.counts(&nowhere).is_none());
    assert!(store.counts(&EntityName::new("ORDERS")).is_some());
}

/// The store that the records of another one build up.
fn rebuilt(records: &[u8], options: QueueOptions) -> Store {
    let mut store = store_with(options);
    let mut unclaimed = Unclaimed::default();
    for record in read_records(records).unwrap() {
        store.repeat(record, &mut unclaimed);
    }
    assert_eq!(unclaimed.holding().count(), 0);
    store
}

#[test]
fn the_records_and_the_snapshot_build_up_the_same_store() {
    let options = QueueOptions { requires_duplicate_detection: true, ..options() };
    let mut original = store_with(options.clone());
    for body in ["completed", "dead", "deferred", "abandoned", "locked", "plain"] {
        send(&mut original, body, 0);
    }
    original.send(&queue(), scheduled("scheduled", at(MINUTE)), at(0)).unwrap();
    original.send(&queue(), scheduled("came due", at(10)), at(0)).unwrap();
    original.advance(at(10));
    let mut colour = Properties::new();
    colour.insert(Value::from("colour"), Value::from("blue"));
    for settlement in [
        Settlement::Complete,
        Settlement::DeadLetter(dead_letter_properties(Some("Bad"), None)),
        Settlement::Defer(Properties::new()),
        Settlement::Abandon(colour),
    ] {
        let (_, token) = lock(&mut original, 10).unwrap();
        original.settle(&queue(), token, settlement, at(10)).unwrap();
    }
    lock(&mut original, 10).unwrap();
    lock(&mut original, 10).unwrap();
    let records = original.take_records();
    let expected = Counts { active: 4, scheduled: 1, deferred: 1, locked: 0, dead_letter: 1 };
    for records in [records, original.snapshot()] {
        let mut store = rebuilt(&records, options.clone());
        assert_eq!(counts(&store), expected);
        send(&mut store, "plain", 20);
        assert_eq!(counts(&store), expected, "ids are still remembered");
        let next = send(&mut store, "new", 20);
        assert!(next > original.entity(&queue()).unwrap().next_sequence() - 1, "no number is given twice");
        let delivery = store.lock_next(&queue(), None, at(20)).unwrap().unwrap();
        let message = Message::parse(delivery.encoded.into(), Uuid::nil()).unwrap();
        assert_eq!(message.property("colour"), Some(Value::from("blue")));
        let stored = store.entity(&queue()).unwrap().messages().find(|stored| stored.lock.is_some()).unwrap();
        assert_eq!(stored.delivery_count, 1, "the failed attempt is on record");
    }
}

#[test]
fn messages_of_a_queue_that_is_not_declared_any_more_are_noticed() {
    let mut original = store();
    send(&mut original, "a", 0);
    let mut other = store_with(QueueOptions::new("another"));
    let mut unclaimed = Unclaimed::default();
    for record in read_records(&original.take_records()).unwrap() {
        other.repeat(record, &mut unclaimed);
    }
    let holding: Vec<_> =
        unclaimed.holding().map(|(name, count, _)| (name.as_str().to_owned(), count)).collect();
    assert_eq!(holding, [("orders".to_owned(), 1)]);
}
