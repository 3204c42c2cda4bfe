//! A broker with dead letters in it.

use std::{
    collections::BTreeMap,
    path::Path,
    time::{Duration, Instant},
};

use broker::{Broker, Options, QueueOptions};
use dead_letters::{
    Action, DuplicateDetection, Filter, Letter, Plan, Report, Run, RunError, RunLog, RunLogError, RunOptions,
    Target, browse,
};
use futures::{StreamExt as _, stream};
use service_bus::{ClientOptions, Entity, Message, ServiceBusClient, ServiceBusError};
use time::OffsetDateTime;
use tokio_util::sync::CancellationToken;

/// How long anything may take before a test fails: generous, because the machine may be busy.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

pub(crate) struct Fixture {
    pub(crate) broker: Broker,
    pub(crate) client: ServiceBusClient,
    pub(crate) folder: tempfile::TempDir,
}

impl Fixture {
    /// Three queues: `orders`, which remembers message ids, `brief`, whose locks last two seconds, and `plain`, which
    /// remembers nothing.
    pub(crate) async fn start() -> Self {
        let queues = vec![
            QueueOptions { requires_duplicate_detection: true, ..QueueOptions::new("orders") },
            QueueOptions {
                requires_duplicate_detection: true,
                lock_duration: Duration::from_secs(2),
                ..QueueOptions::new("brief")
            },
            QueueOptions::new("plain"),
        ];
        let broker = Broker::start(Options { queues, ..Options::default() }).await.unwrap();
        let client = ServiceBusClient::from_connection_string(&broker.connection_string()).unwrap();
        Self { broker, client, folder: tempfile::tempdir().unwrap() }
    }

    /// The same broker, with a client that takes a send for lost after this time.
    pub(crate) fn with_impatient_client(mut self, attempt_time_limit: Duration) -> Self {
        let options = ClientOptions { attempt_time_limit, ..ClientOptions::default() };
        let string = self.broker.connection_string().parse().unwrap();
        self.client = ServiceBusClient::from_parsed_connection_string(string, options);
        self
    }

    /// Sends these and lets them die.
    pub(crate) async fn dead(&self, queue: &str, messages: Vec<Message>, reason: &str) {
        let count = messages.len();
        self.client.sender(queue).send_batch(messages).await.unwrap();
        self.kill(queue, count, reason).await;
    }

    /// Lets the first messages of a queue die.
    pub(crate) async fn kill(&self, queue: &str, count: usize, reason: &str) {
        let receiver = self.client.receiver(queue);
        let mut left = count;
        while left > 0 {
            let received = receiver.receive(left.min(500), PATIENCE).await.unwrap();
            let died = stream::iter(received).map(|message| {
                let receiver = receiver.clone();
                async move {
                    match receiver.dead_letter(message.lock_token, reason, "it was 1 of many").await {
                        Ok(()) => 1,
                        // A brief lock ends before a busy machine comes round to it, and the message comes again.
                        Err(ServiceBusError::LockLost { .. }) => 0,
                        Err(error) => panic!("{error}"),
                    }
                }
            });
            left -= died.buffer_unordered(50).fold(0, async |sum, one| sum + one).await;
        }
    }

    pub(crate) async fn letters(&self, queue: &str) -> Vec<Letter> {
        let mut letters = Vec::new();
        browse(&self.client, &Entity::queue(queue), 0, |letter| {
            letters.push(letter);
            true
        })
        .await
        .unwrap();
        letters
    }

    pub(crate) async fn plan(&self, queue: &str, wanted: impl Fn(&Letter) -> bool) -> Plan {
        let letters = self.letters(queue).await;
        let target = Target {
            entity: queue.to_owned(),
            duplicate_detection: if queue == "plain" {
                DuplicateDetection::Off
            } else {
                DuplicateDetection::On
            },
            dead_letters_up_to: letters.last().map_or(0, |letter| letter.id.sequence),
        };
        let targets = BTreeMap::from([(queue.to_owned(), target)]);
        let namespace = self.client.fully_qualified_namespace();
        let mut plan = Plan::new(namespace, OffsetDateTime::UNIX_EPOCH, Filter::default(), None, targets);
        letters.iter().filter(|letter| wanted(letter)).for_each(|letter| plan.add(letter));
        plan.sealed()
    }

    pub(crate) fn log(&self) -> std::path::PathBuf {
        self.folder.path().join("run.ndjson")
    }

    pub(crate) async fn replay(&self, plan: &Plan, options: RunOptions) -> Result<Report, RunError> {
        self.run(plan, &Action::Replay, options, CancellationToken::new()).await
    }

    pub(crate) async fn run(
        &self,
        plan: &Plan,
        action: &Action,
        options: RunOptions,
        stop: CancellationToken,
    ) -> Result<Report, RunError> {
        let (log, replayed) = open_log(&self.log(), plan, action);
        let run = Run::new(&self.client, plan, action, &options, stop, &|_| {});
        run.check(&replayed).await?;
        run.carry_out(&log, replayed, OffsetDateTime::UNIX_EPOCH).await
    }
}

/// The writing thread of a log that was dropped gives the file up a moment later.
pub(crate) fn open_log(path: &Path, plan: &Plan, action: &Action) -> (RunLog, dead_letters::Replayed) {
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        match RunLog::open(path, plan.hash(), action.as_str()) {
            Err(RunLogError::InUse { .. }) => std::thread::sleep(Duration::from_millis(5)),
            opened => return opened.unwrap(),
        }
    }
    panic!("the log stays in use");
}

/// Quick: no outcomes are looked for.
pub(crate) fn without_outcomes() -> RunOptions {
    RunOptions { outcome_wait: Duration::ZERO, ..RunOptions::default() }
}

pub(crate) fn numbered(count: usize) -> Vec<Message> {
    (0..count)
        .map(|number| {
            Message::new(format!("body {number}"))
                .with_message_id(format!("id-{number}"))
                .with_correlation_id("c")
                .with_subject("s")
                .with_application_property("n", i64::try_from(number).unwrap())
                .with_application_property(
                    "traceparent",
                    "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
                )
        })
        .collect()
}
