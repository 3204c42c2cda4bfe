//! The trigger against a scripted entity, with a handler in this process.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Mutex;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::response::Response;
use futures::FutureExt;
use futures::future::BoxFuture;
use time::OffsetDateTime;
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::*;
use crate::configuration::function_json::{Trigger, from_json};
use crate::event::{HostEvent, Observer};
use crate::handler::{Client, Handler};
use crate::invocation::executor::LoadedFunction;
use crate::json::Json;
use crate::service_bus::{Body as MessageBody, Destination};
use crate::settings::Settings;

/// An entity that hands out what it is given and notes what is done with it.
#[derive(Default)]
struct Script {
    deliveries: Mutex<VecDeque<Delivery>>,
    done: Mutex<Vec<String>>,
    failing: Mutex<Vec<&'static str>>,
    lock_duration: Duration,
}

impl Script {
    fn note(&self, action: &'static str, id: Uuid) -> Result<(), EntityError> {
        self.done.lock().unwrap().push(format!("{action} {}", id.as_u128()));
        let mut failing = self.failing.lock().unwrap();
        match failing.iter().position(|failing| *failing == action) {
            Some(index) => {
                failing.remove(index);
                Err(EntityError {
                    message: "gone".to_owned(),
                    lock_lost: action == "complete",
                    transient: false,
                })
            }
            None => Ok(()),
        }
    }

    fn done(&self) -> Vec<String> {
        self.done.lock().unwrap().clone()
    }
}

impl Entity for Script {
    fn receive(&self, max: usize, wait: Duration) -> BoxFuture<'_, Result<Vec<Delivery>, EntityError>> {
        async move {
            let ready: Vec<_> = {
                let mut deliveries = self.deliveries.lock().unwrap();
                let count = max.min(deliveries.len());
                deliveries.drain(..count).collect()
            };
            if ready.is_empty() {
                sleep(wait.min(Duration::from_millis(10))).await;
            }
            Ok(ready)
        }
        .boxed()
    }

    fn complete(&self, lock_token: Uuid) -> BoxFuture<'_, Result<(), EntityError>> {
        async move { self.note("complete", lock_token) }.boxed()
    }

    fn abandon(&self, lock_token: Uuid) -> BoxFuture<'_, Result<(), EntityError>> {
        async move { self.note("abandon", lock_token) }.boxed()
    }

    fn renew_lock(&self, lock_token: Uuid) -> BoxFuture<'_, Result<OffsetDateTime, EntityError>> {
        async move { self.note("renew", lock_token).map(|()| clock::now() + self.lock_duration) }.boxed()
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        async move { self.done.lock().unwrap().push("close".to_owned()) }.boxed()
    }
}

/// A queue that notes what is sent to it.
#[derive(Default)]
struct Sent(Mutex<Vec<String>>);

impl Destination for Sent {
    fn send(&self, body: String, _parent: Uuid) -> BoxFuture<'_, Result<(), EntityError>> {
        async move {
            if body == "refused" {
                return Err(EntityError { message: "full".to_owned(), lock_lost: false, transient: false });
            }
            self.0.lock().unwrap().push(body);
            Ok(())
        }
        .boxed()
    }
}

/// What the handler of these tests does: the body says it.
#[derive(Default)]
struct Asked {
    bodies: Mutex<Vec<Json>>,
    running: Mutex<(usize, usize)>,
}

