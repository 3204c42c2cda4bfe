//! The Service Bus trigger: one message, one invocation.
//!
//! Semantics: azure-sdk-for-net, `ServiceBusListener.cs` and `MessageProcessor.cs` (single dispatch) on the SDK's
//! `ServiceBusProcessor`; Microsoft Learn, "Azure Service Bus trigger for Azure Functions". A success completes the
//! message, a failure abandons it at once, and the lock is renewed while the function runs.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use time::OffsetDateTime;
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use super::metadata;
use super::{Delivery, Entity, EntityError, SessionSource};
use crate::configuration::function_json::ServiceBusTrigger;
use crate::configuration::service_bus_options::ServiceBusOptions;
use crate::event::OutputLevel;
use crate::invocation::executor::LoadedFunction;
use crate::invocation::retry::{Attempt, with_retries};
use crate::invocation::{Answer, BindingData, Executor, Invocation, InvocationError};

/// How long one request for messages waits before it is made again.
const RECEIVE_WAIT: Duration = Duration::from_secs(30);
pub(super) const FIRST_PAUSE: Duration = Duration::from_millis(250);
pub(super) const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// The SDK renews this long before the lock ends, or at half time if that is sooner.
const RENEWAL_BUFFER: Duration = Duration::from_secs(10);
/// Keeps a broker whose clock runs behind ours from being asked without a pause.
const SHORTEST_RENEWAL_PAUSE: Duration = Duration::from_millis(250);

/// Feeds one function from one entity.
#[derive(Clone)]
pub(crate) struct Listener {
    pub(crate) executor: Arc<Executor>,
    pub(crate) function: Arc<LoadedFunction>,
    pub(crate) trigger: ServiceBusTrigger,
    pub(crate) entity: Arc<dyn Entity>,
    /// Instead of the entity, for a trigger with sessions.
    pub(crate) sessions: Option<Arc<dyn SessionSource>>,
    pub(crate) namespace: String,
    pub(crate) options: ServiceBusOptions,
    /// Invocations under way; the host waits for them when it stops.
    pub(crate) in_flight: TaskTracker,
}

