//! Queue functions against the broker, with real handler processes: what arrives, and what becomes of messages.

use std::time::Duration;

use broker::{Broker, Counts, QueueOptions};
use functions_host::HostEvent;
use serde_json::Value;
use service_bus::{Message, ServiceBusClient};

use crate::support::{App, PATIENCE, Running, json, kill, response, until};

struct Fixture {
    broker: Broker,
    client: ServiceBusClient,
    running: Running,
}

const QUEUE: &str =
    r#"{"type":"serviceBusTrigger","name":"message","queueName":"orders","connection":"Bus"}"#;
const BINARY: &str = r#"{"type":"serviceBusTrigger","name":"message","queueName":"orders","connection":"Bus","dataType":"binary"}"#;

fn queue(lock: Duration, max_delivery_count: u32) -> Vec<QueueOptions> {
    let mut orders = QueueOptions::new("orders");
    orders.lock_duration = lock;
    orders.max_delivery_count = max_delivery_count;
    vec![orders, QueueOptions::new("next")]
}

async fn fixture(queues: Vec<QueueOptions>, app: App) -> Fixture {
    let broker = Broker::start(broker::Options { queues, ..broker::Options::default() }).await.unwrap();
    let connection = broker.connection_string();
    let client = ServiceBusClient::from_connection_string(&connection).unwrap();
    let running = app.setting("Bus", &connection).start().await;
    Fixture { broker, client, running }
}

impl Fixture {
    async fn send(&self, message: Message) {
        self.client.sender("orders").send(message).await.unwrap();
    }

    fn counts(&self) -> Counts {
        self.broker.counts("orders").unwrap()
    }

    async fn until_empty(&self) {
        until("an empty queue", async || {
            let counts = self.counts();
            counts.active + counts.locked == 0
        })
        .await;
    }

    fn bodies(&self) -> Vec<Value> {
        let requests = self.running.requests();
        requests
            .iter()
            .map(|request| serde_json::from_str(request["body"].as_str().unwrap()).unwrap())
            .collect()
    }

    async fn stop(self) {
        self.running.host.stop().await;
        self.client.close().await;
        self.broker.stop().await;
    }
}

