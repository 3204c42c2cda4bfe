//! Which messages are to be replayed, exactly, and under which ids: made by looking, carried out later or never.
//!
//! A plan is a file that people read and machines check. It holds a digest of every message as it was seen and one of
//! itself; it is refused when it is damaged, made for another namespace, or when what it saw has changed.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use sha2::{Digest as _, Sha256};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::{
    digest::hex,
    filter::Filter,
    letter::{Letter, LetterId},
};

/// What the first field of every plan says.
const FORMAT: &str = "latchkey.dead-letters.plan/1";

/// Replayed messages have name-based GUIDs (RFC 9562, version 5) in this namespace.
const ID_NAMESPACE: Uuid = Uuid::from_u128(0x3b6e_f0a1_94c7_4d0e_a1d2_77c5_08e3_b94f);

/// A plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    format: String,
    /// The host of the namespace that it was made for.
    pub namespace: String,
    /// When it was made.
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
    /// Which letters were asked for.
    pub filter: Filter,
    /// Messages a second, at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<f64>,
    /// Where each entity's messages go.
    pub targets: BTreeMap<String, Target>,
    /// The messages, in the order in which they lie.
    pub messages: Vec<Planned>,
    /// A hash of all of the above.
    hash: String,
}

/// Where messages go, and what is known about that entity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// The queue or topic.
    pub entity: String,
    /// Whether it drops a second message of the same id.
    pub duplicate_detection: DuplicateDetection,
    /// The highest sequence number among the dead letters of the [lookout](Plan::lookout) when the plan was made: what
    /// dies again comes after it.
    pub dead_letters_up_to: i64,
}

/// Whether an entity drops a second message of the same id within its window.
///
/// Over AMQP this cannot be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DuplicateDetection {
    /// It does: declared so.
    On,
    /// It does not.
    Off,
    /// Nobody said.
    Unknown,
}

impl fmt::Display for DuplicateDetection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::On => "on",
            Self::Off => "off",
            Self::Unknown => "unknown",
        })
    }
}

/// One message of a plan. The fields are in the order of the alphabet: so they are written, and hashed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Planned {
    /// What the message was when it was seen.
    pub digest: String,
    /// The id of the event that it carries, by which a step's own retries of it are recognised.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<String>,
    /// Its fault.
    pub fingerprint: String,
    /// The dead letter.
    pub id: LetterId,
    /// The key that the event names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The message id that it has.
    pub message_id: Option<String>,
    /// Whom it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub onboarding: Option<String>,
    /// Why it died.
    pub reason: String,
    /// The message id that the replay has. Another than the message's own, which the target may still remember and
    /// would then drop the replay; and the same whenever this letter is replayed, so that what is sent twice by us is
    /// dropped.
    pub replay_as: String,
}

/// Why a plan cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// It is no JSON, or ends too early.
    #[error("the plan cannot be read: it is damaged or cut short ({0})")]
    Unreadable(#[source] serde_json::Error),
    /// It is something else.
    #[error("this is no plan: its format is {0:?}, not {FORMAT:?}")]
    Format(String),
    /// Its hash is not that of its content.
    #[error("the plan was changed after it was made: its hash does not match its content")]
    Changed,
    /// It was made for another namespace.
    #[error("the plan is for the namespace {planned}, and this is {here}")]
    Namespace {
        /// The plan's.
        planned: String,
        /// The one at hand.
        here: String,
    },
}

impl Plan {
    /// An empty plan.
    pub fn new(
        namespace: &str,
        created_at: OffsetDateTime,
        filter: Filter,
        rate: Option<f64>,
        targets: BTreeMap<String, Target>,
    ) -> Self {
        Self {
            format: FORMAT.to_owned(),
            namespace: namespace.to_owned(),
            created_at,
            filter,
            rate,
            targets,
            messages: Vec::new(),
            hash: String::new(),
        }
    }

    /// Adds a letter, which must lie in one of the plan's entities.
    pub fn add(&mut self, letter: &Letter) {
        self.messages.push(Planned::of(&self.namespace, letter));
    }

    /// Ends the making: from here on a change shows.
    #[must_use]
    pub fn sealed(mut self) -> Self {
        self.hash = self.content_hash();
        self
    }

    /// The hash that names this plan.
    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// Where the messages of an entity go; the entity itself when the plan says nothing else.
    pub fn target_of<'a>(&'a self, entity: &'a str) -> &'a str {
        self.targets.get(entity).map_or(entity, |target| target.entity.as_str())
    }

    /// Where the messages of an entity are seen again once they were sent: in the target; or, when that is the topic of
    /// the subscription that they died in, in this subscription.
    pub fn lookout<'a>(&'a self, entity: &'a str) -> &'a str {
        lookout(entity, self.target_of(entity))
    }

    /// Reads a plan and checks that it is whole.
    ///
    /// # Errors
    /// See [`PlanError`].
    pub fn read(text: &str) -> Result<Self, PlanError> {
        let plan: Self = serde_json::from_str(text).map_err(|error| no_plan(text, error))?;
        if plan.format != FORMAT {
            return Err(PlanError::Format(plan.format));
        }
        if plan.hash != plan.content_hash() {
            return Err(PlanError::Changed);
        }
        Ok(plan)
    }

