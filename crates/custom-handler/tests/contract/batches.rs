//! Several messages in one invocation, each with its own outcome.

use std::{
    convert::Infallible,
    sync::{Arc, Mutex},
};

use axum::http::StatusCode;
use custom_handler::{
    BoxError, DeadLetter, Functions, Message, MessageMetadata, Outcome, Outputs, Settlement,
    testing::{Invocation, TestFunctions},
};
use futures::future::BoxFuture;
use serde_json::json;

/// Notes how each message was settled; message `9` has lost its lock.
#[derive(Clone, Default)]
struct Bus(Arc<Mutex<Vec<String>>>);

impl Bus {
    fn note(&self, metadata: &MessageMetadata, what: &str) -> BoxFuture<'static, Result<(), BoxError>> {
        let id = metadata.message_id.clone().unwrap_or_default();
        assert!(metadata.lock_token.is_some());
        let lost = id == "9";
        self.0.lock().unwrap().push(format!("{id} {what}"));
        Box::pin(async move { if lost { Err("the lock is lost".into()) } else { Ok(()) } })
    }

    fn settled(&self) -> Vec<String> {
        let mut settled = self.0.lock().unwrap().clone();
        settled.sort();
        settled
    }
}

impl DeadLetter for Bus {
    fn dead_letter<'a>(
        &'a self,
        _: &'a str,
        metadata: &'a MessageMetadata,
        reason: &'a str,
        _: &'a str,
    ) -> BoxFuture<'a, Result<(), BoxError>> {
        self.note(metadata, &format!("dead-lettered {reason}"))
    }
}

impl Settlement for Bus {
    fn complete<'a>(
        &'a self,
        _: &'a str,
        metadata: &'a MessageMetadata,
    ) -> BoxFuture<'a, Result<(), BoxError>> {
        self.note(metadata, "completed")
    }

    fn abandon<'a>(
        &'a self,
        _: &'a str,
        metadata: &'a MessageMetadata,
    ) -> BoxFuture<'a, Result<(), BoxError>> {
        self.note(metadata, "abandoned")
    }
}

/// Odd numbers fail, 4 is refused, 6 is sent on, 100 panics, 200 is forgotten.
async fn numbers(messages: Vec<Message<u32>>, (): ()) -> Vec<Result<Outcome, String>> {
    let outcome = |message: Message<u32>| match message.body {
        4 => Ok(Outcome::Refuse { reason: "Four".to_owned(), description: "four".to_owned() }),
        6 => Ok(Outputs::new().message("next", message.body.to_string()).into()),
        100 => panic!("a hundred"),
        odd if odd % 2 == 1 => Err(format!("{odd} is odd")),
        _ => Ok(Outcome::Complete),
    };
    messages.into_iter().filter(|message| message.body != 200).map(outcome).collect()
}

fn functions(bus: &Bus) -> TestFunctions {
    TestFunctions::new(Functions::new(()).queue_batch("numbers", bus.clone(), numbers))
}

#[tokio::test]
async fn one_bad_message_does_not_take_its_batch_down() {
    let bus = Bus::default();
    let batch = Invocation::batch("numbers", ["2", "3", "\"four\"", "4", "6", "6"]);
    let answer = functions(&bus).invoke(batch).await;
    assert!(answer.succeeded(), "{}", answer.error());
    assert_eq!(
        bus.settled(),
        [
            "0 completed",
            "1 abandoned",
            "2 dead-lettered Undecodable",
            "3 dead-lettered Four",
            "4 completed",
            "5 completed"
        ]
    );
    assert_eq!(answer.output("next"), Some(&json!(["6", "6"])));
}

#[tokio::test]
async fn a_batch_of_nothing_decodable_is_dead_lettered_without_the_function() {
    let bus = Bus::default();
    let answer = functions(&bus).invoke(Invocation::batch("numbers", ["x", "{}"])).await;
    assert!(answer.succeeded(), "{}", answer.error());
    assert_eq!(bus.settled(), ["0 dead-lettered Undecodable", "1 dead-lettered Undecodable"]);
}

#[tokio::test]
async fn a_lost_lock_leaves_the_others_alone() {
    let bus = Bus::default();
    let answer = functions(&bus).invoke(Invocation::batch("numbers", ["2"; 11])).await;
    assert!(answer.succeeded(), "{}", answer.error());
    assert_eq!(bus.settled().len(), 11);
}

#[tokio::test]
async fn a_panic_or_a_missing_outcome_fails_the_invocation_and_settles_nothing() {
    for (bodies, part) in [(["2", "100"], "a hundred"), (["2", "200"], "1 outcomes for 2 messages")] {
        let bus = Bus::default();
        let answer = functions(&bus).invoke(Invocation::batch("numbers", bodies)).await;
        assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
        assert!(answer.error().contains(part), "{}", answer.error());
        assert!(bus.settled().is_empty(), "{:?}", bus.settled());
    }
}

#[tokio::test]
async fn a_single_message_is_no_batch() {
    let answer = functions(&Bus::default()).invoke(Invocation::queue("numbers").binary("2")).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert!(answer.error().contains("cardinality"), "{}", answer.error());
    let never = async |_: Vec<Message<String>>, ()| Vec::<Result<Outcome, Infallible>>::new();
    let functions = TestFunctions::new(Functions::new(()).queue_batch("none", Bus::default(), never));
    let answer = functions.invoke(Invocation::batch("none", Vec::<String>::new())).await;
    assert!(answer.succeeded(), "{}", answer.error());
}
