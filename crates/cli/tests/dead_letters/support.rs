//! A broker full of dead letters, and the executable.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    process::{Child, Command, Output, Stdio},
    time::Duration,
};

use broker::{Broker, Options, QueueOptions, SubscriptionOptions, TopicOptions};
use dead_letters::{Letter, browse};
use futures::{StreamExt as _, stream};
use serde_json::{Value, json};
use service_bus::{Entity, Message, ReceivedMessage, ServiceBusClient, ServiceBusError};

/// How long anything may take before a test fails: generous, because the machine may be busy.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// How many dead letters the proofs work on.
pub(crate) fn size() -> usize {
    std::env::var("LATCHKEY_DEAD_LETTERS").ok().and_then(|text| text.parse().ok()).unwrap_or(2_000)
}

pub(crate) struct TestBroker {
    pub(crate) broker: Broker,
    pub(crate) client: ServiceBusClient,
    pub(crate) folder: tempfile::TempDir,
}

impl TestBroker {
    /// Queues of the app, `key_shared` and `marketplace_changed`; one without duplicate detection, `plain`; and a topic,
    /// `events`, with the subscriptions `audit` and `billing`.
    pub(crate) async fn start(lock: Duration) -> Self {
        let queue = |name: &str| QueueOptions { lock_duration: lock, ..QueueOptions::new(name) };
        let remembers = |name: &str| QueueOptions { requires_duplicate_detection: true, ..queue(name) };
        let queues = vec![remembers("key_shared"), remembers("marketplace_changed"), queue("plain")];
        let subscription =
            |name: &str| SubscriptionOptions { lock_duration: lock, ..SubscriptionOptions::new(name) };
        let subscriptions = vec![subscription("audit"), subscription("billing")];
        let topics =
            vec![TopicOptions { subscriptions, ..TopicOptions::new("events") }, TopicOptions::new("news")];
        let broker = Broker::start(Options { queues, topics, ..Options::default() }).await.unwrap();
        let client = ServiceBusClient::from_connection_string(&broker.connection_string()).unwrap();
        Self { broker, client, folder: tempfile::tempdir().unwrap() }
    }

    /// Sends these and lets them die.
    pub(crate) async fn dead(&self, queue: &str, messages: Vec<Message>, reason: &str) {
        let count = messages.len();
        self.client.sender(queue).send_batch(messages).await.unwrap();
        self.die(queue, count, reason).await;
    }

    /// Lets the first messages of a queue or subscription die.
    pub(crate) async fn die(&self, queue: &str, count: usize, reason: &str) {
        let receiver = self.client.receiver(queue);
        let mut left = count;
        while left > 0 {
            let received = receiver.receive(left.min(400), PATIENCE).await.unwrap();
            let died = stream::iter(received).map(|message| {
                let receiver = receiver.clone();
                async move {
                    match receiver.dead_letter(message.lock_token, reason, "the words").await {
                        Ok(()) => 1,
                        // A brief lock ends before a busy machine comes round to it, and the message comes again.
                        Err(ServiceBusError::LockLost { .. }) => 0,
                        Err(error) => panic!("{error}"),
                    }
                }
            });
            left -= died.buffer_unordered(100).fold(0, async |sum, one| sum + one).await;
        }
    }

    /// Each dead letter: its number, its delivery count and a hash of its content, in order.
    pub(crate) async fn letters(&self, queue: &str) -> Vec<(i64, u32, String)> {
        let mut letters = Vec::new();
        let note = |letter: Letter| {
            letters.push((letter.id.sequence, letter.message.delivery_count, letter.digest()));
            true
        };
        browse(&self.client, &Entity::queue(queue), 0, note).await.unwrap();
        letters
    }

    /// How often each dead letter was replayed into the queue.
    pub(crate) async fn replays(&self, queue: &str) -> BTreeMap<String, usize> {
        let mut replays = BTreeMap::new();
        for message in self.in_queue(queue).await {
            let of = message.application_properties["x-replay-of"].as_str().unwrap().to_owned();
            *replays.entry(of).or_default() += 1;
        }
        replays
    }

    pub(crate) async fn in_queue(&self, queue: &str) -> Vec<ReceivedMessage> {
        let (mut all, mut from) = (Vec::new(), 0);
        loop {
            let page = self.client.receiver(queue).peek(from, 500).await.unwrap();
            let Some(last) = page.last() else { return all };
            from = last.sequence_number + 1;
            all.extend(page);
        }
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = bare(arguments);
        command
            .env("LATCHKEY_SERVICE_BUS_CONNECTION_STRING", self.broker.connection_string())
            .current_dir(self.folder.path());
        command
    }

    /// Runs `latchkey dead-letters` to its end, while the broker goes on.
    pub(crate) async fn run(&self, arguments: &[&str]) -> Ran {
        run(self.command(arguments)).await
    }

    pub(crate) fn spawn(&self, arguments: &[&str]) -> Child {
        self.command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Plans what these filters say, into a file.
    pub(crate) async fn plan(&self, file: &str, filters: &[&str]) -> Value {
        let planned = self.run(&[&["plan"], filters].concat()).await;
        assert_eq!(planned.code, 0, "{}", planned.stderr);
        std::fs::write(self.file(file), &planned.stdout).unwrap();
        serde_json::from_str(&planned.stdout).unwrap()
    }
}

/// The executable with nothing in its environment that could lead it elsewhere.
pub(crate) fn bare(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_latchkey"));
    command.arg("dead-letters").args(arguments).stdin(Stdio::null());
    command.env_remove("LATCHKEY_URL").env("USER", "ops@contoso.example");
    command
}

pub(crate) async fn run(mut command: Command) -> Ran {
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    output.into()
}

#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }
}

/// Messages of two kilobytes, of which every hundredth says `pick-me`.
pub(crate) fn two_kilobytes(count: usize) -> Vec<Message> {
    let filler = "x".repeat(1_900);
    (0..count)
        .map(|number| {
            let mark = if number % 100 == 42 { "pick-me" } else { "leave-me" };
            Message::new(format!("{{\"number\":{number},\"mark\":\"{mark}\",\"filler\":\"{filler}\"}}"))
                .with_message_id(format!("id-{number}"))
                .with_content_type("application/json")
                .with_application_property("number", i64::try_from(number).unwrap())
        })
        .collect()
}

/// An event of the app about a change in the marketplace.
pub(crate) fn event(action: &str) -> Message {
    let onboarding = "6f0a2c5e-1111-4222-8333-444455556666";
    let body = json!({
        "specversion": "1.0",
        "id": "e1",
        "source": "/latchkey/marketplace_webhook",
        "type": "latchkey.marketplace.changed.v1",
        "subject": onboarding,
        "time": "2026-02-01T12:00:00Z",
        "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "data": {"subscription": "0a1b2c3d-1111-4222-8333-444455556666", "operation": null, "action": action},
    });
    Message::new(body.to_string())
        .with_message_id("e1")
        .with_correlation_id(onboarding)
        .with_content_type("application/cloudevents+json")
        .with_application_property("attempt", 1_i32)
}
