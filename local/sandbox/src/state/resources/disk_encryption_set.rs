//! A disk encryption set: it lends one key to many disks.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::state::tags::Tags;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct DiskEncryptionSet {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) location: String,
    pub(crate) tags: Option<Tags>,
    pub(crate) identity: SetIdentity,
    pub(crate) active_key: ActiveKey,
    pub(crate) encryption_type: String,
    pub(crate) rotation_enabled: Option<bool>,
    /// The multi-tenant application through which a key of another tenant is reached.
    pub(crate) federated_client_id: Option<Uuid>,
    pub(crate) previous_keys: Vec<PreviousKey>,
    #[serde(with = "time::serde::rfc3339::option")]
    pub(crate) last_rotation: Option<OffsetDateTime>,
    /// Code and message. While it is there, the service does not rotate.
    pub(crate) rotation_error: Option<(String, String)>,
    pub(crate) provisioning_state: String,
}

/// As whom the set reaches its key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SetIdentity {
    /// `None`, `SystemAssigned`, `UserAssigned` or `SystemAssigned, UserAssigned`.
    pub(crate) kind: String,
    /// ARM ids, in the spelling in which they are shown.
    pub(crate) user_assigned: Vec<String>,
    /// Principal of the system-assigned identity.
    pub(crate) system_principal: Option<Uuid>,
    pub(crate) tenant_id: Uuid,
}

/// A key, by its versioned URL in the client's own spelling.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ActiveKey {
    pub(crate) key_url: String,
    pub(crate) source_vault: Option<String>,
}

/// A key that some disk is still wrapped with.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct PreviousKey {
    pub(crate) key: ActiveKey,
    /// When every disk is wrapped with the new key.
    #[serde(with = "time::serde::rfc3339")]
    pub(crate) until: OffsetDateTime,
}
