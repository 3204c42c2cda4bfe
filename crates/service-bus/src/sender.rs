//! Sending and scheduling.

use std::sync::Arc;

use fe2o3_amqp::link::delivery::Sendable;
use fe2o3_amqp_types::messaging::{Batch, Data, Message as AmqpMessage};
use time::OffsetDateTime;
use tokio::task::{JoinError, JoinSet};
use uuid::Uuid;

use crate::{
    client::{ServiceBusClient, leaves_doubt},
    entity::Entity,
    error::ServiceBusError,
    link::Connection,
    management,
    message::Message,
    wire,
};

/// The message format of a transfer that holds several messages (azure-sdk-for-net, AmqpConstants.cs).
const BATCH_FORMAT: u32 = 0x8001_3700;
/// What a section of a batch costs beyond its message, generously.
const SECTION_OVERHEAD: u64 = 16;
/// What the envelope of a batch may cost.
const ENVELOPE_OVERHEAD: u64 = 512;
/// What a batch may weigh in an entity that does not say what it takes (Microsoft Learn, "Service Bus quotas",
/// Standard tier).
const USUAL_LARGEST: u64 = 262_144;

/// Sends messages to one queue or topic. Cloning is cheap.
///
/// A message without an id is given one before the first attempt, so that every attempt carries the same one: on an
/// entity with duplicate detection an attempt that took effect unseen is not stored a second time.
#[derive(Debug, Clone)]
pub struct ServiceBusSender {
    client: ServiceBusClient,
    entity: Entity,
}

impl ServiceBusSender {
    pub(crate) fn new(client: ServiceBusClient, entity: Entity) -> Self {
        Self { client, entity }
    }

    /// Where the messages go.
    pub fn entity(&self) -> &Entity {
        &self.entity
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
        self.client
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
        let mut prepared = Vec::with_capacity(messages.len());
        for message in messages {
            let (message, encoded) = self.prepare(message)?;
            prepared.push((message, wire::encoded_message(&encoded)?));
        }
        if prepared.is_empty() {
            return Ok(());
        }
        let largest =
            self.on_link("attach", |connection, entity| async move {
                Ok(connection.sender(&entity).await?.largest())
            })
            .await?;
        for envelope in envelopes(prepared, largest.unwrap_or(USUAL_LARGEST))? {
            let envelope = Arc::new(envelope);
            self.on_link("send batch", |connection, entity| {
                let envelope = envelope.clone();
                async move {
                    let link = connection.sender(&entity).await?;
                    let sendable =
                        Sendable::builder().message((*envelope).clone()).message_format(BATCH_FORMAT).build();
                    link.send(sendable).await
                }
            })
            .await?;
        }
        Ok(())
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

    fn prepare(&self, mut message: Message) -> Result<(Message, AmqpMessage<Data>), ServiceBusError> {
        message.message_id.get_or_insert_with(|| Uuid::new_v4().simple().to_string());
        let encoded = wire::encode(&message, self.client.options().clock.now())?;
        Ok((message, encoded))
    }

    async fn on_link<T, R, F>(&self, operation: &'static str, run: R) -> Result<T, ServiceBusError>
    where
        R: Fn(Arc<Connection>, Entity) -> F,
        F: Future<Output = Result<T, ServiceBusError>>,
    {
        self.client.attempt(operation, |connection| run(connection, self.entity.clone())).await
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

/// Packs messages, in order, into transfers of at most `largest` bytes.
fn envelopes(
    messages: Vec<(Message, Vec<u8>)>,
    largest: u64,
) -> Result<Vec<AmqpMessage<Batch<Data>>>, ServiceBusError> {
    let room = largest.saturating_sub(ENVELOPE_OVERHEAD);
    let mut envelopes = Vec::new();
    let mut open: Option<(Message, Vec<Vec<u8>>, u64)> = None;
    for (message, encoded) in messages {
        let size = encoded.len() as u64 + SECTION_OVERHEAD;
        if size > room {
            let description = format!("{} bytes, the entity takes {largest}", encoded.len());
            return Err(ServiceBusError::TooLarge { description });
        }
        match &mut open {
            Some((first, sections, used)) if *used + size <= room && belongs_with(first, &message) => {
                sections.push(encoded);
                *used += size;
            }
            _ => {
                let full = open.replace((message, vec![encoded], size));
                envelopes.extend(full.map(|(first, sections, _)| wire::batch_envelope(&first, sections)));
            }
        }
    }
    envelopes.extend(open.map(|(first, sections, _)| wire::batch_envelope(&first, sections)));
    Ok(envelopes)
}

/// The messages of one transfer go to one partition.
fn belongs_with(first: &Message, other: &Message) -> bool {
    (&first.session_id, &first.partition_key) == (&other.session_id, &other.partition_key)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_size(size: usize) -> (Message, Vec<u8>) {
        (Message::new("x"), vec![0; size])
    }

    fn sections(envelopes: &[AmqpMessage<Batch<Data>>]) -> Vec<usize> {
        envelopes.iter().map(|envelope| envelope.body.len()).collect()
    }

    #[test]
    fn messages_are_packed_in_order_up_to_the_limit() {
        let messages = vec![of_size(600), of_size(600), of_size(600), of_size(100)];
        assert_eq!(sections(&envelopes(messages, 2_000).unwrap()), [2, 2]);
    }

    #[test]
    fn messages_of_different_sessions_do_not_share_a_transfer() {
        let in_session = |session: &str| (Message::new("x").with_session_id(session), vec![0; 10]);
        let messages = vec![in_session("a"), in_session("a"), in_session("b")];
        assert_eq!(sections(&envelopes(messages, 2_000).unwrap()), [2, 1]);
    }

    #[test]
    fn a_message_that_fits_no_transfer_is_an_error() {
        let error = envelopes(vec![of_size(10), of_size(3_000)], 2_000).unwrap_err();
        assert!(matches!(error, ServiceBusError::TooLarge { .. }), "{error}");
    }
}
