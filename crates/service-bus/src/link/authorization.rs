//! Presents tokens to the claims-based security node, and presents new ones in good time.
//!
//! Operation, names and statuses: Microsoft Learn, "AMQP 1.0 protocol guide", claims-based authorization.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use fe2o3_amqp_types::messaging::ApplicationProperties;
use time::OffsetDateTime;
use tokio::sync::Notify;

use super::request::RequestLink;
use crate::{
    authentication::Authentication,
    clock::Clock,
    error::ServiceBusError,
    wire::{self, AmqpValue},
};

/// What this connection may do, and until when.
pub(crate) struct Authorization {
    node: RequestLink,
    authentication: Authentication,
    clock: Arc<dyn Clock>,
    presented: Mutex<HashMap<String, Presented>>,
    changed: Notify,
}

/// The life of a token that was presented for one audience.
#[derive(Clone, Copy)]
struct Presented {
    renew_at: OffsetDateTime,
    expires_at: OffsetDateTime,
}

impl Authorization {
    pub(crate) fn new(node: RequestLink, authentication: Authentication, clock: Arc<dyn Clock>) -> Self {
        Self { node, authentication, clock, presented: Mutex::default(), changed: Notify::new() }
    }

    /// Makes sure that a token for `audience` was presented.
    pub(crate) async fn authorize(&self, audience: &str) -> Result<(), ServiceBusError> {
        if !self.presented().contains_key(audience) {
            let presented = self.present(audience).await?;
            self.presented().insert(audience.to_owned(), presented);
            self.changed.notify_one();
        }
        Ok(())
    }

    /// Whether a token has run out: the machine slept through the time to renew it, for instance.
    pub(crate) fn has_run_out(&self) -> bool {
        let now = self.clock.now();
        self.presented().values().any(|token| token.expires_at <= now)
    }

    /// Presents new tokens before the old ones end; returns with the error of one that could not be renewed.
    pub(crate) async fn keep_renewed(&self, time_limit: Duration) -> ServiceBusError {
        loop {
            let next =
                self.presented().iter().min_by_key(|(_, token)| token.renew_at).map(|(a, t)| (a.clone(), *t));
            let Some((audience, token)) = next else {
                self.changed.notified().await;
                continue;
            };
            let wait = Duration::try_from(token.renew_at - self.clock.now()).unwrap_or_default();
            if !wait.is_zero() {
                // Short naps, because the injected clock need not run as the timer does.
                let nap = wait.clamp(Duration::from_millis(10), Duration::from_secs(10));
                tokio::select! {
                    () = self.changed.notified() => {}
                    () = tokio::time::sleep(nap) => {}
                }
                continue;
            }
            match tokio::time::timeout(time_limit, self.present(&audience)).await {
                Ok(Ok(presented)) => {
                    tracing::debug!(audience, "token renewed");
                    self.presented().insert(audience, presented);
                }
                Ok(Err(error)) => return error,
                Err(_) => return ServiceBusError::Timeout { operation: "put-token", after: time_limit },
            }
        }
    }

    fn presented(&self) -> MutexGuard<'_, HashMap<String, Presented>> {
        // The map is whole at every moment, so a panic elsewhere while it was held leaves nothing half done.
        self.presented.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Presents a token, which is to be renewed after four fifths of its life.
    async fn present(&self, audience: &str) -> Result<Presented, ServiceBusError> {
        let now = self.clock.now();
        let token = self.authentication.token(audience, now).await?;
        let properties = ApplicationProperties::builder()
            .insert("operation", "put-token")
            .insert("type", token.kind)
            .insert("name", audience)
            .build();
        let reply = self.node.call(properties, AmqpValue::String(token.value.secret().to_owned())).await?;
        match reply.status {
            200..=299 => {
                let expires_at = token.expires_at;
                Ok(Presented {
                    renew_at: now + (expires_at - now).max(time::Duration::SECOND) * 0.8,
                    expires_at,
                })
            }
            status => Err(wire::from_status(status, reply.condition.as_deref(), &reply.description)),
        }
    }
}
