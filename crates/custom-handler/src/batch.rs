//! Several messages in one invocation (`"cardinality": "many"`), each with an outcome of its own.
//!
//! The host settles a batch as a whole: it completes every message or abandons every message, and one message that
//! somebody else settled before makes it stop half-way through the others. So a batch is settled here, message by
//! message, and the trigger must say `"autoCompleteMessages": false`. (azure-sdk-for-net,
//! `Microsoft.Azure.WebJobs.Extensions.ServiceBus`, `ServiceBusListener.cs`.)

use std::{fmt::Display, sync::Arc};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use futures::future::BoxFuture;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::{
    answer::Verdict,
    decode::Body,
    dispatch::{Handler, Invocation, log_dead_letter},
    failure::{Failure, one_line},
    message::{BoxError, DeadLetter, Message, Outcome},
    metadata::MessageMetadata,
    outputs::Outputs,
    span, wire,
};

/// Settles messages one by one, by their lock tokens.
pub trait Settlement: DeadLetter {
    /// Takes the message off its queue.
    ///
    /// # Errors
    /// When it could not be completed; it comes again once its lock has run out.
    fn complete<'a>(
        &'a self,
        function: &'a str,
        metadata: &'a MessageMetadata,
    ) -> BoxFuture<'a, Result<(), BoxError>>;

    /// Gives the message back to its queue.
    ///
    /// # Errors
    /// When it could not be abandoned; it comes again once its lock has run out.
    fn abandon<'a>(
        &'a self,
        function: &'a str,
        metadata: &'a MessageMetadata,
    ) -> BoxFuture<'a, Result<(), BoxError>>;
}

/// Takes a batch apart.
///
/// # Errors
/// When the trigger's value is no list.
fn messages_of(
    value: &Value,
    metadata: &Map<String, Value>,
) -> Result<Vec<(Body, MessageMetadata)>, Failure> {
    let Value::Array(bodies) = wire::unwrapped(value) else {
        let problem =
            "the trigger's value is no list: its function.json should say \"cardinality\": \"many\"";
        return Err(Failure::Envelope(problem.to_owned()));
    };
    let lists: Vec<(&str, Value)> = metadata
        .iter()
        .filter_map(|(name, value)| Some((name.strip_suffix("Array")?, wire::unwrapped(value))))
        .collect();
    let messages = bodies.into_iter().enumerate().map(|(index, body)| {
        let single =
            lists.iter().filter_map(|(name, list)| Some(((*name).to_owned(), wrapped(list.get(index)?)?)));
        let body = body_of(body);
        let metadata = MessageMetadata::read(&single.collect(), &body);
        (body, metadata)
    });
    Ok(messages.collect())
}

/// As a single message's metadata has it, so that there is one reader for both.
fn wrapped(value: &Value) -> Option<Value> {
    match value {
        Value::Null => None,
        Value::Object(_) => Some(value.clone()),
        other => Some(Value::String(other.to_string())),
    }
}

/// With `"dataType": "binary"` an item is base64. Without, it is a text or a JSON value, and a text that happens to be
/// base64 cannot be told from bytes. No properties are copied over the metadata of a batch.
fn body_of(item: Value) -> Body {
    let bytes = match item {
        Value::String(text) => STANDARD.decode(&text).unwrap_or_else(|_| text.into_bytes()),
        other => other.to_string().into_bytes(),
    };
    Body { bytes: bytes.into(), is_text: false }
}

/// Adapts a function for batches to the wire.
pub(crate) fn on_batch<S, T, H, Fut, E>(settlement: Arc<dyn Settlement>, handler: H) -> Handler<S>
where
    S: Clone + Send + Sync + 'static,
    T: DeserializeOwned + Send + 'static,
    H: Fn(Vec<Message<T>>, S) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Vec<Result<Outcome, E>>> + Send + 'static,
    E: Display + Send + 'static,
{
    let handler = Arc::new(handler);
    Arc::new(move |mut invocation: Invocation, state: S| {
        let (handler, settlement) = (Arc::clone(&handler), Arc::clone(&settlement));
        Box::pin(async move {
            let value = invocation.envelope.take_trigger_value().map_err(Failure::Envelope)?;
            let arrived = messages_of(&value, &invocation.envelope.metadata)?;
            span::record_batch(arrived.len());
            let settler = Settler {
                settlement: settlement.as_ref(),
                function: invocation.function,
                id: &invocation.id,
            };
            let (mut kept, mut messages) = (Vec::new(), Vec::new());
            for (body, metadata) in arrived {
                match body.decode() {
                    Ok(body) => {
                        kept.push(metadata.clone());
                        let (function, invocation_id) = (invocation.function, invocation.id.clone());
                        messages.push(Message { body, metadata, function, invocation_id });
                    }
                    Err(description) => settler.refuse(&metadata, "Undecodable", &description).await,
                }
            }
            if messages.is_empty() {
                return Ok(Verdict::Done(Outputs::default()));
            }
            let outcomes = handler(messages, state).await;
            if outcomes.len() != kept.len() {
                // Nobody can tell which outcome is whose.
                let (got, expected) = (outcomes.len(), kept.len());
                return Err(Failure::Handler(format!(
                    "the function returned {got} outcomes for {expected} messages"
                )));
            }
            let mut outputs = Outputs::default();
            for (metadata, outcome) in kept.iter().zip(outcomes) {
                outputs = outputs.and(settler.settle(metadata, outcome).await);
            }
            Ok(Verdict::Done(outputs))
        })
    })
}

