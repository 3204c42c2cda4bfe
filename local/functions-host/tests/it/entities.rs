//! Sessions, topics with subscriptions, and dead-letter queues, against the broker.

use std::collections::BTreeMap;
use std::time::Duration;

use broker::{Broker, QueueOptions, SubscriptionOptions, TopicOptions};
use serde_json::Value;
use service_bus::{Entity, Message, ServiceBusClient};

use crate::support::{App, PATIENCE, Running, json, response, until};

struct Fixture {
    broker: Broker,
    client: ServiceBusClient,
    running: Running,
}

async fn fixture(app: App) -> Fixture {
    fixture_with_locks_of(Duration::from_secs(60), app).await
}

async fn fixture_with_locks_of(lock_duration: Duration, app: App) -> Fixture {
    let mut sessions = QueueOptions::new("sessions");
    (sessions.requires_session, sessions.lock_duration) = (true, lock_duration);
    let mut dying = QueueOptions::new("dying");
    dying.max_delivery_count = 1;
    let mut topic = TopicOptions::new("events");
    topic.subscriptions = vec![SubscriptionOptions::new("audit"), SubscriptionOptions::new("other")];
    let options =
        broker::Options { queues: vec![sessions, dying], topics: vec![topic], ..broker::Options::default() };
    let broker = Broker::start(options).await.unwrap();
    let connection = broker.connection_string();
    let client = ServiceBusClient::from_connection_string(&connection).unwrap();
    let running = app.setting("Bus", &connection).start().await;
    assert!(running.host.function_errors().is_empty(), "{:?}", running.host.function_errors());
    Fixture { broker, client, running }
}

impl Fixture {
    /// The invocations that the handler was sent, in order.
    fn invocations(&self) -> Vec<Value> {
        let requests = self.running.requests();
        requests
            .iter()
            .map(|request| serde_json::from_str(request["body"].as_str().unwrap()).unwrap())
            .collect()
    }

    async fn send_to_session(&self, session: &str, body: &str) {
        let message = Message::new(body.to_owned()).with_session_id(session);
        self.client.sender("sessions").send(message).await.unwrap();
    }

    async fn stop(self) {
        self.running.host.stop().await;
        self.client.close().await;
        self.broker.stop().await;
    }
}

fn text(value: &Value) -> String {
    serde_json::from_str(value.as_str().unwrap()).unwrap()
}

const SESSIONS: &str = r#"{"type":"serviceBusTrigger","name":"message","queueName":"sessions","connection":"Bus","isSessionsEnabled":true"#;

#[tokio::test]
async fn each_sessions_messages_come_in_order_and_every_session_is_served() {
    let idle = "AzureFunctionsJobHost__extensions__serviceBus__sessionIdleTimeout";
    // The second invocation fails: its message is first in its session again.
    let app = App::new()
        .function("queue", &format!("{SESSIONS}}}"))
        .setting(idle, "00:00:01")
        .order("queue.2", response("500 Internal Server Error", "", ""));
    let fixture = fixture(app).await;
    for number in 1..=3 {
        for session in ["a", "b", "c"] {
            fixture.send_to_session(session, &format!("{session}{number}")).await;
        }
    }
    until("all messages", async || fixture.invocations().len() == 10).await;
    until("an empty queue", async || {
        let counts = fixture.broker.counts("sessions").unwrap();
        counts.active + counts.locked == 0
    })
    .await;
    let mut seen: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for invocation in fixture.invocations() {
        let session = text(&invocation["Metadata"]["SessionId"]);
        seen.entry(session).or_default().push(text(&invocation["Data"]["message"]));
    }
    for (session, bodies) in &mut seen {
        bodies.dedup();
        let expected: Vec<_> = (1..=3).map(|number| format!("{session}{number}")).collect();
        assert_eq!(*bodies, expected, "{session}");
    }
    assert_eq!(seen.len(), 3);
    fixture.stop().await;
}

