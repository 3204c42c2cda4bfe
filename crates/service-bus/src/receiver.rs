//! Receiving, settling and browsing.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use time::OffsetDateTime;
use uuid::Uuid;

use crate::{
    connector::Connector,
    entity::Entity,
    error::ServiceBusError,
    fetch::Fetcher,
    management::{self, Disposition},
    received::ReceivedMessage,
    walk::Walk,
};

/// Receives from one queue, subscription or dead-letter sub-queue in peek-lock mode, settles by lock token, and
/// browses. Cloning is cheap; clones share one receiving link.
///
/// Messages are settled through the entity's management node. Its answers show a lost lock, any number of messages
/// can be settled at a time, and a lock token works from any client, also after the connection that received the
/// message was lost.
#[derive(Debug, Clone)]
pub struct ServiceBusReceiver {
    connector: Connector,
    entity: Entity,
    fetcher: Arc<OnceLock<Fetcher>>,
}

impl ServiceBusReceiver {
    pub(crate) fn new(connector: Connector, entity: Entity) -> Self {
        Self { connector, entity, fetcher: Arc::default() }
    }

    /// Where the messages come from.
    pub fn entity(&self) -> &Entity {
        &self.entity
    }

    /// Locks and returns messages: waits up to `wait` for the first, then returns at once with what is there, at most
    /// `max` and 2,000. Nothing came: an empty list.
    ///
    /// The link is attached by the first call and kept. It is given credit for what is asked for and no more; what
    /// arrives in the short while after a call that asked for more than there was is kept for the next call for a
    /// tenth of a second, then given back. Calls on clones of one receiver take turns; independent receivers come
    /// from [`ServiceBusClient::receiver`](crate::ServiceBusClient::receiver). Dropping the future loses nothing: messages on their way are given back.
    ///
    /// # Errors
    /// See [`ServiceBusError`]. A connection that is lost during the wait is opened again unseen.
    pub async fn receive(&self, max: usize, wait: Duration) -> Result<Vec<ReceivedMessage>, ServiceBusError> {
        let fetcher =
            self.fetcher.get_or_init(|| Fetcher::start(self.connector.clone(), self.entity.clone()));
        fetcher.fetch(max, wait).await
    }

    /// Removes a message: it is done.
    ///
    /// # Errors
    /// [`ServiceBusError::LockLost`] when the lock has ended or the message was settled before.
    pub async fn complete(&self, lock_token: Uuid) -> Result<(), ServiceBusError> {
        self.settle("complete", lock_token, Disposition::Completed).await
    }

    /// Removes several messages in one request: at most a few hundred, so that the request stays small.
    ///
    /// # Errors
    /// As [`complete`](Self::complete), when one of the locks is lost. Whether the others were completed is then not
    /// documented: complete them one by one, and take a lost lock for "completed, or available again".
    pub async fn complete_all(&self, lock_tokens: &[Uuid]) -> Result<(), ServiceBusError> {
        if lock_tokens.is_empty() {
            return Ok(());
        }
        self.connector
            .on_management(&self.entity, "complete", |link| {
                let lock_tokens = lock_tokens.to_vec();
                async move { management::settle(&link, &lock_tokens, Disposition::Completed, None).await }
            })
            .await
    }

    /// Abandons a message; it is delivered again at once, until its delivery count reaches the entity's limit.
    ///
    /// # Errors
    /// As [`complete`](Self::complete).
    pub async fn abandon(&self, lock_token: Uuid) -> Result<(), ServiceBusError> {
        self.settle("abandon", lock_token, Disposition::Abandoned).await
    }

    /// Moves a message to the dead-letter sub-queue, where it keeps the reason and the description as application
    /// properties. Service Bus takes at most 4,096 characters of each.
    ///
    /// # Errors
    /// As [`complete`](Self::complete).
    pub async fn dead_letter(
        &self,
        lock_token: Uuid,
        reason: &str,
        description: &str,
    ) -> Result<(), ServiceBusError> {
        let disposition =
            Disposition::DeadLettered { reason: reason.to_owned(), description: description.to_owned() };
        self.settle("dead-letter", lock_token, disposition).await
    }

    /// Extends a lock by the entity's lock duration from now; returns its new end, in UTC.
    ///
    /// # Errors
    /// As [`complete`](Self::complete).
    pub async fn renew_lock(&self, lock_token: Uuid) -> Result<OffsetDateTime, ServiceBusError> {
        self.connector
            .on_management(&self.entity, "renew lock", |link| async move {
                management::renew_lock(&link, lock_token).await
            })
            .await
    }

    /// Extends several locks in one request: at most a few hundred.
    ///
    /// # Errors
    /// As [`complete`](Self::complete), when one of the locks is lost; the service does not say which.
    pub async fn renew_locks(&self, lock_tokens: &[Uuid]) -> Result<(), ServiceBusError> {
        if lock_tokens.is_empty() {
            return Ok(());
        }
        self.connector
            .on_management(&self.entity, "renew locks", |link| {
                let lock_tokens = lock_tokens.to_vec();
                async move { management::renew_locks(&link, &lock_tokens).await }
            })
            .await
    }

    /// Walks the entity from its head, holding on to what it passes; see [`Walk`].
    pub fn walk(&self) -> Walk {
        Walk::new(self.connector.clone(), self.entity.clone())
    }

    /// Returns up to `max` messages from sequence number `from_sequence` on, in order, without locking them:
    /// available, locked, deferred and scheduled ones. The service may return fewer; an empty list is the end.
    ///
    /// # Errors
    /// See [`ServiceBusError`].
    pub async fn peek(
        &self,
        from_sequence: i64,
        max: usize,
    ) -> Result<Vec<ReceivedMessage>, ServiceBusError> {
        let max = i32::try_from(max).unwrap_or(i32::MAX);
        self.connector
            .on_management(&self.entity, "peek", |link| async move {
                management::peek(&link, from_sequence, max).await
            })
            .await
    }

    /// Gives back what was fetched and not asked for, and closes the receiving link. A later
    /// [`receive`](Self::receive) attaches it again; settling goes on working.
    pub async fn close(&self) {
        if let Some(fetcher) = self.fetcher.get() {
            fetcher.close_link().await;
        }
    }

    async fn settle(
        &self,
        operation: &'static str,
        lock_token: Uuid,
        disposition: Disposition,
    ) -> Result<(), ServiceBusError> {
        self.connector
            .on_management(&self.entity, operation, |link| {
                let disposition = disposition.clone();
                async move { management::settle(&link, &[lock_token], disposition, None).await }
            })
            .await
    }
}
