//! Service Bus functions: what a message looks like to the handler, and what becomes of it.

use std::collections::BTreeMap;
use std::time::Duration;

use broker::{Broker, QueueOptions, SubscriptionOptions, TopicOptions};
use serde_json::{Value, json};
use service_bus::{Message, ServiceBusClient, ServiceBusError};
use tokio::time::{Instant, sleep, sleep_until};

use crate::app::App;
use crate::judge::{Judge, compare, compare_requests, is_ping};
use crate::messages::messages;
use crate::recordings::recording;

const QUEUES: [&str; 19] = [
    "fs",
    "fstr",
    "fbin",
    "fone",
    "fac",
    "fstm",
    "fmany",
    "fmanys",
    "fmanyb",
    "fsess",
    "fsessmany",
    "pre",
    "slow",
    "slow2",
    "shut",
    "plain",
    "dq",
    "dq2",
    "other",
];

struct Stage {
    app: App,
    client: ServiceBusClient,
    broker: Broker,
}

impl Stage {
    async fn start(app: &Value) -> Self {
        let queue = |name: &str| {
            let mut queue = QueueOptions::new(name);
            queue.max_delivery_count = 3;
            queue.lock_duration = Duration::from_secs(if name.starts_with("slow") { 5 } else { 30 });
            queue.requires_session = name.starts_with("fsess");
            queue
        };
        let mut topic = TopicOptions::new("top");
        let mut subscription = SubscriptionOptions::new("sub1");
        subscription.max_delivery_count = 3;
        topic.subscriptions = vec![subscription];
        let options = broker::Options {
            queues: QUEUES.map(queue).into(),
            topics: vec![topic],
            ..broker::Options::default()
        };
        let broker = Broker::start(options).await.unwrap();
        let connection = broker.connection_string();
        let client = ServiceBusClient::from_connection_string(&connection).unwrap();
        let app = App::start(app, &[("ServiceBus", &connection), ("MYQ", "slow2")]).await;
        Self { app, client, broker }
    }

    async fn play(&self, case: &Value) -> Vec<String> {
        let recorded = &case["real"];
        self.app.recorder.play(case.get("script"));
        let started = Instant::now();
        let mut before = BTreeMap::new();
        for entity in recorded["after"].as_object().into_iter().flat_map(|after| after.keys()) {
            before.insert(entity.clone(), self.peek(entity).await);
        }
        let mut problems = Vec::new();
        if let Some(status) = recorded["response"][0].as_u64() {
            let seen = run_by_hand(self, case["name"].as_str().unwrap()).await;
            problems.extend(compare("status", &status.to_string(), &seen.to_string()));
        }
        for send in case["sends"].as_array().into_iter().flatten() {
            if let Err(error) = self.send(send).await {
                return vec![format!("it cannot be sent from here: {error}")];
            }
        }
        let events = recorded["events"].as_array().unwrap();
        let asked = events.iter().filter(|event| event["ev"] == "req" && !is_ping(event)).count();
        let deadline = Instant::now() + Duration::from_secs(25);
        while self.app.recorder.requests().len() < asked && Instant::now() < deadline {
            sleep(Duration::from_millis(10)).await;
        }
        // A call that took long in the recording takes as long here.
        let last = events.iter().filter_map(|event| event["t"].as_f64()).fold(0.0, f64::max);
        // Times of runs by hand do not count from the case's own start.
        let last = if case.get("sends").is_some() { last } else { 0.0 };
        sleep_until(started + Duration::from_secs_f64(last)).await;
        // Whatever comes besides comes soon.
        sleep(Duration::from_millis(if asked == 0 { 700 } else { 150 })).await;
        let mut requests = self.app.recorder.requests();
        let mut differences = compare_requests(events, &requests);
        if !differences.is_empty() {
            // Those that ran at once have no order.
            requests.sort_by_key(|request| request.body.clone());
            let mut events = events.clone();
            events.sort_by_key(|event| event["text"].as_str().unwrap_or_default().to_owned());
            let sorted = compare_requests(&events, &requests);
            if sorted.is_empty() {
                differences.clear();
            }
        }
        problems.extend(differences);
        for (entity, messages) in recorded["after"].as_object().into_iter().flatten() {
            // Dead letters of cases before were taken away now and then.
            let expected = match summary(messages) {
                none if none == "none" && entity.contains('$') => before[entity].clone(),
                some => some,
            };
            let mut seen = self.peek(entity).await;
            // What was given back a moment ago is there again in a moment.
            for _ in 0..20 {
                if seen == expected {
                    break;
                }
                sleep(Duration::from_millis(50)).await;
                seen = self.peek(entity).await;
            }
            problems.extend(compare(&format!("last message of {entity}"), &expected, &seen));
        }
        problems
    }

    async fn send(&self, send: &Value) -> Result<(), ServiceBusError> {
        let to = send["to"].as_str().unwrap();
        assert!(send.get("op").is_none(), "{send}");
        self.client.sender(to).send_batch(messages(send)).await
    }

