//! A message to send.

use std::{collections::BTreeMap, time::Duration};

use bytes::Bytes;
use time::OffsetDateTime;

use crate::{body_section::BodySection, value::Value};

/// A message to send. Built by chaining:
///
/// ```
/// use service_bus::Message;
///
/// let message = Message::new(r#"{"order":7}"#)
///     .with_message_id("order-7")
///     .with_content_type("application/json")
///     .with_application_property("attempt", 1);
/// assert_eq!(message.message_id.as_deref(), Some("order-7"));
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Message {
    /// The payload, sent as one AMQP data section. Not sent where [`body_section`](Self::body_section) is another kind.
    pub body: Bytes,
    /// The kind of section that the body is sent in: data, unless the message is to be as one that was received.
    pub body_section: BodySection,
    /// What duplicate detection compares; at most 128 characters. Made up when absent, once per call of `send`, so
    /// that a repeated attempt carries the same one.
    pub message_id: Option<String>,
    /// The media type of the body.
    pub content_type: Option<String>,
    /// What the message is about; the SDKs of old called it the label.
    pub subject: Option<String>,
    /// The id of what this message answers or belongs to.
    pub correlation_id: Option<String>,
    /// Where it is meant to go in the end; Service Bus itself ignores it.
    pub to: Option<String>,
    /// Where an answer is wanted.
    pub reply_to: Option<String>,
    /// The session that it belongs to.
    pub session_id: Option<String>,
    /// The session in which an answer is wanted.
    pub reply_to_session_id: Option<String>,
    /// Messages of one key are kept in one partition of a partitioned entity.
    pub partition_key: Option<String>,
    /// How long the message may wait before it expires. To the millisecond; the entity's default when absent.
    pub time_to_live: Option<Duration>,
    /// When the message becomes available; at once when absent. To the millisecond.
    pub scheduled_enqueue_time: Option<OffsetDateTime>,
    /// The application's own properties.
    pub application_properties: BTreeMap<String, Value>,
}

impl Message {
    /// A message with this body and nothing else.
    pub fn new(body: impl Into<Bytes>) -> Self {
        Self { body: body.into(), ..Self::default() }
    }

    /// Sets [`message_id`](Self::message_id).
    #[must_use]
    pub fn with_message_id(mut self, message_id: impl Into<String>) -> Self {
        self.message_id = Some(message_id.into());
        self
    }

    /// Sets [`content_type`](Self::content_type).
    #[must_use]
    pub fn with_content_type(mut self, content_type: impl Into<String>) -> Self {
        self.content_type = Some(content_type.into());
        self
    }

    /// Sets [`subject`](Self::subject).
    #[must_use]
    pub fn with_subject(mut self, subject: impl Into<String>) -> Self {
        self.subject = Some(subject.into());
        self
    }

    /// Sets [`correlation_id`](Self::correlation_id).
    #[must_use]
    pub fn with_correlation_id(mut self, correlation_id: impl Into<String>) -> Self {
        self.correlation_id = Some(correlation_id.into());
        self
    }

    /// Sets [`to`](Self::to).
    #[must_use]
    pub fn with_to(mut self, to: impl Into<String>) -> Self {
        self.to = Some(to.into());
        self
    }

    /// Sets [`reply_to`](Self::reply_to).
    #[must_use]
    pub fn with_reply_to(mut self, reply_to: impl Into<String>) -> Self {
        self.reply_to = Some(reply_to.into());
        self
    }

    /// Sets [`session_id`](Self::session_id).
    #[must_use]
    pub fn with_session_id(mut self, session_id: impl Into<String>) -> Self {
        self.session_id = Some(session_id.into());
        self
    }

    /// Sets [`partition_key`](Self::partition_key).
    #[must_use]
    pub fn with_partition_key(mut self, partition_key: impl Into<String>) -> Self {
        self.partition_key = Some(partition_key.into());
        self
    }

    /// Sets [`time_to_live`](Self::time_to_live).
    #[must_use]
    pub fn with_time_to_live(mut self, time_to_live: Duration) -> Self {
        self.time_to_live = Some(time_to_live);
        self
    }

    /// Sets [`scheduled_enqueue_time`](Self::scheduled_enqueue_time).
    #[must_use]
    pub fn with_scheduled_enqueue_time(mut self, at: OffsetDateTime) -> Self {
        self.scheduled_enqueue_time = Some(at);
        self
    }

    /// Adds one of the [`application_properties`](Self::application_properties).
    #[must_use]
    pub fn with_application_property(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.application_properties.insert(name.into(), value.into());
        self
    }
}
