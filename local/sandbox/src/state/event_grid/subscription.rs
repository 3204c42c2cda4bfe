//! Who hears of what.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use uuid::Uuid;

/// Every event that keys and vaults raise; secrets and certificates are not simulated.
pub(crate) const EVENT_TYPES: [&str; 4] = [
    "Microsoft.KeyVault.KeyNewVersionCreated",
    "Microsoft.KeyVault.KeyNearExpiry",
    "Microsoft.KeyVault.KeyExpired",
    "Microsoft.KeyVault.VaultAccessPolicyChanged",
];

/// In which form events arrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) enum Schema {
    #[default]
    EventGridSchema,
    #[serde(rename = "CloudEventSchemaV1_0")]
    CloudEvents,
}

/// How the properties of `data` are spelled. Microsoft's examples have one spelling, with the moments as text, and its
/// API descriptions the other, with the moments as numbers: a receiver has to survive both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum DataCase {
    #[default]
    Pascal,
    Camel,
}

/// Whether events may be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Standing {
    Active,
    /// The endpoint took the handshake without answering it: somebody has to open the validation address.
    AwaitingManualAction,
}

/// One subscription to the events of one vault.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct EventSubscription {
    pub(crate) id: Uuid,
    pub(crate) name: String,
    /// The vault's ARM id: the topic of its events.
    pub(crate) topic: String,
    pub(crate) endpoint: String,
    pub(crate) schema: Schema,
    pub(crate) data_case: DataCase,
    pub(crate) event_types: Vec<String>,
    /// Headers that every delivery carries; a receiver may take one for a password, so they are not printed.
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) max_attempts: u32,
    pub(crate) time_to_live_minutes: u32,
    pub(crate) standing: Standing,
    /// What the handshake asks to be repeated.
    pub(crate) validation_code: Uuid,
    #[serde(with = "time::serde::rfc3339")]
    pub(crate) since: OffsetDateTime,
}

impl std::fmt::Debug for EventSubscription {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("EventSubscription")
            .field("id", &self.id)
            .field("topic", &self.topic)
            .field("endpoint", &self.endpoint)
            .finish_non_exhaustive()
    }
}

impl EventSubscription {
    pub(crate) fn wants(&self, topic: &str, kind: &str) -> bool {
        self.standing == Standing::Active
            && self.topic.eq_ignore_ascii_case(topic)
            && self.event_types.iter().any(|wanted| wanted.eq_ignore_ascii_case(kind))
    }
}
