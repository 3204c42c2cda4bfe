//! A user-assigned identity.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::state::tags::Tags;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Identity {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) location: String,
    pub(crate) tags: Option<Tags>,
    pub(crate) tenant_id: Uuid,
    pub(crate) principal_id: Uuid,
    pub(crate) client_id: Uuid,
}
