//! One message, one invocation: what becomes of messages, against a scripted entity.

use std::sync::Mutex;

use tokio::time::timeout;

use super::*;
use crate::clock::Clock;
use crate::json::Json;
use crate::service_bus::Body as MessageBody;
use crate::service_bus::scripted::{PATIENCE, delivery, fixture, options, script};

#[tokio::test]
async fn a_success_completes_and_every_failure_abandons_at_once() {
    for (body, expected) in [("fine", "complete 1"), ("fails", "abandon 1"), ("broken", "abandon 1")] {
        let fixture = fixture(script([delivery(1, body)]), "", options(1)).await;
        assert_eq!(fixture.done(1).await, [expected], "{body}");
    }
    let mut impossible = delivery(1, "");
    impossible.body = MessageBody::Unsupported("Sequence");
    let fixture = fixture(script([impossible]), "", options(1)).await;
    assert_eq!(fixture.done(1).await, ["abandon 1"]);
    assert!(fixture.asked.bodies.lock().unwrap().is_empty(), "the handler never heard of it");
}

#[tokio::test]
async fn without_auto_complete_only_failures_are_settled() {
    let deliveries = [delivery(1, "fine"), delivery(2, "fails")];
    let fixture = fixture(script(deliveries), r#","autoCompleteMessages":false"#, options(1)).await;
    assert_eq!(fixture.done(1).await, ["abandon 2"]);
    assert_eq!(fixture.asked.bodies.lock().unwrap().len(), 2);
}

#[tokio::test]
async fn a_message_that_somebody_else_settled_leaves_one_error_line_and_no_abandon() {
    let mut settled = script([delivery(1, "fine"), delivery(2, "fine")]);
    settled.failing = Mutex::new(vec!["complete"]);
    let mut fixture = fixture(settled, "", options(1)).await;
    assert_eq!(fixture.done(2).await, ["complete 1", "complete 2"]);
    assert_eq!(
        fixture.lines(),
        ["Message processing error (Action=Complete, EntityPath=q, Endpoint=namespace): gone"]
    );
}

#[tokio::test]
async fn outputs_go_out_before_the_message_is_completed_and_their_failure_abandons_it() {
    let deliveries = [delivery(1, "sends"), delivery(2, "sends refused")];
    let fixture = fixture(script(deliveries), "", options(1)).await;
    assert_eq!(fixture.done(2).await, ["complete 1", "abandon 2"]);
    assert_eq!(
        *fixture.sent.0.lock().unwrap(),
        ["a", "abcd", "a"],
        "what was sent before the failure stays sent"
    );
}

#[tokio::test]
async fn no_more_invocations_run_at_once_than_allowed() {
    let deliveries = (1..=6).map(|number| delivery(number, "slow"));
    let fixture = fixture(script(deliveries), "", options(3)).await;
    assert_eq!(fixture.done(6).await.len(), 6);
    assert_eq!(fixture.asked.running.lock().unwrap().1, 3);
}

#[tokio::test]
async fn the_lock_is_renewed_while_the_function_runs_and_not_beyond_the_limit() {
    let slow = || {
        let mut slow = delivery(1, "slow");
        slow.locked_until = Some(Clock::default().now() + Duration::from_millis(600));
        let mut script = script([slow]);
        script.lock_duration = Duration::from_millis(600);
        script
    };
    let renewing = fixture(slow(), "", options(1)).await;
    let done = renewing.done_when(|done| done.iter().any(|line| line == "complete 1")).await;
    assert!(done.len() >= 2 && done[..done.len() - 1].iter().all(|line| line == "renew 1"), "{done:?}");

    let limited = ServiceBusOptions { max_auto_lock_renewal: Some(Duration::from_millis(100)), ..options(1) };
    let limited = fixture(slow(), "", limited).await;
    assert_eq!(limited.done(1).await, ["complete 1"]);
}

#[tokio::test]
async fn stopping_gives_back_what_was_fetched() {
    let fixture = fixture(script([]), "", options(2)).await;
    fixture.stop.cancel();
    timeout(PATIENCE, fixture.listener).await.unwrap().unwrap();
    assert_eq!(fixture.script.done(), ["close"]);
}

#[tokio::test]
async fn data_and_metadata_arrive_in_the_extensions_form() {
    let fixture = fixture(script([delivery(1, r#"{"a":1}"#)]), r#","dataType":"binary""#, options(1)).await;
    fixture.done(1).await;
    let bodies = fixture.asked.bodies.lock().unwrap();
    let data = bodies[0].member("Data").unwrap();
    assert_eq!(data.to_compact_text(), r#"{"message":"eyJhIjoxfQ=="}"#);
    let metadata = bodies[0].member("Metadata").unwrap();
    assert_eq!(metadata.member("MessageId"), Some(&Json::from("\"1\"")));
    assert_eq!(metadata.member("sys").unwrap().member("MethodName"), Some(&Json::from("orders")));
    assert_eq!(metadata.member("a"), None);
}
