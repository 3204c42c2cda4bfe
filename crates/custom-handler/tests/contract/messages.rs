//! Service Bus messages: what the function gets, and what becomes of the message.

use std::{
    convert::Infallible,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::http::StatusCode;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use custom_handler::{
    Functions, Message, Outcome, Settings,
    testing::{Invocation, TestFunctions},
};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::dead_letters::Letters;

#[derive(Debug, Clone, PartialEq, Deserialize)]
struct Order {
    order: u64,
    lines: Vec<Line>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
struct Line {
    pieces: u32,
}

/// What functions got, in order.
type Seen<T> = Arc<Mutex<Vec<Message<T>>>>;

async fn record<T>(message: Message<T>, seen: Seen<T>) -> Result<Outcome, Infallible> {
    seen.lock().unwrap().push(message);
    Ok(Outcome::Complete)
}

/// Runs one invocation of a function that takes `T`.
async fn got<T: for<'de> Deserialize<'de> + Clone + Send + 'static>(invocation: Invocation) -> Message<T> {
    let seen = Seen::<T>::default();
    let functions = TestFunctions::new(Functions::new(Arc::clone(&seen)).queue("orders", record));
    let answer = functions.invoke(invocation).await;
    assert!(answer.succeeded(), "{}", answer.error());
    assert!(answer.body.is_empty(), "{:?}", answer.body);
    let seen = seen.lock().unwrap();
    assert_eq!(seen.len(), 1);
    seen[0].clone()
}

#[tokio::test]
async fn a_message_arrives_typed_whatever_its_data_type() {
    let text = "{\"order\":7,\"lines\":[{\"pieces\":2}]}";
    for (name, invocation) in [
        ("binary", Invocation::queue("orders").message_id("m-1").delivery_count(3).binary(text)),
        ("text", Invocation::queue("orders").message_id("m-1").delivery_count(3).text(text)),
        ("documented", Invocation::queue("orders").message_id("m-1").delivery_count(3).data(json!(text))),
        ("object", {
            let object: Value = serde_json::from_str(text).unwrap();
            Invocation::queue("orders").message_id("m-1").delivery_count(3).data(object)
        }),
    ] {
        let message = got::<Order>(invocation.invocation_id("i-1")).await;
        assert_eq!(message.body, Order { order: 7, lines: vec![Line { pieces: 2 }] }, "{name}");
        assert_eq!(message.metadata.message_id.as_deref(), Some("m-1"), "{name}");
        assert_eq!(message.metadata.delivery_count, Some(3), "{name}");
        assert!(message.metadata.lock_token.is_some(), "{name}");
        assert_eq!((message.function, message.invocation_id.as_str()), ("orders", "i-1"), "{name}");
    }
}

#[tokio::test]
async fn bodies_of_every_kind_arrive_byte_for_byte() {
    let long = "x".repeat(200_000);
    for body in [
        "{\"a\":1}",
        "[1,2]",
        "\"text\"",
        "4",
        "true",
        "null",
        "not JSON",
        "",
        "aGVsbG8=",
        "test",
        " ",
        "\u{FEFF}{}",
        "{\"LockToken\":\"x\",\"MessageId\":\"y\",\"DeliveryCount\":99}",
        "2026-01-02T03:04:05Z",
        long.as_str(),
    ] {
        assert_eq!(got::<Bytes>(Invocation::queue("orders").binary(body)).await.body, body);
        assert_eq!(got::<Bytes>(Invocation::queue("orders").text(body)).await.body, body);
    }
    let not_text = [0xFF, 0x00, 0xC0, 0x80];
    assert_eq!(got::<Bytes>(Invocation::queue("orders").binary(not_text)).await.body, not_text.as_slice());
}

/// The literal request that the Functions host's own test expects (azure-functions-host,
/// `DefaultHttpWorkerServiceTests.cs`), with the encodings of a storage queue.
#[tokio::test]
async fn the_hosts_own_sample_is_understood() {
    let seen = Seen::<String>::default();
    let functions = TestFunctions::new(Functions::new(Arc::clone(&seen)).queue("testFunctionName", record));
    let body = r#"{"Data":{"myqueueItem":"\"HelloWorld\""},"Metadata":{"dequeueCount":"4",
        "VisibleTime":"2019-10-01T00:00:00","VisibleTimeOffset":"2019-10-01T00:00:00+00:00",
        "helloString":"\"helloMetadata\""}}"#;
    let answer = functions.send("testFunctionName", Some("4e773554-f6b7-4ea2-b07d-4c5fd5aba741"), body).await;
    assert!(answer.succeeded(), "{}", answer.error());
    assert_eq!(seen.lock().unwrap()[0].body, "HelloWorld");
}