    /// The last message, which is the case's own if one is.
    async fn peek(&self, entity: &str) -> String {
        let receiver = self.client.receiver(entity);
        let messages = receiver.peek(0, 250).await.unwrap();
        receiver.close().await;
        let shown = |message: &service_bus::ReceivedMessage| {
            format!("{} {}", message.delivery_count, message.dead_letter_reason.as_deref().unwrap_or("-"))
        };
        messages.last().map_or_else(|| "none".to_owned(), shown)
    }

    async fn stop(self) {
        self.app.host.stop().await;
        self.client.close().await;
        self.broker.stop().await;
    }
}

/// How the recording's peek describes the last message.
fn summary(peeked: &Value) -> String {
    let mut messages = peeked.as_array().unwrap().iter().filter(|message| message.get("op").is_none());
    messages.next_back().map_or_else(
        || "none".to_owned(),
        |message| format!("{} {}", message["count"], message["dl"].as_str().unwrap_or("-")),
    )
}

async fn judge(file: &'static str, app: &str, plays: impl Fn(&str) -> bool) {
    let (Some(cases), Some(apps)) =
        (recording(&format!("service-bus/{file}.json")), recording("service-bus/apps.json"))
    else {
        return;
    };
    let stage = Stage::start(&apps["apps"][app]).await;
    let mut judge = Judge::of(file);
    for case in cases.as_array().unwrap() {
        let name = case["name"].as_str().unwrap();
        if plays(name) {
            judge.case(name, &stage.play(case).await);
        }
    }
    stage.stop().await;
    judge.ends();
}

/// `admin/{function}/{body}`: a run by hand.
async fn run_by_hand(stage: &Stage, name: &str) -> u16 {
    let [function, body] = name.trim_start_matches("admin/").splitn(2, '/').collect::<Vec<_>>()[..] else {
        panic!("{name}")
    };
    let url = format!("{}/admin/functions/{function}", stage.app.host.url());
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let request = client.post(url).header("Content-Type", "application/json").body(body.to_owned());
    request.send().await.unwrap().status().as_u16()
}

#[tokio::test]
async fn bodies() {
    judge("A1-bodies-fs", "a1", |_| true).await;
}

#[tokio::test]
async fn properties_and_metadata() {
    judge("A2-metadata", "a1", |_| true).await;
}

#[tokio::test]
async fn answers_and_what_becomes_of_messages() {
    judge("A3-responses", "a1", |_| true).await;
}

#[tokio::test]
async fn batches_sessions_and_topics() {
    // A function on a dead-letter queue that fails is asked for ever, in both.
    judge("A5-A7-batch-session-topic-dlq", "a1", |name| !name.starts_with("dlq/")).await;
}

#[tokio::test]
async fn calls_at_once_and_locks() {
    judge("A4-concurrency-locks", "a4", |_| true).await;
}

#[tokio::test]
async fn connections_retries_and_runs_by_hand() {
    judge("A8-config-retry-admin", "a8", |_| true).await;
}

#[tokio::test]
async fn calls_past_their_time() {
    // The others overlap with what this one leaves behind.
    judge("A9-timeouts", "a9", |name| name == "timeout/8s-call-4s-functionTimeout").await;
}

/// What becomes of the message of a call that is under way when the host stops.
#[tokio::test]
async fn stops() {
    let mut judge = Judge::of("A6-sigint");
    for (file, seconds) in [("A6-sigint-4s-call", 4.0), ("A6-sigint-20s-call", 20.0)] {
        let (Some(cases), Some(apps)) =
            (recording(&format!("service-bus/{file}.json")), recording("service-bus/apps.json"))
        else {
            return;
        };
        let recorded = &cases[0]["real"];
        let Stage { app, client, broker } = Stage::start(&apps["apps"]["a4"]).await;
        app.recorder.play(Some(&json!({"shut": [{"delay": seconds, "body": "{}"}]})));
        client.sender("shut").send(Message::new("a")).await.unwrap();
        while app.recorder.requests().is_empty() {
            sleep(Duration::from_millis(20)).await;
        }
        let started = Instant::now();
        app.host.stop().await;
        let took = started.elapsed().as_secs_f64();
        let counts = broker.counts("shut").unwrap();
        let expected = recorded["host_gone_at"].as_f64().unwrap() - recorded["signal_at"].as_f64().unwrap();
        // The recording's call had run for a moment when the signal came.
        let is_as_long = (took - expected).abs() < 2.5;
        // Given back by the shorter call, locked by the longer one; peeking shows both.
        let is_back = (counts.active, counts.locked) == if seconds < 10.0 { (1, 0) } else { (0, 1) };
        let problem =
            (!is_as_long || !is_back).then(|| format!("{took:.1} s instead of {expected:.1} s, {counts:?}"));
        judge.case(file, &problem.into_iter().collect::<Vec<_>>());
        client.close().await;
        broker.stop().await;
    }
    judge.ends();
}

#[tokio::test]
async fn properties_of_json_bodies() {
    judge("A9-json-leak", "a1", |_| true).await;
}
