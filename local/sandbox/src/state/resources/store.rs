//! What disks and snapshots have in common.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::state::tags::Tags;

/// What all of them have.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Common {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) location: String,
    pub(crate) tags: Option<Tags>,
    pub(crate) sku: String,
    pub(crate) size_gb: u32,
    pub(crate) os_type: Option<String>,
    pub(crate) creation_data: Value,
    pub(crate) encryption: Encryption,
    pub(crate) unique_id: Uuid,
    #[serde(with = "time::serde::rfc3339")]
    pub(crate) time_created: OffsetDateTime,
    pub(crate) provisioning_state: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Encryption {
    pub(crate) kind: String,
    pub(crate) set: Option<String>,
}
