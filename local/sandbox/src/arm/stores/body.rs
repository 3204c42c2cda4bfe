//! What a client may write about a disk or a snapshot.

use serde::Deserialize;
use serde_json::Value;

use crate::arm::body::Tags;
use crate::arm::error::ArmError;

use super::Store;
use super::encryption::EncryptionBody;

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

/// The creation data, without which nothing is made.
pub(super) fn creation_data<S: Store>(properties: &PropertiesBody) -> Result<Value, ArmError> {
    properties.creation_data.clone().ok_or_else(|| missing::<S>("creationData"))
}

/// `InvalidParameter`, in the disk provider's words for something left out.
pub(super) fn missing<S: Store>(property: &str) -> ArmError {
    let target = format!("{}.{property}", S::WORD);
    let message = format!("Required parameter '{target}' is missing (null).");
    ArmError::invalid_parameter(target, message)
}
