//! What a client may write about a disk or a snapshot.

use serde::Deserialize;
use serde_json::Value;

use crate::state::tags::Tags;

/// A PUT or PATCH body. Of the many properties those are read that the simulation has a use for; the others are passed
/// over.
#[derive(Debug, Deserialize)]
pub(super) struct StoreBody {
    pub(super) location: Option<String>,
    #[serde(default)]
    pub(super) tags: Option<Tags>,
    #[serde(default)]
    pub(super) sku: Option<Sku>,
    #[serde(default)]
    pub(super) properties: Option<PropertiesBody>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Sku {
    pub(super) name: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[derive(Default)]
pub(in crate::arm) struct PropertiesBody {
    pub(super) creation_data: Option<Value>,
    #[serde(rename = "diskSizeGB")]
    pub(super) disk_size_gb: Option<u32>,
    pub(super) os_type: Option<String>,
    pub(super) incremental: Option<bool>,
    pub(super) encryption: Option<EncryptionBody>,
    pub(super) encryption_settings_collection: Option<AzureDiskEncryption>,
}

/// The older encryption inside the machine, as far as it bars a disk from another one.
#[derive(Debug, Deserialize)]
pub(super) struct AzureDiskEncryption {
    #[serde(default)]
    pub(super) enabled: bool,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct EncryptionBody {
    #[serde(default)]
    pub(super) disk_encryption_set_id: Option<String>,
    #[serde(default, rename = "type")]
    pub(super) kind: Option<String>,
}
