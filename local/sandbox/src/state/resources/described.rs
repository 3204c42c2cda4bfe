//! A resource of a type of which no more is simulated than that it is there, as it was written.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::state::tags::Tags;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Described {
    pub(crate) id: String,
    /// As the table of these types spells it.
    pub(crate) resource_type: String,
    pub(crate) name: String,
    /// None for what has no region of its own.
    pub(crate) location: Option<String>,
    pub(crate) tags: Option<Tags>,
    /// Everything else that was written, properties included.
    pub(crate) written: Map<String, Value>,
    /// What the service chooses once comes from this.
    pub(crate) unique: Uuid,
    #[serde(with = "time::serde::rfc3339")]
    pub(crate) created_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    pub(crate) updated_at: OffsetDateTime,
}
