//! Sessions on the Service Bus client.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use service_bus::{ServiceBusClient, SessionReceiver};
use time::OffsetDateTime;
use tokio::sync::RwLock;
use uuid::Uuid;

use super::{Delivery, Entity, EntityError, Session, SessionSource};

/// The sessions of one queue or subscription.
pub(crate) struct SdkSessions {
    pub(crate) client: ServiceBusClient,
    pub(crate) path: String,
}

impl SessionSource for SdkSessions {
    fn accept(&self, wait: Duration) -> BoxFuture<'_, Result<Option<Session>, EntityError>> {
        async move {
            let accepted = self.client.accept_session(self.path.as_str(), None, wait).await?;
            Ok(accepted.map(|receiver| Session {
                locked_until: receiver.locked_until(),
                entity: Arc::new(SdkSession(RwLock::new(Some(receiver)))),
            }))
        }
        .boxed()
    }
}

/// One session, until it is closed.
struct SdkSession(RwLock<Option<SessionReceiver>>);

fn closed() -> EntityError {
    EntityError { message: "the session was closed".to_owned(), lock_lost: true, transient: false }
}

impl Entity for SdkSession {
    fn receive(&self, max: usize, wait: Duration) -> BoxFuture<'_, Result<Vec<Delivery>, EntityError>> {
        async move {
            let session = self.0.read().await;
            let messages = session.as_ref().ok_or_else(closed)?.receive(max, wait).await?;
            Ok(messages.into_iter().map(Delivery::from).collect())
        }
        .boxed()
    }

    fn complete(&self, lock_token: Uuid) -> BoxFuture<'_, Result<(), EntityError>> {
        async move { Ok(self.0.read().await.as_ref().ok_or_else(closed)?.complete(lock_token).await?) }
            .boxed()
    }

    fn abandon(&self, lock_token: Uuid) -> BoxFuture<'_, Result<(), EntityError>> {
        async move { Ok(self.0.read().await.as_ref().ok_or_else(closed)?.abandon(lock_token).await?) }.boxed()
    }

    fn renew_lock(&self, _: Uuid) -> BoxFuture<'_, Result<OffsetDateTime, EntityError>> {
        async move { Ok(self.0.read().await.as_ref().ok_or_else(closed)?.renew_session_lock().await?) }
            .boxed()
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        async move {
            if let Some(session) = self.0.write().await.take() {
                session.close().await;
            }
        }
        .boxed()
    }
}
