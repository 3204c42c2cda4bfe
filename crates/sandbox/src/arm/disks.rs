//! Microsoft.Compute: managed disks, as far as their encryption goes.
//!
//! Shapes and quirks: Azure REST API, `Disks`, and recordings in Microsoft's public test suites. The resource group
//! in `encryption.diskEncryptionSetId` comes back in capitals once a write has ended.

use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::moments;
use crate::state::State;
use crate::world::World;

use super::body::{Tags, add_tags};
use super::encryption::{self, Encryption, EncryptionBody, Store};
use super::error::ArmError;
use super::operations::{self, Outcome};
use super::request::{ArmRequest, Reply};
use super::resource::Target;
use super::{ArmState, path, regions};

pub(super) const TYPE: &str = "Microsoft.Compute/disks";

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Disk {
    pub(crate) id: String,
    pub(super) name: String,
    pub(super) location: String,
    tags: Option<Tags>,
    sku: String,
    pub(super) size_gb: u32,
    pub(super) os_type: Option<String>,
    creation_data: Value,
    pub(super) encryption: Encryption,
    unique_id: Uuid,
    #[serde(with = "time::serde::rfc3339")]
    time_created: OffsetDateTime,
    pub(super) state: DiskState,
    /// The virtual machine that it is attached to.
    #[serde(default)]
    pub(super) managed_by: Option<String>,
    /// Whether Azure Disk Encryption has ever been on: such a disk takes no customer's key any more.
    #[serde(default)]
    was_encrypted_inside: bool,
    provisioning_state: String,
}

/// What a disk is attached to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum DiskState {
    /// Nothing.
    Unattached,
    /// A running virtual machine: its encryption cannot be changed.
    Attached,
    /// A deallocated virtual machine.
    Reserved,
}

/// A PUT or PATCH body. Of the many properties of a disk those are read that the simulation has a use for; the
/// others are passed over.
#[derive(Debug, Deserialize)]
struct DiskBody {
    location: Option<String>,
    #[serde(default)]
    tags: Option<Tags>,
    #[serde(default)]
    sku: Option<Sku>,
    #[serde(default)]
    properties: Option<PropertiesBody>,
}

#[derive(Debug, Deserialize)]
struct Sku {
    name: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct PropertiesBody {
    #[serde(default)]
    creation_data: Option<Value>,
    #[serde(default, rename = "diskSizeGB")]
    disk_size_gb: Option<u32>,
    #[serde(default)]
    os_type: Option<String>,
    #[serde(default)]
    encryption: Option<EncryptionBody>,
    #[serde(default)]
    encryption_settings_collection: Option<AzureDiskEncryption>,
}

/// The older encryption inside the machine, as far as it bars the disk from another one.
#[derive(Debug, Deserialize)]
struct AzureDiskEncryption {
    #[serde(default)]
    enabled: bool,
}

impl Disk {
    /// The set that the disk is encrypted under.
    pub(super) fn set(&self) -> Option<&str> {
        self.encryption.set.as_deref()
    }

    /// Whether the disk is encrypted under the set with this id.
    pub(super) fn uses(&self, set: &str) -> bool {
        self.encryption.uses(set)
    }

    /// The whole resource, as `GET` answers it.
    pub(super) fn shown(&self) -> Value {
        let mut properties = json!({
            "creationData": self.creation_data,
            "diskSizeGB": self.size_gb,
            "diskSizeBytes": u64::from(self.size_gb) << 30,
            "encryption": self.encryption.shown(),
            "networkAccessPolicy": "AllowAll",
            "publicNetworkAccess": "Enabled",
            "timeCreated": moments::with_offset(self.time_created),
            "provisioningState": self.provisioning_state,
            "diskState": format!("{:?}", self.state),
            "uniqueId": self.unique_id,
        });
        if let Some(os_type) = &self.os_type {
            properties["osType"] = json!(os_type);
        }
        let tier = if self.sku.starts_with("Premium") { "Premium" } else { "Standard" };
        let mut shown = json!({
            "name": self.name,
            "id": self.id,
            "type": TYPE,
            "location": self.location,
            "sku": { "name": self.sku, "tier": tier },
            "properties": properties,
        });
        if let Some(machine) = &self.managed_by {
            shown["managedBy"] = json!(machine);
        }
        add_tags(&mut shown, self.tags.as_ref());
        shown
    }

    fn store(&self) -> Store<'_> {
        Store {
            id: &self.id,
            name: &self.name,
            location: &self.location,
            sku: &self.sku,
            action: "Microsoft.Compute/disks/write",
        }
    }

