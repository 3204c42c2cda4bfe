//! The Service Bus trigger with `isSessionsEnabled`: the messages of one session in their order, several sessions at once.
//!
//! azure-sdk-for-net, `ServiceBusListener.cs` on the SDK's `ServiceBusSessionProcessor`: the lock of a session is renewed
//! while it is held, and a session without messages for `sessionIdleTimeout` is given back for the next one. With
//! `cardinality: many` there is one session at a time, and its lock is not renewed.

use std::sync::Arc;

use futures::future::join_all;
use time::OffsetDateTime;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::trigger::{FIRST_PAUSE, LONGEST_PAUSE, Listener};
use super::{Delivery, Entity, EntityError, Session, SessionSource};

impl Listener {
    /// Takes sessions until `stop` is cancelled, then gives back those that are held.
    pub(super) async fn run_sessions(&self, source: &dyn SessionSource, stop: &CancellationToken) {
        let at_once = if self.trigger.batch { 1 } else { self.options.max_concurrent_sessions };
        join_all((0..at_once).map(|_| self.take_sessions(source, stop))).await;
    }

    async fn take_sessions(&self, source: &dyn SessionSource, stop: &CancellationToken) {
        let mut pause = FIRST_PAUSE;
        while !stop.is_cancelled() {
            let accepted = tokio::select! {
                () = stop.cancelled() => break,
                accepted = source.accept(self.options.try_timeout) => accepted,
            };
            let served = match accepted {
                Ok(Some(session)) => self.serve(session, stop).await,
                // Nothing to do is no news.
                Ok(None) => Ok(()),
                Err(error) => Err(("AcceptSession", error)),
            };
            let Err((action, error)) = served else {
                pause = FIRST_PAUSE;
                continue;
            };
            self.report(action, &error);
            tokio::select! {
                () = stop.cancelled() => break,
                () = sleep(pause) => {}
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Until the session has no more messages, is lost, or the host stops; then gives it back.
    async fn serve(
        &self,
        session: Session,
        stop: &CancellationToken,
    ) -> Result<(), (&'static str, EntityError)> {
        let Session { locked_until, entity } = session;
        let served = if self.trigger.batch {
            self.batches_of(&entity, locked_until, stop).await
        } else {
            tokio::select! {
                served = self.messages_of(&entity, locked_until, stop) => served,
                never = self.keep_locked(&*entity, Uuid::nil(), locked_until) => match never {},
            }
        };
        entity.close().await;
        served.map_err(|error| ("Receive", error))
    }

    /// As many at a time as `maxConcurrentCallsPerSession` says, and the next ones when these have ended.
    async fn messages_of(
        &self,
        entity: &Arc<dyn Entity>,
        locked_until: Option<OffsetDateTime>,
        stop: &CancellationToken,
    ) -> Result<(), EntityError> {
        while let Some(deliveries) = self.next_of(entity, stop).await? {
            let runs = deliveries.into_iter().map(|mut delivery| {
                delivery.session_locked_until = locked_until;
                let (listener, entity) = (self.clone(), entity.clone());
                self.in_flight.spawn(async move { listener.process_in_session(&*entity, &delivery).await })
            });
            // A task that panicked has settled nothing: its message comes again when the session's lock ends.
            join_all(runs).await;
        }
        Ok(())
    }

    /// `None` when the session is idle or the host stops.
    async fn next_of(
        &self,
        entity: &Arc<dyn Entity>,
        stop: &CancellationToken,
    ) -> Result<Option<Vec<Delivery>>, EntityError> {
        let most = self.options.max_concurrent_calls_per_session;
        let deliveries =
            self.receive_or_stop(&**entity, most, self.options.session_idle_timeout, stop).await?;
        Ok(Some(deliveries).filter(|deliveries| !deliveries.is_empty()))
    }

    async fn process_in_session(&self, entity: &dyn Entity, delivery: &Delivery) {
        let succeeded = self.invoke(delivery).await;
        self.settle(entity, delivery, succeeded).await;
    }

    async fn batches_of(
        &self,
        entity: &Arc<dyn Entity>,
        locked_until: Option<OffsetDateTime>,
        stop: &CancellationToken,
    ) -> Result<(), EntityError> {
        loop {
            let mut batch = self.next_batch(&**entity, self.options.session_idle_timeout, stop).await?;
            if batch.is_empty() {
                return Ok(());
            }
            batch.iter_mut().for_each(|delivery| delivery.session_locked_until = locked_until);
            self.process_batch(entity.clone(), batch).await;
        }
    }
}

#[cfg(test)]
#[path = "session_tests.rs"]
mod tests;
