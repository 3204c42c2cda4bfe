//! What a handler is given and what it may answer.

use futures::future::BoxFuture;
use serde_json::{Map, Value};
use time::OffsetDateTime;
use uuid::Uuid;

/// Any error.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A message from a queue, decoded.
#[derive(Debug, Clone)]
pub struct Message<T> {
    /// The body.
    pub body: T,
    /// What Service Bus and the host say about it.
    pub metadata: MessageMetadata,
    /// The function that was invoked.
    pub function: &'static str,
    /// The host's id of this invocation.
    pub invocation_id: String,
}

/// What Service Bus and the host say about a message. Every field is optional, because the host leaves out what is null.
///
/// With `dataType` other than `binary` the host copies the top-level properties of a JSON body over these fields
/// (azure-functions-host, `Utility.ApplyBindingData`), so a sender could write them: declare `binary`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct MessageMetadata {
    /// The message's id.
    pub message_id: Option<String>,
    /// The token of the lock under which the host holds the message.
    pub lock_token: Option<Uuid>,
    /// How often it was delivered, 1 at first.
    pub delivery_count: Option<u32>,
    /// Its place in the queue.
    pub sequence_number: Option<i64>,
    /// When it was enqueued, in whole seconds: the host drops fractions.
    pub enqueued_time: Option<OffsetDateTime>,
    /// What it belongs to.
    pub correlation_id: Option<String>,
    /// Its session.
    pub session_id: Option<String>,
    /// Its subject, also known as label.
    pub subject: Option<String>,
    /// The media type of its body.
    pub content_type: Option<String>,
    /// Where answers go.
    pub reply_to: Option<String>,
    /// The entity that it was dead-lettered in, before it was forwarded.
    pub dead_letter_source: Option<String>,
    /// What the sender put beside the body.
    pub application_properties: Map<String, Value>,
}

impl MessageMetadata {
    /// The trace context that the sender put beside the body: `traceparent`, or `Diagnostic-Id` as Azure's SDKs write.
    #[must_use]
    pub fn traceparent(&self) -> Option<&str> {
        let property = |name: &str| self.application_properties.get(name).and_then(Value::as_str);
        property("traceparent").or_else(|| property("Diagnostic-Id"))
    }
}

/// What becomes of a message that its handler has dealt with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Done; the host completes it.
    Complete,
    /// It can never succeed; it is dead-lettered with these texts.
    Refuse {
        /// One of a few words that dead letters can be grouped by.
        reason: String,
        /// A sentence for whoever looks at it.
        description: String,
    },
}

/// How refusals are carried out.
///
/// The host itself can only complete or abandon; a reason and a description reach the dead letter only through the
/// entity's management node, by lock token.
pub trait DeadLetter: Send + Sync + 'static {
    /// Moves the message to the dead letters.
    fn dead_letter<'a>(
        &'a self,
        function: &'a str,
        metadata: &'a MessageMetadata,
        reason: &'a str,
        description: &'a str,
    ) -> BoxFuture<'a, Result<(), BoxError>>;
}

/// A timer's tick.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Timer {
    /// The tick comes later than it was due.
    pub is_past_due: bool,
    /// When it ticked last, with a monitored schedule.
    pub last: Option<OffsetDateTime>,
    /// When it will tick next, with a monitored schedule.
    pub next: Option<OffsetDateTime>,
}
