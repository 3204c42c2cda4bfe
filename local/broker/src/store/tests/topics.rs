use super::*;
use crate::codec::{described, encode};
use crate::message::tests::encoded_message;
use crate::options::{
    CorrelationFilter, Filter, PropertyValue, RuleOptions, SubscriptionOptions, TopicOptions,
};

fn topic() -> EntityName {
    EntityName::new("events")
}

fn subscription(name: &str) -> EntityName {
    topic().subscription(name)
}

fn wanting(name: &str, filter: CorrelationFilter) -> SubscriptionOptions {
    let rule = RuleOptions { name: "only".to_owned(), filter: Filter::Correlation(Box::new(filter)) };
    SubscriptionOptions { rules: vec![rule], ..SubscriptionOptions::new(name) }
}

fn red() -> CorrelationFilter {
    let properties = [("colour".to_owned(), "red".into())].into();
    CorrelationFilter { properties, ..CorrelationFilter::default() }
}

fn topic_options() -> TopicOptions {
    let subscriptions = vec![
        SubscriptionOptions::new("all"),
        wanting("red", red()),
        SubscriptionOptions { rules: Vec::new(), ..SubscriptionOptions::new("nothing") },
    ];
    TopicOptions { subscriptions, ..TopicOptions::new("events") }
}

fn declared() -> Options {
    Options { topics: vec![topic_options()], ..Options::default() }
}

fn coloured(id: &str, colour: &str) -> Message {
    let mut message = a_message(id, id);
    let mut properties = Properties::new();
    properties.insert(Value::from("colour"), Value::from(colour));
    message.set_application_properties(&properties);
    message
}

fn active(store: &Store, name: &str) -> usize {
    store.counts(&subscription(name)).unwrap().active
}

#[test]
fn each_subscription_gets_its_own_copy_of_what_its_rules_want() {
    let mut store = Store::new(&declared(), false);
    store.send(&topic(), coloured("1", "red"), at(0)).unwrap();
    store.send(&topic(), coloured("2", "blue"), at(0)).unwrap();
    assert_eq!((active(&store, "all"), active(&store, "red"), active(&store, "nothing")), (2, 1, 0));
    let delivery = store.lock_next(&subscription("red"), None, at(0)).unwrap().unwrap();
    assert_eq!(text_of(&delivery.encoded), "1");
    store.settle(&subscription("red"), delivery.token, Settlement::Complete, at(0)).unwrap();
    assert_eq!((active(&store, "all"), active(&store, "red")), (2, 0), "the other copy is another message");
    assert_eq!(store.counts(&topic()), Some(Counts::default()), "a topic keeps nothing");
}

#[test]
fn a_filter_asks_for_every_property_that_it_names() {
    let fields = |subject: &str, to: &str| {
        let list = vec![Value::from("id"), Value::Null, Value::from(to), Value::from(subject)];
        let mut bytes = encode(&described(0x73, Value::List(list)));
        bytes.extend_from_slice(&encode(&described(0x77, Value::from("body"))));
        Message::parse(bytes.into(), Uuid::nil()).unwrap()
    };
    let filter = CorrelationFilter {
        label: Some("order".to_owned()),
        to: Some("Oslo".to_owned()),
        ..CorrelationFilter::default()
    };
    let subscriptions = vec![wanting("picky", filter)];
    let topics = vec![TopicOptions { subscriptions, ..TopicOptions::new("events") }];
    let mut store = Store::new(&Options { topics, ..Options::default() }, false);
    for (subject, to, expected) in [("order", "Oslo", 1), ("order", "oslo", 1), ("offer", "Oslo", 1)] {
        store.send(&topic(), fields(subject, to), at(0)).unwrap();
        assert_eq!(active(&store, "picky"), expected, "{subject} to {to}");
    }
}

