//! A function for several messages of a Service Bus queue at once, each with an outcome of its own.
//!
//! Needs `readings/function.json`; without `"autoCompleteMessages": false` the host would settle the batch as a whole:
//!
//! ```json
//! { "bindings": [ { "type": "serviceBusTrigger", "direction": "in", "name": "messages", "queueName": "readings",
//!     "connection": "ServiceBus", "cardinality": "many", "dataType": "binary", "autoCompleteMessages": false } ] }
//! ```

use custom_handler::{
    BoxError, DataType, DeadLetter, Functions, Message, MessageMetadata, Outcome, ServeError, Settlement,
};
use futures::future::BoxFuture;
use serde::Deserialize;

#[derive(Deserialize)]
struct Reading {
    sensor: String,
    celsius: f64,
}

/// Settles by lock token. A real one would call Service Bus; this one tells what it would do.
struct Told;

impl Told {
    fn tell(what: &str, metadata: &MessageMetadata) -> BoxFuture<'static, Result<(), BoxError>> {
        let lock_token = metadata.lock_token;
        tracing::info!(?lock_token, "{what}");
        Box::pin(async move { lock_token.map(|_| ()).ok_or_else(|| "no lock token".into()) })
    }
}

impl DeadLetter for Told {
    fn dead_letter<'a>(
        &'a self,
        _function: &'a str,
        metadata: &'a MessageMetadata,
        reason: &'a str,
        _description: &'a str,
    ) -> BoxFuture<'a, Result<(), BoxError>> {
        Self::tell(reason, metadata)
    }
}

impl Settlement for Told {
    fn complete<'a>(
        &'a self,
        _function: &'a str,
        metadata: &'a MessageMetadata,
    ) -> BoxFuture<'a, Result<(), BoxError>> {
        Self::tell("complete", metadata)
    }

    fn abandon<'a>(
        &'a self,
        _function: &'a str,
        metadata: &'a MessageMetadata,
    ) -> BoxFuture<'a, Result<(), BoxError>> {
        Self::tell("abandon", metadata)
    }
}

async fn readings(messages: Vec<Message<Reading>>, _state: ()) -> Vec<Result<Outcome, String>> {
    let keep = |Message { body: Reading { sensor, celsius }, .. }| {
        if celsius.is_finite() { Ok(Outcome::Complete) } else { Err(format!("{sensor} is out of order")) }
    };
    messages.into_iter().map(keep).collect()
}

#[tokio::main]
async fn main() -> Result<(), ServeError> {
    Functions::new(()).queue_batch("readings", DataType::Binary, Told, readings).serve().await
}
