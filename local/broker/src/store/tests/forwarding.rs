use super::*;
use crate::codec::lookup;
use crate::options::{SubscriptionOptions, TopicOptions};

fn named(name: &str) -> EntityName {
    EntityName::new(name)
}

fn to(name: &str, target: &str) -> QueueOptions {
    QueueOptions { forward_to: Some(target.to_owned()), ..QueueOptions::new(name) }
}

fn with_queues(queues: Vec<QueueOptions>) -> Options {
    Options { queues, ..Options::default() }
}

fn annotation(encoded: &[u8], name: &str) -> Option<Value> {
    let sections = split_sections(encoded.to_vec().into()).unwrap();
    let annotations =
        sections.iter().find(|section| section.kind == SectionKind::MessageAnnotations).unwrap();
    let Value::Map(map) = decode(&annotations.value).unwrap() else { panic!("no map") };
    lookup(&map, name).cloned()
}

#[test]
fn dead_letters_go_where_they_are_forwarded_and_say_where_they_come_from() {
    let first = QueueOptions {
        forward_dead_lettered_messages_to: Some("graveyard".to_owned()),
        ..QueueOptions::new("Orders")
    };
    let mut store = Store::new(&with_queues(vec![first, QueueOptions::new("graveyard")]), true);
    send(&mut store, "before", 0);
    let (_, token) = lock(&mut store, 0).unwrap();
    store.settle(&queue(), token, Settlement::Complete, at(0)).unwrap();
    send(&mut store, "bad", 0);
    let (_, token) = lock(&mut store, 0).unwrap();
    let why = dead_letter_properties(Some("Bad"), Some("very bad"));
    store.settle(&queue(), token, Settlement::DeadLetter(why), at(0)).unwrap();
    assert_eq!(counts(&store), Counts::default());

    let mut again =
        Store::new(&with_queues(vec![QueueOptions::new("orders"), QueueOptions::new("graveyard")]), false);
    for record in read_records(&store.take_records()).unwrap() {
        again.repeat(record, &mut Unclaimed::default());
    }
    for store in [&mut store, &mut again] {
        let delivery = store.lock_next(&named("graveyard"), None, at(0)).unwrap().unwrap();
        let source = annotation(&delivery.encoded, "x-opt-deadletter-source");
        assert_eq!(source, Some(Value::from("Orders")));
        let original = annotation(&delivery.encoded, "x-opt-enqueue-sequence-number");
        assert_eq!(original, Some(Value::Long(2)), "the number where it first came in");
        let message = Message::parse(delivery.encoded.into(), Uuid::nil()).unwrap();
        assert_eq!(message.property("DeadLetterReason"), Some(Value::from("Bad")));
    }
}

#[test]
fn a_message_is_forwarded_at_once_or_when_it_comes_due() {
    let mut store = Store::new(&with_queues(vec![to("a", "b"), QueueOptions::new("b")]), false);
    store.send(&named("a"), a_message("1", "1"), at(0)).unwrap();
    store.send(&named("a"), scheduled("2", at(MINUTE)), at(0)).unwrap();
    assert_eq!(store.counts(&named("b")).unwrap().active, 1);
    assert_eq!(store.counts(&named("a")).unwrap().scheduled, 1);
    assert!(matches!(store.check_receiver(&named("a"), false), Err(StoreError::Forwards(_))));
    store.advance(at(MINUTE));
    assert_eq!(store.counts(&named("b")).unwrap().active, 2);
}

#[test]
fn after_four_hops_a_message_is_a_dead_letter_of_the_last() {
    let mut store = Store::new(&with_queues(vec![to("a", "b"), to("b", "a")]), false);
    store.send(&named("a"), a_message("1", "1"), at(0)).unwrap();
    let dead = store.lock_next(&named("a").dead_letters(), None, at(0)).unwrap().unwrap();
    let message = Message::parse(dead.encoded.into(), Uuid::nil()).unwrap();
    assert_eq!(message.property("DeadLetterReason"), Some(Value::from("MaxTransferHopCountExceeded")));
}

#[test]
fn a_message_without_a_session_dies_where_sessions_are_required() {
    let subscription = SubscriptionOptions { requires_session: true, ..SubscriptionOptions::new("s") };
    let topics = vec![TopicOptions { subscriptions: vec![subscription], ..TopicOptions::new("t") }];
    let mut store = Store::new(&Options { topics, ..Options::default() }, false);
    store.send(&named("t"), a_message("1", "1"), at(0)).unwrap();
    let name = named("t").subscription("s");
    assert_eq!(store.counts(&name), Some(Counts { dead_letter: 1, ..Counts::default() }));
    let dead = store.lock_next(&name.dead_letters(), None, at(0)).unwrap().unwrap();
    let message = Message::parse(dead.encoded.into(), Uuid::nil()).unwrap();
    assert_eq!(message.property("DeadLetterReason"), Some(Value::from("Session ID is null")));
}

#[test]
fn what_lay_in_a_queue_is_passed_on_when_it_is_declared_as_one_that_forwards() {
    let mut before = store();
    send(&mut before, "alive", 0);
    send(&mut before, "dead", 0);
    for _ in 0..2 {
        let (body, token) = lock(&mut before, 0).unwrap();
        if body == "dead" {
            before.settle(&queue(), token, Settlement::DeadLetter(Properties::new()), at(0)).unwrap();
        }
    }
    let orders = QueueOptions { forward_dead_lettered_messages_to: Some("b".to_owned()), ..to(QUEUE, "b") };
    let mut after = Store::new(&with_queues(vec![orders, QueueOptions::new("b")]), false);
    for record in read_records(&before.take_records()).unwrap() {
        after.repeat(record, &mut Unclaimed::default());
    }
    after.pass_on_what_lies(at(0)).unwrap();
    assert_eq!(counts(&after), Counts::default());
    assert_eq!(after.counts(&named("b")).unwrap().active, 2);
}

#[test]
fn the_end_of_a_lock_costs_a_dead_letter_nothing() {
    let mut store = store();
    send(&mut store, "a", 0);
    let (_, token) = lock(&mut store, 0).unwrap();
    store.settle(&queue(), token, Settlement::DeadLetter(Properties::new()), at(0)).unwrap();
    let name = queue().dead_letters();
    store.lock_next(&name, None, at(0)).unwrap().unwrap();
    store.advance(at(MINUTE));
    let attempts: Vec<u32> =
        store.entity(&name).unwrap().messages().map(|stored| stored.delivery_count).collect();
    assert_eq!(attempts, [0]);
    assert_eq!(store.entity(&name).unwrap().count_active(), 1);
}
