//! A disk encryption set: what holds a customer's key for the vendor's disks.

use std::collections::BTreeMap;

use azure_ids::{ApplicationId, ArmId, KeyUrl, KeyUrlError, Region};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::json;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::{ArmFault, EncryptionType, ProvisioningState};

/// A disk encryption set as ARM shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiskEncryptionSet {
    /// The set's id. The echo of a change that is under way has none.
    pub id: Option<ArmId>,
    /// Where it is: the region of its disks and of the vault.
    pub location: Region,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// The user-assigned identities it acts as.
    pub user_assigned_identities: Vec<ArmId>,
    /// By whose key its disks are encrypted.
    pub encryption_type: EncryptionType,
    /// The key in use. With rotation on, the service moves it to newer versions by itself.
    pub active_key: Option<ActiveKey>,
    /// The keys that a rotation under way still needs.
    pub previous_keys: Vec<ActiveKey>,
    /// When the key in use was changed last; absent before the first change.
    pub last_key_rotation: Option<OffsetDateTime>,
    /// Whether the service follows new versions of the key.
    pub rotation_to_latest_key_version_enabled: bool,
    /// The multi-tenant application through which it reaches a vault of another tenant.
    pub federated_client_id: Option<ApplicationId>,
    /// Whether a change is under way.
    pub provisioning_state: ProvisioningState,
    /// Why the service no longer follows new versions. It stays until somebody changes the set.
    pub auto_key_rotation_error: Option<ArmFault>,
}

/// The URL of a key as the set spells it: possibly with `:443`, possibly in a cloud that we do not know.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct ActiveKey(String);

impl ActiveKey {
    /// The URL as the set spells it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The URL, parsed.
    ///
    /// # Errors
    /// It is not the URL of a key in the public cloud.
    pub fn url(&self) -> Result<KeyUrl, KeyUrlError> {
        self.0.parse()
    }

    /// Whether it is a version, no matter which, of this key.
    #[must_use]
    pub fn is_same_key(&self, key: &KeyUrl) -> bool {
        self.url().is_ok_and(|url| url.is_same_key(key))
    }
}

/// The key URL names no version, and a disk encryption set takes no other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a disk encryption set needs the URL of a version of the key")]
pub struct KeyHasNoVersion;

/// A disk encryption set to be made, with a key in another tenant.
///
/// It never names a `sourceVault`, which ARM would look for in the vendor's own subscription, and it always follows
/// new versions of the key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewDiskEncryptionSet {
    location: Region,
    user_assigned_identity: ArmId,
    federated_client_id: ApplicationId,
    key: KeyUrl,
    tags: BTreeMap<String, String>,
}

impl NewDiskEncryptionSet {
    /// A set in a region that acts as a managed identity, and through it as the multi-tenant application, on this
    /// version of a key.
    ///
    /// # Errors
    /// The key URL names no version.
    pub fn new(
        location: Region,
        user_assigned_identity: ArmId,
        federated_client_id: ApplicationId,
        key: KeyUrl,
    ) -> Result<Self, KeyHasNoVersion> {
        if key.version().is_none() {
            return Err(KeyHasNoVersion);
        }
        Ok(Self { location, user_assigned_identity, federated_client_id, key, tags: BTreeMap::new() })
    }

    /// The same set with these tags.
    #[must_use]
    pub fn with_tags(self, tags: BTreeMap<String, String>) -> Self {
        Self { tags, ..self }
    }
}

impl Serialize for NewDiskEncryptionSet {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let identities = BTreeMap::from([(self.user_assigned_identity.as_str(), json!({}))]);
        json!({
            "location": self.location,
            "tags": self.tags,
            "identity": { "type": "UserAssigned", "userAssignedIdentities": identities },
            "properties": {
                "activeKey": { "keyUrl": self.key },
                "encryptionType": EncryptionType::CustomerKey.as_str(),
                "federatedClientId": self.federated_client_id,
                "rotationToLatestKeyVersionEnabled": true,
            },
        })
        .serialize(serializer)
    }
}