#[tokio::test]
async fn a_text_body_cannot_pass_its_own_lock_token_off_as_the_brokers() {
    let body =
        "{\"LockToken\":\"00000000-0000-0000-0000-000000000001\",\"DeliveryCount\":99,\"MessageId\":\"y\"}";
    let invocation = || Invocation::queue("orders").message_id("m-1");
    let leaked = got::<Value>(invocation().text(body)).await.metadata;
    assert_eq!((leaked.lock_token, leaked.delivery_count, leaked.message_id), (None, None, None));
    assert_eq!(leaked.sequence_number, Some(1));
    let binary = got::<Value>(invocation().binary(body)).await.metadata;
    assert_eq!((binary.delivery_count, binary.message_id.as_deref()), (Some(1), Some("m-1")));
}

#[tokio::test]
async fn a_function_that_refuses_nothing_returns_nothing() {
    let nothing = async |_: Message<String>, ()| Ok::<(), Infallible>(());
    let functions = TestFunctions::new(Functions::new(()).queue("orders", nothing));
    let answer = functions.invoke(Invocation::queue("orders").binary("test")).await;
    assert!(answer.succeeded() && answer.body.is_empty(), "{answer:?}");
}

/// What the message says should happen.
async fn as_told(message: Message<String>, _: ()) -> Result<Outcome, std::io::Error> {
    match message.body.as_str() {
        "refuse" => Ok(Outcome::Refuse {
            reason: "Unwanted".to_owned(),
            description: "nobody ordered this".to_owned(),
        }),
        "fail" => Err(std::io::Error::other("the database\nis away")),
        "panic" => panic!("told to"),
        "hang" => std::future::pending().await,
        "block" => {
            std::thread::sleep(Duration::from_secs(5));
            Ok(Outcome::Complete)
        }
        _ => Ok(Outcome::Complete),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_end_of_a_function_has_its_answer() {
    let letters = Letters::default();
    let settings = Settings::default().with_deadline(Some(Duration::from_secs(2)));
    let functions = Functions::new(()).with_settings(settings).dead_letter_with(letters.clone());
    let functions = TestFunctions::new(functions.queue("orders", as_told));
    for (body, status, part) in [
        ("complete", StatusCode::OK, ""),
        ("refuse", StatusCode::OK, ""),
        ("fail", StatusCode::INTERNAL_SERVER_ERROR, "the database\nis away"),
        ("panic", StatusCode::INTERNAL_SERVER_ERROR, "the function panicked: told to"),
        ("hang", StatusCode::INTERNAL_SERVER_ERROR, "deadline of 2 s"),
        ("block", StatusCode::INTERNAL_SERVER_ERROR, "deadline of 2 s"),
        ("complete", StatusCode::OK, ""),
    ] {
        let answer = functions.invoke(Invocation::queue("orders").binary(body)).await;
        assert_eq!(answer.status, status, "{body}");
        assert!(answer.error().contains(part), "{body}: {}", answer.error());
    }
    let kept = letters.kept.lock().unwrap();
    assert_eq!(*kept, [["orders", "", "Unwanted", "nobody ordered this"]]);
}

#[tokio::test]
async fn a_panic_before_the_first_await_is_caught_too() {
    fn at_once(_: Message<String>, _: ()) -> std::future::Ready<Result<Outcome, Infallible>> {
        panic!("at once")
    }
    let functions = TestFunctions::new(Functions::new(()).queue("orders", at_once));
    let answer = functions.invoke(Invocation::queue("orders").binary("x")).await;
    assert!(answer.error().contains("panicked: at once"), "{}", answer.error());
}

#[tokio::test]
async fn no_more_run_at_once_than_are_allowed() {
    struct Running {
        /// Now, and at most.
        counted: Mutex<(usize, usize)>,
        /// So many are there at the same time, however slow the machine is.
        expected: tokio::sync::Barrier,
    }
    async fn slow(_: Message<String>, running: Arc<Running>) -> Result<Outcome, Infallible> {
        {
            let mut counted = running.counted.lock().unwrap();
            counted.0 += 1;
            counted.1 = counted.1.max(counted.0);
        }
        running.expected.wait().await;
        // Long enough for one too many to be seen.
        tokio::time::sleep(Duration::from_millis(100)).await;
        running.counted.lock().unwrap().0 -= 1;
        Ok(Outcome::Complete)
    }
    for (limit, expected) in [(Some(2), 2), (None, 6)] {
        let counted = Mutex::default();
        let running = Arc::new(Running { counted, expected: tokio::sync::Barrier::new(expected) });
        let settings = Settings::default().with_concurrency(limit);
        let functions = TestFunctions::new(
            Functions::new(Arc::clone(&running)).with_settings(settings).queue("orders", slow),
        );
        let runs = (0..6).map(|_| functions.invoke(Invocation::queue("orders").binary("x")));
        assert!(futures::future::join_all(runs).await.iter().all(custom_handler::testing::Answer::succeeded));
        assert_eq!(running.counted.lock().unwrap().1, expected);
    }
}

#[tokio::test]
async fn properties_and_trace_context_arrive() {
    let invocation = Invocation::queue("orders")
        .application_property("Diagnostic-Id", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
        .application_property("attempt", 3)
        .binary(STANDARD.encode("x"));
    let metadata = got::<Bytes>(invocation).await.metadata;
    assert_eq!(metadata.application_properties["attempt"], 3);
    assert_eq!(metadata.traceparent(), Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"));
}