/// Settles the messages of one batch. Whatever does not work out is logged and left to the lock's end: a failed
/// invocation would make the host abandon the messages that are settled.
struct Settler<'a> {
    settlement: &'a dyn Settlement,
    function: &'static str,
    id: &'a str,
}

impl Settler<'_> {
    async fn settle<E: Display>(&self, metadata: &MessageMetadata, outcome: Result<Outcome, E>) -> Outputs {
        match outcome {
            Ok(Outcome::Refuse { reason, description }) => self.refuse(metadata, &reason, &description).await,
            Ok(Outcome::Complete) => {
                let settled = self.settlement.complete(self.function, metadata).await;
                self.note("completed", metadata, settled);
            }
            Ok(Outcome::CompleteWith(outputs)) => {
                let settled = self.settlement.complete(self.function, metadata).await;
                self.note("completed", metadata, settled);
                return *outputs;
            }
            Err(error) => {
                let (function, id, message) = (self.function, self.id, name_of(metadata));
                let error = one_line(&format!("{error:#}"));
                tracing::error!("message {message} of invocation {id} of {function} failed: {error}");
                let settled = self.settlement.abandon(self.function, metadata).await;
                self.note("abandoned", metadata, settled);
            }
        }
        Outputs::default()
    }

    async fn refuse(&self, metadata: &MessageMetadata, reason: &str, description: &str) {
        let settled = self.settlement.dead_letter(self.function, metadata, reason, description).await;
        if settled.is_ok() {
            log_dead_letter(metadata, reason, description);
        }
        self.note("dead-lettered", metadata, settled);
    }

    fn note(&self, what: &str, metadata: &MessageMetadata, settled: Result<(), BoxError>) {
        if let Err(error) = settled {
            let (function, id, message) = (self.function, self.id, name_of(metadata));
            let error = one_line(&error.to_string());
            tracing::error!(
                "message {message} of invocation {id} of {function} could not be {what}: {error}"
            );
        }
    }
}

fn name_of(metadata: &MessageMetadata) -> &str {
    metadata.message_id.as_deref().unwrap_or("without an id")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_batch_is_taken_apart_in_every_data_type() {
        let metadata = json!({
            "DeliveryCountArray": "[1,2,3]", "MessageIdArray": "[\"a\",\"4\",null]",
            "EnqueuedTimeUtcArray": "[\"2023-10-12T20:13:49.123\"]",
            "ApplicationPropertiesArray": "[{\"kind\":\"x\"},{},{}]", "Client": {}, "sys": {}
        });
        for items in [
            "[\"eyJhIjoxfQ==\",\"cGxhaW4=\",\"\"]",
            "[\"{\\\"a\\\":1}\",\"plain\",\"\"]",
            "[{\"a\":1},\"plain\",\"\"]",
        ] {
            let messages = messages_of(&json!(items), metadata.as_object().unwrap()).unwrap();
            let bodies: Vec<&[u8]> = messages.iter().map(|(body, _)| body.bytes.as_ref()).collect();
            assert_eq!(bodies, [b"{\"a\":1}".as_slice(), b"plain", b""], "{items}");
            let ids: Vec<_> = messages.iter().map(|(_, metadata)| metadata.message_id.as_deref()).collect();
            assert_eq!(ids, [Some("a"), Some("4"), None]);
            let counts: Vec<_> = messages.iter().map(|(_, metadata)| metadata.delivery_count).collect();
            assert_eq!(counts, [Some(1), Some(2), Some(3)]);
            assert_eq!(messages[0].1.application_properties["kind"], "x");
            assert!(messages[0].1.enqueued_time.is_some() && messages[1].1.enqueued_time.is_none());
        }
        assert!(messages_of(&json!("\"single\""), &Map::new()).is_err());
        assert!(messages_of(&json!("eyJhIjoxfQ=="), &Map::new()).is_err());
    }
}
