use std::time::Duration;

use super::*;
use crate::options::{CorrelationFilter, Filter};

fn with_queue(properties: &str) -> String {
    format!(
        r#"{{"UserConfig": {{"Namespaces": [{{"Name": "ns", "Queues": [{{"Name": "a", "Properties": {{{properties}}}}}]}}]}}}}"#
    )
}

fn with_rule(properties: &str) -> String {
    format!(
        r#"{{"UserConfig": {{"Namespaces": [{{"Name": "ns", "Topics": [{{"Name": "t", "Subscriptions": [
            {{"Name": "s", "Rules": [{{"Name": "r", "Properties": {{{properties}}}}}]}}]}}]}}]}}}}"#
    )
}

#[test]
fn everything_that_can_be_declared_is_read() {
    let text = r#"{ "UserConfig": { "Namespaces": [ { "Name": "ns",
        "Queues": [
            { "Name": "Orders", "Properties": {
                "LockDuration": "PT30S", "MaxDeliveryCount": 3, "RequiresDuplicateDetection": true,
                "DuplicateDetectionHistoryTimeWindow": "PT20S", "DefaultMessageTimeToLive": "PT1H",
                "DeadLetteringOnMessageExpiration": true, "RequiresSession": true,
                "ForwardTo": "", "ForwardDeadLetteredMessagesTo": "graveyard" } },
            { "Name": "graveyard" } ],
        "Topics": [ { "Name": "events",
            "Properties": { "DefaultMessageTimeToLive": "P10675199DT2H48M5.4775807S",
                "DuplicateDetectionHistoryTimeWindow": "P1D", "RequiresDuplicateDetection": false },
            "Subscriptions": [
                { "Name": "all" },
                { "Name": "some", "Properties": { "LockDuration": "PT5M", "MaxDeliveryCount": 1,
                    "RequiresSession": false, "ForwardTo": "graveyard", "DefaultMessageTimeToLive": "PT1S",
                    "DeadLetteringOnMessageExpiration": false, "ForwardDeadLetteredMessagesTo": "" },
                  "Rules": [
                    { "Name": "all", "Properties": { "FilterType": "Sql", "SqlFilter": { "SqlExpression": "1=1" } } },
                    { "Name": "red", "Properties": { "FilterType": "Correlation", "CorrelationFilter": {
                        "ContentType": "application/json", "Label": "order", "Properties": { "n": 1, "ok": true, "r": 0.5, "t": "x" } } } } ] } ] } ] } ],
        "Logging": { "Type": "File" } } }"#;
    let read = Configuration::from_json(text).unwrap();
    assert_eq!(read.namespace, "ns");
    let orders = &read.queues[0];
    assert_eq!(orders.lock_duration, Duration::from_secs(30));
    assert_eq!((orders.max_delivery_count, orders.requires_session), (3, true));
    assert_eq!(orders.duplicate_detection_history, Duration::from_secs(20));
    assert_eq!(orders.default_time_to_live, Some(Duration::from_secs(3600)));
    assert!(orders.requires_duplicate_detection && orders.dead_lettering_on_message_expiration);
    assert_eq!(orders.forward_to, None);
    assert_eq!(orders.forward_dead_lettered_messages_to.as_deref(), Some("graveyard"));
    assert_eq!(read.queues[1].lock_duration, Duration::from_secs(60), "Azure's default");
    let events = &read.topics[0];
    assert_eq!(events.default_time_to_live, None, ".NET's longest time is without end");
    assert_eq!(events.subscriptions[0].rules[0].filter, Filter::True, "$Default");
    let some = &events.subscriptions[1];
    assert_eq!((some.max_delivery_count, some.forward_to.as_deref()), (1, Some("graveyard")));
    let properties = [
        ("n".to_owned(), 1_i64.into()),
        ("ok".to_owned(), true.into()),
        ("r".to_owned(), 0.5_f64.into()),
        ("t".to_owned(), "x".into()),
    ];
    let red = CorrelationFilter {
        content_type: Some("application/json".to_owned()),
        label: Some("order".to_owned()),
        properties: properties.into(),
        ..CorrelationFilter::default()
    };
    assert_eq!(some.rules[0].filter, Filter::True);
    assert_eq!(some.rules[1].filter, Filter::Correlation(Box::new(red)));
}

