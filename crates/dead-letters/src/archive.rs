//! Dead letters as NDJSON: everything that is needed to send them again, with the types of their properties.

use std::{
    collections::BTreeMap,
    fs::{File, OpenOptions},
    io::{self, Write as _},
    path::Path,
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use service_bus::{BodySection, DEAD_LETTER_ERROR_DESCRIPTION, DEAD_LETTER_REASON, ReceivedMessage, Value};
use time::OffsetDateTime;

use crate::{
    letter::{Letter, LetterId},
    redact,
    typed::{TypedValueError, from_json, to_json},
};

/// What the first field of every line says.
pub const FORMAT: &str = "latchkey.dead-letter/1";

/// One dead letter in a file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Archived {
    format: String,
    /// Whether secrets were taken out, so that it is good for reading only.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub redacted: bool,
    /// The letter.
    pub id: LetterId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    message_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    #[serde(default, with = "time::serde::rfc3339::option")]
    enqueued_time: Option<OffsetDateTime>,
    delivery_count: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    content_type: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    subject: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    correlation_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    to: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reply_to: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    session_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reply_to_session_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    partition_key: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    time_to_live_ms: Option<u64>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    properties: BTreeMap<String, Json>,
    body: ArchivedBody,
}

/// A body: text as text, other bytes in base64, and AMQP values with their types.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ArchivedBody {
    Text(String),
    Base64(String),
    Value(Json),
    Sequence(Vec<Vec<Json>>),
    Empty,
}

impl ArchivedBody {
    fn of(message: &ReceivedMessage) -> Result<Self, TypedValueError> {
        Ok(match &message.body_section {
            BodySection::Data => match std::str::from_utf8(&message.body) {
                Ok(text) => Self::Text(text.to_owned()),
                Err(_) => Self::Base64(STANDARD.encode(&message.body)),
            },
            BodySection::Value(value) => Self::Value(to_json(value)?),
            BodySection::Sequence(lists) => {
                let list = |list: &Vec<Value>| list.iter().map(to_json).collect();
                Self::Sequence(lists.iter().map(list).collect::<Result<_, _>>()?)
            }
            BodySection::Empty => Self::Empty,
            BodySection::Unreadable => {
                return Err(TypedValueError("the body of the message cannot be read".to_owned()));
            }
        })
    }

    /// The body, as text or bytes where it is some, and the section that it is of.
    fn read(&self) -> Result<(Bytes, BodySection), String> {
        Ok(match self {
            Self::Text(text) => (Bytes::from(text.clone()), BodySection::Data),
            Self::Base64(text) => {
                let bytes =
                    STANDARD.decode(text).map_err(|error| format!("its body is not base64: {error}"))?;
                (bytes.into(), BodySection::Data)
            }
            Self::Value(json) => {
                let value = from_json(json).map_err(|error| error.to_string())?;
                let bytes = match &value {
                    Value::String(text) => Bytes::from(text.clone()),
                    Value::Binary(bytes) => bytes.clone(),
                    _ => Bytes::new(),
                };
                (bytes, BodySection::Value(value))
            }
            Self::Sequence(lists) => {
                let list = |list: &Vec<Json>| list.iter().map(from_json).collect();
                let lists: Result<_, TypedValueError> = lists.iter().map(list).collect();
                (Bytes::new(), BodySection::Sequence(lists.map_err(|error| error.to_string())?))
            }
            Self::Empty => (Bytes::new(), BodySection::Empty),
        })
    }
}

/// Why a letter cannot be put into a file or read from one.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// A value has no JSON.
    #[error("{id} cannot be archived: {why}")]
    Unsupported {
        /// The letter.
        id: LetterId,
        /// What about it.
        why: String,
    },
    /// A line is not what this module writes.
    #[error("line {line}: {why}")]
    Unreadable {
        /// Which line, from one.
        line: usize,
        /// What is wrong with it.
        why: String,
    },
    /// The file cannot be written.
    #[error("the archive cannot be written")]
    Io(#[from] io::Error),
}

impl Archived {
    /// A letter for a file, complete, or with its secrets replaced.
    ///
    /// # Errors
    /// [`ArchiveError::Unsupported`].
    pub fn of(letter: &Letter, redacted: bool) -> Result<Self, ArchiveError> {
        let message = &letter.message;
        let unsupported = |why: String| ArchiveError::Unsupported { id: letter.id.clone(), why };
        let own = |(name, _): &(&String, &Value)| {
            name.as_str() != DEAD_LETTER_REASON && name.as_str() != DEAD_LETTER_ERROR_DESCRIPTION
        };
        let properties: Result<BTreeMap<String, Json>, TypedValueError> = message
            .application_properties
            .iter()
            .filter(own)
            .map(|(name, value)| Ok((name.clone(), to_json(value)?)))
            .collect();
        let mut archived = Self {
            format: FORMAT.to_owned(),
            redacted,
            id: letter.id.clone(),
            message_id: message.message_id.clone(),
            reason: message.dead_letter_reason.clone(),
            description: message.dead_letter_error_description.clone(),
            enqueued_time: message.enqueued_time,
            delivery_count: message.delivery_count,
            content_type: message.content_type.clone(),
            subject: message.subject.clone(),
            correlation_id: message.correlation_id.clone(),
            to: message.to.clone(),
            reply_to: message.reply_to.clone(),
            session_id: message.session_id.clone(),
            reply_to_session_id: message.reply_to_session_id.clone(),
            partition_key: message.partition_key.clone(),
            time_to_live_ms: message.time_to_live.and_then(|ttl| u64::try_from(ttl.as_millis()).ok()),
            properties: properties.map_err(|error| unsupported(error.to_string()))?,
            body: ArchivedBody::of(message).map_err(|error| unsupported(error.to_string()))?,
        };
        if redacted {
            archived.redact();
        }
        Ok(archived)
    }