#[tokio::test]
async fn the_lock_of_a_session_outlives_a_slow_function() {
    let app = App::new().function("queue", &format!("{SESSIONS}}}")).order("queue.1", "!slow 7000");
    let mut fixture = fixture_with_locks_of(Duration::from_secs(5), app).await;
    fixture.send_to_session("a", "slow").await;
    fixture.send_to_session("a", "next").await;
    assert_eq!(fixture.running.finished("queue").await, Ok(()));
    assert_eq!(fixture.running.finished("queue").await, Ok(()));
    let bodies: Vec<_> = fixture.invocations().iter().map(|call| text(&call["Data"]["message"])).collect();
    assert_eq!(bodies, ["slow", "next"], "nothing came twice");
    let lines = fixture.running.lines();
    assert!(lines.iter().all(|line| !line.contains("Message processing error")), "{lines:?}");
    fixture.stop().await;
}

#[tokio::test]
async fn batches_of_sessions_hold_messages_of_one_session_each() {
    let batch = format!(r#"{SESSIONS},"cardinality":"many","dataType":"string"}}"#);
    let idle = "AzureFunctionsJobHost__extensions__serviceBus__sessionIdleTimeout";
    let app = App::new().function("queue", &batch).setting(idle, "00:00:01");
    let fixture = fixture(app).await;
    for session in ["a", "b", "a", "b"] {
        fixture.send_to_session(session, session).await;
    }
    until("an empty queue", async || {
        let counts = fixture.broker.counts("sessions").unwrap();
        counts.active + counts.locked == 0
    })
    .await;
    let mut messages = 0;
    for invocation in fixture.invocations() {
        let bodies: Vec<String> =
            serde_json::from_str(invocation["Data"]["message"].as_str().unwrap()).unwrap();
        assert!(bodies.iter().all(|body| *body == bodies[0]), "{bodies:?}");
        messages += bodies.len();
    }
    assert_eq!(messages, 4);
    fixture.stop().await;
}

#[tokio::test]
async fn a_subscription_triggers_and_a_topic_takes_outputs() {
    let trigger = r#"{"type":"serviceBusTrigger","name":"message","topicName":"events","subscriptionName":"audit","connection":"Bus"}"#;
    let http = r#"{"type":"httpTrigger","name":"req"},{"type":"serviceBus","direction":"out","name":"event","topicName":"events","connection":"Bus"}"#;
    let app = App::new()
        .function("audit", trigger)
        .function("publish", http)
        .order("publish", json(r#"{"Outputs":{"event":["made"]}}"#));
    let mut fixture = fixture(app).await;
    crate::support::client().get(fixture.running.url("/api/publish")).send().await.unwrap();
    assert_eq!(fixture.running.finished("audit").await, Ok(()));
    let invocation = fixture.invocations().pop().unwrap();
    assert_eq!(text(&invocation["Data"]["message"]), "made");
    let other = fixture.client.receiver(Entity::subscription("events", "other"));
    let copies = other.receive(2, PATIENCE).await.unwrap();
    assert_eq!(copies.len(), 1, "each subscription has its own copy");
    fixture.stop().await;
}

#[tokio::test]
async fn a_dead_letter_queue_can_be_a_trigger() {
    let queue = |name: &str| {
        format!(r#"{{"type":"serviceBusTrigger","name":"message","queueName":"{name}","connection":"Bus"}}"#)
    };
    let app = App::new()
        .function("dying", &queue("dying"))
        .function("undertaker", &queue("dying/$DeadLetterQueue"))
        .order("dying", response("500 Internal Server Error", "", ""));
    let mut fixture = fixture(app).await;
    fixture.client.sender("dying").send(Message::new("poison")).await.unwrap();
    assert_eq!(fixture.running.finished("undertaker").await, Ok(()));
    let invocation = fixture.invocations().pop().unwrap();
    assert_eq!(text(&invocation["Data"]["message"]), "poison");
    let properties = &invocation["Metadata"]["ApplicationProperties"];
    assert_eq!(properties["DeadLetterReason"], "MaxDeliveryCountExceeded");
    fixture.stop().await;
}
