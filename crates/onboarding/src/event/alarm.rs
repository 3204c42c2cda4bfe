//! What the vendor's own systems are told when many keys cannot be used at once.

use serde_json::json;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::{EventId, Outgoing, TOPIC};

/// Why it is probably not the customers' doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AlarmCause {
    /// The vendor's own application gets no token in the vendor's own tenant.
    OwnIdentity,
    /// The keys of the other customers that were looked at cannot be used either.
    NobodyWorks,
    /// Many onboardings of several tenants were found wrong within a short time.
    ManyAtOnce,
}

impl AlarmCause {
    /// The name as it stands in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OwnIdentity => "own-identity",
            Self::NobodyWorks => "nobody-works",
            Self::ManyAtOnce => "many-at-once",
        }
    }
}

/// One alarm.
#[derive(Debug, Clone, Copy)]
pub struct Alarm<'a> {
    /// Its number: the same for everybody who sees the same.
    pub number: i64,
    /// Why.
    pub cause: AlarmCause,
    /// What was seen: numbers and errors, no customer.
    pub detail: &'a str,
}

impl Alarm<'_> {
    /// The CloudEvents `type`, versioned.
    pub const KIND: &'static str = "latchkey.watch.alarm.v1";

    /// The message to the topic.
    #[must_use]
    pub fn to_message(&self, now: OffsetDateTime) -> Outgoing {
        let id = EventId::of_origin(Self::KIND, &self.number.to_string());
        let event = json!({
            "specversion": "1.0",
            "id": id,
            "source": "/latchkey/watch",
            "type": Self::KIND,
            "time": now.format(&Rfc3339).unwrap_or_default(),
            "datacontenttype": "application/json",
            "data": { "cause": self.cause.as_str(), "detail": self.detail },
        });
        Outgoing { queue: TOPIC.to_owned(), message_id: id.to_string(), due: None, event }
    }
}
