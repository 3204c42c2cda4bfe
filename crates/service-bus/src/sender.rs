//! Sending and scheduling.

use std::sync::Arc;

use fe2o3_amqp::link::delivery::Sendable;
use time::OffsetDateTime;
use tokio::task::{JoinError, JoinSet};
use uuid::Uuid;

use crate::{
    batch::{self, BATCH_FORMAT, Content, MessageBatch},
    connector::{Connector, leaves_doubt},
    entity::Entity,
    error::ServiceBusError,
    link::Connection,
    management,
    message::Message,
    wire::{self, Encoded},
};

/// Sends messages to one queue or topic. Cloning is cheap.
///
/// A message without an id is given one before the first attempt, so that every attempt carries the same one: on an
/// entity with duplicate detection an attempt that took effect unseen is not stored a second time.
#[derive(Debug, Clone)]
pub struct ServiceBusSender {
    connector: Connector,
    entity: Entity,
}

impl ServiceBusSender {
    pub(crate) fn new(connector: Connector, entity: Entity) -> Self {
        Self { connector, entity }
    }

    /// Where the messages go.
    pub fn entity(&self) -> &Entity {
        &self.entity
    }

    /// Attaches the sending link and sends nothing: whether the entity is there, and we may send to it.
    ///
    /// # Errors
    /// See [`ServiceBusError`].
    pub async fn open(&self) -> Result<(), ServiceBusError> {
        self.connector
            .attempt_while(
                |_| true,
                "attach",
                |connection| {
                    let entity = self.entity.clone();
                    async move { connection.sender(&entity).await.map(drop) }
                },
            )
            .await
    }

    /// Sends one message and waits until the service has stored it.
    ///
    /// # Errors
    /// See [`ServiceBusError`]; after a transient error the message may have been stored.
    pub async fn send(&self, message: Message) -> Result<(), ServiceBusError> {
        self.send_while(|_| true, message).await
    }

    /// Sends one message as [`send`](Self::send) does, but not again once it may have been stored: for whoever has to
    /// know of every attempt that could make a second one of it, because the entity has no duplicate detection.
    ///
    /// # Errors
    /// See [`ServiceBusError`]; after a transient error the message may have been stored, and at most once.
    pub async fn send_at_most_once(&self, message: Message) -> Result<(), ServiceBusError> {
        self.send_while(|error| !leaves_doubt(error), message).await
    }

    async fn send_while(
        &self,
        may_repeat: fn(&ServiceBusError) -> bool,
        message: Message,
    ) -> Result<(), ServiceBusError> {
        let (_, encoded) = self.prepare(message)?;
        let encoded = Arc::new(encoded);
        self.connector
            .attempt_while(may_repeat, "send", |connection| {
                let (encoded, entity) = (encoded.clone(), self.entity.clone());
                async move {
                    let link = connection.sender(&entity).await?;
                    link.send(Sendable::from((*encoded).clone())).await
                }
            })
            .await
    }

    /// Sends messages one by one, up to `under_way` of them at a time waiting for their acknowledgement; answers what
    /// became of each, in the order in which they were given. They are stored in about that order, and in exactly that
    /// order with one under way.
    pub async fn send_each(
        &self,
        messages: impl IntoIterator<Item = Message>,
        under_way: usize,
    ) -> Vec<Result<(), ServiceBusError>> {
        let mut sending = JoinSet::new();
        let mut results = Vec::new();
        for (index, message) in messages.into_iter().enumerate() {
            if sending.len() >= under_way.max(1) {
                note(&mut results, sending.join_next().await);
            }
            let unknown = "the send did not come to an end".to_owned();
            results.push(Err(ServiceBusError::ConnectionLost { description: unknown }));
            let sender = self.clone();
            sending.spawn(async move { (index, sender.send(message).await) });
        }
        while let Some(joined) = sending.join_next().await {
            note(&mut results, Some(joined));
        }
        results
    }

    /// Sends messages in as few transfers as they fit into. Each transfer is stored as a whole or not at all; when
    /// one fails, those before it are stored and those after it are not sent.
    ///
    /// # Errors
    /// See [`ServiceBusError`]. Nothing is sent when a single message is larger than the entity takes.
    pub async fn send_batch(&self, messages: Vec<Message>) -> Result<(), ServiceBusError> {
        for batch in self.pack(messages).await? {
            self.send_packed(|_| true, &batch).await?;
        }
        Ok(())
    }

