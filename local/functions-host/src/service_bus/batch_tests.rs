//! A list of messages, one invocation: what becomes of messages, against a scripted entity.

use std::sync::Mutex;

use tokio::time::timeout;

use super::*;
use crate::clock::Clock;
use crate::json::Json;
use crate::service_bus::scripted::{Fixture, PATIENCE, delivery, fixture, options, script};

const BATCH: &str = r#","cardinality":"many","dataType":"string""#;

fn data(fixture: &Fixture, index: usize) -> String {
    let bodies = fixture.asked.bodies.lock().unwrap();
    let data = bodies[index].member("Data").unwrap().member("message").unwrap();
    data.as_str().unwrap().to_owned()
}

fn sorted(mut done: Vec<String>) -> Vec<String> {
    done.sort();
    done
}

#[tokio::test]
async fn a_batch_is_one_invocation_and_its_success_completes_every_message() {
    let fixture =
        fixture(script([delivery(1, "a"), delivery(2, "b"), delivery(3, "c")]), BATCH, options(1)).await;
    assert_eq!(sorted(fixture.done(3).await), ["complete 1", "complete 2", "complete 3"]);
    assert_eq!(fixture.asked.bodies.lock().unwrap().len(), 1);
    assert_eq!(data(&fixture, 0), r#"["a","b","c"]"#);
    let bodies = fixture.asked.bodies.lock().unwrap();
    let metadata = bodies[0].member("Metadata").unwrap();
    assert_eq!(metadata.member("MessageIdArray"), Some(&Json::from(r#"["1","2","3"]"#)));
    assert_eq!(metadata.member("sys").unwrap().member("MethodName"), Some(&Json::from("orders")));
}

#[tokio::test]
async fn a_failure_abandons_every_message_whatever_auto_complete_says() {
    for auto_complete in ["", r#","autoCompleteMessages":false"#] {
        let trigger = format!("{BATCH}{auto_complete}");
        let fixture =
            fixture(script([delivery(1, "fails"), delivery(2, "fine")]), &trigger, options(1)).await;
        assert_eq!(sorted(fixture.done(2).await), ["abandon 1", "abandon 2"]);
    }
}

#[tokio::test]
async fn without_auto_complete_a_success_settles_nothing() {
    let trigger = format!(r#"{BATCH},"autoCompleteMessages":false"#);
    let fixture = fixture(script([delivery(1, "fine")]), &trigger, options(1)).await;
    fixture.until_asked(1).await;
    fixture.stop.cancel();
    timeout(PATIENCE, fixture.listener).await.unwrap().unwrap();
    assert_eq!(fixture.script.done(), ["close"]);
}

#[tokio::test]
async fn without_a_data_type_one_message_that_is_no_json_takes_its_batch_down() {
    let trigger = r#","cardinality":"many""#;
    let fixture =
        fixture(script([delivery(1, r#"{"a":1}"#), delivery(2, "plain")]), trigger, options(1)).await;
    assert_eq!(sorted(fixture.done(2).await), ["abandon 1", "abandon 2"]);
    assert!(fixture.asked.bodies.lock().unwrap().is_empty(), "the handler never heard of them");
}

#[tokio::test]
async fn batches_run_one_after_the_other_and_are_no_larger_than_allowed() {
    let deliveries = (1..=5).map(|number| delivery(number, "slow"));
    let trigger = format!(r#"{BATCH},"maxMessageBatchSize":2"#);
    let fixture = fixture(script(deliveries), &trigger, options(16)).await;
    assert_eq!(fixture.done(5).await.len(), 5);
    assert_eq!(fixture.asked.running.lock().unwrap().1, 1);
    let batches: Vec<String> = (0..3).map(|index| data(&fixture, index)).collect();
    assert_eq!(batches, [r#"["slow","slow"]"#, r#"["slow","slow"]"#, r#"["slow"]"#]);
}

#[tokio::test]
async fn no_lock_of_a_batch_is_renewed() {
    let mut slow = delivery(1, "slow");
    slow.locked_until = Some(Clock::default().now() + Duration::from_millis(300));
    let fixture = fixture(script([slow]), BATCH, options(1)).await;
    assert_eq!(fixture.done(1).await, ["complete 1"]);
}

#[tokio::test]
async fn fewer_than_the_least_number_are_waited_upon_for_a_while() {
    let mut patient = options(1);
    (patient.min_message_batch_size, patient.max_batch_wait_time) = (3, Duration::from_secs(30));
    let waiting = fixture(script([delivery(1, "a"), delivery(2, "b")]), BATCH, patient.clone()).await;
    waiting.script.until_empty().await;
    assert!(waiting.asked.bodies.lock().unwrap().is_empty(), "two are not enough");
    waiting.script.deliveries.lock().unwrap().push_back(delivery(3, "c"));
    assert_eq!(waiting.done(3).await.len(), 3);
    assert_eq!(data(&waiting, 0), r#"["a","b","c"]"#);

    patient.max_batch_wait_time = Duration::from_millis(200);
    let hasty = fixture(script([delivery(1, "a")]), BATCH, patient).await;
    assert_eq!(hasty.done(1).await, ["complete 1"], "the time is over");
}

#[tokio::test]
async fn a_stopping_host_hands_out_the_messages_it_was_collecting() {
    let mut patient = options(1);
    patient.min_message_batch_size = 3;
    let fixture = fixture(script([delivery(1, "a")]), BATCH, patient).await;
    fixture.script.until_empty().await;
    fixture.stop.cancel();
    timeout(PATIENCE, fixture.listener).await.unwrap().unwrap();
    assert_eq!(fixture.script.done(), ["complete 1", "close"]);
}

#[tokio::test]
async fn a_message_that_somebody_else_settled_leaves_one_error_line_and_the_rest_is_completed() {
    let mut settled = script([delivery(1, "a"), delivery(2, "b")]);
    settled.failing = Mutex::new(vec!["complete"]);
    let mut fixture = fixture(settled, BATCH, options(1)).await;
    fixture.done(2).await;
    fixture.stop.cancel();
    assert_eq!(sorted(fixture.script.done()), ["complete 1", "complete 2"]);
    let line = fixture.line("receive loop").await;
    assert!(line.contains("entityPath='q', singleDispatch='False'") && line.ends_with("gone"), "{line}");
}

#[tokio::test]
async fn outputs_of_a_batch_go_out_before_it_is_completed() {
    let fixture = fixture(script([delivery(1, "sends"), delivery(2, "x")]), BATCH, options(1)).await;
    fixture.done(2).await;
    assert_eq!(*fixture.sent.0.lock().unwrap(), ["a", "abcd"]);
}
