//! One run of a queue, event or timer function, between the host's request and our answer.

use std::sync::Arc;

use futures::future::BoxFuture;

use crate::{
    envelope::Envelope,
    failure::Failure,
    message::{Message, Outcome, Undecodable},
    metadata::MessageMetadata,
    trace_context::TraceContext,
};

/// The header that the host puts on every request for a function.
pub(crate) const INVOCATION_ID: &str = "x-azure-functions-invocationid";

/// One run of a function.
pub(crate) struct Invocation {
    pub(crate) function: &'static str,
    pub(crate) id: String,
    pub(crate) envelope: Envelope,
    /// From the headers of the request; what it carries may have a better one.
    pub(crate) trace_context: Option<TraceContext>,
}

/// What a function that did not fail leaves to be done.
pub(crate) enum Completion {
    /// Nothing: the host completes.
    Done,
    /// The message has to be dead-lettered.
    Refused { metadata: Box<MessageMetadata>, reason: String, description: String },
    /// The function was not run; the app decides what becomes of the message.
    Undecodable(Box<Message<Undecodable>>),
}

/// A function, adapted to what the host sends.
pub(crate) type Handler<S> =
    Arc<dyn Fn(Invocation, S) -> BoxFuture<'static, Result<Completion, Failure>> + Send + Sync>;

/// Decides what becomes of a message whose body could not be decoded.
pub(crate) type OnUndecodable<S> =
    Arc<dyn Fn(Message<Undecodable>, S) -> BoxFuture<'static, Result<Outcome, Failure>> + Send + Sync>;