    fn shown_updating(&self) -> Value {
        let mut shown = self.shown();
        shown["properties"]["provisioningState"] = json!("Updating");
        shown
    }
}

/// `PUT`: 202 with id, name and type, unlike a set (recorded).
pub(super) fn put(world: &World, request: &ArmRequest, target: &Target) -> Result<Reply, ArmError> {
    let body: DiskBody = request.json()?;
    let location = regions::check(body.location.as_deref(), TYPE)?;
    let existing = world.read(|state| {
        state.arm.group(&target.subscription, &target.group)?;
        Ok(state.arm.disks.get(&path::key(&target.id)).cloned())
    })?;
    let disk = match existing {
        Some(existing) => {
            regions::check_unmoved(&existing.location, &location, &target.name, &target.group)?;
            let tags = body.tags.clone();
            Disk { tags, ..planned(world, request, existing, &body)? }
        }
        None => planned(world, request, new_disk(world, target, location, &body)?, &body)?,
    };
    Ok(begin(world, request, disk))
}

/// `PATCH`: only what is named changes. 200 at once for tags alone, otherwise 202.
pub(super) fn patch(world: &World, request: &ArmRequest, target: &Target) -> Result<Reply, ArmError> {
    let body: DiskBody = request.json()?;
    let existing = world.read(|state| state.arm.disks.get(&path::key(&target.id)).cloned());
    let mut existing = existing.ok_or_else(|| not_found(target))?;
    if body.tags.is_some() {
        existing.tags = body.tags.clone();
    }
    if body.properties.is_none() && body.sku.is_none() {
        let reply = Reply::ok(existing.shown());
        world.change(|state| state.arm.disks.insert(path::key(&target.id), existing));
        return Ok(reply);
    }
    let disk = planned(world, request, existing, &body)?;
    Ok(begin(world, request, disk))
}

/// `GET` one.
pub(super) fn get(world: &World, target: &Target) -> Result<Reply, ArmError> {
    let now = world.clock.now();
    world.change(|state| {
        state.arm.group(&target.subscription, &target.group)?;
        operations::look(state, &target.id, now);
        let disk = state.arm.disks.get(&path::key(&target.id)).ok_or_else(|| not_found(target))?;
        Ok(Reply::ok(disk.shown()))
    })
}

/// `GET` all within a group or a subscription.
pub(super) fn list(world: &World, scope: &str) -> Reply {
    world.read(|state| {
        let disks = state.arm.disks.values();
        Reply::list(disks.filter(|disk| path::covers(scope, &disk.id)).map(Disk::shown).collect())
    })
}

/// `DELETE`: 202, or 204 when there is none.
pub(super) fn delete(world: &World, request: &ArmRequest, target: &Target) -> Result<Reply, ArmError> {
    let now = world.clock.now();
    world.change(|state| {
        operations::finish_all(state, &target.id, now);
        let Some(disk) = state.arm.disks.get(&path::key(&target.id)).cloned() else {
            return Ok(Reply::empty(StatusCode::NO_CONTENT));
        };
        if disk.state != DiskState::Unattached {
            return Err(ArmError::conflict(
                "OperationNotAllowed",
                format!("Disk '{}' is attached to a virtual machine.", disk.name),
            ));
        }
        let headers =
            operations::begin(world, state, request, (&disk.id, &disk.location), Outcome::DeleteDisk);
        Ok(Reply { headers, ..Reply::empty(StatusCode::ACCEPTED) })
    })
}

fn new_disk(world: &World, target: &Target, location: String, body: &DiskBody) -> Result<Disk, ArmError> {
    let missing = |target: &'static str| {
        ArmError::invalid_parameter(target, format!("Required parameter '{target}' is missing (null)."))
    };
    let properties = body.properties.as_ref().ok_or_else(|| missing("disk.properties"))?;
    let creation_data = properties.creation_data.clone().ok_or_else(|| missing("disk.creationData"))?;
    if creation_data["createOption"].as_str().is_none() {
        return Err(missing("disk.creationData.createOption"));
    }
    Ok(Disk {
        id: target.id.clone(),
        name: target.name.clone(),
        location,
        tags: body.tags.clone(),
        sku: "Standard_LRS".into(),
        size_gb: properties
            .disk_size_gb
            .or_else(|| copied_size(world, &creation_data))
            .ok_or_else(|| missing("disk.diskSizeGB"))?,
        os_type: None,
        creation_data,
        encryption: Encryption::platform(),
        unique_id: Uuid::new_v4(),
        time_created: world.clock.now(),
        state: DiskState::Unattached,
        managed_by: None,
        was_encrypted_inside: false,
        provisioning_state: "Succeeded".into(),
    })
}