    /// Checks that it was made for this namespace.
    ///
    /// # Errors
    /// [`PlanError::Namespace`].
    pub fn check_namespace(&self, here: &str) -> Result<(), PlanError> {
        if self.namespace.eq_ignore_ascii_case(here) {
            return Ok(());
        }
        Err(PlanError::Namespace { planned: self.namespace.clone(), here: here.to_owned() })
    }

    /// The plan as a file: one line a message, so that people can read and count it.
    pub fn to_text(&self) -> String {
        let mut head = self.head();
        head["hash"] = json!(self.hash);
        let fields: Vec<String> = head
            .as_object()
            .into_iter()
            .flatten()
            .map(|(name, value)| format!("  {}: {value}", json!(name)))
            .collect();
        let messages: Vec<String> =
            self.messages.iter().map(|planned| format!("    {}", planned.to_line())).collect();
        format!("{{\n{},\n  \"messages\": [\n{}\n  ]\n}}\n", fields.join(",\n"), messages.join(",\n"))
    }

    fn head(&self) -> Json {
        let mut head = json!(Self { messages: Vec::new(), hash: String::new(), ..self.clone_head() });
        if let Some(head) = head.as_object_mut() {
            head.remove("messages");
            head.remove("hash");
        }
        head
    }

    fn clone_head(&self) -> Self {
        let rate = self.rate;
        Self::new(&self.namespace, self.created_at, self.filter.clone(), rate, self.targets.clone())
    }

    fn content_hash(&self) -> String {
        let mut hash = Sha256::new();
        hash.update(self.head().to_string());
        for planned in &self.messages {
            hash.update(planned.to_line());
            hash.update("\n");
        }
        hex(&hash.finalize())
    }
}

/// See [`Plan::lookout`].
pub fn lookout<'a>(entity: &'a str, target: &'a str) -> &'a str {
    let topic = entity.to_ascii_lowercase();
    let topic = topic.split_once("/subscriptions/").map(|(topic, _)| topic);
    if topic == Some(target.to_ascii_lowercase().as_str()) { entity } else { target }
}

/// Why a text is no plan: what is something else altogether says so, whatever else is wrong with it.
fn no_plan(text: &str, error: serde_json::Error) -> PlanError {
    match serde_json::from_str::<Json>(text) {
        Ok(json) if json["format"] != FORMAT => {
            PlanError::Format(json["format"].as_str().unwrap_or_default().to_owned())
        }
        _ => PlanError::Unreadable(error),
    }
}

impl Planned {
    fn to_line(&self) -> String {
        serde_json::to_string(self).expect("strings and a name are always JSON")
    }

    pub(crate) fn of(namespace: &str, letter: &Letter) -> Self {
        let data = letter.event.as_ref().map(|event| &event.data);
        Self {
            digest: letter.digest(),
            event: letter.event.as_ref().map(|event| event.id.clone()),
            fingerprint: letter.fingerprint(),
            id: letter.id.clone(),
            key: data.and_then(|data| data["key"].as_str()).map(str::to_owned),
            message_id: letter.message.message_id.clone(),
            onboarding: letter.onboarding().map(str::to_owned),
            reason: letter.reason().to_owned(),
            replay_as: replay_id(namespace, letter),
        }
    }
}

/// The id under which a letter is replayed: the same whenever it is, by whomever.
fn replay_id(namespace: &str, letter: &Letter) -> String {
    let LetterId { entity, sequence } = &letter.id;
    let id = letter.message.message_id.as_deref().unwrap_or_default();
    let name = [&namespace.to_lowercase(), &entity.to_lowercase(), &sequence.to_string(), id].join("\n");
    Uuid::new_v5(&ID_NAMESPACE, name.as_bytes()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_a_plan_is_what_its_json_is() {
        let planned = Planned {
            digest: "d".to_owned(),
            event: Some("e".to_owned()),
            fingerprint: "f".to_owned(),
            id: LetterId { entity: "q".to_owned(), sequence: 7 },
            key: Some("k".to_owned()),
            message_id: None,
            onboarding: Some("o".to_owned()),
            reason: "r \"quoted\" \u{1b}".to_owned(),
            replay_as: "a".to_owned(),
        };
        // The plan's hash is over these lines.
        assert_eq!(planned.to_line(), json!(planned).to_string());
    }

    #[test]
    fn what_goes_to_a_topic_is_seen_again_in_the_subscription_that_it_came_from() {
        for (entity, target, seen) in [
            ("orders", "orders", "orders"),
            ("orders", "repairs", "repairs"),
            ("events/Subscriptions/audit", "events", "events/Subscriptions/audit"),
            ("Events/subscriptions/audit", "eVents", "Events/subscriptions/audit"),
            ("events/Subscriptions/audit", "repairs", "repairs"),
        ] {
            assert_eq!(lookout(entity, target), seen, "{entity} {target}");
        }
    }
}
