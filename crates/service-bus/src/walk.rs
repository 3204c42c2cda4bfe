//! Walks an entity from its head, locking everything on the way, and gives back at the end what was not settled.
//!
//! Service Bus has no receiving by sequence number for messages that were not deferred. Whoever wants some messages
//! out of many, and the others left exactly as they are, has to lock their way to the last wanted one and then give
//! back the rest with AMQP's `released` outcome, which unlocks without counting as a failed delivery.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use fe2o3_amqp::link::delivery::DeliveryInfo;
use tokio::time::timeout;
use uuid::Uuid;

use crate::{
    connector::Connector,
    entity::Entity,
    error::ServiceBusError,
    link::{Connection, ReceiveLink},
    management,
    received::ReceivedMessage,
};

/// Messages that may be on their way to us at a time. More would only let locks grow old unread.
const CREDIT: usize = 2_000;
/// Locks that one request renews.
const RENEWED_AT_ONCE: usize = 500;
/// The shortest lock that is believed: a shorter one is the difference of two clocks.
const SHORTEST_LOCK: Duration = Duration::from_secs(1);
/// How long giving back may take: it is answered message by message.
const GIVE_BACK_TIME_LIMIT: Duration = Duration::from_secs(60);

/// A walk over the messages of one entity, from its head.
///
/// [`next`](Self::next) locks the next message and hands out a copy. Whoever settles it, by its lock token, tells with
/// [`settled`](Self::settled); everything else stays locked, renewed by [`renew_due`](Self::renew_due), until
/// [`finish`](Self::finish) gives it back. A walk that is dropped, or whose process dies, leaves its locks to end by
/// themselves.
///
/// Not for an entity whose messages someone else is receiving at the same time: they would wait for the walk to end.
pub struct Walk {
    connector: Connector,
    entity: Entity,
    link: Option<(ReceiveLink, Arc<Connection>)>,
    held: HashMap<Uuid, Held>,
    /// The shortest lock that was seen: when renewing has to begin depends on it.
    lock: Option<Duration>,
}

struct Held {
    delivery: DeliveryInfo,
    since: Instant,
}

impl Walk {
    pub(crate) fn new(connector: Connector, entity: Entity) -> Self {
        Self { connector, entity, link: None, held: HashMap::new(), lock: None }
    }

    /// The next message, locked; `None` when none came within `wait`. Cancelling loses nothing.
    ///
    /// # Errors
    /// See [`ServiceBusError`]. After an error the walk is over: its locks end by themselves, and another walk begins
    /// at the head again.
    pub async fn next(&mut self, wait: Duration) -> Result<Option<ReceivedMessage>, ServiceBusError> {
        if self.link.is_none() {
            let connection = self.connector.connection().await?;
            let link = self.connector.attach_receiver(&self.entity, &connection).await?;
            self.link = Some((link, connection));
        }
        let Some((link, _)) = &mut self.link else { return Ok(None) };
        if link.credit() <= CREDIT / 2 {
            link.grant(CREDIT).await?;
        }
        match timeout(wait, link.next()).await {
            Err(_) => Ok(None),
            Ok(Err(error)) => {
                self.link = None;
                Err(error)
            }
            Ok(Ok(fetched)) => {
                let now = self.connector.options().clock.now();
                if let Some(until) = fetched.message.locked_until {
                    let lasts = Duration::try_from(until - now).unwrap_or_default().max(SHORTEST_LOCK);
                    self.lock = Some(self.lock.map_or(lasts, |lock| lock.min(lasts)));
                }
                let held = Held { delivery: fetched.delivery, since: Instant::now() };
                self.held.insert(fetched.message.lock_token, held);
                Ok(Some(fetched.message))
            }
        }
    }

    /// Tells that a message was settled elsewhere and is not to be given back.
    pub fn settled(&mut self, lock_token: Uuid) {
        self.held.remove(&lock_token);
    }

    /// How many messages are held.
    pub fn held(&self) -> usize {
        self.held.len()
    }

    /// Renews the locks that are older than two fifths of a lock's time; returns how many. A lock that is lost is
    /// held no longer: its message is available again, and may come once more.
    ///
    /// # Errors
    /// See [`ServiceBusError`].
    pub async fn renew_due(&mut self) -> Result<usize, ServiceBusError> {
        let Some(lock) = self.lock else { return Ok(0) };
        let due = lock.mul_f64(0.4);
        let mut batches: Vec<Vec<Uuid>> = Vec::new();
        for (token, _) in self.held.iter().filter(|(_, held)| held.since.elapsed() >= due) {
            match batches.last_mut() {
                Some(batch) if batch.len() < RENEWED_AT_ONCE => batch.push(*token),
                _ => batches.push(vec![*token]),
            }
        }
        let mut renewed = 0;
        while let Some(batch) = batches.pop() {
            let now = Instant::now();
            match self.renew(&batch).await {
                Ok(()) => {
                    renewed += batch.len();
                    for token in &batch {
                        if let Some(held) = self.held.get_mut(token) {
                            held.since = now;
                        }
                    }
                }
                // One of them is lost, and which one is not told.
                Err(ServiceBusError::LockLost { .. }) if batch.len() > 1 => {
                    let (left, right) = batch.split_at(batch.len() / 2);
                    batches.extend([left.to_vec(), right.to_vec()]);
                }
                Err(ServiceBusError::LockLost { .. }) => {
                    self.held.remove(&batch[0]);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(renewed)
    }

    async fn renew(&self, lock_tokens: &[Uuid]) -> Result<(), ServiceBusError> {
        self.connector
            .on_management(&self.entity, "renew locks", |link| async move {
                management::renew_locks(&link, lock_tokens).await
            })
            .await
    }

    /// Gives back everything that was not settled, and waits until the service has carried that out. Returns how many
    /// messages were given back.
    ///
    /// # Errors
    /// See [`ServiceBusError`]; what was not given back then comes free when its lock ends.
    pub async fn finish(mut self) -> Result<usize, ServiceBusError> {
        let Some((link, connection)) = self.link.take() else { return Ok(0) };
        let held: Vec<DeliveryInfo> = self.held.drain().map(|(_, held)| held.delivery).collect();
        let count = held.len();
        tokio::select! {
            biased;
            given_back = Box::pin(link.give_back_and_close(held, GIVE_BACK_TIME_LIMIT)) => given_back?,
            error = connection.has_ended() => return Err(error),
        }
        Ok(count)
    }
}

impl std::fmt::Debug for Walk {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Walk")
            .field("entity", &self.entity)
            .field("held", &self.held.len())
            .finish_non_exhaustive()
    }
}