/// The size of the disk or snapshot that a new disk is a copy of.
fn copied_size(world: &World, creation_data: &Value) -> Option<u32> {
    let source = path::key(creation_data["sourceResourceId"].as_str()?);
    world.read(|state| {
        let disk = state.arm.disks.get(&source).map(|disk| disk.size_gb);
        disk.or_else(|| state.arm.snapshots.get(&source).map(|snapshot| snapshot.size_gb))
    })
}

/// What the disk will be, everything checked.
fn planned(world: &World, request: &ArmRequest, mut disk: Disk, body: &DiskBody) -> Result<Disk, ArmError> {
    if let Some(name) = body.sku.as_ref().and_then(|sku| sku.name.clone()) {
        disk.sku = name;
    }
    let Some(properties) = &body.properties else {
        return Ok(disk);
    };
    if let Some(size) = properties.disk_size_gb {
        disk.size_gb = size;
    }
    if properties.os_type.is_some() {
        disk.os_type = properties.os_type.clone();
    }
    if properties.encryption_settings_collection.as_ref().is_some_and(|older| older.enabled) {
        disk.was_encrypted_inside = true;
    }
    if let Some(encryption) = &properties.encryption {
        let planned = encryption::planned(world, request, disk.store(), encryption)?;
        if planned.differs(&disk.encryption) {
            world.read(|state| check_change(state, &disk, &planned))?;
        }
        disk.encryption = planned;
    }
    Ok(disk)
}

/// Whether a disk may change its key now. The rules are documented ("Restrictions" of customer-managed keys).
fn check_change(state: &State, disk: &Disk, planned: &Encryption) -> Result<(), ArmError> {
    let refused = |words: String| Err(ArmError::conflict("OperationNotAllowed", words));
    if disk.was_encrypted_inside && planned.set.is_some() {
        return refused(format!(
            "Disk '{}' was previously encrypted with Azure Disk Encryption. Server-side encryption with customer managed keys \
             cannot be enabled on this disk at this time.",
            disk.name
        ));
    }
    // Our guess: the words of the two below.
    if disk.state == DiskState::Attached {
        return refused(format!(
            "Cannot change encryption of disk {} while it is attached to a running virtual machine. Deallocate it first.",
            disk.name
        ));
    }
    if super::snapshots::incremental_of(&state.arm, &disk.id).next().is_some() {
        return refused(format!(
            "Cannot update encryption properties for disk {} because it already has incremental snapshots.",
            disk.name
        ));
    }
    Ok(())
}

/// Begins the operation that makes the disk what it is planned to be, and echoes it.
fn begin(world: &World, request: &ArmRequest, mut disk: Disk) -> Reply {
    let now = world.clock.now();
    let echo = disk.shown_updating();
    disk.encryption = disk.encryption.settled();
    // It may have been read while an earlier write was still under way.
    disk.provisioning_state = "Succeeded".into();
    let (id, location) = (disk.id.clone(), disk.location.clone());
    let headers = world.change(|state| {
        operations::finish_all(state, &id, now);
        let meanwhile = state
            .arm
            .disks
            .entry(path::key(&id))
            .or_insert_with(|| Disk { encryption: Encryption::platform(), ..disk.clone() });
        meanwhile.provisioning_state = "Updating".into();
        operations::begin(world, state, request, (&id, &location), Outcome::WriteDisk(Box::new(disk)))
    });
    Reply { headers, ..Reply::new(StatusCode::ACCEPTED, echo) }
}

fn not_found(target: &Target) -> ArmError {
    ArmError::resource_not_found(TYPE, &target.name, &target.group)
}

/// Attaches the disk with this id to a machine, or changes what its machine is; `None` takes it off.
pub(super) fn attach(arm: &mut ArmState, id: &str, machine: Option<&str>, state: DiskState) {
    if let Some(disk) = arm.disks.get_mut(&path::key(id)) {
        disk.state = state;
        disk.managed_by = machine.map(str::to_owned);
    }
}

impl crate::Sandbox {
    /// Says of a disk that it is attached to a virtual machine, or not, without there being one. False when there is no
    /// such disk.
    pub fn set_disk_state(&self, disk_id: &str, disk_state: DiskState) -> bool {
        self.world.change(|state| {
            let disk = state.arm.disks.get_mut(&path::key(disk_id));
            disk.map(|disk| disk.state = disk_state).is_some()
        })
    }
}
