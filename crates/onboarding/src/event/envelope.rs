//! The envelope: CloudEvents 1.0, with ids that a second run chooses again.

use std::{marker::PhantomData, num::NonZeroU32, time::Duration};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::DeserializeOwned, de::Error as _};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::{about::About, id::OnboardingId};

/// The media type of an event on the wire.
pub const CONTENT_TYPE: &str = "application/cloudevents+json";

/// Ids are name-based GUIDs (RFC 9562, version 5) in this namespace, so they are short and the same for ever.
const ID_NAMESPACE: Uuid = Uuid::from_u128(0x8f0e_2c6b_5b1d_4a53_9a55_1f9c_6d2e_7b41);

/// The id of an event: unique, and the same again when the step that published it runs again.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct EventId(String);

/// The text is empty, longer than Service Bus allows for a message id, or not printable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an event id has 1 to 100 printable ASCII characters without blanks")]
pub struct EventIdError;

impl TryFrom<String> for EventId {
    type Error = EventIdError;

    fn try_from(text: String) -> Result<Self, EventIdError> {
        // Service Bus allows 128 characters in a message id; ours adds the attempt to it.
        let valid = (1..=100).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
        if valid { Ok(Self(text)) } else { Err(EventIdError) }
    }
}

impl From<EventId> for String {
    fn from(id: EventId) -> Self {
        id.0
    }
}

impl std::fmt::Display for EventId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl EventId {
    /// An id for something that happened outside (a webhook, a click), from what identifies it there.
    #[must_use]
    pub fn of_origin(kind: &str, origin: &str) -> Self {
        Self(Uuid::new_v5(&ID_NAMESPACE, format!("{kind}\n{origin}").as_bytes()).to_string())
    }

    /// The id of an event that this one causes.
    #[must_use]
    pub fn derive(&self, kind: &str, target: &str) -> Self {
        Self(Uuid::new_v5(&ID_NAMESPACE, format!("{self}\n{kind}\n{target}").as_bytes()).to_string())
    }
}

/// The data of one kind of event.
pub trait EventData: Serialize + DeserializeOwned + Clone + std::fmt::Debug + Send + 'static {
    /// The CloudEvents `type`, versioned.
    const KIND: &'static str;
    /// The queue it travels on, and the function that takes it in.
    const QUEUE: &'static str;

    /// What it is about.
    fn about(&self) -> About;

    /// From when on nobody needs it any more, because another has taken its place. Such a message may be lost at any
    /// time, so it is never kept as a dead letter.
    fn void_from(&self) -> Option<OffsetDateTime> {
        None
    }
}

/// One event: which onboarding it is about, what happened, when, and which attempt this is.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(bound = "")]
pub struct Event<D: EventData> {
    specversion: SpecVersion,
    /// Unique; derived from the event that caused this one.
    pub id: EventId,
    /// The function that published it, such as `/latchkey/key_shared`.
    pub source: String,
    #[serde(rename = "type")]
    kind: Kind<D>,
    /// The onboarding that it is about.
    pub subject: OnboardingId,
    /// When it first happened; a retry does not change it, unless it is still to come.
    #[serde(with = "time::serde::rfc3339")]
    pub time: OffsetDateTime,
    #[serde(default)]
    datacontenttype: Option<JsonContentType>,
    /// 1 for the first delivery, counted up by each scheduled retry. Never 0: its retry would have the same message id.
    #[serde(default = "first_attempt")]
    pub attempt: NonZeroU32,
    /// When it was last taken out of the dead letters and sent again; a retry keeps it.
    #[serde(
        rename = "replayedat",
        default,
        with = "time::serde::rfc3339::option",
        skip_serializing_if = "Option::is_none"
    )]
    pub replayed_at: Option<OffsetDateTime>,
    /// Whether it takes up again what had stopped: the change that it needs was made long ago, so a refusal now is not
    /// one that is still spreading. Its step looks once.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub resumed: bool,
    /// W3C trace context of the step that published it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
    /// What happened.
    pub data: D,
}

fn first_attempt() -> NonZeroU32 {
    NonZeroU32::MIN
}

impl<D: EventData> Event<D> {
    /// An event with the given id, about this onboarding.
    #[must_use]
    pub fn new(id: EventId, source: &str, subject: OnboardingId, time: OffsetDateTime, data: D) -> Self {
        Self {
            specversion: SpecVersion::V1,
            id,
            source: format!("/latchkey/{source}"),
            kind: Kind(PhantomData),
            subject,
            time,
            datacontenttype: Some(JsonContentType::Json),
            attempt: first_attempt(),
            replayed_at: None,
            resumed: false,
            traceparent: None,
            data,
        }
    }

    /// The message id under which this attempt travels: the event's id at first, the id and the attempt later.
    #[must_use]
    pub fn message_id(&self) -> String {
        match self.attempt.get() {
            1 => self.id.to_string(),
            attempt => format!("{}:{attempt}", self.id),
        }
    }

    /// The age of the matter: since it happened, or since somebody brought it up again by a replay. Deadlines go by it,
    /// so a replay gets as much time as the event had at first.
    #[must_use]
    pub fn age(&self, now: OffsetDateTime) -> Duration {
        Duration::try_from(now - self.replayed_at.unwrap_or(self.time)).unwrap_or_default()
    }

