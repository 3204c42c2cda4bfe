//! Sends what a step decided, and moves refused messages to the dead letters.

use std::sync::Arc;

use custom_handler::{BoxError, DeadLetter, MessageMetadata};
use futures::future::BoxFuture;
use onboarding::event::{CONTENT_TYPE, Outgoing};
use service_bus::{Entity, Message, ServiceBusClient, ServiceBusError, ServiceBusSender};
use std::{collections::HashMap, sync::Mutex};

/// The app's Service Bus. Cloning is cheap; clones share one connection and its links.
#[derive(Clone)]
pub(crate) struct Bus {
    client: ServiceBusClient,
    senders: Arc<Mutex<HashMap<String, ServiceBusSender>>>,
}

impl Bus {
    /// The app's Service Bus.
    #[must_use]
    pub(crate) fn new(client: ServiceBusClient) -> Self {
        Self { client, senders: Arc::default() }
    }

    /// Publishes a message at once, or at the time it is due. Publishing it again sends the same message id, and
    /// Service Bus's duplicate detection drops the copy.
    ///
    /// # Errors
    /// When Service Bus did not take it.
    pub(crate) async fn publish(&self, outgoing: &Outgoing) -> Result<(), ServiceBusError> {
        let mut message = Message::new(outgoing.event.to_string())
            .with_message_id(&outgoing.message_id)
            .with_content_type(CONTENT_TYPE);
        let text = |field: &str| outgoing.event[field].as_str().map(str::to_owned);
        if let Some(kind) = text("type") {
            message = message.with_subject(kind);
        }
        // What belongs to one onboarding can be found by its correlation id, without reading bodies.
        if let Some(onboarding) = text("subject") {
            message = message.with_correlation_id(onboarding);
        }
        if let Some(traceparent) = text("traceparent") {
            // `Diagnostic-Id` is the name that Azure's SDKs and the Functions host look for.
            message = message
                .with_application_property("traceparent", traceparent.clone())
                .with_application_property("Diagnostic-Id", traceparent);
        }
        if let Some(due) = outgoing.due {
            message = message.with_scheduled_enqueue_time(due);
        }
        // Boxed: the future of a send carries its whole recovery, and every step awaits one.
        Box::pin(self.sender(&outgoing.queue).send(message)).await
    }

    /// The client, for what is done with dead letters.
    #[must_use]
    pub(crate) fn client(&self) -> &ServiceBusClient {
        &self.client
    }

    fn sender(&self, queue: &str) -> ServiceBusSender {
        let mut senders = self.senders.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        senders.entry(queue.to_owned()).or_insert_with(|| self.client.sender(Entity::queue(queue))).clone()
    }
}

impl DeadLetter for Bus {
    /// By lock token through the queue's management node, so that the reason and the description are kept: the
    /// host's own abandon would only count the delivery up. Every function's queue has the function's name.
    fn dead_letter<'a>(
        &'a self,
        function: &'a str,
        metadata: &'a MessageMetadata,
        reason: &'a str,
        description: &'a str,
    ) -> BoxFuture<'a, Result<(), BoxError>> {
        Box::pin(async move {
            let lock_token = metadata.lock_token.ok_or("the message came without a lock token")?;
            let receiver = self.client.receiver(Entity::queue(function));
            Ok(receiver.dead_letter(lock_token, reason, description).await?)
        })
    }
}
