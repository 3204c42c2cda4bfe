//! A link that messages are sent on.

use std::sync::atomic::{AtomicBool, Ordering};

use fe2o3_amqp::{
    Sender,
    link::{SendError, delivery::Sendable},
    session::SessionHandle,
};
use fe2o3_amqp_types::messaging::{Outcome, SerializableBody};

use crate::{error::ServiceBusError, wire};

/// A sending link. Any number of messages can be under way.
pub(crate) struct SendLink {
    sender: tokio::sync::Mutex<Sender>,
    /// The largest message that the entity takes, in bytes; None when it does not say.
    largest: Option<u64>,
    ended: AtomicBool,
    _session: SessionHandle<()>,
}

impl SendLink {
    pub(crate) fn new(sender: Sender, session: SessionHandle<()>) -> Self {
        let largest = sender.max_message_size().filter(|size| *size > 0);
        Self {
            sender: tokio::sync::Mutex::new(sender),
            largest,
            ended: AtomicBool::new(false),
            _session: session,
        }
    }

    pub(crate) fn largest(&self) -> Option<u64> {
        self.largest
    }

    /// Whether the link is still there, as far as is known.
    pub(crate) fn is_alive(&self) -> bool {
        !self.ended.load(Ordering::Relaxed)
    }

    /// Sends, and waits until the service says what became of it.
    pub(crate) async fn send<T: SerializableBody>(
        &self,
        message: Sendable<T>,
    ) -> Result<(), ServiceBusError> {
        let sent = self.sender.lock().await.send_batchable(message).await;
        let outcome = match sent {
            Ok(outcome) => outcome.await,
            Err(error) => Err(error),
        };
        check_outcome(&outcome.map_err(|error| self.ended_by(error))?)
    }

    fn ended_by(&self, error: SendError) -> ServiceBusError {
        let harmless = matches!(error, SendError::MessageSizeExceeded(_) | SendError::MessageEncodeError);
        self.ended.fetch_or(!harmless, Ordering::Relaxed);
        wire::from_send(error)
    }
}

/// What the other side says became of a transfer.
pub(super) fn check_outcome(outcome: &Outcome) -> Result<(), ServiceBusError> {
    match outcome {
        Outcome::Accepted(_) => Ok(()),
        Outcome::Rejected(rejected) => Err(match &rejected.error {
            Some(error) => wire::from_definition(error),
            None => ServiceBusError::Refused {
                condition: "rejected".to_owned(),
                description: "the service gave no reason".to_owned(),
            },
        }),
        Outcome::Released(_) | Outcome::Modified(_) => Err(ServiceBusError::ConnectionLost {
            description: "the service gave the message back".to_owned(),
        }),
    }
}
