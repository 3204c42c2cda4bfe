//! The Service Bus trigger with `cardinality: many`: a list of messages, one invocation.
//!
//! azure-sdk-for-net, `ServiceBusListener.cs`, `RunBatchReceiveLoopAsync`: one batch at a time; a success completes every
//! message, a failure abandons every message, whatever `autoCompleteMessages` says, and no lock is renewed.

use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::batch_metadata;
use super::trigger::{FIRST_PAUSE, LONGEST_PAUSE, Listener};
use super::{Delivery, Entity, EntityError, metadata};
use crate::event::OutputLevel;
use crate::invocation::retry::{Attempt, with_retries};
use crate::invocation::{Answer, Invocation, InvocationError};

impl Listener {
    /// Receives batches until `stop` is cancelled.
    pub(super) async fn run_batches(self, stop: CancellationToken) {
        let mut pause = FIRST_PAUSE;
        while !stop.is_cancelled() {
            match self.next_batch(&*self.entity, self.options.try_timeout, &stop).await {
                Ok(batch) => {
                    pause = FIRST_PAUSE;
                    self.process_batch(self.entity.clone(), batch).await;
                }
                Err(error) => {
                    self.report_loop(&error);
                    tokio::select! {
                        () = stop.cancelled() => break,
                        () = sleep(pause) => {}
                    }
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
            }
        }
        self.entity.close().await;
    }

    /// Waits up to `wait` for messages. Where there are fewer than `minMessageBatchSize` it waits for more, up to
    /// `maxBatchWaitTime`; a host that stops meanwhile hands out what there is, as the real one does.
    pub(super) async fn next_batch(
        &self,
        entity: &dyn Entity,
        wait: Duration,
        stop: &CancellationToken,
    ) -> Result<Vec<Delivery>, EntityError> {
        let most = self.trigger.max_message_batch_size.unwrap_or(self.options.max_message_batch_size);
        let least = self.options.min_message_batch_size.min(most);
        let mut batch = self.receive_or_stop(entity, most, wait, stop).await?;
        let deadline = Instant::now() + self.options.max_batch_wait_time;
        while !batch.is_empty() && batch.len() < least && !stop.is_cancelled() {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            match self.receive_or_stop(entity, most - batch.len(), left, stop).await {
                Ok(more) => batch.extend(more),
                // What is there is not kept waiting for a broken connection.
                Err(error) => {
                    self.report("Receive", &error);
                    break;
                }
            }
        }
        Ok(batch)
    }

    pub(super) async fn receive_or_stop(
        &self,
        entity: &dyn Entity,
        most: usize,
        wait: Duration,
        stop: &CancellationToken,
    ) -> Result<Vec<Delivery>, EntityError> {
        tokio::select! {
            biased;
            () = stop.cancelled() => Ok(Vec::new()),
            received = entity.receive(most, wait) => received,
        }
    }

    /// Runs the function on a batch and settles it, in a task that the host waits for when it stops.
    pub(super) async fn process_batch(&self, entity: Arc<dyn Entity>, batch: Vec<Delivery>) {
        if batch.is_empty() {
            return;
        }
        let listener = self.clone();
        let task = self.in_flight.spawn(async move {
            let succeeded = listener.invoke_batch(&batch).await;
            listener.settle_batch(&*entity, &batch, succeeded).await;
        });
        // A task that panicked has settled nothing: the locks end and the messages come again.
        let _ = task.await;
    }

    async fn settle_batch(&self, entity: &dyn Entity, batch: &[Delivery], succeeded: bool) {
        if self.executor.over.is_cancelled() || succeeded && !self.trigger.auto_complete {
            return;
        }
        let settled = join_all(batch.iter().map(|delivery| async {
            if succeeded {
                entity.complete(delivery.lock_token).await
            } else {
                entity.abandon(delivery.lock_token).await
            }
        }));
        // All are tried; the first failure is what the loop of the real host logs.
        if let Some(error) = settled.await.into_iter().find_map(Result::err) {
            self.report_loop(&error);
        }
    }

    async fn invoke_batch(&self, batch: &[Delivery]) -> bool {
        let attempts =
            with_retries(&self.executor, &self.function, |attempt| self.attempt_batch(batch, attempt));
        attempts.await.is_ok()
    }

    async fn attempt_batch(&self, batch: &[Delivery], attempt: Attempt) -> Result<Answer, InvocationError> {
        let invocation = Invocation::new(self.function.clone());
        let work = async {
            let value = batch_metadata::encode_bodies(batch, self.trigger.data_type)?;
            let mut metadata = batch_metadata::metadata(batch, &self.namespace);
            metadata.set_system(invocation.name(), self.executor.clock.now());
            attempt.describe(&mut metadata);
            let data = vec![(self.trigger.name.clone(), value)];
            self.executor.ask(&invocation, data, metadata).await
        };
        self.executor.run(&invocation, work).await
    }

    /// A run by hand: the extension makes one message of the input and describes it by the names of single messages.
    pub(super) async fn invoke_batch_by_hand(&self, delivery: &Delivery, input: &str) -> bool {
        let invocation = Invocation::new(self.function.clone());
        let work = async {
            let value =
                batch_metadata::encode_bodies(std::slice::from_ref(delivery), self.trigger.data_type)?;
            let mut metadata = metadata::metadata_of_manual_run(delivery, &self.trigger.name, input);
            metadata.set_system(invocation.name(), self.executor.clock.now());
            self.executor.ask(&invocation, vec![(self.trigger.name.clone(), value)], metadata).await
        };
        self.executor.run(&invocation, work).await.is_ok()
    }

    fn report_loop(&self, error: &EntityError) {
        let Self { namespace, trigger, function, .. } = self;
        let details = format!(
            "namespace='{namespace}', entityPath='{}', singleDispatch='False', isSessionsEnabled='{}', functionId='{}'",
            trigger.entity_path,
            if trigger.sessions { "True" } else { "False" },
            function.function.name,
        );
        let head = format!("An unhandled exception occurred in the message batch receive loop ({details}).");
        self.executor.observer.line(OutputLevel::Error, format!("{head} {error}"));
    }
}

#[cfg(test)]
#[path = "batch_tests.rs"]
mod tests;