#[tokio::test]
async fn a_message_is_delivered_with_its_metadata_and_completed() {
    let mut fixture = fixture(queue(Duration::from_secs(30), 10), App::new().function("queue", QUEUE)).await;
    let message = Message::new(r#"{"n":2,"CorrelationId":"theirs"}"#)
        .with_message_id("order-7")
        .with_content_type("application/json")
        .with_correlation_id("ours")
        .with_application_property("kind", "a")
        .with_application_property("n", 3);
    fixture.send(message).await;
    let started = fixture
        .running
        .event("start", |event| match event {
            HostEvent::InvocationStarted { message_id, delivery_count, .. } => {
                Some((message_id.clone(), *delivery_count))
            }
            _ => None,
        })
        .await;
    assert_eq!(started, (Some("order-7".to_owned()), Some(1)));
    assert_eq!(fixture.running.finished("queue").await, Ok(()));
    fixture.until_empty().await;
    let body = &fixture.bodies()[0];
    assert_eq!(body["Data"]["message"], r#""{\"n\":2,\"CorrelationId\":\"theirs\"}""#);
    let metadata = &body["Metadata"];
    assert_eq!(metadata["MessageId"], "\"order-7\"");
    assert_eq!(metadata["DeliveryCount"], "1");
    assert_eq!(metadata["SequenceNumber"], "1");
    assert_eq!(metadata["ContentType"], "\"application/json\"");
    assert_eq!(metadata["CorrelationId"], "\"theirs\"", "a text body's properties win");
    assert_eq!(metadata["ApplicationProperties"], serde_json::json!({"kind": "a", "n": 3}));
    assert_eq!(metadata["LockToken"].as_str().unwrap().len(), 38);
    assert_eq!(metadata["EnqueuedTimeUtc"].as_str().unwrap().len(), 19);
    fixture.stop().await;
}

#[tokio::test]
async fn bodies_of_every_kind_arrive_byte_for_byte() {
    let bodies: Vec<Vec<u8>> = vec![
        br#"{"LockToken":"x","MessageId":"y"}"#.to_vec(),
        b"[1,2]".to_vec(),
        b"\"text\"".to_vec(),
        b"12".to_vec(),
        b"not json".to_vec(),
        b"aGVsbG8=".to_vec(),
        Vec::new(),
        vec![0xff, 0x00, 0xfe],
        vec![b'x'; 200_000],
    ];
    let app = App::new()
        .function("queue", BINARY)
        .setting("AzureFunctionsJobHost__extensions__serviceBus__maxConcurrentCalls", "1");
    let fixture = fixture(queue(Duration::from_secs(30), 10), app).await;
    for body in &bodies {
        fixture.send(Message::new(body.clone())).await;
    }
    until("all messages", async || fixture.running.requests().len() == bodies.len()).await;
    fixture.until_empty().await;
    use base64::Engine as _;
    let found: Vec<Vec<u8>> = fixture
        .bodies()
        .iter()
        .map(|body| body["Data"]["message"].as_str().unwrap().to_owned())
        .map(|text| base64::engine::general_purpose::STANDARD.decode(text).unwrap())
        .collect();
    assert_eq!(found, bodies);
    fixture.stop().await;
}

#[tokio::test]
async fn a_failing_message_burns_its_deliveries_and_is_dead_lettered() {
    let app =
        App::new().function("queue", QUEUE).order("queue", response("500 Internal Server Error", "", ""));
    let fixture = fixture(queue(Duration::from_secs(30), 3), app).await;
    fixture.send(Message::new("poison").with_message_id("p")).await;
    until("the dead letter", async || fixture.counts().dead_letter == 1).await;
    let counts: Vec<Value> =
        fixture.bodies().iter().map(|body| body["Metadata"]["DeliveryCount"].clone()).collect();
    assert_eq!(counts, ["1", "2", "3"]);
    fixture.stop().await;
}

#[tokio::test]
async fn a_message_whose_handler_is_killed_comes_again_once_and_is_not_lost() {
    let app = App::new().function("queue", BINARY).order("queue.1", "!hang");
    let mut fixture = fixture(queue(Duration::from_secs(30), 10), app).await;
    fixture.send(Message::new("work").with_message_id("w")).await;
    until("the first delivery", async || fixture.running.requests().len() == 1).await;
    kill(fixture.running.host.handler_process_id().unwrap());
    assert!(fixture.running.finished("queue").await.is_err());
    assert_eq!(fixture.running.finished("queue").await, Ok(()));
    fixture.until_empty().await;
    let counts: Vec<Value> =
        fixture.bodies().iter().map(|body| body["Metadata"]["DeliveryCount"].clone()).collect();
    assert_eq!(counts, ["1", "2"]);
    assert_eq!(fixture.counts().dead_letter, 0);
    assert_eq!(fixture.running.starts(), 2);
    fixture.stop().await;
}

#[tokio::test]
async fn a_handler_that_exits_crashes_or_asks_for_a_restart_loses_no_message() {
    for exit in ["!exit 1", "!exit 200", "!die"] {
        let app = App::new().function("queue", BINARY).order("queue.1", exit);
        let fixture = fixture(queue(Duration::from_secs(30), 10), app).await;
        fixture.send(Message::new("work")).await;
        until("the second delivery", async || fixture.running.requests().len() == 2).await;
        fixture.until_empty().await;
        assert_eq!((fixture.counts().dead_letter, fixture.running.starts()), (0, 2), "{exit}");
        fixture.stop().await;
    }
}

#[tokio::test]
async fn a_slow_functions_lock_is_renewed_so_that_nobody_else_gets_the_message() {
    let app = App::new().function("queue", BINARY).order("queue", "!slow 6000");
    let mut fixture = fixture(queue(Duration::from_secs(5), 10), app).await;
    fixture.send(Message::new("work")).await;
    assert_eq!(fixture.running.finished("queue").await, Ok(()));
    fixture.until_empty().await;
    assert_eq!(fixture.running.requests().len(), 1);
    let lines = fixture.running.lines();
    assert!(lines.iter().all(|line| !line.contains("Message processing error")), "{lines:?}");
    fixture.stop().await;
}

#[tokio::test]
async fn an_empty_answer_times_out_and_the_message_comes_again() {
    let app = App::new()
        .function("queue", BINARY)
        .setting("AzureFunctionsJobHost__functionTimeout", "00:00:03")
        .order("queue.1", "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n");
    let mut fixture = fixture(queue(Duration::from_secs(30), 10), app).await;
    fixture.send(Message::new("work")).await;
    let error = fixture.running.finished("queue").await.unwrap_err();
    assert!(error.starts_with("Timeout value of 00:00:03"), "{error}");
    assert_eq!(fixture.running.finished("queue").await, Ok(()));
    fixture.until_empty().await;
    assert_eq!(fixture.counts().dead_letter, 0);
    fixture.stop().await;
}

#[tokio::test]
async fn outputs_are_sent_as_the_extension_sends_them() {
    let output =
        r#"{"type":"serviceBus","direction":"out","name":"next","queueName":"next","connection":"Bus"}"#;
    let app = App::new()
        .function("queue", &format!("{BINARY},{output}"))
        .order("queue", json(r#"{"Outputs":{"next":["one","abcd",{"b":1}]}}"#));
    let fixture = fixture(queue(Duration::from_secs(30), 10), app).await;
    fixture.send(Message::new("work")).await;
    fixture.until_empty().await;
    let receiver = fixture.client.receiver("next");
    let mut bodies = Vec::new();
    while bodies.len() < 3 {
        let received = receiver.receive(3, PATIENCE).await.unwrap();
        assert!(!received.is_empty(), "only {bodies:?} came");
        for message in received {
            assert_eq!(message.content_type.as_deref(), Some("text/plain"));
            assert!(message.application_properties.contains_key("$AzureWebJobsParentId"));
            bodies.push(String::from_utf8(message.body.to_vec()).unwrap());
        }
    }
    assert_eq!(bodies, ["one", "abcd", "{\n  \"b\": 1\n}"]);
    fixture.stop().await;
}

#[tokio::test]
async fn a_stopping_host_leaves_a_message_that_takes_too_long_to_its_lock() {
    let app = App::new().function("queue", BINARY).order("queue", "!hang");
    let fixture = fixture(queue(Duration::from_secs(60), 10), app).await;
    fixture.send(Message::new("work")).await;
    until("the delivery", async || fixture.running.requests().len() == 1).await;
    let Fixture { broker, client, running } = fixture;
    running.host.stop().await;
    let counts = broker.counts("orders").unwrap();
    assert_eq!((counts.active, counts.locked, counts.dead_letter), (0, 1, 0));
    client.close().await;
    broker.stop().await;
}

/// Measured on the real host: every deployment and scale-in delivers again what just succeeded.
#[tokio::test]
async fn a_stopping_host_lets_a_call_succeed_and_gives_its_message_back() {
    let app = App::new().function("queue", BINARY).order("queue", "!slow 2000");
    let fixture = fixture(queue(Duration::from_secs(60), 10), app).await;
    fixture.send(Message::new("work")).await;
    until("the delivery", async || fixture.running.requests().len() == 1).await;
    let Fixture { broker, client, running } = fixture;
    let events = running.stop_and_end().await;
    let finished = events.iter().find_map(|event| match event {
        HostEvent::InvocationFinished { result, .. } => Some(result.clone()),
        _ => None,
    });
    assert_eq!(finished, Some(Ok(())));
    assert_eq!(broker.counts("orders").unwrap().active, 1);
    let again = client.receiver("orders").receive(1, PATIENCE).await.unwrap();
    assert_eq!(again[0].delivery_count, 2);
    client.close().await;
    broker.stop().await;
}

#[tokio::test]
async fn a_handler_that_closes_without_an_answer_gets_the_message_again_at_once() {
    let app = App::new().function("queue", BINARY).order("queue.1", "");
    let mut fixture = fixture(queue(Duration::from_secs(60), 10), app).await;
    fixture.running.handler_ready().await;
    let started = tokio::time::Instant::now();
    fixture.send(Message::new("work")).await;
    assert!(fixture.running.finished("queue").await.is_err());
    assert_eq!(fixture.running.finished("queue").await, Ok(()));
    assert!(started.elapsed() < Duration::from_millis(1_800), "{:?}", started.elapsed());
    fixture.stop().await;
}
