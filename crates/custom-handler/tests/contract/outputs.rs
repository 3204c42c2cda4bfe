//! What goes out through output bindings.

use custom_handler::{
    Functions, Message, Outcome, Outputs, Timer,
    testing::{Invocation, TestFunctions},
};
use serde_json::json;

#[tokio::test]
async fn a_queue_function_may_return_nothing_an_outcome_or_outputs() {
    let functions = TestFunctions::new(
        Functions::new(())
            .queue("nothing", async |_: Message<String>, ()| Ok::<(), String>(()))
            .queue("outcome", async |_: Message<String>, ()| Ok::<_, String>(Outcome::Complete))
            .queue("outputs", async |message: Message<String>, ()| {
                Ok::<_, String>(Outputs::new().message("next", message.body).log("sent on"))
            }),
    );
    for silent in ["nothing", "outcome"] {
        let answer = functions.invoke(Invocation::queue(silent).binary("test")).await;
        assert!(answer.succeeded() && answer.body.is_empty(), "{answer:?}");
    }
    let answer = functions.invoke(Invocation::queue("outputs").binary("test")).await;
    assert!(answer.succeeded());
    // A lone string would be sent as `System.Byte[]`: it is valid base64.
    assert_eq!(answer.output("next"), Some(&json!(["test"])));
    assert_eq!((answer.messages("next"), answer.logs()), (vec!["test"], vec!["sent on"]));
}

#[tokio::test]
async fn a_timer_may_send() {
    let ticks =
        async |_: Timer, ()| Ok::<_, String>(Outputs::new().message("ticks", "a").message("ticks", "b"));
    let functions = TestFunctions::new(Functions::new(()).timer("tick", ticks));
    let answer = functions.invoke(Invocation::timer("tick")).await;
    assert_eq!(answer.output("ticks"), Some(&json!(["a", "b"])));
}

#[tokio::test]
async fn a_failed_invocation_sends_nothing() {
    let fails = async |_: Message<String>, ()| Err::<Outputs, _>("no");
    let functions = TestFunctions::new(Functions::new(()).queue("fails", fails));
    let answer = functions.invoke(Invocation::queue("fails").binary("x")).await;
    assert!(!answer.succeeded() && !answer.body.contains_key("Outputs"), "{answer:?}");
}
