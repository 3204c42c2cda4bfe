//! A link that receives in peek-lock mode, and the credit on it.

use std::{collections::VecDeque, time::Duration};

use fe2o3_amqp::{
    Receiver,
    link::{IllegalLinkStateError, RecvError, delivery::DeliveryInfo},
    session::SessionHandle,
};
use fe2o3_amqp_types::{
    definitions::{Error, ErrorCondition, Fields},
    messaging::Body,
};
use serde_amqp::primitives::Symbol;
use tokio::{
    sync::oneshot,
    time::{Instant, sleep_until, timeout},
};
use tokio_util::sync::CancellationToken;

use super::ending::has_ended;
use crate::{
    entity::Entity,
    error::ServiceBusError,
    received::{DEAD_LETTER_ERROR_DESCRIPTION, DEAD_LETTER_REASON, ReceivedMessage},
    wire::{self, AmqpValue},
};

/// Messages that follow each other within this belong to one answer.
const GAP: Duration = Duration::from_millis(5);
/// A drained link that brings nothing for this long brings nothing any more.
const QUIET: Duration = Duration::from_millis(250);
/// The longest that we wait for the other side to agree to the end of a link.
const CLOSE_TIME_LIMIT: Duration = Duration::from_secs(2);

/// The reason of a message that cannot be decoded.
const UNDECODABLE: &str = "Undecodable";
/// What the library's error may not say.
const BROKEN: &str = "; the values of the message do not hold together, or are nested too deeply";

/// A message and what releases it.
pub(crate) struct Fetched {
    pub(crate) message: ReceivedMessage,
    pub(crate) delivery: DeliveryInfo,
}

/// The link.
pub(crate) struct ReceiveLink {
    receiver: Receiver,
    /// Credit granted that has brought no message yet.
    credit: usize,
    /// Fetched, and not asked for.
    held: VecDeque<Fetched>,
    pub(crate) deliveries: u64,
    /// Whether it is from a dead-letter queue: nothing can be put aside from there.
    is_dead_letter: bool,
    ended: CancellationToken,
    _session: SessionHandle<()>,
}

impl ReceiveLink {
    pub(crate) fn new(
        receiver: Receiver,
        entity: &Entity,
        session: SessionHandle<()>,
        ended: CancellationToken,
    ) -> Self {
        let is_dead_letter = entity.is_dead_letter();
        Self {
            receiver,
            credit: 0,
            held: VecDeque::new(),
            deliveries: 0,
            is_dead_letter,
            ended,
            _session: session,
        }
    }

    /// What is cancelled when the link's connection has ended.
    pub(super) fn ended(&self) -> &CancellationToken {
        &self.ended
    }

    /// Whether messages are here, or may come, that nobody asked for.
    pub(crate) fn has_surplus(&self) -> bool {
        self.credit > 0 || !self.held.is_empty()
    }

    /// Keeps a message that nobody asked for; the next call gets it.
    pub(crate) fn hold(&mut self, fetched: Fetched) {
        self.held.push_back(fetched);
    }

    /// Takes messages back that nobody heard of; the next call gets them first.
    pub(crate) fn put_back(&mut self, fetched: Vec<Fetched>) {
        for fetched in fetched.into_iter().rev() {
            self.held.push_front(fetched);
        }
    }

    /// Collects an answer. Messages that were fetched before an error are an answer too; the error comes again.
    pub(crate) async fn fetch<T>(
        &mut self,
        max: usize,
        deadline: Instant,
        answer: &mut oneshot::Sender<T>,
    ) -> Result<Vec<Fetched>, ServiceBusError> {
        let mut fetched: Vec<Fetched> = self.held.drain(..max.min(self.held.len())).collect();
        if let Err(error) = self.grant(max - fetched.len()).await {
            return if fetched.is_empty() { Err(error) } else { Ok(fetched) };
        }
        while fetched.len() < max {
            let until = if fetched.is_empty() { deadline } else { Instant::now() + GAP };
            tokio::select! {
                biased;
                next = self.next() => match next {
                    Ok(next) => fetched.push(next),
                    Err(_) if !fetched.is_empty() => break,
                    Err(error) => return Err(error),
                },
                () = answer.closed() => {
                    self.put_back(fetched);
                    return Ok(Vec::new());
                }
                () = sleep_until(until) => break,
            }
        }
        Ok(fetched)
    }