    fn redact(&mut self) {
        self.body = match &self.body {
            ArchivedBody::Text(text) => ArchivedBody::Text(redact::text(text)),
            ArchivedBody::Value(Json::String(text)) => ArchivedBody::Value(redact::text(text).into()),
            ArchivedBody::Empty => ArchivedBody::Empty,
            // Nobody can tell what is in it.
            ArchivedBody::Base64(_) | ArchivedBody::Value(_) | ArchivedBody::Sequence(_) => {
                ArchivedBody::Text(redact::MASK.to_owned())
            }
        };
        self.description = self.description.take().map(|text| redact::text(&text));
        for (name, value) in &mut self.properties {
            redact::property(name, value);
        }
        for text in [&mut self.to, &mut self.reply_to, &mut self.subject].into_iter().flatten() {
            *text = redact::text(text);
        }
    }

    /// The letter as one line, with its end.
    ///
    /// # Errors
    /// [`ArchiveError::Io`], which JSON of this shape does not bring.
    pub fn to_line(&self) -> Result<Vec<u8>, ArchiveError> {
        let mut line = serde_json::to_vec(self).map_err(io::Error::from)?;
        line.push(b'\n');
        Ok(line)
    }

    /// Reads every line of a file.
    ///
    /// # Errors
    /// [`ArchiveError::Unreadable`], with the number of the first bad line.
    pub fn read_all(text: &str) -> Result<Vec<Self>, ArchiveError> {
        let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
        lines
            .map(|(index, line)| {
                let unreadable = |why: String| ArchiveError::Unreadable { line: index + 1, why };
                let archived: Self =
                    serde_json::from_str(line).map_err(|error| unreadable(error.to_string()))?;
                match archived.format.as_str() {
                    FORMAT => Ok(archived),
                    other => Err(unreadable(format!("the format is {other:?}, expected {FORMAT:?}"))),
                }
            })
            .collect()
    }

    /// The letter again, as if it had been read from its queue.
    ///
    /// # Errors
    /// [`ArchiveError::Unsupported`] when it was redacted, or a property or the body is not what this module writes.
    pub fn to_letter(&self) -> Result<Letter, ArchiveError> {
        let unsupported = |why: String| ArchiveError::Unsupported { id: self.id.clone(), why };
        if self.redacted {
            return Err(unsupported(
                "its secrets were taken out; only a complete export can be sent".to_owned(),
            ));
        }
        let properties: Result<BTreeMap<String, Value>, TypedValueError> =
            self.properties.iter().map(|(name, value)| Ok((name.clone(), from_json(value)?))).collect();
        let (body, body_section) = self.body.read().map_err(unsupported)?;
        let entity = service_bus::Entity::from(self.id.entity.as_str());
        Ok(Letter::new(
            &entity,
            ReceivedMessage {
                body,
                body_section,
                message_id: self.message_id.clone(),
                lock_token: uuid::Uuid::nil(),
                sequence_number: self.id.sequence,
                enqueued_sequence_number: None,
                delivery_count: self.delivery_count,
                enqueued_time: self.enqueued_time,
                scheduled_enqueue_time: None,
                locked_until: None,
                time_to_live: self.time_to_live_ms.map(Duration::from_millis),
                expires_at: None,
                state: service_bus::MessageState::Active,
                content_type: self.content_type.clone(),
                subject: self.subject.clone(),
                correlation_id: self.correlation_id.clone(),
                to: self.to.clone(),
                reply_to: self.reply_to.clone(),
                session_id: self.session_id.clone(),
                reply_to_session_id: self.reply_to_session_id.clone(),
                partition_key: self.partition_key.clone(),
                dead_letter_source: None,
                dead_letter_reason: self.reason.clone(),
                dead_letter_error_description: self.description.clone(),
                application_properties: properties.map_err(|error| unsupported(error.to_string()))?,
            },
        ))
    }
}

/// A file that letters are put into before they are discarded.
#[derive(Debug)]
pub struct Archive(File);

impl Archive {
    /// Opens a file to append to, readable by its owner only.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn open(path: &Path) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        options.append(true).create(true);
        #[cfg(unix)]
        {
            use std::os::unix::fs::OpenOptionsExt as _;
            options.mode(0o600);
        }
        options.open(path).map(Self)
    }

    /// Appends lines and forces them to the disk.
    ///
    /// # Errors
    /// [`ArchiveError::Io`].
    pub fn keep(&mut self, lines: &[u8]) -> Result<(), ArchiveError> {
        self.0.write_all(lines)?;
        Ok(self.0.sync_data()?)
    }
}
