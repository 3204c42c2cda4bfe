//! What stores data under a key: disks and snapshots have most of their fields in common.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::moments;
use crate::names::arm_id;
use crate::state::resources::store::{Common, Encryption};
use crate::state::tags::add_tags;

use super::resource::Resource;

pub(crate) const PLATFORM_KEY: &str = "EncryptionAtRestWithPlatformKey";

/// A type of resource that stores data.
pub(crate) trait Stored:
    Resource<Held = Self> + Clone + Serialize + DeserializeOwned + 'static
{
    fn common(&self) -> &Common;
    fn common_mut(&mut self) -> &mut Common;

    /// Adds to the resource what is this type's own.
    fn add_own(&self, shown: &mut Value);

    /// The whole resource, as `GET` answers it.
    fn shown(&self) -> Value {
        let mut shown = self.common().shown(Self::TYPE);
        self.add_own(&mut shown);
        shown
    }

    /// Whether it is under the set with this id.
    fn uses(&self, set: &str) -> bool {
        self.common().encryption.uses(set)
    }
}

impl Common {
    /// The id of the set that it is encrypted under.
    pub(crate) fn set(&self) -> Option<&str> {
        self.encryption.set.as_deref()
    }

    pub(crate) fn shown(&self, resource_type: &str) -> Value {
        let mut properties = json!({
            "creationData": self.creation_data,
            "diskSizeGB": self.size_gb,
            "diskSizeBytes": u64::from(self.size_gb) << 30,
            "encryption": self.encryption.shown(),
            "networkAccessPolicy": "AllowAll",
            "publicNetworkAccess": "Enabled",
            "timeCreated": moments::with_offset(self.time_created),
            "provisioningState": self.provisioning_state,
            "diskState": "Unattached",
            "uniqueId": self.unique_id,
        });
        if let Some(os_type) = &self.os_type {
            properties["osType"] = json!(os_type);
        }
        let tier = if self.sku.starts_with("Premium") { "Premium" } else { "Standard" };
        let mut shown = json!({
            "name": self.name,
            "id": self.id,
            "type": resource_type,
            "location": self.location,
            "sku": { "name": self.sku, "tier": tier },
            "properties": properties,
        });
        add_tags(&mut shown, self.tags.as_ref());
        shown
    }
}

impl Encryption {
    /// What every disk has that names nothing else.
    pub(crate) fn platform() -> Self {
        Self { kind: PLATFORM_KEY.into(), set: None }
    }

    /// Whether it is under the set with this id.
    pub(crate) fn uses(&self, set: &str) -> bool {
        self.set.as_deref().is_some_and(|used| arm_id::same(used, set))
    }

    /// Whether it is under another key than the other.
    pub(crate) fn differs(&self, other: &Self) -> bool {
        let key = |encryption: &Self| encryption.set.as_deref().map(arm_id::key);
        self.kind != other.kind || key(self) != key(other)
    }

    /// As it is shown once a write has ended: the disk service shouts the group (recorded).
    pub(crate) fn settle(&mut self) {
        self.set = self.set.as_deref().map(arm_id::with_group_in_capitals);
    }

    pub(crate) fn shown(&self) -> Value {
        let mut shown = json!({ "type": self.kind });
        if let Some(set) = &self.set {
            shown["diskEncryptionSetId"] = json!(set);
        }
        shown
    }
}
