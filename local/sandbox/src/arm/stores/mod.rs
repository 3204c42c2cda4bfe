//! Microsoft.Compute: what stores data under a key. Disks and snapshots have most of their fields in common, and are
//! written, read and deleted alike.
//!
//! Shapes and quirks: Azure REST API, `Disks` and `Snapshots`, and recordings in Microsoft's public test suites.

mod body;
mod calls;
pub(super) mod disk;
mod encryption;
pub(super) mod snapshot;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::moments;
use crate::state::State;
use crate::tracked::Tracked;
use crate::world::World;

use super::ArmState;
use super::body::{Tags, add_tags};
use super::error::ArmError;
use super::operations::Outcome;
use super::resource::Target;

use body::PropertiesBody;
pub(super) use calls::{delete, get, list, patch, put};
use encryption::Encryption;

/// A type of resource that stores data.
pub(super) trait Store: Clone + Serialize + DeserializeOwned {
    const TYPE: &'static str;
    /// How messages call it.
    const WORD: &'static str;

    fn all(arm: &ArmState) -> &Tracked<String, Self>;
    fn all_mut(arm: &mut ArmState) -> &mut Tracked<String, Self>;
    fn common(&self) -> &Common;
    fn common_mut(&mut self) -> &mut Common;

    /// A new one, before what the body says of size and encryption is applied.
    fn new(
        world: &World,
        target: &Target,
        location: String,
        properties: &PropertiesBody,
    ) -> Result<Self, ArmError>;

    /// Takes over what this type alone lets a client write.
    fn apply(&mut self, _properties: &PropertiesBody) {}

    /// Refuses another key where this one cannot have it now.
    fn check_change(&self, state: &State, planned: &Encryption) -> Result<(), ArmError>;

    /// Refuses to be deleted.
    fn check_unused(&self) -> Result<(), ArmError> {
        Ok(())
    }

    /// Adds to the resource what is this type's own.
    fn add_own(&self, shown: &mut Value);

    fn written(self) -> Outcome;
    fn deleted() -> Outcome;

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

/// What all of them have.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Common {
    pub(crate) id: String,
    pub(super) name: String,
    pub(super) location: String,
    tags: Option<Tags>,
    sku: String,
    size_gb: u32,
    os_type: Option<String>,
    creation_data: Value,
    encryption: Encryption,
    unique_id: Uuid,
    #[serde(with = "time::serde::rfc3339")]
    time_created: OffsetDateTime,
    provisioning_state: String,
}

impl Common {
    /// An empty one under the platform's key.
    fn new(world: &World, target: &Target, location: String, creation_data: Value, size_gb: u32) -> Self {
        Self {
            id: target.id.clone(),
            name: target.name.clone(),
            location,
            tags: None,
            sku: "Standard_LRS".into(),
            size_gb,
            os_type: None,
            creation_data,
            encryption: Encryption::platform(),
            unique_id: Uuid::new_v4(),
            time_created: world.clock.now(),
            provisioning_state: "Succeeded".into(),
        }
    }

    /// The id of the set that it is encrypted under.
    pub(super) fn set(&self) -> Option<&str> {
        self.encryption.set.as_deref()
    }

    fn shown(&self, resource_type: &str) -> Value {
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