    /// The same event, to be tried once more. One from the future (clocks differ) counts from now on, or its deadline would
    /// not come before that future.
    #[must_use]
    pub fn next_attempt(&self, now: OffsetDateTime) -> Self {
        Self {
            attempt: self.attempt.saturating_add(1),
            time: self.time.min(now),
            replayed_at: self.replayed_at.map(|at| at.min(now)),
            ..self.clone()
        }
    }

    /// The message that carries this attempt, to be delivered at `due` or at once.
    #[must_use]
    pub fn to_message(&self, due: Option<OffsetDateTime>) -> Outgoing {
        Outgoing {
            queue: D::QUEUE.to_owned(),
            message_id: self.message_id(),
            due,
            event: serde_json::to_value(self)
                .expect("events hold only strings, numbers, maps with string keys"),
        }
    }
}

/// A message to be published, exactly as it will be sent. The journal keeps it, so a rerun sends the same bytes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outgoing {
    /// The queue to send to.
    pub queue: String,
    /// Service Bus's message id, on which duplicate detection works.
    pub message_id: String,
    /// When it is to be delivered; at once when absent.
    #[serde(default, with = "time::serde::rfc3339::option", skip_serializing_if = "Option::is_none")]
    pub due: Option<OffsetDateTime>,
    /// The event, a JSON object.
    pub event: serde_json::Value,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
enum SpecVersion {
    #[serde(rename = "1.0")]
    V1,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
enum JsonContentType {
    #[serde(rename = "application/json")]
    Json,
}

#[derive(Debug)]
struct Kind<D>(PhantomData<fn() -> D>);

impl<D> Clone for Kind<D> {
    fn clone(&self) -> Self {
        Self(PhantomData)
    }
}

impl<D: EventData> Serialize for Kind<D> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(D::KIND)
    }
}

impl<'de, D: EventData> Deserialize<'de> for Kind<D> {
    fn deserialize<De: Deserializer<'de>>(deserializer: De) -> Result<Self, De::Error> {
        let kind = String::deserialize(deserializer)?;
        if kind == D::KIND {
            Ok(Self(PhantomData))
        } else {
            Err(De::Error::custom(format!("expected an event of type {}", D::KIND)))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use time::macros::datetime;

    use super::*;
    use crate::event::KeyShared;

    fn event() -> Event<KeyShared> {
        let onboarding = OnboardingId::of_subscription(Uuid::from_u128(7));
        let key = "https://contoso.vault.azure.net/keys/disks".parse().unwrap();
        let id = EventId::of_origin(KeyShared::KIND, "form 1");
        Event::new(
            id,
            "share_key",
            onboarding,
            datetime!(2026-02-01 12:00 UTC),
            KeyShared { key, submission: None },
        )
    }

    #[test]
    fn an_event_survives_the_wire() {
        let wire = serde_json::to_value(event()).unwrap();
        assert_eq!(wire["specversion"], "1.0");
        assert_eq!(wire["type"], "latchkey.key.shared.v1");
        assert_eq!(wire["data"]["key"], "https://contoso.vault.azure.net/keys/disks");
        let back: Event<KeyShared> = serde_json::from_value(wire.clone()).unwrap();
        assert_eq!(serde_json::to_value(back).unwrap(), wire);
    }

    #[test]
    fn the_age_counts_from_the_last_replay_through_retries_and_the_wire() {
        let now = datetime!(2026-02-03 12:00 UTC);
        let mut event = event();
        assert_eq!(event.age(now), Duration::from_secs(2 * 86_400));
        assert_eq!(event.age(datetime!(2026-01-01 12:00 UTC)), Duration::ZERO, "clocks differ");
        event.replayed_at = Some(datetime!(2026-02-03 11:59:58.5 UTC));
        let wire = serde_json::to_value(event.next_attempt(now)).unwrap();
        assert_eq!((&wire["replayedat"], &wire["attempt"]), (&json!("2026-02-03T11:59:58.5Z"), &json!(2)));
        let back: Event<KeyShared> = serde_json::from_value(wire).unwrap();
        assert_eq!(back.age(now), Duration::from_millis(1_500));
    }

    #[test]
    fn a_bad_event_is_refused_with_the_path_of_the_field() {
        let check = |path: &str, change: fn(&mut serde_json::Value)| {
            let mut wire = serde_json::to_value(event()).unwrap();
            change(&mut wire);
            let error = serde_path_to_error::deserialize::<_, Event<KeyShared>>(wire).unwrap_err();
            assert_eq!(error.path().to_string(), path, "{error}");
        };
        check("specversion", |wire| wire["specversion"] = json!("0.3"));
        check("type", |wire| wire["type"] = json!("latchkey.key.shared.v2"));
        check("subject", |wire| wire["subject"] = json!("someone"));
        check("time", |wire| wire["time"] = json!("yesterday"));
        check("id", |wire| wire["id"] = json!(""));
        check("attempt", |wire| wire["attempt"] = json!(-1));
        check("attempt", |wire| wire["attempt"] = json!(0));
        check("data.key", |wire| wire["data"]["key"] = json!("https://evil.example/keys/k"));
    }

    #[test]
    fn a_second_run_chooses_the_same_ids() {
        let id = event().id;
        assert_eq!(id.derive("k", "t"), event().id.derive("k", "t"));
        assert_ne!(id.derive("k", "t"), id.derive("k", "u"));
        assert_ne!(id.derive("k", "t"), id.derive("l", "t"));
        let retried = event().next_attempt(event().time);
        assert_eq!(retried.id, id);
        assert_eq!(retried.message_id(), format!("{id}:2"));
    }
}