    /// Raises the credit to `wanted`. It is never lowered: a message on its way would then be refused by the library.
    pub(crate) async fn grant(&mut self, wanted: usize) -> Result<(), ServiceBusError> {
        if wanted > self.credit {
            let credit = u32::try_from(wanted).unwrap_or(u32::MAX);
            self.receiver.set_credit(credit).await.map_err(lost)?;
            self.credit = wanted;
        }
        Ok(())
    }

    /// The next message. Cancelling loses nothing.
    pub(crate) async fn next(&mut self) -> Result<Fetched, ServiceBusError> {
        loop {
            let received = tokio::select! {
                biased;
                received = self.receiver.recv::<Body<AmqpValue>>() => received,
                error = has_ended(&self.ended) => return Err(error),
            };
            match received {
                Ok(delivery) => {
                    self.count();
                    let lock_token = wire::lock_token_from_delivery_tag(delivery.delivery_tag())?;
                    let (delivery, message) = delivery.into_parts();
                    return Ok(Fetched {
                        message: wire::decode_received(message, Some(lock_token)),
                        delivery,
                    });
                }
                Err(RecvError::MessageDecode(error)) => {
                    self.count();
                    let info = error.info;
                    let error = error.source.to_string() + BROKEN;
                    if self.is_dead_letter {
                        // Given back it would come at once again, for ever. It comes when its lock has ended.
                        tracing::warn!(error, "a dead letter cannot be decoded");
                        continue;
                    }
                    tracing::warn!(error, "a message cannot be decoded; it becomes a dead letter");
                    let rejected = self.receiver.reject(info, dead_letter(&error)).await;
                    rejected.map_err(lost)?;
                }
                Err(error) => return Err(wire::from_receive(error)),
            }
        }
    }

    /// Credit granted that has brought no message yet.
    pub(crate) fn credit(&self) -> usize {
        self.credit
    }

    /// Ends a walk: takes credit back, gives back what came in the meantime together with `held`, in as few frames as
    /// their numbers allow, and closes the link. The other side carries out what a link says in order, so its answer
    /// to the closing means that everything was given back.
    pub(crate) async fn give_back_and_close(
        mut self,
        mut held: Vec<DeliveryInfo>,
        time_limit: Duration,
    ) -> Result<(), ServiceBusError> {
        if self.credit > 0 {
            // Drain first: what is released while there is credit would come straight back.
            self.receiver.drain().await.map_err(lost)?;
            while let Ok(fetched) = timeout(QUIET, self.next()).await {
                held.push(fetched?.delivery);
            }
        }
        if !held.is_empty() {
            self.receiver.release_all(held).await.map_err(lost)?;
        }
        match timeout(time_limit, self.receiver.close()).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(ServiceBusError::ConnectionLost { description: error.to_string() }),
            Err(_) => Err(ServiceBusError::Timeout { operation: "give back", after: time_limit }),
        }
    }

    fn count(&mut self) {
        self.credit = self.credit.saturating_sub(1);
        self.deliveries += 1;
    }

    /// Gives back what was not asked for, then closes the link.
    pub(crate) async fn retire(mut self) {
        if self.has_surplus() && self.give_back().await.is_err() {
            // Gone, with whatever was on it; the locks end by themselves.
            return;
        }
        let _ = timeout(CLOSE_TIME_LIMIT, self.receiver.close()).await;
    }

    async fn give_back(&mut self) -> Result<(), ServiceBusError> {
        // Drain first: what is released while there is credit would come straight back.
        self.receiver.drain().await.map_err(lost)?;
        while let Some(fetched) = self.held.pop_front() {
            self.receiver.release(fetched.delivery).await.map_err(lost)?;
        }
        while let Ok(fetched) = timeout(QUIET, self.next()).await {
            self.receiver.release(fetched?.delivery).await.map_err(lost)?;
        }
        Ok(())
    }
}

/// The reason of a dead letter, as Service Bus reads it from a rejection.
fn dead_letter(description: &str) -> Error {
    let mut info = Fields::new();
    info.insert(DEAD_LETTER_REASON.into(), AmqpValue::from(UNDECODABLE.to_owned()));
    info.insert(DEAD_LETTER_ERROR_DESCRIPTION.into(), AmqpValue::from(description.to_owned()));
    Error::new(ErrorCondition::Custom(Symbol::from("com.microsoft:dead-letter")), None, Some(info))
}

fn lost(error: IllegalLinkStateError) -> ServiceBusError {
    ServiceBusError::ConnectionLost { description: error.to_string() }
}
