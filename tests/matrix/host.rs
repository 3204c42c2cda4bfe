//! What the Functions host does with messages, one at a time: receives, runs, completes or abandons.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use axum::{
    body::{Body, to_bytes},
    http::{Method, header},
};
use broker::Counts;
use custom_handler::testing::Invocation;
use latchkey_functions::{table, table::Trigger};
use local_world::cast::OnboardingPage;
use serde_json::{Value, json};
use service_bus::{Message, ReceivedMessage};
use tokio::time::sleep;
use uuid::Uuid;

use crate::{app::Playing, fault::Fault, operator::LET_LIE, page::Watch, stage::Stage};

/// No story takes more until nothing is left.
const MOST_RUNS: usize = 2_000;
/// How soon it is looked again whether a message has come.
const PAUSE: Duration = Duration::from_millis(1);
/// How often a timer is run at most, until it succeeds.
const MOST_TIMES: usize = 20;
/// How many ticks the story waits for anything at most.
const MOST_TICKS: usize = 150;
/// From one tick of the timers to the next.
const TICK: Duration = Duration::from_secs(60);
/// The same where what died has to be found, which takes hours.
const LONG_TICK: Duration = Duration::from_secs(15 * 60);

/// A message in the hands of the host.
struct Held {
    queue: &'static str,
    message: ReceivedMessage,
}

/// The host of one story.
pub(crate) struct Host<'a> {
    pub(crate) stage: &'a Stage,
    pub(crate) app: Arc<Playing>,
    pub(crate) watch: Watch,
    /// What was run, to come again.
    taken: Vec<(&'static str, ReceivedMessage)>,
    ticks: u64,
    pub(crate) replays: u64,
    /// Why each queue's function failed last.
    pub(crate) failed: BTreeMap<&'static str, String>,
    /// The message of each queue that dies.
    dying: BTreeMap<&'static str, i64>,
}

impl<'a> Host<'a> {
    pub(crate) fn new(stage: &'a Stage, app: Arc<Playing>) -> Self {
        Self {
            stage,
            app,
            watch: Watch::default(),
            taken: vec![],
            ticks: 0,
            replays: 0,
            failed: BTreeMap::new(),
            dying: BTreeMap::new(),
        }
    }

    /// Runs every message, until none is left or on its way.
    pub(crate) async fn settle(&mut self) {
        self.drain().await;
        match self.app.trouble.fault() {
            Fault::Old => self.let_all_come_again().await,
            Fault::Outage => self.resume().await,
            _ => {}
        }
        self.drain().await;
        self.look().await;
    }

    /// Looks at the page now.
    pub(crate) async fn look(&mut self) {
        self.watch.look(&self.app, self.left()).await;
    }

    /// Runs every message, unless they are to pile up.
    pub(crate) async fn settle_unless_newest_first(&mut self) {
        if self.app.trouble.fault() != Fault::NewestFirst {
            self.settle().await;
        }
    }

    /// The time comes for every timer of the table.
    pub(crate) async fn tick(&mut self) {
        self.stage.pass(if self.app.trouble.fault().kills_messages() { LONG_TICK } else { TICK }).await;
        self.ticks += 1;
        let about = format!("tick {}", self.ticks);
        for function in table().iter().filter(|function| matches!(function.trigger, Trigger::Timer { .. })) {
            let mut times = 0;
            let timer = || Invocation::timer(function.name);
            while !self.app.invoke(function.name, &about, timer()).await.succeeded() {
                times += 1;
                assert!(times < MOST_TIMES, "{} never succeeds", function.name);
                self.look().await;
            }
        }
        self.settle().await;
        self.replay(LET_LIE).await;
    }

    /// Lets time pass until a condition holds.
    pub(crate) async fn until(&mut self, what: &str, mut holds: impl AsyncFnMut(&mut Self) -> bool) {
        for _ in 0..MOST_TICKS {
            if holds(self).await {
                return self.settle().await;
            }
            self.tick().await;
        }
        let (dead, taken) = (self.dead().await, self.last_taken());
        panic!("{what} never comes: {:?}, dead: {dead:?}, last: {taken:?}", self.watch);
    }

    async fn drain(&mut self) {
        let mut held: Vec<Held> = vec![];
        let mut runs = 0;
        loop {
            runs += 1;
            assert!(
                runs < MOST_RUNS,
                "something runs again and again, or never comes: {:?}",
                held.first().map(|held| held.queue)
            );
            self.receive(&mut held).await;
            let next = match self.app.trouble.fault() {
                Fault::NewestFirst => newest(&mut held, &self.app),
                _ => (!held.is_empty()).then(|| held.remove(0)),
            };
            match next {
                Some(held) => self.run(held).await,
                None if self.left() == 0 => return,
                None if self.is_quiet() => self.stage.pass_to_next_message().await,
                None => sleep(PAUSE).await,
            }
        }
    }

    /// One at a time, so that the receiver keeps none for later: that would be locked, and time passes.
    async fn receive(&self, held: &mut Vec<Held>) {
        for queue in latchkey_functions::queue_functions() {
            for _ in 0..self.counts(queue).active {
                let received = self.stage.receiver(queue).receive(1, Duration::from_secs(1)).await;
                held.extend(received.unwrap().into_iter().map(|message| Held { queue, message }));
            }
        }
    }

