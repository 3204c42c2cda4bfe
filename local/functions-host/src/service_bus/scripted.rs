//! For tests of the triggers: a scripted entity, and a handler in this process that does what bodies say.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::response::Response;
use futures::FutureExt;
use futures::future::BoxFuture;
use time::OffsetDateTime;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use super::trigger::Listener;
use super::{Delivery, Entity, EntityError};
use crate::clock::Clock;
use crate::configuration::function_json::{Trigger, from_json};
use crate::configuration::log_levels::LogLevels;
use crate::configuration::service_bus_options::ServiceBusOptions;
use crate::event::{HostEvent, Observer};
use crate::handler::{Client, Handler};
use crate::invocation::Executor;
use crate::invocation::executor::LoadedFunction;
use crate::json::Json;
use crate::service_bus::{Destination, Session, SessionSource};
use crate::settings::Settings;

/// How long anything may take before a test fails: generous, because the machine may be busy.
pub(super) const PATIENCE: Duration = Duration::from_secs(120);

/// An entity that hands out what it is given and notes what is done with it.
#[derive(Default)]
pub(super) struct Script {
    pub(super) deliveries: Mutex<VecDeque<Delivery>>,
    pub(super) done: Mutex<Vec<String>>,
    pub(super) failing: Mutex<Vec<&'static str>>,
    pub(super) lock_duration: Duration,
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

    pub(super) fn done(&self) -> Vec<String> {
        self.done.lock().unwrap().clone()
    }

    /// Waits until everything was handed out.
    pub(super) async fn until_empty(&self) {
        let waiting = async {
            while !self.deliveries.lock().unwrap().is_empty() {
                sleep(Duration::from_millis(5)).await;
            }
            // Whoever took the last one has it by now.
            sleep(Duration::from_millis(50)).await;
        };
        timeout(PATIENCE, waiting).await.unwrap();
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
            if self.failing.lock().unwrap().contains(&"receive") {
                return Err(EntityError {
                    message: "the session is lost".to_owned(),
                    lock_lost: true,
                    transient: false,
                });
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
        async move { self.note("renew", lock_token).map(|()| Clock::default().now() + self.lock_duration) }
            .boxed()
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        async move { self.done.lock().unwrap().push("close".to_owned()) }.boxed()
    }
}

/// Sessions that are handed out one after the other.
pub(super) struct Sessions {
    waiting: Mutex<VecDeque<Arc<Script>>>,
    /// How many were handed out and not closed yet: now, and at most.
    pub(super) held: Mutex<(usize, usize)>,
}

impl Sessions {
    pub(super) fn of(scripts: impl IntoIterator<Item = Arc<Script>>) -> Arc<Self> {
        Arc::new(Self { waiting: Mutex::new(scripts.into_iter().collect()), held: Mutex::default() })
    }
}

impl SessionSource for Arc<Sessions> {
    fn accept(&self, wait: Duration) -> BoxFuture<'_, Result<Option<Session>, EntityError>> {
        async move {
            let next = self.waiting.lock().unwrap().pop_front();
            let Some(script) = next else {
                sleep(wait.min(Duration::from_millis(20))).await;
                return Ok(None);
            };
            let mut held = self.held.lock().unwrap();
            held.0 += 1;
            held.1 = held.1.max(held.0);
            let locked_until =
                (!script.lock_duration.is_zero()).then(|| Clock::default().now() + script.lock_duration);
            Ok(Some(Session { locked_until, entity: Arc::new(Held { script, sessions: self.clone() }) }))
        }
        .boxed()
    }
}

/// A session that is held.
struct Held {
    script: Arc<Script>,
    sessions: Arc<Sessions>,
}

impl Entity for Held {
    fn receive(&self, max: usize, wait: Duration) -> BoxFuture<'_, Result<Vec<Delivery>, EntityError>> {
        self.script.receive(max, wait)
    }

    fn complete(&self, lock_token: Uuid) -> BoxFuture<'_, Result<(), EntityError>> {
        self.script.complete(lock_token)
    }

    fn abandon(&self, lock_token: Uuid) -> BoxFuture<'_, Result<(), EntityError>> {
        self.script.abandon(lock_token)
    }

    fn renew_lock(&self, lock_token: Uuid) -> BoxFuture<'_, Result<OffsetDateTime, EntityError>> {
        self.script.renew_lock(lock_token)
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        async move {
            self.script.close().await;
            self.sessions.held.lock().unwrap().0 -= 1;
        }
        .boxed()
    }
}

/// A queue that notes what is sent to it.
#[derive(Default)]
pub(super) struct Sent(pub(super) Mutex<Vec<String>>);

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
pub(super) struct Asked {
    pub(super) bodies: Mutex<Vec<Json>>,
    pub(super) running: Mutex<(usize, usize)>,
}

