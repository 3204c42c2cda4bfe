//! A managed disk, as far as its encryption goes.

use std::collections::BTreeMap;

use azure_ids::{ArmId, Region};
use serde::Deserialize;

use super::ProvisioningState;

/// A managed disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disk {
    /// The disk's id.
    pub id: ArmId,
    /// Where it is.
    pub location: Region,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// Its type, such as `Premium_LRS`, as Azure spells it.
    pub sku: Option<String>,
    /// Whether several machines may attach it.
    pub is_shared: bool,
    /// Whether Azure Disk Encryption, inside the machine, is on or was.
    pub guest_encryption: bool,
    /// The machines that it is attached to: one, or several for a shared disk.
    pub machines: Vec<ArmId>,
    /// `Unattached`, `Attached`, `Reserved` (attached to a deallocated machine), ... as Azure spells it.
    pub state: Option<String>,
    /// How it is encrypted.
    pub encryption: DiskEncryption,
    /// Whether a change is under way.
    pub provisioning_state: ProvisioningState,
}

/// How a disk is encrypted at rest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiskEncryption {
    /// By whose key.
    pub encryption_type: EncryptionType,
    /// Under which set. Azure answers the id with another case than it was given.
    pub disk_encryption_set: Option<ArmId>,
}

/// By whose key something is encrypted at rest.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
pub enum EncryptionType {
    /// The platform's.
    PlatformKey,
    /// The customer's.
    CustomerKey,
    /// Both, one over the other.
    PlatformAndCustomerKeys,
    /// A kind that we do not know, as Azure spells it.
    Other(String),
}

impl From<String> for EncryptionType {
    fn from(text: String) -> Self {
        match text.as_str() {
            "EncryptionAtRestWithPlatformKey" => Self::PlatformKey,
            "EncryptionAtRestWithCustomerKey" => Self::CustomerKey,
            "EncryptionAtRestWithPlatformAndCustomerKeys" => Self::PlatformAndCustomerKeys,
            _ => Self::Other(text),
        }
    }
}

impl EncryptionType {
    /// Azure's own spelling.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::PlatformKey => "EncryptionAtRestWithPlatformKey",
            Self::CustomerKey => "EncryptionAtRestWithCustomerKey",
            Self::PlatformAndCustomerKeys => "EncryptionAtRestWithPlatformAndCustomerKeys",
            Self::Other(text) => text,
        }
    }
}