async fn handle(State(asked): State<Arc<Asked>>, request: Request) -> Response {
    let bytes = to_bytes(request.into_body(), usize::MAX).await.unwrap();
    let envelope = Json::parse(str::from_utf8(&bytes).unwrap()).unwrap();
    let order = envelope.member("Data").unwrap().member("message").unwrap().as_str().unwrap().to_owned();
    asked.bodies.lock().unwrap().push(envelope);
    {
        let mut running = asked.running.lock().unwrap();
        running.0 += 1;
        running.1 = running.1.max(running.0);
    }
    if order.contains("slow") {
        sleep(Duration::from_millis(900)).await;
    }
    asked.running.lock().unwrap().0 -= 1;
    let answer = |status: u16, body: &str| {
        let builder = Response::builder().status(status).header("content-type", "application/json");
        builder.body(Body::from(body.to_owned())).unwrap()
    };
    match order.trim_matches('"') {
        "fails" => answer(500, "{}"),
        "broken" => answer(200, "{"),
        "sends" => answer(200, r#"{"Outputs":{"next":["a","abcd"],"unknown":"x"}}"#),
        "sends refused" => answer(200, r#"{"Outputs":{"next":["a","refused","b"]}}"#),
        _ => answer(200, "{}"),
    }
}

struct World {
    script: Arc<Script>,
    sent: Arc<Sent>,
    asked: Arc<Asked>,
    events: mpsc::UnboundedReceiver<HostEvent>,
    stop: CancellationToken,
    listener: tokio::task::JoinHandle<()>,
}

fn delivery(number: u128, body: &str) -> Delivery {
    let mut delivery = Delivery::of_manual_input(body);
    delivery.lock_token = Uuid::from_u128(number);
    delivery.message_id = Some(number.to_string());
    delivery.delivery_count = 1;
    delivery
}

async fn world(script: Script, trigger_members: &str, options: ServiceBusOptions) -> World {
    let asked = Arc::new(Asked::default());
    let server = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = server.local_addr().unwrap().port();
    let router = Router::new().fallback(handle).with_state(asked.clone());
    tokio::spawn(async move { axum::serve(server, router).await });

    let json = format!(
        r#"{{"bindings":[{{"type":"serviceBusTrigger","name":"message","queueName":"q"{trigger_members}}},
            {{"type":"serviceBus","direction":"out","name":"next","queueName":"n"}}]}}"#
    );
    let function = from_json("orders", Json::parse(&json).unwrap(), &Settings::only(&[])).unwrap();
    let Trigger::ServiceBus(trigger) = function.trigger.clone() else { panic!("a queue function") };
    let sent = Arc::new(Sent::default());
    let destinations: BTreeMap<String, Arc<dyn Destination>> =
        BTreeMap::from([("next".to_owned(), sent.clone() as Arc<dyn Destination>)]);
    let (sender, events) = mpsc::unbounded_channel();
    let executor = Executor {
        handler: Handler::attached(Client::new(port)),
        observer: Observer::new(Some(sender)),
        function_timeout: Some(Duration::from_secs(5)),
        retry: None,
        sends_content_length: false,
        fatal: mpsc::unbounded_channel().0,
    };
    let script = Arc::new(script);
    let listener = Listener {
        executor: Arc::new(executor),
        function: Arc::new(LoadedFunction { function, destinations }),
        trigger,
        entity: script.clone(),
        namespace: "namespace".to_owned(),
        options,
        in_flight: TaskTracker::new(),
    };
    let stop = CancellationToken::new();
    let listener = tokio::spawn(listener.run(stop.clone()));
    World { script, sent, asked, events, stop, listener }
}

fn options(max_concurrent_calls: usize) -> ServiceBusOptions {
    ServiceBusOptions { max_concurrent_calls, max_auto_lock_renewal: Some(Duration::from_secs(300)) }
}

impl World {
    /// What was done to messages, once it is this much.
    async fn done(&self, count: usize) -> Vec<String> {
        self.done_when(|done| done.len() >= count).await
    }

