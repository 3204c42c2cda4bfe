//! A broker, a client of it, and patience.

use std::{
    sync::atomic::{AtomicI64, Ordering},
    time::Duration,
};

use broker::{Broker, EntraTokens, Options, QueueOptions};
use service_bus::{
    ClientOptions, Clock, ConnectionString, ReceivedMessage, ServiceBusClient, ServiceBusReceiver,
};
use time::OffsetDateTime;
use tokio::time::{Instant, sleep, timeout};

/// How long anything may take before a test fails: generous, because the machine may be busy.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);
/// Longer than the patience of any test: nothing that is waited for takes this long.
pub(crate) const FOR_EVER: Duration = Duration::from_secs(1_200);

/// How long to listen where nothing is expected.
pub(crate) const A_MOMENT: Duration = Duration::from_millis(300);

/// A broker with a few queues: `q` (locks of five minutes), `brief` (locks of two seconds, any number of deliveries),
/// `once` (duplicate detection).
pub(crate) struct Fixture {
    pub(crate) broker: Broker,
}

impl Fixture {
    pub(crate) async fn start() -> Self {
        let queue = |name: &str| QueueOptions::new(name);
        let queues = vec![
            QueueOptions { lock_duration: Duration::from_secs(300), ..queue("q") },
            QueueOptions {
                lock_duration: Duration::from_secs(2),
                max_delivery_count: 1_000,
                ..queue("brief")
            },
            QueueOptions { requires_duplicate_detection: true, ..queue("once") },
        ];
        let options = Options { queues, entra_tokens: EntraTokens::AcceptUnverified, ..Options::default() };
        Self { broker: Broker::start(options).await.unwrap() }
    }

    pub(crate) fn client(&self) -> ServiceBusClient {
        ServiceBusClient::from_connection_string(&self.broker.connection_string()).unwrap()
    }

    /// A client whose attempts last for as long as they like: one that hangs is not hidden by another.
    pub(crate) fn client_that_waits(&self) -> ServiceBusClient {
        self.client_with(ClientOptions {
            attempt_time_limit: FOR_EVER,
            operation_time_limit: FOR_EVER,
            ..ClientOptions::default()
        })
    }

    pub(crate) fn client_with(&self, options: ClientOptions) -> ServiceBusClient {
        let string: ConnectionString = self.broker.connection_string().parse().unwrap();
        ServiceBusClient::from_parsed_connection_string(string, options)
    }
}

/// A clock that can be turned forward.
#[derive(Debug, Default)]
pub(crate) struct TurnedClock {
    ahead_seconds: AtomicI64,
}

impl TurnedClock {
    pub(crate) fn advance(&self, by: Duration) {
        self.ahead_seconds.fetch_add(i64::try_from(by.as_secs()).unwrap(), Ordering::Relaxed);
    }
}

impl Clock for TurnedClock {
    fn now(&self) -> OffsetDateTime {
        OffsetDateTime::now_utc() + time::Duration::seconds(self.ahead_seconds.load(Ordering::Relaxed))
    }
}

/// Fails the test when `future` takes longer than the patience.
pub(crate) async fn soon<T>(future: impl Future<Output = T>) -> T {
    timeout(PATIENCE, future).await.expect("it takes too long")
}

/// Waits until `condition` holds.
pub(crate) async fn until(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition().await {
        assert!(Instant::now() < deadline, "waited in vain for: {what}");
        sleep(Duration::from_millis(10)).await;
    }
}

/// So many messages, in the order in which they come. One call answers with what is there at its moment, which on a busy
/// machine may be a part.
pub(crate) async fn receive_all(receiver: &ServiceBusReceiver, count: usize) -> Vec<ReceivedMessage> {
    let mut all = Vec::new();
    while all.len() < count {
        let received = soon(receiver.receive(count - all.len(), FOR_EVER)).await.unwrap();
        all.extend(received);
    }
    all
}

/// The bodies, as text.
pub(crate) fn bodies(messages: &[ReceivedMessage]) -> Vec<&str> {
    messages.iter().map(|message| std::str::from_utf8(&message.body).unwrap()).collect()
}
