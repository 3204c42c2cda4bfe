//! A snapshot of a disk, as far as its encryption goes.

use azure_ids::ArmId;
use serde::Deserialize;

/// A snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// The snapshot's id.
    pub id: ArmId,
    /// The disk or snapshot that it was made from.
    pub source: Option<ArmId>,
    /// Whether it holds only what changed since the one before. Such a snapshot binds its disk to the key that both have.
    pub is_incremental: bool,
    /// The set that it is encrypted under.
    pub disk_encryption_set: Option<ArmId>,
}

impl<'de> Deserialize<'de> for Snapshot {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Wire { id, properties } = Wire::deserialize(deserializer)?;
        Ok(Self {
            id,
            source: properties.creation_data.and_then(|data| data.source_resource_id),
            is_incremental: properties.incremental.unwrap_or_default(),
            disk_encryption_set: properties
                .encryption
                .and_then(|encryption| encryption.disk_encryption_set_id),
        })
    }
}

#[derive(Deserialize)]
struct Wire {
    id: ArmId,
    properties: WireProperties,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireProperties {
    creation_data: Option<WireCreation>,
    incremental: Option<bool>,
    encryption: Option<WireEncryption>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireCreation {
    source_resource_id: Option<ArmId>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireEncryption {
    disk_encryption_set_id: Option<ArmId>,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_snapshot_is_read_with_little_and_with_all() {
        let id = |kind: &str| {
            format!(
                "/subscriptions/0a1b2c3d-1111-2222-3333-444455556666/resourceGroups/g/providers/Microsoft.Compute/{kind}"
            )
        };
        let all: Snapshot = serde_json::from_value(json!({"id": id("snapshots/s"), "name": "s", "properties": {
            "creationData": {"createOption": "Copy", "sourceResourceId": id("disks/d")}, "incremental": true,
            "encryption": {"type": "EncryptionAtRestWithCustomerKey", "diskEncryptionSetId": id("diskEncryptionSets/e")},
        }}))
        .unwrap();
        assert_eq!((all.source.unwrap().name(), all.is_incremental), ("d", true));
        assert_eq!(all.disk_encryption_set.unwrap().name(), "e");
        let little: Snapshot =
            serde_json::from_value(json!({"id": id("snapshots/s"), "properties": {}})).unwrap();
        assert_eq!((little.source, little.is_incremental, little.disk_encryption_set), (None, false, None));
    }
}