    /// Packs messages, in order, into as few transfers as they fit into: those of one session and one partition key, up
    /// to 256 KB. Nothing is sent.
    ///
    /// An entity that is partitioned and has duplicate detection refuses a transfer of several messages as a whole
    /// (azure-sdk-for-python#36333).
    ///
    /// # Errors
    /// When one of the messages cannot be sent to this entity, however it goes.
    pub async fn pack(&self, messages: Vec<Message>) -> Result<Vec<MessageBatch>, ServiceBusError> {
        if messages.is_empty() {
            return Ok(Vec::new());
        }
        let prepared: Result<_, _> = messages.into_iter().map(|message| self.prepare(message)).collect();
        let prepared = prepared?;
        let largest =
            self.on_link("attach", |connection, entity| async move {
                Ok(connection.sender(&entity).await?.largest())
            })
            .await?;
        batch::pack(prepared, largest)
    }

    /// Sends what was packed, and not again once it may have been stored; see
    /// [`send_at_most_once`](Self::send_at_most_once). All of its messages are stored, or none of them.
    ///
    /// # Errors
    /// See [`ServiceBusError`]; after a transient error they may have been stored, and at most once.
    pub async fn send_packed_at_most_once(&self, batch: &MessageBatch) -> Result<(), ServiceBusError> {
        self.send_packed(|error| !leaves_doubt(error), batch).await
    }

    async fn send_packed(
        &self,
        may_repeat: fn(&ServiceBusError) -> bool,
        batch: &MessageBatch,
    ) -> Result<(), ServiceBusError> {
        self.connector
            .attempt_while(may_repeat, "send batch", |connection| {
                let (content, entity) = (batch.content.clone(), self.entity.clone());
                async move {
                    let link = connection.sender(&entity).await?;
                    match content {
                        Content::One(message) => link.send(Sendable::from(message)).await,
                        Content::Several(envelope) => {
                            let sendable = Sendable::builder().message(envelope).message_format(BATCH_FORMAT);
                            link.send(sendable.build()).await
                        }
                    }
                }
            })
            .await
    }

    /// Stores a message that becomes available at `at`, and returns the sequence number by which it can be cancelled.
    ///
    /// # Errors
    /// See [`ServiceBusError`]; after a transient error the message may have been scheduled.
    pub async fn schedule(&self, message: Message, at: OffsetDateTime) -> Result<i64, ServiceBusError> {
        let prepared = Arc::new(self.prepare(message.with_scheduled_enqueue_time(at))?);
        self.on_link("schedule", |connection, entity| {
            let prepared = prepared.clone();
            async move {
                let link = connection.management(&entity).await?;
                management::schedule(&link, &prepared.0, &prepared.1).await
            }
        })
        .await
    }

    /// Cancels a scheduled message by the sequence number that [`schedule`](Self::schedule) returned.
    ///
    /// # Errors
    /// [`ServiceBusError::MessageNotFound`] when it has become available, was cancelled before, or never was; after a
    /// lost connection also when an earlier attempt of this call has cancelled it.
    pub async fn cancel_scheduled(&self, sequence_number: i64) -> Result<(), ServiceBusError> {
        self.on_link("cancel scheduled", |connection, entity| async move {
            let link = connection.management(&entity).await?;
            management::cancel_scheduled(&link, sequence_number).await
        })
        .await
    }

    fn prepare(&self, mut message: Message) -> Result<(Message, Encoded), ServiceBusError> {
        message.message_id.get_or_insert_with(|| Uuid::new_v4().simple().to_string());
        let encoded = wire::encode(&message, self.connector.options().clock.now())?;
        Ok((message, encoded))
    }

    async fn on_link<T, R, F>(&self, operation: &'static str, run: R) -> Result<T, ServiceBusError>
    where
        R: Fn(Arc<Connection>, Entity) -> F,
        F: Future<Output = Result<T, ServiceBusError>>,
    {
        self.connector.attempt(operation, |connection| run(connection, self.entity.clone())).await
    }
}

type Joined = Result<(usize, Result<(), ServiceBusError>), JoinError>;

/// Puts a result where its message was.
fn note(results: &mut [Result<(), ServiceBusError>], joined: Option<Joined>) {
    if let Some(Ok((index, result))) = joined
        && let Some(place) = results.get_mut(index)
    {
        *place = result;
    }
}
