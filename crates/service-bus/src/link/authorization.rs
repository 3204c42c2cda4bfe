//! Presents tokens to the claims-based security node, and presents new ones in good time.
//!
//! Operation, names and statuses: Microsoft Learn, "AMQP 1.0 protocol guide", claims-based authorization.

use std::{collections::HashMap, sync::Arc, time::Duration};

use fe2o3_amqp_types::messaging::ApplicationProperties;
use time::OffsetDateTime;
use tokio::sync::{Mutex, Notify};

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
    /// For each audience, when its token is to be renewed.
    renewals: Mutex<HashMap<String, OffsetDateTime>>,
    changed: Notify,
}

impl Authorization {
    pub(crate) fn new(node: RequestLink, authentication: Authentication, clock: Arc<dyn Clock>) -> Self {
        Self { node, authentication, clock, renewals: Mutex::default(), changed: Notify::new() }
    }

    /// Makes sure that a token for `audience` was presented.
    pub(crate) async fn authorize(&self, audience: &str) -> Result<(), ServiceBusError> {
        // Held over the request, so that links to one entity do not each present a token.
        let mut renewals = self.renewals.lock().await;
        if renewals.contains_key(audience) {
            return Ok(());
        }
        let renew_at = self.present(audience).await?;
        renewals.insert(audience.to_owned(), renew_at);
        self.changed.notify_one();
        Ok(())
    }

    /// Presents new tokens before the old ones end; returns with the error of one that could not be renewed.
    pub(crate) async fn keep_renewed(&self, time_limit: Duration) -> ServiceBusError {
        loop {
            let next =
                self.renewals.lock().await.iter().min_by_key(|(_, at)| **at).map(|(a, at)| (a.clone(), *at));
            let Some((audience, renew_at)) = next else {
                self.changed.notified().await;
                continue;
            };
            let wait = Duration::try_from(renew_at - self.clock.now()).unwrap_or_default();
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
                Ok(Ok(renew_at)) => {
                    tracing::debug!(audience, "token renewed");
                    self.renewals.lock().await.insert(audience, renew_at);
                }
                Ok(Err(error)) => return error,
                Err(_) => return ServiceBusError::Timeout { operation: "put-token", after: time_limit },
            }
        }
    }

    /// Presents a token; returns when it is to be renewed: after four fifths of its life.
    async fn present(&self, audience: &str) -> Result<OffsetDateTime, ServiceBusError> {
        let now = self.clock.now();
        let token = self.authentication.token(audience, now).await?;
        let properties = ApplicationProperties::builder()
            .insert("operation", "put-token")
            .insert("type", token.kind)
            .insert("name", audience)
            .build();
        let reply = self.node.call(properties, AmqpValue::String(token.value.secret().to_owned())).await?;
        match reply.status {
            200..=299 => Ok(now + (token.expires_at - now).max(time::Duration::SECOND) * 0.8),
            status => Err(wire::from_status(status, reply.condition.as_deref(), &reply.description)),
        }
    }
}
