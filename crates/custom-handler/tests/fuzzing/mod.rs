//! Any bytes as an invocation of a function of any kind. `fuzz/` and the property tests run the same.

use std::{
    convert::Infallible,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use custom_handler::{
    BoxError, DeadLetter, Functions, Message, MessageMetadata, Outcome, Timer,
    testing::{Answer, Invocation, TestFunctions},
};
use futures::future::BoxFuture;
use serde::Deserialize;
use serde_json::{Map, Value};

/// What the first byte of the input chooses: where its other bytes go.
const CHOICES: u8 = 6;

/// A type with everything that makes decoding interesting.
#[derive(Deserialize)]
#[expect(dead_code, reason = "decoding is all that is wanted")]
struct Typed {
    number: i32,
    text: Option<String>,
    list: Vec<Typed>,
    choice: Option<Choice>,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "decoding is all that is wanted")]
enum Choice {
    One,
    Two { value: f64 },
}

/// The bodies that functions were given.
type Seen = Arc<Mutex<Vec<Bytes>>>;

/// Functions of every kind, and the runtime that runs them.
pub(crate) struct Target {
    runtime: tokio::runtime::Runtime,
    functions: TestFunctions,
    seen: Seen,
}

impl Target {
    /// # Panics
    /// When the system has no timers.
    pub(crate) fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
        let seen = Seen::default();
        let functions = Functions::new(Arc::clone(&seen))
            .dead_letter_with(DeadLetters)
            .queue("text", async |_: Message<String>, _| Ok::<_, Infallible>(()))
            .queue("typed", async |_: Message<Typed>, _| Ok::<_, Infallible>(()))
            .queue("value", async |_: Message<Value>, _| Ok::<_, Infallible>(()))
            .queue("bytes", see)
            .timer("timer", async |_: Timer, _| Ok::<_, Infallible>(()));
        Self { runtime, functions: TestFunctions::new(functions), seen }
    }

    /// Runs one input.
    ///
    /// # Panics
    /// When the runtime panics, does not answer as the host needs it, or changes a body.
    pub(crate) fn run(&self, input: &[u8]) {
        let Some((choice, input)) = input.split_first() else { return };
        match choice % CHOICES {
            0 => self.any_request("text", input),
            1 => self.any_request("typed", input),
            2 => self.any_request("value", input),
            3 => self.any_request("timer", input),
            4 => self.body_arrives(Invocation::queue("bytes").binary(input), input),
            _ => {
                if let Ok(text) = std::str::from_utf8(input) {
                    self.body_arrives(Invocation::queue("bytes").text(text), input);
                }
            }
        }
    }

    fn any_request(&self, function: &str, body: &[u8]) {
        let sent = self.functions.send(function, Some("i"), body.to_vec());
        let answer = self.runtime.block_on(sent);
        check(&answer);
        self.seen.lock().expect("nobody panicked").clear();
    }

    fn body_arrives(&self, invocation: Invocation, sent: &[u8]) {
        let answer = self.runtime.block_on(self.functions.invoke(invocation));
        check(&answer);
        assert!(answer.succeeded(), "{}", answer.error());
        let arrived = std::mem::take(&mut *self.seen.lock().expect("nobody panicked"));
        assert_eq!(arrived, [sent], "the body changed on its way");
    }
}

/// The kit has checked already that it is a JSON object with its content type.
fn check(answer: &Answer) {
    assert!(matches!(answer.status.as_u16(), 200 | 400 | 413 | 500), "{}", answer.status);
    assert!(!answer.error().contains("panicked"), "{}", answer.error());
    assert_eq!(answer.succeeded(), answer.error().is_empty());
}

async fn see(message: Message<Bytes>, seen: Seen) -> Result<Outcome, Infallible> {
    seen.lock().expect("nobody panicked").push(message.body);
    Ok(Outcome::Complete)
}

struct DeadLetters;

impl DeadLetter for DeadLetters {
    fn dead_letter<'a>(
        &'a self,
        _: &'a str,
        _: &'a MessageMetadata,
        _: &'a str,
        _: &'a str,
    ) -> BoxFuture<'a, Result<(), BoxError>> {
        Box::pin(async { Ok(()) })
    }
}