    /// The first message of each queue dies, when messages do: it is abandoned until the broker makes it a dead letter.
    fn dies(&mut self, queue: &'static str, message: &ReceivedMessage) -> bool {
        if self.app.trouble.fault() != Fault::Dies {
            return false;
        }
        self.app.trouble.struck(queue);
        *self.dying.entry(queue).or_insert(message.sequence_number) == message.sequence_number
    }

    async fn run(&mut self, Held { queue, message }: Held) {
        if self.dies(queue, &message) {
            self.stage.receiver(queue).abandon(message.lock_token).await.unwrap();
            return;
        }
        let answer = self.app.invoke(queue, &event_of(&message), invocation(queue, &message)).await;
        if !answer.succeeded() {
            self.failed.insert(queue, answer.error().to_owned());
        }
        let receiver = self.stage.receiver(queue);
        let settled = match answer.succeeded() {
            true => receiver.complete(message.lock_token).await,
            false => receiver.abandon(message.lock_token).await,
        };
        // A message that was refused is settled already.
        drop(settled);
        self.taken.push((queue, message));
        self.look().await;
    }

    /// Everything that was taken or requested so far comes once more, under other ids of messages, as by a replay.
    async fn let_all_come_again(&mut self) {
        for (function, parts, body) in self.app.requests() {
            self.app.trouble.struck(function);
            self.app.request(function, &parts, &body).await;
        }
        for (queue, message) in std::mem::take(&mut self.taken) {
            let again = Message::new(message.body).with_message_id(Uuid::new_v4().to_string());
            self.stage.bus.sender(queue).send(again).await.unwrap();
            self.app.trouble.struck(queue);
        }
    }

    /// What the page says of the onboarding's state.
    pub(crate) async fn state(&self, page: &OnboardingPage) -> String {
        let answer = self.app.look(asks_for_json(page.url())).await;
        let view: Value = serde_json::from_slice(answer.body()).unwrap_or_default();
        view["state"].as_str().unwrap_or_default().to_owned()
    }

    /// Calls one of the vendor's operations; nothing when it fails.
    pub(crate) async fn operation(&self, method: Method, path: &str) -> Option<Value> {
        self.operation_with(method, path, None).await
    }

    /// The same, with a body.
    pub(crate) async fn operation_with(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Option<Value> {
        let request = axum::http::Request::builder().method(method).uri(format!("/api/operations/{path}"));
        let body = body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
        let answer = self.app.forward(request.body(body).unwrap()).await;
        let succeeded = answer.status().is_success();
        let body = to_bytes(answer.into_body(), usize::MAX).await.unwrap();
        succeeded.then(|| serde_json::from_slice(&body).unwrap())
    }

    /// How many messages are in the queues, in whatever state but dead.
    pub(crate) fn left(&self) -> usize {
        let left = |counts: Counts| counts.active + counts.scheduled + counts.deferred + counts.locked;
        latchkey_functions::queue_functions().map(|queue| left(self.counts(queue))).sum()
    }

    /// What ran last, for whoever looks for what went wrong.
    fn last_taken(&self) -> Vec<(&'static str, i64)> {
        self.taken.iter().rev().take(12).map(|(queue, message)| (*queue, message.sequence_number)).collect()
    }

    fn is_quiet(&self) -> bool {
        latchkey_functions::queue_functions().all(|queue| {
            let counts = self.counts(queue);
            counts.active + counts.locked == 0
        })
    }

    pub(crate) fn counts(&self, queue: &str) -> Counts {
        self.stage.broker.counts(queue).unwrap()
    }
}

/// The newest of several, which may overtake others of its queue.
fn newest(held: &mut Vec<Held>, app: &Playing) -> Option<Held> {
    let newest = held
        .iter()
        .enumerate()
        .max_by_key(|(_, held)| (held.message.enqueued_time, held.message.sequence_number));
    let place = newest?.0;
    let newest = held.remove(place);
    if held.iter().any(|older| older.queue == newest.queue) {
        app.trouble.struck(newest.queue);
    }
    Some(newest)
}

/// The event that a message carries. A later attempt at it is another message.
fn event_of(message: &ReceivedMessage) -> String {
    let event: Value = serde_json::from_slice(&message.body).unwrap_or_default();
    event["id"].to_string()
}

fn invocation(queue: &str, message: &ReceivedMessage) -> Invocation {
    let text = |value: Value| Value::String(value.to_string());
    let mut invocation = Invocation::queue(queue)
        .binary(&message.body)
        .message_id(message.message_id.as_deref().unwrap_or_default())
        .delivery_count(message.delivery_count)
        .metadata("LockToken", text(json!(message.lock_token)));
    for (name, value) in &message.application_properties {
        if let Some(value) = value.as_str() {
            invocation = invocation.application_property(name, value);
        }
    }
    invocation
}

/// The page as JSON.
pub(crate) fn asks_for_json(url: &url::Url) -> axum::extract::Request {
    let path = format!("{}?{}", url.path(), url.query().unwrap_or_default());
    axum::http::Request::get(path).header(header::ACCEPT, "application/json").body(Body::empty()).unwrap()
}
