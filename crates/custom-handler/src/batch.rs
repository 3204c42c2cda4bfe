//! Several messages in one invocation (`"cardinality": "many"`), each with an outcome of its own.
//!
//! The host settles a batch as a whole: it completes every message or abandons every message, and one message that
//! somebody else settled before makes it stop half-way through the others. So a batch is settled here, message by
//! message, and the trigger must say `"autoCompleteMessages": false`. (azure-sdk-for-net,
//! `Microsoft.Azure.WebJobs.Extensions.ServiceBus`, `ServiceBusListener.cs`.)
//!
//! Messages of a batch are settled before the host hears of the invocation's end, and it sends outputs after that: a
//! batch therefore has none, since what could not be sent would be lost with its message.

use std::{
    fmt::Display,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use futures::{StreamExt as _, future::BoxFuture, stream};
use serde::de::DeserializeOwned;
use tracing::{Instrument as _, Span};

use crate::{
    answer::Verdict,
    batch_wire::{self, DataType, Element},
    dispatch::{Handler, Invocation, log_dead_letter},
    failure::{Failure, one_line},
    message::{BoxError, DeadLetter, Message, Outcome, UNDECODABLE},
    metadata::MessageMetadata,
    outputs::Outputs,
    panics, span,
};

/// How many messages of a batch are worked on, or settled, at once.
const AT_ONCE: usize = 16;

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

/// Adapts a function that takes the whole batch to the wire.
pub(crate) fn on_batch<S, T, H, Fut, E>(
    data_type: DataType,
    settlement: Arc<dyn Settlement>,
    handler: H,
) -> Handler<S>
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
            let elements = arrived(data_type, &mut invocation)?;
            let settler = Settler::new(settlement.as_ref(), &invocation);
            let (mut ends, mut decoded, mut messages) = (Vec::new(), Vec::new(), Vec::new());
            for element in elements {
                span::link_sender(&element.metadata);
                match settler.decode(&element) {
                    Ok(message) => {
                        messages.push(message);
                        decoded.push(element.metadata);
                    }
                    Err(end) => ends.push((element.metadata, end)),
                }
            }
            if !messages.is_empty() {
                // Nothing is settled before this: after a panic the host abandons the batch as it came.
                let outcomes = handler(messages, state).await;
                if outcomes.len() != decoded.len() {
                    // Nobody can tell which outcome is whose.
                    let (got, expected) = (outcomes.len(), decoded.len());
                    let problem = format!("the function returned {got} outcomes for {expected} messages");
                    return Err(Failure::Handler(problem));
                }
                ends.extend(decoded.into_iter().zip(outcomes.into_iter().map(End::of)));
            }
            let settle = |(metadata, end)| settler.settle(metadata, end);
            stream::iter(ends).for_each_concurrent(AT_ONCE, settle).await;
            settler.ended()
        })
    })
}

/// Adapts a function that takes the messages of a batch one by one to the wire.
pub(crate) fn on_each<S, T, H, Fut, E>(
    data_type: DataType,
    settlement: Arc<dyn Settlement>,
    handler: H,
) -> Handler<S>
where
    S: Clone + Send + Sync + 'static,
    T: DeserializeOwned + Send + 'static,
    H: Fn(Message<T>, S) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<Outcome, E>> + Send + 'static,
    E: Display + Send + 'static,
{
    let handler = Arc::new(handler);
    Arc::new(move |mut invocation: Invocation, state: S| {
        let (handler, settlement) = (Arc::clone(&handler), Arc::clone(&settlement));
        Box::pin(async move {
            let elements = arrived(data_type, &mut invocation)?;
            let settler = Settler::new(settlement.as_ref(), &invocation);
            let each = |element: Element| {
                let span = span::of_message(settler.function, &element.metadata, element.body.bytes.len());
                let run = |message| handler(message, state.clone());
                settler.one(element, run).instrument(span)
            };
            stream::iter(elements).for_each_concurrent(AT_ONCE, each).await;
            settler.ended()
        })
    })
}

fn arrived(data_type: DataType, invocation: &mut Invocation) -> Result<Vec<Element>, Failure> {
    let value = invocation.envelope.take_trigger_value().map_err(Failure::Envelope)?;
    let elements =
        batch_wire::elements(data_type, &value, &invocation.envelope.metadata).map_err(Failure::Envelope)?;
    span::record_batch(elements.len(), invocation.sender.as_ref());
    Ok(elements)
}