#[test]
fn numbers_are_compared_whatever_their_width_and_types_are_told_apart() {
    let value = |wanted: PropertyValue, actual: Value| {
        let filter = CorrelationFilter {
            properties: [("n".to_owned(), wanted)].into(),
            ..CorrelationFilter::default()
        };
        let topics =
            vec![TopicOptions { subscriptions: vec![wanting("s", filter)], ..TopicOptions::new("events") }];
        let mut store = Store::new(&Options { topics, ..Options::default() }, false);
        let mut message = Message::parse(encoded_message("m", "m"), Uuid::nil()).unwrap();
        let mut properties = Properties::new();
        properties.insert(Value::from("n"), actual);
        message.set_application_properties(&properties);
        store.send(&topic(), message, at(0)).unwrap();
        active(&store, "s") == 1
    };
    assert!(value(7_i64.into(), Value::Int(7)));
    assert!(value(7_i64.into(), Value::Ulong(7)));
    assert!(!value(7_i64.into(), Value::from("7")));
    assert!(value(0.5_f64.into(), Value::from(0.5_f64)));
    assert!(value(true.into(), Value::Bool(true)));
    assert!(!value(true.into(), Value::from("true")));
    assert!(!value("7".into(), Value::Int(7)));
    let id = || Value::Uuid([3; 16].into());
    assert!(value(id().into(), id()));
    assert!(!value(id().into(), Value::Uuid([4; 16].into())));
    let date = || Value::Timestamp(serde_amqp::primitives::Timestamp::from_milliseconds(7));
    assert!(value(date().into(), date()));
    assert!(!value(7_i64.into(), date()), "a date is no number");
}

#[test]
fn a_topic_schedules_drops_copies_and_limits_lives_for_its_subscriptions() {
    let topics = vec![TopicOptions {
        requires_duplicate_detection: true,
        default_time_to_live: Some(Duration::from_secs(90)),
        ..topic_options()
    }];
    let mut store = Store::new(&Options { topics, ..Options::default() }, false);
    let number = store.send(&topic(), scheduled("later", at(MINUTE)), at(0)).unwrap();
    store.send(&topic(), a_message("later", "copy"), at(1)).unwrap();
    assert_eq!(store.counts(&topic()).unwrap().scheduled, 1);
    assert_eq!(active(&store, "all"), 0);
    store.advance(at(MINUTE));
    assert_eq!(active(&store, "all"), 1);
    let stored = store.entity(&subscription("all")).unwrap().messages().next().unwrap();
    assert_eq!(stored.enqueued_sequence, number);
    assert_eq!(stored.expires_at, Some(at(MINUTE + 90_000)), "counted from when it came due");
    let cancelled = store.send(&topic(), scheduled("never", at(2 * MINUTE)), at(MINUTE)).unwrap();
    store.cancel_scheduled(&topic(), &[cancelled]).unwrap();
    store.advance(at(3 * MINUTE));
    assert_eq!(active(&store, "all"), 0, "expired, and none came");
}

#[test]
fn nobody_receives_from_a_topic_or_sends_to_a_subscription() {
    let mut store = Store::new(&declared(), false);
    assert!(matches!(store.check_receiver(&topic(), false), Err(StoreError::NotForReceiving(_))));
    assert!(store.check_receiver(&subscription("all"), false).is_ok());
    assert!(store.check_receiver(&subscription("all").dead_letters(), false).is_ok());
    let sent = store.send(&subscription("all"), a_message("a", "a"), at(0));
    assert!(matches!(sent, Err(StoreError::NotForSending(_))));
    assert!(matches!(store.rules(&topic()).map(|_| ()), Err(StoreError::NoRulesHere(_))));
}

#[test]
fn rules_are_added_and_removed_and_survive_with_the_copies() {
    let mut store = Store::new(&declared(), true);
    let all = subscription("all");
    store.add_rule(&all, "red too", Filter::Correlation(Box::new(red()))).unwrap();
    assert!(matches!(store.add_rule(&all, "red too", Filter::True), Err(StoreError::RuleExists(_))));
    store.remove_rule(&all, "$Default").unwrap();
    assert!(matches!(store.remove_rule(&all, "$Default"), Err(StoreError::NoSuchRule(_))));
    store.send(&topic(), coloured("1", "red"), at(0)).unwrap();
    store.send(&topic(), coloured("2", "blue"), at(0)).unwrap();
    assert_eq!((active(&store, "all"), active(&store, "red")), (1, 1));
    for records in [store.take_records(), store.snapshot()] {
        let mut again = Store::new(&declared(), false);
        for record in read_records(&records).unwrap() {
            again.repeat(record, &mut Unclaimed::default());
        }
        assert_eq!((active(&again, "all"), active(&again, "red")), (1, 1));
        let names: Vec<&str> = again.rules(&all).unwrap().iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["red too"]);
        let first = store.entity(&topic()).unwrap().next_sequence();
        assert_eq!(again.entity(&topic()).unwrap().next_sequence(), first, "no number is given twice");
    }
}
