//! A Service Bus namespace.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::state::tags::Tags;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct BusNamespace {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) location: String,
    pub(crate) tags: Option<Tags>,
    /// The pricing tier: Basic, Standard or Premium.
    pub(crate) tier: String,
    /// Whether keys are refused, so that only Entra's tokens let anybody in.
    pub(crate) disable_local_auth: bool,
    #[serde(with = "time::serde::rfc3339")]
    pub(crate) created_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    pub(crate) updated_at: OffsetDateTime,
}
