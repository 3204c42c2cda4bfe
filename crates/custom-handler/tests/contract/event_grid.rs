//! Events of Event Grid.

use std::sync::{Arc, Mutex};

use axum::http::StatusCode;
use custom_handler::{
    EventGridEvent, Functions,
    testing::{Invocation, TestFunctions},
};
use serde::Deserialize;
use serde_json::{Value, json};
use time::macros::datetime;

#[derive(Debug, Clone, PartialEq, Deserialize)]
struct Created {
    name: String,
}

type Seen = Arc<Mutex<Vec<EventGridEvent<Created>>>>;

async fn record(event: EventGridEvent<Created>, seen: Seen) -> Result<(), String> {
    let fails = event.data.name == "bad";
    seen.lock().unwrap().push(event);
    if fails { Err("no room".to_owned()) } else { Ok(()) }
}

fn functions(seen: &Seen) -> TestFunctions {
    let functions = Functions::new(Arc::clone(seen)).event_grid("created", record);
    let registered = functions.registered()[0];
    assert_eq!(registered.trigger, "eventGridTrigger");
    TestFunctions::new(functions)
}

fn cloud_event(name: &str) -> Value {
    json!({ "id": "e-1", "source": "source", "specversion": "1.0", "type": "created", "subject": "subject",
        "time": "2023-10-12T20:13:49.640002Z", "traceparent": "00-a-b-01", "data": { "id": "d", "name": name } })
}

#[tokio::test]
async fn both_schemas_arrive_as_one_type() {
    let seen = Seen::default();
    let own = json!({ "id": "e-1", "topic": "source", "eventType": "created", "subject": "subject",
        "eventTime": "2023-10-12T20:13:49.640002Z", "dataVersion": "1", "metadataVersion": "1",
        "data": { "id": "d", "name": "test" } });
    for event in [cloud_event("test"), own] {
        let answer = functions(&seen).invoke(Invocation::event_grid("created", event)).await;
        assert!(answer.succeeded() && answer.body.is_empty(), "{}", answer.error());
        let event = seen.lock().unwrap().pop().unwrap();
        assert_eq!((event.id.as_str(), event.source.as_str()), ("e-1", "source"));
        assert_eq!((event.event_type.as_str(), event.subject.as_deref()), ("created", Some("subject")));
        assert_eq!(event.time, Some(datetime!(2023-10-12 20:13:49.640002 UTC)));
        assert_eq!(event.data, Created { name: "test".to_owned() });
        assert!(!event.attributes.contains_key("data") && event.attributes.len() > 5);
    }
}

#[tokio::test]
async fn an_error_fails_the_invocation_so_that_event_grid_delivers_again() {
    let answer =
        functions(&Seen::default()).invoke(Invocation::event_grid("created", cloud_event("bad"))).await;
    assert_eq!((answer.status, answer.error()), (StatusCode::INTERNAL_SERVER_ERROR, "no room"));
}

#[tokio::test]
async fn what_is_no_event_fails_with_what_is_wrong() {
    let without = |name: &str| {
        let mut event = cloud_event("test");
        event.as_object_mut().unwrap().remove(name);
        event
    };
    for (event, expected) in [
        (without("id"), "the event has no id"),
        (without("source"), "neither source nor topic"),
        (without("type"), "neither type nor eventType"),
        (without("data"), "data: "),
        (json!({ "id": "e", "source": "s", "type": "t", "data": { "name": 3 } }), "data: name: invalid type"),
        (json!("text"), "not a JSON object"),
        (json!([cloud_event("test")]), "not a JSON object"),
    ] {
        let seen = Seen::default();
        let answer = functions(&seen).invoke(Invocation::event_grid("created", event)).await;
        assert!(!answer.succeeded() && answer.error().contains(expected), "{expected}: {}", answer.error());
        assert!(seen.lock().unwrap().is_empty());
    }
}
