//! Messages of a Service Bus queue or subscription, and what a function decides about them.

use bytes::Bytes;

use crate::metadata::MessageMetadata;

/// A message of a queue or subscription.
///
/// The body is decoded from JSON. A `String` also takes any other text, and byte buffers (`bytes::Bytes`,
/// `serde_bytes::ByteBuf`) take the body as it is.
#[derive(Debug, Clone)]
pub struct Message<T> {
    /// The decoded body.
    pub body: T,
    /// What Service Bus says about the message.
    pub metadata: MessageMetadata,
    /// The function that was invoked.
    pub function: &'static str,
    /// The host's id for this run, a GUID.
    pub invocation_id: String,
}

/// The body of a message that could not be decoded into the type that its function takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Undecodable {
    /// The body as it arrived.
    pub bytes: Bytes,
    /// The path of the bad field and what was expected there. It does not quote the body.
    pub problem: String,
}

/// What should become of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The message is done: the host completes it.
    Complete,
    /// The message can never succeed: [`DeadLetter`](crate::DeadLetter) moves it to the dead-letter queue.
    Refuse {
        /// One of a few words that operators can group by.
        reason: String,
        /// One sentence for the operator who looks at the dead letter.
        description: String,
    },
}

impl From<()> for Outcome {
    fn from((): ()) -> Self {
        Self::Complete
    }
}

/// The outcome of an undecodable message, unless the app decides otherwise.
impl From<Undecodable> for Outcome {
    fn from(undecodable: Undecodable) -> Self {
        Self::Refuse { reason: "Undecodable".to_owned(), description: undecodable.problem }
    }
}
