//! One event, and the two forms it is sent in.
//!
//! Forms: Microsoft Learn, "Azure Key Vault as Event Grid source", "Azure Event Grid event schema", and CloudEvents 1.0.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::moments;
use crate::state::event_grid::subscription::{DataCase, Schema};

/// Something that happened to a key or to a vault.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct KeyEvent {
    pub(crate) id: Uuid,
    pub(crate) kind: String,
    pub(crate) topic: String,
    #[serde(with = "time::serde::rfc3339")]
    pub(crate) at: OffsetDateTime,
    pub(crate) object: Object,
}

/// What it happened to.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Object {
    /// Versioned address of a key, or a vault's address.
    pub(crate) url: String,
    pub(crate) vault: String,
    pub(crate) kind: String,
    pub(crate) name: String,
    pub(crate) version: String,
    /// Seconds since 1970.
    pub(crate) not_before: Option<i64>,
    pub(crate) expires: Option<i64>,
}

impl KeyEvent {
    /// The body of a delivery.
    pub(crate) fn body(&self, schema: Schema, case: DataCase) -> Value {
        let time = moments::zulu(self.at);
        let data = self.object.data(case);
        match schema {
            Schema::EventGridSchema => json!([{
                "id": self.id,
                "topic": self.topic,
                "subject": self.object.name,
                "eventType": self.kind,
                "eventTime": time,
                "data": data,
                "dataVersion": "1",
                "metadataVersion": "1",
            }]),
            Schema::CloudEvents => json!({
                "id": self.id,
                "source": self.topic,
                "subject": self.object.name,
                "type": self.kind,
                "time": time,
                "data": data,
                "specversion": "1.0",
            }),
        }
    }
}

impl Object {
    /// Our guess: `null` for a moment that was never set; no published example has one.
    fn data(&self, case: DataCase) -> Value {
        match case {
            DataCase::Pascal => json!({
                "Id": self.url,
                "VaultName": self.vault,
                "ObjectType": self.kind,
                "ObjectName": self.name,
                "Version": self.version,
                "NBF": self.not_before.map(|moment| moment.to_string()),
                "EXP": self.expires.map(|moment| moment.to_string()),
            }),
            DataCase::Camel => json!({
                "id": self.url,
                "vaultName": self.vault,
                "objectType": self.kind,
                "objectName": self.name,
                "version": self.version,
                "nbf": self.not_before,
                "exp": self.expires,
            }),
        }
    }
}
