//! Receiving from one session of an entity that has sessions.
//!
//! Filter, property and time-out of the attach, and the operations: Microsoft Learn, "AMQP 1.0 in Azure Service Bus:
//! request-response-based operations", session operations; azure-sdk-for-net, AmqpReceiver.cs.

use std::{fmt, time::Duration};

use bytes::Bytes;
use time::OffsetDateTime;
use tokio::{
    sync::{Mutex, oneshot},
    time::Instant,
};
use uuid::Uuid;

use crate::{
    connector::Connector,
    entity::Entity,
    error::ServiceBusError,
    link::ReceiveLink,
    management::{self, Disposition},
    received::ReceivedMessage,
};

/// Receives the messages of one session, in order, while it holds the session's lock.
///
/// The lock belongs to the link: it ends when the receiver is closed, when its time is over and nobody
/// [renewed](Self::renew_session_lock) it, or when the connection is lost. After that everything answers
/// [`ServiceBusError::LockLost`] or [`ServiceBusError::ConnectionLost`], and the session has to be accepted again:
/// a session is never taken anew unseen, because somebody else may have gone on with it meanwhile.
pub struct SessionReceiver {
    connector: Connector,
    entity: Entity,
    session_id: String,
    locked_until: Option<OffsetDateTime>,
    link: Mutex<Option<ReceiveLink>>,
}

impl SessionReceiver {
    /// Locks a session; `None` when there was none.
    pub(crate) async fn accept(
        connector: Connector,
        entity: Entity,
        session_id: Option<&str>,
        wait: Duration,
    ) -> Result<Option<Self>, ServiceBusError> {
        let wait = wait.min(connector.options().attempt_time_limit.saturating_sub(ANSWER_MARGIN));
        let accepted = connector
            .attempt("accept session", |connection| {
                let (entity, session_id) = (entity.clone(), session_id.map(str::to_owned));
                async move {
                    match connection.session_receiver(&entity, session_id, wait).await {
                        Ok(accepted) => Ok(Some(accepted)),
                        Err(error) if is_no_session(&error) => Ok(None),
                        Err(error) => Err(error),
                    }
                }
            })
            .await?;
        Ok(accepted.map(|(link, session_id, locked_until)| Self {
            connector,
            entity,
            session_id,
            locked_until,
            link: Mutex::new(Some(link)),
        }))
    }
}

/// The service answers at the end of the wait; its answer needs a moment, too.
const ANSWER_MARGIN: Duration = Duration::from_secs(2);

/// How the service says that the wait for a session was in vain.
fn is_no_session(error: &ServiceBusError) -> bool {
    matches!(error, ServiceBusError::ConnectionLost { description } if description.starts_with("com.microsoft:timeout"))
}

impl SessionReceiver {
    /// The session.
    pub fn session_id(&self) -> &str {
        &self.session_id
    }

    /// When the lock ends that came with the session, in UTC, unless it is renewed.
    pub fn locked_until(&self) -> Option<OffsetDateTime> {
        self.locked_until
    }

    /// As [`ServiceBusReceiver::receive`](crate::ServiceBusReceiver::receive), from this session alone.
    ///
    /// # Errors
    /// See [`ServiceBusError`]. After an error the session has to be accepted again.
    pub async fn receive(&self, max: usize, wait: Duration) -> Result<Vec<ReceivedMessage>, ServiceBusError> {
        let mut link = self.link.lock().await;
        let open = link.as_mut().ok_or_else(closed)?;
        // Nobody gives up but by dropping this future, which leaves what came to the next call.
        let (mut nobody, _listens) = oneshot::channel::<()>();
        let fetched = open.fetch(max, Instant::now() + wait, &mut nobody).await;
        match fetched {
            Ok(fetched) => Ok(fetched.into_iter().map(|fetched| fetched.message).collect()),
            Err(error) => {
                *link = None;
                Err(error)
            }
        }
    }

    /// As [`ServiceBusReceiver::complete`](crate::ServiceBusReceiver::complete).
    ///
    /// # Errors
    /// [`ServiceBusError::LockLost`] when the session's lock has ended or the message was settled before.
    pub async fn complete(&self, lock_token: Uuid) -> Result<(), ServiceBusError> {
        self.settle("complete", lock_token, Disposition::Completed).await
    }

    /// As [`ServiceBusReceiver::abandon`](crate::ServiceBusReceiver::abandon).
    ///
    /// # Errors
    /// As [`complete`](Self::complete).
    pub async fn abandon(&self, lock_token: Uuid) -> Result<(), ServiceBusError> {
        self.settle("abandon", lock_token, Disposition::Abandoned).await
    }

    /// As [`ServiceBusReceiver::dead_letter`](crate::ServiceBusReceiver::dead_letter).
    ///
    /// # Errors
    /// As [`complete`](Self::complete).
    pub async fn dead_letter(
        &self,
        lock_token: Uuid,
        reason: &str,
        description: &str,
    ) -> Result<(), ServiceBusError> {
        let disposition =
            Disposition::DeadLettered { reason: reason.to_owned(), description: description.to_owned() };
        self.settle("dead-letter", lock_token, disposition).await
    }

    /// Extends the session's lock by the entity's lock duration from now; returns its new end, in UTC.
    ///
    /// # Errors
    /// [`ServiceBusError::LockLost`] when it has ended.
    pub async fn renew_session_lock(&self) -> Result<OffsetDateTime, ServiceBusError> {
        let session = &self.session_id;
        self.connector
            .on_management(&self.entity, "renew session lock", |link| async move {
                management::renew_session_lock(&link, session).await
            })
            .await
    }

    /// What was kept with the session.
    ///
    /// # Errors
    /// As [`renew_session_lock`](Self::renew_session_lock).
    pub async fn state(&self) -> Result<Option<Bytes>, ServiceBusError> {
        let session = &self.session_id;
        self.connector
            .on_management(&self.entity, "get session state", |link| async move {
                management::session_state(&link, session).await
            })
            .await
    }

    /// Keeps something with the session, or takes it away.
    ///
    /// # Errors
    /// As [`renew_session_lock`](Self::renew_session_lock).
    pub async fn set_state(&self, state: Option<Bytes>) -> Result<(), ServiceBusError> {
        let session = &self.session_id;
        self.connector
            .on_management(&self.entity, "set session state", |link| {
                let state = state.clone();
                async move { management::set_session_state(&link, session, state).await }
            })
            .await
    }

    /// Gives back what was fetched and not asked for, and the session.
    pub async fn close(self) {
        if let Some(link) = self.link.lock().await.take() {
            link.retire().await;
        }
    }

    async fn settle(
        &self,
        operation: &'static str,
        lock_token: Uuid,
        disposition: Disposition,
    ) -> Result<(), ServiceBusError> {
        let session = Some(self.session_id.as_str());
        self.connector
            .on_management(&self.entity, operation, |link| {
                let disposition = disposition.clone();
                async move { management::settle(&link, &[lock_token], disposition, session).await }
            })
            .await
    }
}

fn closed() -> ServiceBusError {
    ServiceBusError::LockLost { description: "the session is not held any more: accept it again".to_owned() }
}

impl fmt::Debug for SessionReceiver {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("SessionReceiver")
            .field("entity", &self.entity)
            .field("session_id", &self.session_id)
            .finish_non_exhaustive()
    }
}