/// How one message ended.
enum End {
    Complete,
    Refuse { reason: String, description: String },
    Fail(Failure),
}

impl End {
    fn of<E: Display>(outcome: Result<Outcome, E>) -> Self {
        match outcome {
            Ok(Outcome::Complete) => Self::Complete,
            Ok(Outcome::Refuse { reason, description }) => Self::Refuse { reason, description },
            Err(error) => Self::Fail(Failure::handler(&error)),
        }
    }

    fn disposition(&self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Refuse { .. } => "dead_letter",
            Self::Fail(_) => "abandon",
        }
    }
}

/// Settles the messages of one batch.
struct Settler<'a> {
    settlement: &'a dyn Settlement,
    function: &'static str,
    id: &'a str,
    settled: AtomicUsize,
    unsettled: AtomicUsize,
}

impl<'a> Settler<'a> {
    fn new(settlement: &'a dyn Settlement, invocation: &'a Invocation) -> Self {
        let (settled, unsettled) = (AtomicUsize::new(0), AtomicUsize::new(0));
        Self { settlement, function: invocation.function, id: &invocation.id, settled, unsettled }
    }

    fn decode<T: DeserializeOwned>(&self, element: &Element) -> Result<Message<T>, End> {
        let body = element
            .body
            .decode()
            .map_err(|description| End::Refuse { reason: UNDECODABLE.to_owned(), description })?;
        let metadata = element.metadata.clone();
        Ok(Message { body, metadata, function: self.function, invocation_id: self.id.to_owned() })
    }

    async fn one<T, Fut, E>(&self, element: Element, run: impl FnOnce(Message<T>) -> Fut)
    where
        T: DeserializeOwned,
        Fut: Future<Output = Result<Outcome, E>>,
        E: Display,
    {
        let end = match self.decode(&element) {
            // The call is inside: a function may panic before it returns its future.
            Ok(message) => match panics::caught(async { run(message).await }).await {
                Ok(outcome) => End::of(outcome),
                Err(panic) => End::Fail(Failure::Panic(panic)),
            },
            Err(end) => end,
        };
        self.settle(element.metadata, end).await;
    }

    async fn settle(&self, metadata: MessageMetadata, end: End) {
        let (function, id) = (self.function, self.id);
        let message = metadata.message_id.as_deref().unwrap_or("without an id");
        if let End::Fail(failure) = &end {
            let text = one_line(&failure.to_string());
            span::record_failure(&Span::current(), failure.kind(), &text);
            tracing::error!("message {message} of invocation {id} of {function} failed: {text}");
        }
        let settling = async {
            match &end {
                End::Complete => self.settlement.complete(function, &metadata).await,
                End::Refuse { reason, description } => {
                    self.settlement.dead_letter(function, &metadata, reason, description).await
                }
                End::Fail(_) => self.settlement.abandon(function, &metadata).await,
            }
        };
        let disposition = end.disposition();
        match panics::caught(settling).await.unwrap_or_else(|panic| Err(panic.into())) {
            Ok(()) => {
                self.settled.fetch_add(1, Ordering::Relaxed);
                span::record_disposition(disposition);
                if let End::Refuse { reason, description } = &end {
                    log_dead_letter(&metadata, reason, description);
                }
            }
            Err(error) => {
                self.unsettled.fetch_add(1, Ordering::Relaxed);
                let error = one_line(&error.to_string());
                tracing::error!(
                    disposition,
                    "message {message} of invocation {id} of {function} could not be settled: {error}"
                );
            }
        }
    }

    /// What could not be settled comes back when its lock runs out. The host hears of success all the same, as it would
    /// try to abandon what is settled; only when nothing is settled is failure the better answer.
    fn ended(self) -> Result<Verdict, Failure> {
        let (settled, unsettled) = (self.settled.into_inner(), self.unsettled.into_inner());
        match (settled, unsettled) {
            (0, 1..) => Err(Failure::Unsettled(unsettled)),
            _ => Ok(Verdict::Done(Outputs::default())),
        }
    }
}
