//! Several messages in one invocation, each with its own outcome.

use std::{
    convert::Infallible,
    sync::{Arc, Mutex},
};

use axum::http::StatusCode;
use custom_handler::{
    BoxError, DataType, DeadLetter, Functions, Message, MessageMetadata, Outcome, Settings, Settlement,
    testing::{Invocation, TestFunctions},
};
use futures::future::BoxFuture;

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

/// Odd numbers fail, 4 is refused, 100 panics, 200 is forgotten.
async fn numbers(messages: Vec<Message<u32>>, (): ()) -> Vec<Result<Outcome, String>> {
    let outcome = |message: Message<u32>| match message.body {
        4 => Ok(Outcome::Refuse { reason: "Four".to_owned(), description: "four".to_owned() }),
        100 => panic!("a hundred"),
        odd if odd % 2 == 1 => Err(format!("{odd} is odd")),
        _ => Ok(Outcome::Complete),
    };
    messages.into_iter().filter(|message| message.body != 200).map(outcome).collect()
}

fn functions(bus: &Bus) -> TestFunctions {
    TestFunctions::new(Functions::new(()).queue_batch("numbers", DataType::Binary, bus.clone(), numbers))
}

#[tokio::test]
async fn one_bad_message_does_not_take_its_batch_down() {
    let bus = Bus::default();
    let batch = Invocation::batch("numbers", DataType::Binary, ["2", "3", "\"four\"", "4", "6", "6"]);
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
    assert!(answer.body.is_empty(), "{:?}", answer.body);
}

#[tokio::test]
async fn a_batch_of_nothing_decodable_is_dead_lettered_without_the_function() {
    let bus = Bus::default();
    let answer = functions(&bus).invoke(Invocation::batch("numbers", DataType::Binary, ["x", "{}"])).await;
    assert!(answer.succeeded(), "{}", answer.error());
    assert_eq!(bus.settled(), ["0 dead-lettered Undecodable", "1 dead-lettered Undecodable"]);
}

#[tokio::test]
async fn a_lost_lock_leaves_the_others_alone() {
    let bus = Bus::default();
    let answer = functions(&bus).invoke(Invocation::batch("numbers", DataType::Binary, ["2"; 11])).await;
    assert!(answer.succeeded(), "{}", answer.error());
    assert_eq!(bus.settled().len(), 11);
}

#[tokio::test]
async fn a_panic_or_a_missing_outcome_fails_the_invocation_and_settles_nothing() {
    for (bodies, part) in [(["2", "100", "x"], "a hundred"), (["2", "200", "x"], "1 outcomes for 2 messages")]
    {
        let bus = Bus::default();
        let answer = functions(&bus).invoke(Invocation::batch("numbers", DataType::Binary, bodies)).await;
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
    let functions =
        TestFunctions::new(Functions::new(()).queue_batch("none", DataType::Binary, Bus::default(), never));
    let answer = functions.invoke(Invocation::batch("none", DataType::Binary, Vec::<String>::new())).await;
    assert!(answer.succeeded(), "{}", answer.error());
}

/// What the message says should happen.
async fn as_told(message: Message<String>, (): ()) -> Result<Outcome, String> {
    match message.body.as_str() {
        "refuse" => Ok(Outcome::Refuse { reason: "Told".to_owned(), description: "to".to_owned() }),
        "fail" => Err("told to".to_owned()),
        "panic" => panic!("told to"),
        "hang" => std::future::pending().await,
        _ => Ok(Outcome::Complete),
    }
}

fn each(bus: &Bus) -> Functions<()> {
    Functions::new(()).queue_each("each", DataType::String, bus.clone(), as_told)
}

#[tokio::test]
async fn one_by_one_even_a_panic_takes_nothing_else_down() {
    let bus = Bus::default();
    let batch = Invocation::batch("each", DataType::String, ["test", "panic", "refuse", "fail", "abcd"]);
    let answer = TestFunctions::new(each(&bus)).invoke(batch).await;
    assert!(answer.succeeded(), "{}", answer.error());
    let expected = ["0 completed", "1 abandoned", "2 dead-lettered Told", "3 abandoned", "4 completed"];
    assert_eq!(bus.settled(), expected);
}

#[tokio::test]
async fn what_is_done_when_the_deadline_comes_is_settled() {
    let bus = Bus::default();
    let settings = Settings::default().with_deadline(Some(std::time::Duration::from_secs(1)));
    let functions = TestFunctions::new(each(&bus).with_settings(settings));
    let batch = Invocation::batch("each", DataType::String, ["done", "hang", "done"]);
    let answer = functions.invoke(batch).await;
    assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(bus.settled(), ["0 completed", "2 completed"]);
}

#[tokio::test]
async fn a_batch_of_which_nothing_could_be_settled_fails() {
    /// Cannot be reached, in two ways.
    struct Away;
    impl DeadLetter for Away {
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
    impl Settlement for Away {
        fn complete<'a>(&'a self, _: &'a str, _: &'a MessageMetadata) -> BoxFuture<'a, Result<(), BoxError>> {
            Box::pin(async { Err("no bus".into()) })
        }
        fn abandon<'a>(&'a self, _: &'a str, _: &'a MessageMetadata) -> BoxFuture<'a, Result<(), BoxError>> {
            panic!("no bus")
        }
    }
    let functions = Functions::new(()).queue_each("each", DataType::String, Away, as_told);
    let batch = Invocation::batch("each", DataType::String, ["done", "refuse", "fail"]);
    let answer = TestFunctions::new(functions).invoke(batch).await;
    assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(answer.error(), "none of the 3 messages of the batch could be settled");
}

#[tokio::test]
async fn bodies_of_every_data_type_arrive_as_they_were_sent() {
    for (data_type, bodies) in [
        // As text these are valid base64, too.
        (DataType::String, ["test", "abcd1234", "{\"a\":1}"]),
        (DataType::Binary, ["test", "abcd1234", "{\"a\":1}"]),
        (DataType::Unspecified, ["\"test\"", "[1,2]", "{\"a\":1}"]),
    ] {
        let seen = Arc::<Mutex<Vec<bytes::Bytes>>>::default();
        let record = async |messages: Vec<Message<bytes::Bytes>>, seen: Arc<Mutex<Vec<bytes::Bytes>>>| {
            let ended = messages.iter().map(|_| Ok::<_, Infallible>(Outcome::Complete)).collect();
            seen.lock().unwrap().extend(messages.into_iter().map(|message| message.body));
            ended
        };
        let functions =
            Functions::new(Arc::clone(&seen)).queue_batch("all", data_type, Bus::default(), record);
        let answer = TestFunctions::new(functions).invoke(Invocation::batch("all", data_type, bodies)).await;
        assert!(answer.succeeded(), "{}", answer.error());
        assert_eq!(*seen.lock().unwrap(), bodies, "{data_type:?}");
    }
}
