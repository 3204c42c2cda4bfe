//! Refused messages, and messages that cannot be decoded.

use std::{
    convert::Infallible,
    sync::{Arc, Mutex},
};

use axum::http::StatusCode;
use custom_handler::{
    BoxError, DeadLetter, Functions, Message, MessageMetadata, Outcome, Undecodable,
    testing::{Invocation, TestFunctions},
};
use futures::future::BoxFuture;
use serde::Deserialize;
use serde_json::json;

#[derive(Deserialize)]
#[expect(dead_code, reason = "decoding is all that is wanted")]
struct Order {
    order: u64,
    lines: Vec<Line>,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "decoding is all that is wanted")]
struct Line {
    pieces: u32,
}

/// Records the messages that it is given, or fails.
#[derive(Clone, Default)]
pub(crate) struct Letters {
    broken: bool,
    pub(crate) kept: Arc<Mutex<Vec<[String; 4]>>>,
}

impl DeadLetter for Letters {
    fn dead_letter<'a>(
        &'a self,
        function: &'a str,
        metadata: &'a MessageMetadata,
        reason: &'a str,
        description: &'a str,
    ) -> BoxFuture<'a, Result<(), BoxError>> {
        Box::pin(async move {
            if self.broken {
                return Err("the lock is gone".into());
            }
            let id = metadata.message_id.clone().unwrap_or_default();
            self.kept.lock().unwrap().push([function.into(), id, reason.into(), description.into()]);
            Ok(())
        })
    }
}

fn undecodable() -> Invocation {
    let body = json!({ "order": 7, "lines": [{ "pieces": 1 }, { "pieces": "two" }] });
    Invocation::queue("orders").message_id("m-1").json(&body)
}

async fn take_order(_: Message<Order>, _: ()) -> Result<Outcome, Infallible> {
    Ok(Outcome::Complete)
}

#[tokio::test]
async fn an_undecodable_body_is_dead_lettered_with_the_path_of_the_bad_field() {
    let letters = Letters::default();
    let functions =
        TestFunctions::new(Functions::new(()).dead_letter_with(letters.clone()).queue("orders", take_order));
    let answer = functions.invoke(undecodable()).await;
    assert!(answer.succeeded(), "{}", answer.error());
    let kept = letters.kept.lock().unwrap().pop().unwrap();
    assert_eq!(kept[..3], ["orders", "m-1", "Undecodable"]);
    assert!(kept[3].starts_with("lines[1].pieces: invalid type: string, expected u32"), "{}", kept[3]);
    assert!(!kept[3].contains("two"), "{}", kept[3]);
}

#[tokio::test]
async fn the_app_may_decide_what_becomes_of_an_undecodable_body() {
    type Asked = Arc<Mutex<Vec<Message<Undecodable>>>>;
    async fn decide(message: Message<Undecodable>, asked: Asked) -> Result<Outcome, String> {
        let (id, unchanged) = (message.metadata.message_id.clone(), Outcome::from(message.body.clone()));
        asked.lock().unwrap().push(message);
        match id.as_deref() {
            Some("keep-out") => {
                Ok(Outcome::Refuse { reason: "Foreign".to_owned(), description: "not ours".to_owned() })
            }
            Some("drop") => Ok(Outcome::Complete),
            Some("panic") => panic!("in the hook"),
            Some("note") => Ok(unchanged),
            _ => Err("the journal is away".to_owned()),
        }
    }
    async fn take_order(_: Message<Order>, _: Asked) -> Result<Outcome, Infallible> {
        Ok(Outcome::Complete)
    }
    let (letters, asked) = (Letters::default(), Asked::default());
    let functions = Functions::new(Arc::clone(&asked)).dead_letter_with(letters.clone());
    let functions = TestFunctions::new(functions.undecodable_with(decide).queue("orders", take_order));
    for (id, status, kept) in [
        ("keep-out", StatusCode::OK, Some(["Foreign", "not ours"])),
        ("drop", StatusCode::OK, None),
        (
            "note",
            StatusCode::OK,
            Some(["Undecodable", "lines[1].pieces: invalid type: string, expected u32 at line 1 column 38"]),
        ),
        ("fail", StatusCode::INTERNAL_SERVER_ERROR, None),
        ("panic", StatusCode::INTERNAL_SERVER_ERROR, None),
    ] {
        let answer = functions.invoke(undecodable().message_id(id)).await;
        assert_eq!(answer.status, status, "{id}: {}", answer.error());
        let letter = letters.kept.lock().unwrap().pop();
        let letter = letter.as_ref().map(|letter| [letter[2].as_str(), letter[3].as_str()]);
        assert_eq!(letter, kept, "{id}");
        let message = asked.lock().unwrap().pop().unwrap();
        assert_eq!((message.function, message.metadata.message_id.as_deref()), ("orders", Some(id)));
        assert!(message.body.bytes.starts_with(b"{"), "the body as it arrived");
    }
    // A body that can be decoded is none of its business.
    let answer = functions.invoke(Invocation::queue("orders").json(&json!({"order": 1, "lines": []}))).await;
    assert!(answer.succeeded() && asked.lock().unwrap().is_empty(), "{}", answer.error());
}

#[tokio::test]
async fn reason_and_description_are_no_longer_than_service_bus_takes() {
    async fn at_length(_: Message<String>, _: ()) -> Result<Outcome, Infallible> {
        Ok(Outcome::Refuse { reason: "r".repeat(5_000), description: "d".repeat(100_000) })
    }
    let letters = Letters::default();
    let functions = Functions::new(()).dead_letter_with(letters.clone()).queue("orders", at_length);
    let answer = TestFunctions::new(functions).invoke(Invocation::queue("orders").binary("x")).await;
    assert!(answer.succeeded(), "{}", answer.error());
    let kept = letters.kept.lock().unwrap().pop().unwrap();
    assert_eq!((kept[2].chars().count(), kept[3].chars().count()), (4_096, 4_096));
    assert!(kept[3].starts_with("ddd") && kept[3].ends_with("d…"));
}

#[tokio::test]
async fn without_a_dead_letter_hook_a_refusal_fails_the_invocation() {
    let functions = TestFunctions::new(Functions::new(()).queue("orders", take_order));
    let answer = functions.invoke(undecodable()).await;
    assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert!(answer.error().contains("lines[1].pieces"), "{}", answer.error());
}

#[tokio::test]
async fn a_dead_letter_hook_that_fails_fails_the_invocation() {
    let letters = Letters { broken: true, ..Letters::default() };
    let functions =
        TestFunctions::new(Functions::new(()).dead_letter_with(letters).queue("orders", take_order));
    let answer = functions.invoke(undecodable()).await;
    assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert!(answer.error().contains("the lock is gone"), "{}", answer.error());
}

#[tokio::test]
async fn a_dead_letter_hook_that_panics_fails_the_invocation() {
    struct Broken;
    impl DeadLetter for Broken {
        fn dead_letter<'a>(
            &'a self,
            _: &'a str,
            _: &'a MessageMetadata,
            _: &'a str,
            _: &'a str,
        ) -> BoxFuture<'a, Result<(), BoxError>> {
            panic!("no bus")
        }
    }
    let functions =
        TestFunctions::new(Functions::new(()).dead_letter_with(Broken).queue("orders", take_order));
    let answer = functions.invoke(undecodable()).await;
    assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert!(answer.error().contains("no bus"), "{}", answer.error());
}
