//! Service Bus as the host sees it: entities that deliver, settle and take in messages.
//!
//! The trigger and the output binding work against these small traits, so that tests can put a scripted entity in
//! the place of a namespace; [`sdk`] is what runs otherwise.

mod batch;
mod batch_metadata;
mod data_contract;
mod identity;
pub(crate) mod metadata;
pub(crate) mod output;
mod property;
#[cfg(test)]
mod scripted;
pub(crate) mod sdk;
mod sdk_session;
mod session;
pub(crate) mod trigger;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::json::Json;

/// A queue, subscription or dead-letter queue that messages are received from in peek-lock mode.
pub(crate) trait Entity: Send + Sync {
    /// Waits up to `wait` for a first message and returns up to `max`.
    fn receive(&self, max: usize, wait: Duration) -> BoxFuture<'_, Result<Vec<Delivery>, EntityError>>;
    fn complete(&self, lock_token: Uuid) -> BoxFuture<'_, Result<(), EntityError>>;
    fn abandon(&self, lock_token: Uuid) -> BoxFuture<'_, Result<(), EntityError>>;
    /// Returns when the lock ends now.
    fn renew_lock(&self, lock_token: Uuid) -> BoxFuture<'_, Result<OffsetDateTime, EntityError>>;
    /// Gives back what was fetched and not handed out.
    fn close(&self) -> BoxFuture<'_, ()>;
}

/// An entity whose messages belong to sessions.
pub(crate) trait SessionSource: Send + Sync {
    /// Waits up to `wait` for a session that has messages and that nobody holds, and locks it.
    fn accept(&self, wait: Duration) -> BoxFuture<'_, Result<Option<Session>, EntityError>>;
}

/// A session that this host holds.
pub(crate) struct Session {
    pub(crate) locked_until: Option<OffsetDateTime>,
    /// Its messages, in their order. Renewing a lock renews that of the session, whatever the token; closing gives the
    /// session back.
    pub(crate) entity: Arc<dyn Entity>,
}

/// A queue or topic that messages are sent to.
pub(crate) trait Destination: Send + Sync {
    fn send(&self, body: String, parent: Uuid) -> BoxFuture<'_, Result<(), EntityError>>;
}

/// What a Service Bus operation failed with.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub(crate) struct EntityError {
    pub(crate) message: String,
    /// The lock is over: the message is not ours any more.
    pub(crate) lock_lost: bool,
    /// Trying again may help.
    pub(crate) transient: bool,
}

/// A message that was handed to the host.
#[derive(Debug, Clone)]
pub(crate) struct Delivery {
    pub(crate) body: Body,
    pub(crate) message_id: Option<String>,
    pub(crate) lock_token: Uuid,
    pub(crate) locked_until: Option<OffsetDateTime>,
    pub(crate) sequence_number: i64,
    /// 1 on the first delivery.
    pub(crate) delivery_count: u32,
    pub(crate) enqueued_time: Option<OffsetDateTime>,
    pub(crate) expires_at: Option<OffsetDateTime>,
    pub(crate) content_type: Option<String>,
    pub(crate) subject: Option<String>,
    pub(crate) correlation_id: Option<String>,
    pub(crate) to: Option<String>,
    pub(crate) reply_to: Option<String>,
    pub(crate) session_id: Option<String>,
    /// When the lock of its session ends, or ended before it was renewed.
    pub(crate) session_locked_until: Option<OffsetDateTime>,
    pub(crate) reply_to_session_id: Option<String>,
    pub(crate) partition_key: Option<String>,
    pub(crate) dead_letter_source: Option<String>,
    pub(crate) application_properties: Vec<(String, Json)>,
}

/// The body section of a message.
#[derive(Debug, Clone)]
pub(crate) enum Body {
    /// Data sections in one piece.
    Data(Bytes),
    /// An AMQP value that is a string.
    Text(String),
    /// Any other section; the text says what it is.
    Unsupported(&'static str),
}

impl Delivery {
    /// A message that exists only here: what `POST /admin/functions/{name}` makes of its input.
    pub(crate) fn of_manual_input(input: &str) -> Self {
        Self {
            body: Body::Data(Bytes::copy_from_slice(input.as_bytes())),
            message_id: None,
            lock_token: Uuid::nil(),
            locked_until: None,
            sequence_number: -1,
            delivery_count: 0,
            enqueued_time: Some(time::macros::datetime!(0001-01-01 00:00 UTC)),
            expires_at: None,
            content_type: None,
            subject: None,
            correlation_id: None,
            to: None,
            reply_to: None,
            session_id: None,
            session_locked_until: None,
            reply_to_session_id: None,
            partition_key: None,
            dead_letter_source: None,
            application_properties: Vec::new(),
        }
    }
}
