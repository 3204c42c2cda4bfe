//! Messages of a Service Bus queue or subscription, and what becomes of them.

use std::{fmt::Display, sync::Arc};

use futures::future::BoxFuture;
use serde::de::DeserializeOwned;

use crate::{
    answer::Verdict,
    decode::Body,
    dispatch::{Handler, Invocation},
    failure::Failure,
    metadata::MessageMetadata,
    outputs::Outputs,
    span,
};

/// The reason under which messages are refused whose body is not what the function takes.
pub(crate) const UNDECODABLE: &str = "Undecodable";

/// An error of any type.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A message of a queue or subscription.
///
/// The body is decoded from JSON. A `String` also takes any other text, and byte buffers (`bytes::Bytes`,
/// `serde_bytes::ByteBuf`) take the body as it is.
#[derive(Debug, Clone)]
pub struct Message<T> {
    /// The decoded body.
    pub body: T,
    /// What Service Bus tells about the message.
    pub metadata: MessageMetadata,
    /// The function that was invoked.
    pub function: &'static str,
    /// The host's name for this run, a GUID.
    pub invocation_id: String,
}

/// What should become of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is done with: the host completes it.
    Complete,
    /// It can never succeed: [`DeadLetter`] keeps it, with the reason.
    Refuse {
        /// One of a few words that operators can group by.
        reason: String,
        /// One sentence for whoever looks at the dead letter.
        description: String,
    },
}

/// What should become of a message, and what goes out through the function's output bindings.
///
/// A queue function returns this, or what can become this: an [`Outcome`] if it sends nothing, [`Outputs`] if it refuses
/// nothing, `()` if neither.
#[derive(Debug, Clone, PartialEq)]
pub enum Completion {
    /// It is done with: the host sends the outputs, then completes it.
    Complete(Outputs),
    /// As [`Outcome::Refuse`].
    Refuse {
        /// One of a few words that operators can group by.
        reason: String,
        /// One sentence for whoever looks at the dead letter.
        description: String,
    },
}

impl From<()> for Completion {
    fn from((): ()) -> Self {
        Self::Complete(Outputs::default())
    }
}

impl From<Outputs> for Completion {
    fn from(outputs: Outputs) -> Self {
        Self::Complete(outputs)
    }
}

impl From<Outcome> for Completion {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Complete => Self::Complete(Outputs::default()),
            Outcome::Refuse { reason, description } => Self::Refuse { reason, description },
        }
    }
}

/// Moves refused messages to the dead letters.
///
/// The Functions host offers a custom handler no way to do so: it completes or abandons. An implementation uses its
/// own Service Bus connection and [`MessageMetadata::lock_token`] (for entities without sessions), through the
/// management node's `com.microsoft:update-disposition` (Microsoft Learn, "AMQP 1.0 in Azure Service Bus:
/// request-response-based operations"). Once it succeeded, the invocation succeeds; the host's own completion then finds
/// the lock gone, which it logs and does not count as a failure. `"autoCompleteMessages": false` in `function.json`
/// would avoid that line, and leave completing to the handler.
pub trait DeadLetter: Send + Sync + 'static {
    /// Keeps the message of `function` that `metadata` belongs to as a dead letter.
    ///
    /// # Errors
    /// When the message could not be moved. The invocation then fails, so that the message returns.
    fn dead_letter<'a>(
        &'a self,
        function: &'a str,
        metadata: &'a MessageMetadata,
        reason: &'a str,
        description: &'a str,
    ) -> BoxFuture<'a, Result<(), BoxError>>;
}

/// Adapts a queue function to the wire.
pub(crate) fn on_message<S, T, H, Fut, R, E>(handler: H) -> Handler<S>
where
    S: Clone + Send + Sync + 'static,
    T: DeserializeOwned + Send + 'static,
    H: Fn(Message<T>, S) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<R, E>> + Send + 'static,
    R: Into<Completion>,
    E: Display,
{
    let handler = Arc::new(handler);
    Arc::new(move |mut invocation: Invocation, state: S| {
        let handler = Arc::clone(&handler);
        Box::pin(async move {
            let value = invocation.envelope.take_trigger_value().map_err(Failure::Envelope)?;
            let body = Body::of(value);
            let wire = invocation.envelope.metadata;
            let metadata = MessageMetadata::read(&wire, &body);
            span::record_message(&metadata, body.bytes.len(), invocation.sender.as_ref());
            let decoded = match body.decode() {
                Ok(decoded) => decoded,
                Err(description) => {
                    let metadata = Box::new(metadata);
                    return Ok(Verdict::Refused { metadata, reason: UNDECODABLE.to_owned(), description });
                }
            };
            let message = Message {
                body: decoded,
                metadata,
                function: invocation.function,
                invocation_id: invocation.id,
            };
            let returned = handler(message, state).await.map_err(|error| Failure::handler(&error))?;
            match returned.into() {
                Completion::Complete(outputs) => {
                    span::record_disposition("complete");
                    Ok(Verdict::Done(outputs))
                }
                Completion::Refuse { reason, description } => {
                    // Read again, as the function has them: seldom, and cheaper than a copy for every message.
                    let metadata = Box::new(MessageMetadata::read(&wire, &body));
                    Ok(Verdict::Refused { metadata, reason, description })
                }
            }
        })
    })
}
