//! A message that was received or browsed.

use std::{collections::BTreeMap, time::Duration};

use bytes::Bytes;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::{body_section::BodySection, message::Message, value::Value};

/// A message as the service handed it out.
#[derive(Debug, Clone, PartialEq)]
pub struct ReceivedMessage {
    /// The payload: the data sections in one piece, or the text or bytes of an AMQP value body; empty for any other
    /// kind of body, which [`body_section`](Self::body_section) then holds.
    pub body: Bytes,
    /// The kind of section that the body came in.
    pub body_section: BodySection,
    /// What duplicate detection compares.
    pub message_id: Option<String>,
    /// What settles the message. Nil on a message that was only browsed.
    pub lock_token: Uuid,
    /// The number that the entity gave the message, unique and rising within the entity.
    pub sequence_number: i64,
    /// The sequence number of a scheduled or dead-lettered message before it was moved.
    pub enqueued_sequence_number: Option<i64>,
    /// How often the message was delivered, this time included: 1 on the first delivery. On a message that was
    /// only browsed: how often until now.
    pub delivery_count: u32,
    /// When the service took the message in, in UTC.
    pub enqueued_time: Option<OffsetDateTime>,
    /// When it is (or was) to become available, in UTC.
    pub scheduled_enqueue_time: Option<OffsetDateTime>,
    /// When the lock ends, in UTC. None on a message that was only browsed.
    pub locked_until: Option<OffsetDateTime>,
    /// How long the message may wait; None for ever.
    pub time_to_live: Option<Duration>,
    /// When the message expires, in UTC; None for never.
    pub expires_at: Option<OffsetDateTime>,
    /// Whether it can be received now.
    pub state: MessageState,
    /// The media type of the body.
    pub content_type: Option<String>,
    /// What the message is about; the SDKs of old called it the label.
    pub subject: Option<String>,
    /// The id of what this message answers or belongs to.
    pub correlation_id: Option<String>,
    /// Where it is meant to go in the end.
    pub to: Option<String>,
    /// Where an answer is wanted.
    pub reply_to: Option<String>,
    /// The session that it belongs to.
    pub session_id: Option<String>,
    /// The session in which an answer is wanted.
    pub reply_to_session_id: Option<String>,
    /// The key of its partition.
    pub partition_key: Option<String>,
    /// The entity in whose dead-letter queue the message lay before the service forwarded it here.
    pub dead_letter_source: Option<String>,
    /// Why it was dead-lettered. Also among the [`application_properties`](Self::application_properties).
    pub dead_letter_reason: Option<String>,
    /// The words that came with the reason. Also among the [`application_properties`](Self::application_properties).
    pub dead_letter_error_description: Option<String>,
    /// The application's own properties, and those that the service added when it dead-lettered the message.
    pub application_properties: BTreeMap<String, Value>,
}

/// Whether a message can be received.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessageState {
    /// It can.
    Active,
    /// Only by its sequence number.
    Deferred,
    /// Not before its scheduled time.
    Scheduled,
}

/// The name of the application property that holds the reason of a dead letter.
pub const DEAD_LETTER_REASON: &str = "DeadLetterReason";
/// The name of the application property that holds the description of a dead letter.
pub const DEAD_LETTER_ERROR_DESCRIPTION: &str = "DeadLetterErrorDescription";

impl ReceivedMessage {
    /// A message to send with the same body, id and properties, without what the service added: the dead-letter
    /// properties, sequence numbers, counts and times. The schedule is not kept; the time to live is.
    pub fn to_message(&self) -> Message {
        let mut application_properties = self.application_properties.clone();
        application_properties.remove(DEAD_LETTER_REASON);
        application_properties.remove(DEAD_LETTER_ERROR_DESCRIPTION);
        Message {
            body: self.body.clone(),
            body_section: self.body_section.clone(),
            message_id: self.message_id.clone(),
            content_type: self.content_type.clone(),
            subject: self.subject.clone(),
            correlation_id: self.correlation_id.clone(),
            to: self.to.clone(),
            reply_to: self.reply_to.clone(),
            session_id: self.session_id.clone(),
            reply_to_session_id: self.reply_to_session_id.clone(),
            partition_key: self.partition_key.clone(),
            time_to_live: self.time_to_live,
            scheduled_enqueue_time: None,
            application_properties,
        }
    }
}
