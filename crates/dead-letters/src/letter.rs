//! One dead letter, as it was read from its queue.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use service_bus::{Entity, ReceivedMessage, Value};

use crate::{digest::digest, fingerprint::fingerprint};

/// The property in which a replayed message names the dead letter that it came from.
pub const REPLAY_OF: &str = "x-replay-of";
/// The property in which a replayed message names the run that replayed it.
pub const REPLAY_RUN: &str = "x-replay-run";
/// The property that keeps the message id under which the message was sent first.
pub const ORIGINAL_MESSAGE_ID: &str = "x-replay-original-message-id";
/// The property that keeps the trace context of the message before its replay: a link, not a parent.
pub const REPLAY_OF_TRACEPARENT: &str = "x-replay-of-traceparent";
/// The property that counts how often a message was replayed.
pub const REPLAY_COUNT: &str = "x-replay-count";

/// The name of a dead letter: its entity and its sequence number there, as in `orders/17`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct LetterId {
    /// The queue, or the subscription as `topic/Subscriptions/name`.
    pub entity: String,
    /// The number that the dead-letter queue gave it: unique there, and rising.
    pub sequence: i64,
}

/// The text is no name of a dead letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a dead letter is named ENTITY/SEQUENCE, as in key_shared/17")]
pub struct LetterIdError;

impl fmt::Display for LetterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.entity, self.sequence)
    }
}

impl FromStr for LetterId {
    type Err = LetterIdError;

    fn from_str(text: &str) -> Result<Self, LetterIdError> {
        let (entity, sequence) = text.rsplit_once('/').ok_or(LetterIdError)?;
        let sequence = sequence.parse().map_err(|_| LetterIdError)?;
        if entity.is_empty() || sequence < 0 {
            return Err(LetterIdError);
        }
        Ok(Self { entity: entity.to_owned(), sequence })
    }
}

impl TryFrom<String> for LetterId {
    type Error = LetterIdError;

    fn try_from(text: String) -> Result<Self, LetterIdError> {
        text.parse()
    }
}

impl From<LetterId> for String {
    fn from(id: LetterId) -> Self {
        id.to_string()
    }
}

/// A dead letter.
#[derive(Debug, Clone, PartialEq)]
pub struct Letter {
    /// Its name.
    pub id: LetterId,
    /// The message as it lies there.
    pub message: ReceivedMessage,
    /// What its body tells, when that is a CloudEvent.
    pub event: Option<EventFacts>,
}

/// What the body of a CloudEvent (CloudEvents 1.0, JSON format) tells about a message.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct EventFacts {
    /// The event's id: the same for every attempt at the same event.
    pub id: String,
    /// The `type`.
    pub kind: Option<String>,
    /// The `subject`: whom it is about.
    pub subject: Option<String>,
    /// The `traceparent` of the distributed tracing extension.
    pub traceparent: Option<String>,
    /// The `data`.
    pub data: Json,
}

impl Letter {
    /// A dead letter of `entity`.
    pub fn new(entity: &Entity, message: ReceivedMessage) -> Self {
        let id = LetterId { entity: entity.path().to_owned(), sequence: message.sequence_number };
        let event = EventFacts::read(&message.body);
        Self { id, message, event }
    }

    /// Why it was dead-lettered: the reason, or `-` when none was given.
    pub fn reason(&self) -> &str {
        self.message.dead_letter_reason.as_deref().unwrap_or("-")
    }

    /// The words that came with the reason.
    pub fn description(&self) -> &str {
        self.message.dead_letter_error_description.as_deref().unwrap_or_default()
    }

    /// A short name for "the same fault": equal for letters whose reason and description differ only in ids, numbers
    /// and quoted names.
    pub fn fingerprint(&self) -> String {
        let kind = self.event.as_ref().and_then(|event| event.kind.as_deref());
        fingerprint(self.reason(), kind.or(self.message.subject.as_deref()), self.description())
    }

    /// Whom it is about: the correlation id, or the event's subject.
    pub fn onboarding(&self) -> Option<&str> {
        let subject = || self.event.as_ref().and_then(|event| event.subject.as_deref());
        self.message.correlation_id.as_deref().or_else(subject)
    }

    /// The tenant that the event's data names.
    pub fn tenant(&self) -> Option<&str> {
        self.event.as_ref()?.data["tenant"].as_str()
    }

    /// The W3C trace context: `traceparent`, else `Diagnostic-Id`, else the event's own. In this order Azure's SDKs
    /// read the properties (Azure.Core, MessagingClientDiagnostics).
    pub fn traceparent(&self) -> Option<&str> {
        let property = |name: &str| self.message.application_properties.get(name).and_then(Value::as_str);
        property("traceparent")
            .or_else(|| property("Diagnostic-Id"))
            .or_else(|| self.event.as_ref()?.traceparent.as_deref())
    }

    /// The trace id within the trace context.
    pub fn trace_id(&self) -> Option<&str> {
        let id = self.traceparent()?.split('-').nth(1)?;
        (id.len() == 32).then_some(id)
    }

    /// The dead letter that this message is a replay of.
    pub fn replay_of(&self) -> Option<LetterId> {
        self.property(REPLAY_OF)?.parse().ok()
    }

    /// The run that replayed it before.
    pub fn replay_run(&self) -> Option<&str> {
        self.property(REPLAY_RUN)
    }

    fn property(&self, name: &str) -> Option<&str> {
        self.message.application_properties.get(name)?.as_str()
    }

    /// A hash of everything that a replay sends on or decides by: ids, body, properties. Not of what the service
    /// counts, so that looking at a message does not change it.
    pub fn digest(&self) -> String {
        digest(&self.message)
    }
}

impl EventFacts {
    /// Reads the body of a CloudEvent; `None` for everything else.
    pub fn read(body: &[u8]) -> Option<Self> {
        let mut event: Json = serde_json::from_slice(body).ok()?;
        let text = |event: &Json, name: &str| event[name].as_str().map(str::to_owned);
        text(&event, "specversion")?;
        Some(Self {
            id: text(&event, "id")?,
            kind: text(&event, "type"),
            subject: text(&event, "subject"),
            traceparent: text(&event, "traceparent"),
            data: event["data"].take(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_letters_name_is_read_back() {
        for (text, entity, sequence) in
            [("orders/17", "orders", 17), ("events/Subscriptions/audit/3", "events/Subscriptions/audit", 3)]
        {
            let id: LetterId = text.parse().unwrap();
            assert_eq!((id.entity.as_str(), id.sequence), (entity, sequence));
            assert_eq!(id.to_string(), text);
        }
        for text in ["", "orders", "orders/", "/7", "orders/x", "orders/-1"] {
            assert_eq!(text.parse::<LetterId>(), Err(LetterIdError), "{text}");
        }
    }

    #[test]
    fn only_a_cloud_event_tells_its_facts() {
        let body = br#"{"specversion":"1.0","id":"e1","type":"t","subject":"s","data":{"tenant":"x"}}"#;
        let facts = EventFacts::read(body).unwrap();
        assert_eq!(
            (facts.id.as_str(), facts.kind.as_deref(), facts.subject.as_deref()),
            ("e1", Some("t"), Some("s"))
        );
        assert_eq!(facts.data["tenant"], "x");
        for body in [&b"not json"[..], b"[]", b"{}", br#"{"specversion":"1.0"}"#] {
            assert_eq!(EventFacts::read(body), None);
        }
    }
}