    async fn done_when(&self, enough: impl Fn(&[String]) -> bool) -> Vec<String> {
        let waiting = async {
            while !enough(&self.script.done()) {
                sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(Duration::from_secs(10), waiting)
            .await
            .unwrap_or_else(|_| panic!("{:?}", self.script.done()));
        self.script.done()
    }

    fn lines(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.events.try_recv().ok())
            .filter_map(|event| match event {
                HostEvent::Output { line, .. } => Some(line),
                _ => None,
            })
            .collect()
    }
}

fn script(deliveries: impl IntoIterator<Item = Delivery>) -> Script {
    Script { deliveries: Mutex::new(deliveries.into_iter().collect()), ..Script::default() }
}

#[tokio::test]
async fn a_success_completes_and_every_failure_abandons_at_once() {
    for (body, expected) in [("fine", "complete 1"), ("fails", "abandon 1"), ("broken", "abandon 1")] {
        let world = world(script([delivery(1, body)]), "", options(1)).await;
        assert_eq!(world.done(1).await, [expected], "{body}");
    }
    let mut impossible = delivery(1, "");
    impossible.body = MessageBody::Unsupported("Sequence");
    let world = world(script([impossible]), "", options(1)).await;
    assert_eq!(world.done(1).await, ["abandon 1"]);
    assert!(world.asked.bodies.lock().unwrap().is_empty(), "the handler never heard of it");
}

#[tokio::test]
async fn without_auto_complete_only_failures_are_settled() {
    let deliveries = [delivery(1, "fine"), delivery(2, "fails")];
    let world = world(script(deliveries), r#","autoCompleteMessages":false"#, options(1)).await;
    assert_eq!(world.done(1).await, ["abandon 2"]);
    assert_eq!(world.asked.bodies.lock().unwrap().len(), 2);
}

#[tokio::test]
async fn a_message_that_somebody_else_settled_leaves_one_error_line_and_no_abandon() {
    let mut settled = script([delivery(1, "fine"), delivery(2, "fine")]);
    settled.failing = Mutex::new(vec!["complete"]);
    let mut world = world(settled, "", options(1)).await;
    assert_eq!(world.done(2).await, ["complete 1", "complete 2"]);
    assert_eq!(
        world.lines(),
        ["Message processing error (Action=Complete, EntityPath=q, Endpoint=namespace): gone"]
    );
}

#[tokio::test]
async fn outputs_go_out_before_the_message_is_completed_and_their_failure_abandons_it() {
    let deliveries = [delivery(1, "sends"), delivery(2, "sends refused")];
    let world = world(script(deliveries), "", options(1)).await;
    assert_eq!(world.done(2).await, ["complete 1", "abandon 2"]);
    assert_eq!(
        *world.sent.0.lock().unwrap(),
        ["a", "abcd", "a"],
        "what was sent before the failure stays sent"
    );
}

#[tokio::test]
async fn no_more_invocations_run_at_once_than_allowed() {
    let deliveries = (1..=6).map(|number| delivery(number, "slow"));
    let world = world(script(deliveries), "", options(3)).await;
    assert_eq!(world.done(6).await.len(), 6);
    assert_eq!(world.asked.running.lock().unwrap().1, 3);
}

#[tokio::test]
async fn the_lock_is_renewed_while_the_function_runs_and_not_beyond_the_limit() {
    let slow = || {
        let mut slow = delivery(1, "slow");
        slow.locked_until = Some(clock::now() + Duration::from_millis(600));
        let mut script = script([slow]);
        script.lock_duration = Duration::from_millis(600);
        script
    };
    let renewing = world(slow(), "", options(1)).await;
    let done = renewing.done_when(|done| done.iter().any(|line| line == "complete 1")).await;
    assert!(done.len() >= 2 && done[..done.len() - 1].iter().all(|line| line == "renew 1"), "{done:?}");

    let limited = ServiceBusOptions { max_auto_lock_renewal: Some(Duration::from_millis(100)), ..options(1) };
    let limited = world(slow(), "", limited).await;
    assert_eq!(limited.done(1).await, ["complete 1"]);
}

#[tokio::test]
async fn stopping_gives_back_what_was_fetched() {
    let world = world(script([]), "", options(2)).await;
    world.stop.cancel();
    timeout(Duration::from_secs(5), world.listener).await.unwrap().unwrap();
    assert_eq!(world.script.done(), ["close"]);
}

#[tokio::test]
async fn data_and_metadata_arrive_in_the_extensions_form() {
    let world = world(script([delivery(1, r#"{"a":1}"#)]), r#","dataType":"binary""#, options(1)).await;
    world.done(1).await;
    let bodies = world.asked.bodies.lock().unwrap();
    let data = bodies[0].member("Data").unwrap();
    assert_eq!(data.to_compact_text(), r#"{"message":"eyJhIjoxfQ=="}"#);
    let metadata = bodies[0].member("Metadata").unwrap();
    assert_eq!(metadata.member("MessageId"), Some(&Json::from("\"1\"")));
    assert_eq!(metadata.member("sys").unwrap().member("MethodName"), Some(&Json::from("orders")));
    assert_eq!(metadata.member("a"), None);
}