async fn handle(State(asked): State<Arc<Asked>>, request: Request) -> Response {
    let bytes = to_bytes(request.into_body(), usize::MAX).await.unwrap();
    let envelope = Json::parse(str::from_utf8(&bytes).unwrap()).unwrap();
    let order = envelope.member("Data").unwrap().member("message").unwrap().as_str().unwrap().to_owned();
    // Of a batch the first message counts.
    let order = match Json::parse(&order) {
        Ok(Json::Array(items)) => items[0].as_str().unwrap_or_default().to_owned(),
        _ => order,
    };
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

pub(super) struct Fixture {
    pub(super) script: Arc<Script>,
    pub(super) sent: Arc<Sent>,
    pub(super) asked: Arc<Asked>,
    pub(super) events: mpsc::UnboundedReceiver<HostEvent>,
    pub(super) stop: CancellationToken,
    pub(super) listener: tokio::task::JoinHandle<()>,
}

pub(super) fn delivery(number: u128, body: &str) -> Delivery {
    let mut delivery = Delivery::of_manual_input(body);
    delivery.lock_token = Uuid::from_u128(number);
    delivery.message_id = Some(number.to_string());
    delivery.delivery_count = 1;
    delivery
}

pub(super) async fn fixture(script: Script, trigger_members: &str, options: ServiceBusOptions) -> Fixture {
    fixture_of(script, None, trigger_members, options).await
}

pub(super) async fn fixture_of(
    script: Script,
    sessions: Option<Arc<dyn SessionSource>>,
    trigger_members: &str,
    options: ServiceBusOptions,
) -> Fixture {
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
        observer: Observer::new(Some(sender), LogLevels::default()),
        clock: Clock::default(),
        started: AtomicU64::new(0),
        function_timeout: Some(Duration::from_secs(60)),
        retry: None,
        sends_content_length: false,
        follows_redirects: true,
        fatal: mpsc::unbounded_channel().0,
        stopping: CancellationToken::new(),
        over: CancellationToken::new(),
    };
    let script = Arc::new(script);
    let listener = Listener {
        executor: Arc::new(executor),
        function: Arc::new(LoadedFunction { function, destinations }),
        trigger,
        entity: script.clone(),
        sessions,
        namespace: "namespace".to_owned(),
        options,
        in_flight: TaskTracker::new(),
    };
    let stop = CancellationToken::new();
    let listener = tokio::spawn(listener.run(stop.clone()));
    Fixture { script, sent, asked, events, stop, listener }
}

pub(super) fn options(max_concurrent_calls: usize) -> ServiceBusOptions {
    ServiceBusOptions {
        max_concurrent_calls,
        max_auto_lock_renewal: Some(Duration::from_secs(300)),
        max_concurrent_sessions: 8,
        max_concurrent_calls_per_session: 1,
        session_idle_timeout: Duration::from_secs(60),
        max_message_batch_size: 1000,
        min_message_batch_size: 1,
        max_batch_wait_time: Duration::from_secs(30),
        try_timeout: Duration::from_secs(60),
    }
}

impl Fixture {
    /// What was done to messages, once it is this much.
    pub(super) async fn done(&self, count: usize) -> Vec<String> {
        self.done_when(|done| done.len() >= count).await
    }

    pub(super) async fn done_when(&self, enough: impl Fn(&[String]) -> bool) -> Vec<String> {
        let waiting = async {
            while !enough(&self.script.done()) {
                sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(PATIENCE, waiting).await.unwrap_or_else(|_| panic!("{:?}", self.script.done()));
        self.script.done()
    }

    /// Waits until the handler was asked this often.
    pub(super) async fn until_asked(&self, count: usize) {
        let waiting = async {
            while self.asked.bodies.lock().unwrap().len() < count {
                sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(PATIENCE, waiting).await.unwrap();
    }

    /// Waits for a line that contains this.
    pub(super) async fn line(&mut self, part: &str) -> String {
        let waiting = async {
            loop {
                match self.events.recv().await.unwrap() {
                    HostEvent::Output { line, .. } if line.contains(part) => return line,
                    _ => {}
                }
            }
        };
        timeout(PATIENCE, waiting).await.unwrap()
    }

    pub(super) fn lines(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.events.try_recv().ok())
            .filter_map(|event| match event {
                HostEvent::Output { line, .. } => Some(line),
                _ => None,
            })
            .collect()
    }
}

pub(super) fn script(deliveries: impl IntoIterator<Item = Delivery>) -> Script {
    Script { deliveries: Mutex::new(deliveries.into_iter().collect()), ..Script::default() }
}