/// Single fields of a disk encryption set to be changed; what is not named stays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DiskEncryptionSetChange {
    key: Option<KeyUrl>,
    rotation: Option<bool>,
    federated_client_id: Option<ApplicationId>,
}

impl DiskEncryptionSetChange {
    /// Moves the set to this version of a key, of the same vault or another one.
    ///
    /// # Errors
    /// The key URL names no version.
    pub fn to_key(self, key: KeyUrl) -> Result<Self, KeyHasNoVersion> {
        if key.version().is_none() {
            return Err(KeyHasNoVersion);
        }
        Ok(Self { key: Some(key), ..self })
    }

    /// Makes the service follow new versions of the key, or stop following them.
    #[must_use]
    pub fn with_rotation(self, enabled: bool) -> Self {
        Self { rotation: Some(enabled), ..self }
    }

    /// Makes the set reach the vault through this application.
    #[must_use]
    pub fn with_federated_client_id(self, application: ApplicationId) -> Self {
        Self { federated_client_id: Some(application), ..self }
    }
}

impl Serialize for DiskEncryptionSetChange {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut properties = serde_json::Map::new();
        if let Some(key) = &self.key {
            properties.insert("activeKey".to_owned(), json!({ "keyUrl": key }));
        }
        if let Some(rotation) = self.rotation {
            properties.insert("rotationToLatestKeyVersionEnabled".to_owned(), rotation.into());
        }
        if let Some(application) = self.federated_client_id {
            properties.insert("federatedClientId".to_owned(), application.to_string().into());
        }
        json!({ "properties": properties }).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for DiskEncryptionSet {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Wire { id, location, tags, identity, properties } = Wire::deserialize(deserializer)?;
        Ok(Self {
            id,
            location,
            tags: tags.unwrap_or_default(),
            user_assigned_identities: identity
                .and_then(|identity| identity.user_assigned_identities)
                .unwrap_or_default()
                .into_keys()
                .collect(),
            // The documented default.
            encryption_type: properties.encryption_type.unwrap_or(EncryptionType::CustomerKey),
            active_key: properties.active_key.map(|key| key.key_url),
            previous_keys: properties
                .previous_keys
                .unwrap_or_default()
                .into_iter()
                .map(|key| key.key_url)
                .collect(),
            last_key_rotation: properties
                .last_key_rotation_timestamp
                .map(|text| OffsetDateTime::parse(&text, &Rfc3339).map_err(serde::de::Error::custom))
                .transpose()?,
            rotation_to_latest_key_version_enabled: properties
                .rotation_to_latest_key_version_enabled
                .unwrap_or_default(),
            // The echo of a change that clears it says "None".
            federated_client_id: properties
                .federated_client_id
                .filter(|id| !id.eq_ignore_ascii_case("None"))
                .map(|id| id.parse().map_err(serde::de::Error::custom))
                .transpose()?,
            provisioning_state: properties.provisioning_state,
            auto_key_rotation_error: properties.auto_key_rotation_error,
        })
    }
}

#[derive(Deserialize)]
struct Wire {
    id: Option<ArmId>,
    location: Region,
    tags: Option<BTreeMap<String, String>>,
    identity: Option<WireIdentity>,
    properties: WireProperties,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireIdentity {
    user_assigned_identities: Option<BTreeMap<ArmId, serde::de::IgnoredAny>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireProperties {
    encryption_type: Option<EncryptionType>,
    active_key: Option<WireKey>,
    previous_keys: Option<Vec<WireKey>>,
    last_key_rotation_timestamp: Option<String>,
    rotation_to_latest_key_version_enabled: Option<bool>,
    federated_client_id: Option<String>,
    #[serde(default)]
    provisioning_state: ProvisioningState,
    auto_key_rotation_error: Option<ArmFault>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireKey {
    key_url: ActiveKey,
}

#[cfg(test)]
mod tests;