impl Listener {
    /// Receives until `stop` is cancelled, then gives back what was not handed out.
    pub(crate) async fn run(self, stop: CancellationToken) {
        if let Some(sessions) = &self.sessions {
            return self.run_sessions(&**sessions, &stop).await;
        }
        if self.trigger.batch {
            return self.run_batches(stop).await;
        }
        let free = Arc::new(Semaphore::new(self.options.max_concurrent_calls));
        let mut pause = FIRST_PAUSE;
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                permit = free.acquire() => drop(permit.expect("the semaphore is never closed")),
            }
            // Only this task takes permits, so there is one at least; invocations that end meanwhile add more.
            let received = tokio::select! {
                () = stop.cancelled() => break,
                received = self.entity.receive(free.available_permits(), RECEIVE_WAIT) => received,
            };
            match received {
                Ok(deliveries) => {
                    pause = FIRST_PAUSE;
                    deliveries.into_iter().for_each(|delivery| self.spawn(delivery, &free));
                }
                Err(error) => {
                    self.report("Receive", &error);
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

    fn spawn(&self, delivery: Delivery, free: &Arc<Semaphore>) {
        let permit = free.clone().try_acquire_owned().expect("no more messages come than there are permits");
        let listener = self.clone();
        self.in_flight.spawn(async move {
            listener.process(delivery).await;
            drop(permit);
        });
    }

    async fn process(&self, delivery: Delivery) {
        let Delivery { lock_token, locked_until, .. } = delivery;
        let succeeded = tokio::select! {
            succeeded = self.invoke(&delivery) => succeeded,
            never = self.keep_locked(&*self.entity, lock_token, locked_until) => match never {},
        };
        self.settle(&*self.entity, &delivery, succeeded).await;
    }

    /// Not at all once the host has given up waiting: the lock ends by itself.
    pub(super) async fn settle(&self, entity: &dyn Entity, delivery: &Delivery, succeeded: bool) {
        if self.executor.over.is_cancelled() {
            return;
        }
        let succeeded = succeeded && !self.goes_back(delivery);
        let (action, settled) = match (succeeded, self.trigger.auto_complete) {
            (true, true) => ("Complete", entity.complete(delivery.lock_token).await),
            // Somebody else settles the message, or its lock ends and it comes again.
            (true, false) => return,
            (false, _) => ("Abandon", entity.abandon(delivery.lock_token).await),
        };
        let Err(error) = settled else { return };
        self.report(action, &error);
        if action == "Complete"
            && !error.lock_lost
            && let Err(error) = entity.abandon(delivery.lock_token).await
        {
            self.report("Abandon", &error);
        }
    }

    /// azure-sdk-for-net, `MessageProcessor.CompleteProcessingMessageAsync`: a host that is stopping throws before it looks
    /// at the result, and the SDK's processor abandons the message.
    fn goes_back(&self, delivery: &Delivery) -> bool {
        let stopping = self.executor.stopping.is_cancelled();
        if stopping {
            let id = delivery.message_id.as_deref().unwrap_or_default();
            let line = format!(
                "The host is stopping: the message '{id}' of '{}' goes back to its queue although the function succeeded, \
                 and comes again. The Functions host does this at every deployment and scale-in.",
                self.function.function.name
            );
            self.executor.observer.line(OutputLevel::Warning, line);
        }
        stopping
    }

    /// Runs the function on a message that exists only here.
    pub(crate) async fn run_by_hand(&self, input: &str) {
        let delivery = Delivery::of_manual_input(input);
        // How it ended is told by the events; there is nothing to settle.
        let _ = if self.trigger.batch {
            self.invoke_batch_by_hand(&delivery, input).await
        } else {
            let describe = || metadata::metadata_of_manual_run(&delivery, &self.trigger.name, input);
            self.invoke_described(&delivery, &describe).await
        };
    }

    /// Runs the function on this message, again if a retry policy says so.
    pub(super) async fn invoke(&self, delivery: &Delivery) -> bool {
        self.invoke_described(delivery, &|| metadata::metadata(delivery, &self.namespace)).await
    }

    async fn invoke_described(&self, delivery: &Delivery, describe: &impl Fn() -> BindingData) -> bool {
        let attempts =
            with_retries(&self.executor, &self.function, |attempt| self.attempt(delivery, describe, attempt));
        attempts.await.is_ok()
    }

    async fn attempt(
        &self,
        delivery: &Delivery,
        describe: &impl Fn() -> BindingData,
        attempt: Attempt,
    ) -> Result<Answer, InvocationError> {
        let mut invocation = Invocation::new(self.function.clone());
        invocation.message_id = delivery.message_id.clone();
        invocation.delivery_count = Some(delivery.delivery_count);
        let work = async {
            let value = metadata::value(delivery, self.trigger.data_type)?;
            let mut metadata = describe();
            metadata.set_system(invocation.name(), self.executor.clock.now());
            metadata.overlay_properties_of_value(&value);
            attempt.describe(&mut metadata);
            let data = vec![(self.trigger.name.clone(), value)];
            self.executor.ask(&invocation, data, metadata).await
        };
        self.executor.run(&invocation, work).await
    }

    /// Renews a lock, until `maxAutoLockRenewalDuration` has passed. Never returns: the end of what it is for ends it.
    pub(super) async fn keep_locked(
        &self,
        entity: &dyn Entity,
        lock_token: Uuid,
        mut locked_until: Option<OffsetDateTime>,
    ) -> Infallible {
        let started = Instant::now();
        while let Some(until) = locked_until {
            let left = Duration::try_from(until - self.executor.clock.now()).unwrap_or_default();
            sleep((left - (left / 2).min(RENEWAL_BUFFER)).max(SHORTEST_RENEWAL_PAUSE)).await;
            if self.options.max_auto_lock_renewal.is_some_and(|limit| started.elapsed() >= limit) {
                break;
            }
            locked_until = self.renew(entity, lock_token).await;
        }
        std::future::pending().await
    }

    async fn renew(&self, entity: &dyn Entity, lock_token: Uuid) -> Option<OffsetDateTime> {
        loop {
            match entity.renew_lock(lock_token).await {
                Ok(until) => return Some(until),
                Err(error) => {
                    self.report("RenewLock", &error);
                    if !error.transient {
                        return None;
                    }
                    sleep(FIRST_PAUSE).await;
                }
            }
        }
    }

    /// The line that the extension logs, at its levels.
    pub(super) fn report(&self, action: &str, error: &EntityError) {
        let level = if error.transient { OutputLevel::Information } else { OutputLevel::Error };
        let (path, endpoint) = (&self.trigger.entity_path, &self.namespace);
        let head =
            format!("Message processing error (Action={action}, EntityPath={path}, Endpoint={endpoint})");
        self.executor.observer.line(level, format!("{head}: {error}"));
    }
}

#[cfg(test)]
#[path = "trigger_tests.rs"]
mod tests;
