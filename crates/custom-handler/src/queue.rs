//! Adapts functions that take messages to what the host sends.

use std::{fmt::Display, sync::Arc};

use serde::de::DeserializeOwned;

use crate::{
    decode::Body,
    failure::Failure,
    invocation::{Completion, Handler, Invocation, OnUndecodable},
    message::{Message, Outcome, Undecodable},
    metadata::MessageMetadata,
    span,
};

/// Adapts a queue function.
pub(crate) fn on_message<S, T, H, Fut, R, E>(handler: H) -> Handler<S>
where
    S: Clone + Send + Sync + 'static,
    T: DeserializeOwned + Send + 'static,
    H: Fn(Message<T>, S) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<R, E>> + Send + 'static,
    R: Into<Outcome>,
    E: Display,
{
    let handler = Arc::new(handler);
    Arc::new(move |mut invocation: Invocation, state: S| {
        let handler = Arc::clone(&handler);
        Box::pin(async move {
            let value = invocation.envelope.take_trigger_value().map_err(Failure::Envelope)?;
            let body = Body::of(value);
            let raw_metadata = invocation.envelope.metadata;
            let metadata = MessageMetadata::read(&raw_metadata, &body);
            span::record_message(&metadata, body.bytes.len(), invocation.trace_context.as_ref());
            let (function, invocation_id) = (invocation.function, invocation.id);
            let decoded = match body.decode() {
                Ok(decoded) => decoded,
                Err(problem) => {
                    let body = Undecodable { bytes: body.bytes, problem };
                    let message = Message { body, metadata, function, invocation_id };
                    return Ok(Completion::Undecodable(Box::new(message)));
                }
            };
            let message = Message { body: decoded, metadata, function, invocation_id };
            let returned = handler(message, state).await.map_err(|error| Failure::handler(&error))?;
            match returned.into() {
                Outcome::Complete => {
                    span::record_disposition("complete");
                    Ok(Completion::Done)
                }
                Outcome::Refuse { reason, description } => {
                    // Read again, as the function has them: seldom, and cheaper than a copy for every message.
                    let metadata = Box::new(MessageMetadata::read(&raw_metadata, &body));
                    Ok(Completion::Refused { metadata, reason, description })
                }
            }
        })
    })
}

/// Adapts the app's decision about messages that could not be decoded.
pub(crate) fn on_undecodable<S, H, Fut, E>(handler: H) -> OnUndecodable<S>
where
    S: Send + 'static,
    H: Fn(Message<Undecodable>, S) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<Outcome, E>> + Send + 'static,
    E: Display,
{
    let handler = Arc::new(handler);
    Arc::new(move |message, state| {
        let handler = Arc::clone(&handler);
        Box::pin(async move { handler(message, state).await.map_err(|error| Failure::handler(&error)) })
    })
}
