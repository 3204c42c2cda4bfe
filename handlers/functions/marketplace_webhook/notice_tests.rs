//! Bodies of webhooks as they were reported, and as they might come.

use serde_json::{Value, json};

use super::*;

const SUBSCRIPTION: &str = "9b1b5b3e-0000-4000-8000-000000000001";
const OPERATION: &str = "3bdea509-507a-59bd-10ff-e7deb9cd216d";
/// As two publishers reported it, in 2019 and 2020, for changes that the customer had begun.
const COMPOUND: &str = "org:594e91a9-c6d8-4c2e-be51-722253734a9a,3bdea509-507a-59bd-10ff-e7deb9cd216d";

/// A usual body with these fields instead; `null` stays.
fn body(changes: Value) -> Value {
    let mut body = json!({
        "id": OPERATION, "activityId": OPERATION, "subscriptionId": SUBSCRIPTION, "publisherId": "publisher",
        "offerId": "offer", "planId": "preview", "quantity": "4", "timeStamp": "2020-02-07T20:27:10.7294526Z",
        "action": "Suspend", "status": "Succeeded", "operationRequestSource": "Azure",
    });
    for (name, value) in changes.as_object().unwrap() {
        body[name] = value.clone();
    }
    body
}

fn read(body: &str) -> Notice {
    Notice::read(body.as_bytes()).unwrap_or_else(|| panic!("not read: {body}"))
}

#[test]
fn what_is_not_used_may_be_anything() {
    let odd = [json!(null), json!(""), json!(17), json!(1.5e300), json!(true), json!([1]), json!({"a": []})];
    let fields = ["id", "activityId", "publisherId", "planId", "quantity", "timeStamp", "action", "status"];
    for field in fields.into_iter().chain(["operationType", "subscription", "purchaseToken", "new"]) {
        for value in &odd {
            let notice = read(&body(json!({field: value})).to_string());
            assert_eq!(notice.subscription(), Some(SUBSCRIPTION.parse().unwrap()), "{field}: {value}");
            let operation = if field == "id" { None } else { Some(OPERATION.parse().unwrap()) };
            assert_eq!(notice.operation(), operation, "{field}: {value}");
        }
    }
}

#[test]
fn an_identity_that_is_no_guid_leads_straight_to_the_subscription() {
    let read = |id: &str, time: &str| read(&body(json!({"id": id, "timeStamp": time})).to_string());
    let notice = read(COMPOUND, "2020-02-07T20:27:10.7294526Z");
    assert_eq!((notice.operation(), notice.action()), (None, "Suspend".to_owned()));
    assert_eq!(notice.identity(), read(COMPOUND, "2020-02-07T20:27:10.7294526Z").identity(), "a repetition");
    assert_ne!(notice.identity(), read(COMPOUND, "2020-02-08T20:27:10Z").identity(), "another matter");
    assert_ne!(notice.identity(), read("org:1,2", "2020-02-07T20:27:10.7294526Z").identity());
    let zero = read("00000000-0000-0000-0000-000000000000", "");
    assert_eq!(zero.operation(), None, "no operation has this id");
}

#[test]
fn the_action_has_either_name_or_both() {
    let action = |changes: Value| read(&body(changes).to_string()).action();
    assert_eq!(action(json!({"operationType": "Renew"})), "Suspend");
    assert_eq!(action(json!({"action": null, "operationType": "Renew"})), "Renew");
    assert_eq!(action(json!({"action": "", "operationType": "Renew"})), "Renew");
    assert_eq!(action(json!({"action": null})), "");
    assert_eq!(action(json!({"action": "x".repeat(1000)})).len(), 64);
}

#[test]
fn a_body_may_be_badly_written() {
    let usual = body(json!({})).to_string();
    read(&format!("\u{feff}{usual}"));
    read(&format!("  {usual}\r\n"));
    let doubled = format!(r#"{{"id":"other","subscriptionId":"{SUBSCRIPTION}",{}"#, &usual[1..]);
    assert_eq!(read(&doubled).operation(), Some(OPERATION.parse().unwrap()), "the last of two counts");
    read(&usual.replace("publisher\"", r#"cut \ud83d""#));
    let mut not_utf8 = usual.replace("\"preview\"", "\"?\"").into_bytes();
    let place = not_utf8.iter().position(|byte| *byte == b'?').unwrap();
    not_utf8[place] = 0xff;
    assert!(Notice::read(&not_utf8).is_some());
}

#[test]
fn the_subscription_may_be_named_inside() {
    let inside =
        json!({"id": COMPOUND, "action": "Renew", "subscription": {"id": SUBSCRIPTION, "term": null}});
    assert_eq!(read(&inside.to_string()).subscription(), Some(SUBSCRIPTION.parse().unwrap()));
    for none in ["{}", r#"{"subscriptionId": null}"#, r#"{"subscriptionId": "x", "subscription": null}"#] {
        assert_eq!(read(none).subscription(), None, "{none}");
    }
    for unreadable in ["", "null", "[]", "<html>", "{", r#""text""#] {
        assert!(Notice::read(unreadable.as_bytes()).is_none(), "{unreadable}");
    }
}