impl<'de> Deserialize<'de> for Disk {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Wire { id, location, tags, sku, managed_by, managed_by_extended, properties } =
            Wire::deserialize(deserializer)?;
        let WireProperties {
            disk_state,
            encryption,
            encryption_settings_collection,
            max_shares,
            provisioning_state,
        } = properties;
        // A disk that says nothing about encryption has the platform's: the documented default.
        let encryption = encryption.unwrap_or_default();
        Ok(Self {
            id,
            location,
            tags: tags.unwrap_or_default(),
            sku: sku.and_then(|sku| sku.name),
            is_shared: max_shares.is_some_and(|shares| shares > 1),
            guest_encryption: encryption_settings_collection.is_some_and(|guest| guest.is_or_was_on()),
            machines: managed_by.into_iter().chain(managed_by_extended.unwrap_or_default()).collect(),
            state: disk_state,
            encryption: DiskEncryption {
                encryption_type: encryption.kind.unwrap_or(EncryptionType::PlatformKey),
                disk_encryption_set: encryption.disk_encryption_set_id,
            },
            provisioning_state,
        })
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire {
    id: ArmId,
    location: Region,
    tags: Option<BTreeMap<String, String>>,
    sku: Option<WireSku>,
    managed_by: Option<ArmId>,
    managed_by_extended: Option<Vec<ArmId>>,
    properties: WireProperties,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireProperties {
    disk_state: Option<String>,
    encryption: Option<WireEncryption>,
    encryption_settings_collection: Option<WireGuestEncryption>,
    max_shares: Option<u32>,
    #[serde(default)]
    provisioning_state: ProvisioningState,
}

#[derive(Deserialize)]
struct WireSku {
    name: Option<String>,
}

/// Azure Disk Encryption. Once it was on, its version and its settings stay when it is turned off.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireGuestEncryption {
    enabled: Option<bool>,
    encryption_settings: Option<Vec<serde::de::IgnoredAny>>,
    encryption_settings_version: Option<String>,
}

impl WireGuestEncryption {
    fn is_or_was_on(&self) -> bool {
        self.enabled == Some(true)
            || self.encryption_settings.as_ref().is_some_and(|settings| !settings.is_empty())
            || self.encryption_settings_version.is_some()
    }
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct WireEncryption {
    #[serde(rename = "type")]
    kind: Option<EncryptionType>,
    disk_encryption_set_id: Option<ArmId>,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const SUB: &str =
        "/subscriptions/0a1b2c3d-1111-2222-3333-444455556666/resourceGroups/rg1/providers/Microsoft.Compute";

    #[test]
    fn a_disk_is_read_with_fields_that_we_do_not_know() {
        let disk: Disk = serde_json::from_value(json!({
            "name": "d1", "id": format!("{SUB}/disks/d1"), "type": "Microsoft.Compute/disks", "location": "East US",
            "sku": {"name": "Premium_LRS", "tier": "Premium"}, "tags": {"team": "a"},
            "properties": {"osType": "Linux", "diskSizeGB": 30, "diskState": "Unattached", "tier": "P4",
                "encryption": {"type": "EncryptionAtRestWithCustomerKey",
                    "diskEncryptionSetId": format!("{SUB}/diskEncryptionSets/s1").to_uppercase()},
                "provisioningState": "Succeeded"},
        }))
        .unwrap();
        let set: ArmId = format!("{SUB}/diskEncryptionSets/s1").parse().unwrap();
        assert_eq!(disk.encryption.disk_encryption_set, Some(set));
        assert_eq!(disk.encryption.encryption_type, EncryptionType::CustomerKey);
        assert_eq!((disk.location.as_str(), disk.state.as_deref()), ("eastus", Some("Unattached")));
        assert_eq!(
            (disk.tags["team"].as_str(), &disk.provisioning_state),
            ("a", &ProvisioningState::Succeeded)
        );
    }

    #[test]
    fn a_disk_that_says_nothing_is_encrypted_by_the_platform() {
        let disk: Disk = serde_json::from_value(
            json!({"id": format!("{SUB}/disks/d1"), "location": "eastus", "properties": {}}),
        )
        .unwrap();
        assert_eq!(disk.encryption.encryption_type, EncryptionType::PlatformKey);
        assert_eq!(disk.provisioning_state, ProvisioningState::Unknown);
    }

    #[test]
    fn a_disk_names_the_machines_that_it_is_attached_to() {
        let machine = |name: &str| format!("{SUB}/virtualMachines/{name}");
        let read = |more: serde_json::Value| -> Vec<ArmId> {
            let mut disk = json!({"id": format!("{SUB}/disks/d1"), "location": "eastus", "properties": {}});
            disk.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            serde_json::from_value::<Disk>(disk).unwrap().machines
        };
        let id = |name: &str| -> ArmId { machine(name).parse().unwrap() };
        assert_eq!(read(json!({})), []);
        assert_eq!(read(json!({"managedBy": machine("m1")})), [id("m1")]);
        assert_eq!(read(json!({"managedByExtended": [machine("m1"), machine("m2")]})), [id("m1"), id("m2")]);
    }

    #[test]
    fn a_disk_says_what_it_is_and_whether_its_machine_ever_encrypted_it() {
        let read = |more: serde_json::Value| -> Disk {
            let mut disk = json!({"id": format!("{SUB}/disks/d1"), "location": "eastus", "sku": {"name": "PremiumV2_LRS"},
                "properties": {"maxShares": 2}});
            disk["properties"].as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            serde_json::from_value(disk).unwrap()
        };
        let plain = read(json!({}));
        assert_eq!((plain.sku.as_deref(), plain.is_shared), (Some("PremiumV2_LRS"), true));
        let guest = |settings: serde_json::Value| {
            read(json!({"encryptionSettingsCollection": settings})).guest_encryption
        };
        assert!(!plain.guest_encryption && !guest(json!({"enabled": false})) && !guest(json!(null)));
        assert!(guest(json!({"enabled": true})));
        assert!(guest(json!({"enabled": false, "encryptionSettingsVersion": "1.1"})), "it was on");
        assert!(guest(json!({"enabled": false, "encryptionSettings": [{}]})), "it was on");
    }

    #[test]
    fn every_encryption_type_keeps_its_spelling() {
        for text in [
            "EncryptionAtRestWithPlatformKey",
            "EncryptionAtRestWithCustomerKey",
            "EncryptionAtRestWithPlatformAndCustomerKeys",
            "EncryptionOfTomorrow",
        ] {
            assert_eq!(EncryptionType::from(text.to_owned()).as_str(), text);
        }
    }
}