#[test]
fn what_is_wrong_is_refused_with_its_path() {
    const QUEUE: &str = "UserConfig.Namespaces[0].Queues[0].Properties";
    const RULE: &str = "UserConfig.Namespaces[0].Topics[0].Subscriptions[0].Rules[0].Properties";
    let cases = [
        (with_queue(r#""LockDuration": "PT6M""#), format!("{QUEUE}.LockDuration"), "longer"),
        (with_queue(r#""LockDuration": "PT0S""#), format!("{QUEUE}.LockDuration"), "shorter"),
        (with_queue(r#""LockDuration": "1 minute""#), format!("{QUEUE}.LockDuration"), "ISO 8601"),
        (with_queue(r#""LockDuration": 60"#), format!("{QUEUE}.LockDuration"), "invalid type"),
        (with_queue(r#""MaxDeliveryCount": 0"#), format!("{QUEUE}.MaxDeliveryCount"), "1 to 2000"),
        (with_queue(r#""MaxDeliveryCount": -1"#), format!("{QUEUE}.MaxDeliveryCount"), "invalid value"),
        (with_queue(r#""RequiresSession": "yes""#), format!("{QUEUE}.RequiresSession"), "boolean"),
        (
            with_queue(r#""DefaultMessageTimeToLive": "PT""#),
            format!("{QUEUE}.DefaultMessageTimeToLive"),
            "ISO",
        ),
        (
            with_queue(r#""DuplicateDetectionHistoryTimeWindow": "PT1S""#),
            format!("{QUEUE}.DuplicateDetectionHistoryTimeWindow"),
            "shorter",
        ),
        (with_queue(r#""RequiresSession": true, "ForwardTo": "a""#), QUEUE.to_owned(), "RequiresSession"),
        (
            with_queue(r#""DefaultMessageTimeToLive": "P1M""#),
            format!("{QUEUE}.DefaultMessageTimeToLive"),
            "ISO",
        ),
        (with_queue(r#""EnablePartitioning": true"#), format!("{QUEUE}.EnablePartitioning"), "unknown field"),
        (with_queue(r#""ForwardTo": "nowhere""#), QUEUE.to_owned(), "nowhere"),
        (
            with_rule(r#""FilterType": "Sql", "SqlFilter": {"SqlExpression": "colour = 'red'"}"#),
            format!("{RULE}.SqlFilter.SqlExpression"),
            "colour = 'red'",
        ),
        (
            with_rule(r#""FilterType": "Sql", "CorrelationFilter": {"Label": "x"}"#),
            format!("{RULE}.FilterType"),
            "SqlFilter",
        ),
        (
            with_rule(r#""FilterType": "Correlation", "CorrelationFilter": {}"#),
            format!("{RULE}.CorrelationFilter"),
            "at least one",
        ),
        (
            with_rule(r#""FilterType": "Correlation", "CorrelationFilter": {"Labels": "x"}"#),
            format!("{RULE}.CorrelationFilter.Labels"),
            "unknown field",
        ),
        (
            with_rule(r#""FilterType": "Correlation", "CorrelationFilter": {"Properties": {"a": [1]}}"#),
            format!("{RULE}.CorrelationFilter.Properties.a"),
            "a text, a number or a truth",
        ),
        (
            with_rule(
                r#""FilterType": "Sql", "SqlFilter": {"SqlExpression": "1=1"}, "Action": {"SqlExpression": "SET a=1"}"#,
            ),
            format!("{RULE}.Action"),
            "not supported",
        ),
        (
            r#"{"UserConfig": {"Namespaces": []}}"#.to_owned(),
            "UserConfig.Namespaces".to_owned(),
            "exactly one",
        ),
        ("{}".to_owned(), ".".to_owned(), "UserConfig"),
        ("not JSON".to_owned(), ".".to_owned(), "expected"),
        (format!("{} {{}}", with_queue("")), ".".to_owned(), "trailing"),
    ];
    for (text, path, reason) in cases {
        let error = Configuration::from_json(&text).unwrap_err();
        assert_eq!(error.path, path, "{error}");
        assert!(error.reason.contains(reason), "{error}");
    }
}

#[test]
fn a_name_that_is_taken_is_refused() {
    let text =
        r#"{"UserConfig": {"Namespaces": [{"Name": "ns", "Queues": [{"Name": "a"}, {"Name": "A"}]}]}}"#;
    let error = Configuration::from_json(text).unwrap_err();
    assert_eq!(error.path, "UserConfig.Namespaces[0].Queues[1].Name");
    assert!(error.reason.contains("'A'"), "{error}");
}

#[test]
fn comments_and_a_byte_order_mark_are_no_obstacle() {
    let text = with_queue("\"MaxDeliveryCount\": /* three // */ 3 // \"a\"\n");
    let text = format!("\u{feff}// The emulator's own file begins so.\n{text}");
    assert_eq!(Configuration::from_json(&text).unwrap().queues[0].max_delivery_count, 3);
    let text = with_rule(
        r#""FilterType": "Correlation", "CorrelationFilter": {"Label": "a//b \" /* c", "To": "\\" /* d */}"#,
    );
    let rule =
        Configuration::from_json(&text).unwrap().topics.remove(0).subscriptions.remove(0).rules.remove(0);
    let Filter::Correlation(filter) = rule.filter else { panic!("{rule:?}") };
    assert_eq!(filter.label.as_deref(), Some("a//b \" /* c"), "a text is no comment");
    assert_eq!(filter.to.as_deref(), Some("\\"));
    let error = Configuration::from_json(&with_queue("/* no end")).unwrap_err();
    assert!(error.reason.contains("comment"), "{error}");
    let error = Configuration::from_json("{ // one\n\n  nonsense }").unwrap_err();
    assert!(error.reason.contains("line 3 column 3"), "{error}");
}

#[test]
fn what_the_emulator_allows_is_allowed() {
    let text = with_queue(r#""DuplicateDetectionHistoryTimeWindow": "PT5S", "LockDuration": "PT5S""#);
    assert_eq!(Configuration::from_json(&text).unwrap().queues[0].duplicate_detection_history.as_secs(), 5);
}
