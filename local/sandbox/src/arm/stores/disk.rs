//! Managed disks, as far as their encryption goes.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::arm::error::ArmError;
use crate::arm::operations::Outcome;
use crate::arm::resource::Target;
use crate::arm::{ArmState, path};
use crate::state::State;
use crate::tracked::Tracked;
use crate::world::World;

use super::body::{PropertiesBody, creation_data, missing};
use super::encryption::Encryption;
use super::{Common, Store, snapshot};

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Disk {
    #[serde(flatten)]
    pub(in crate::arm) common: Common,
    pub(in crate::arm) state: DiskState,
    /// The virtual machine that it is attached to.
    #[serde(default)]
    pub(in crate::arm) managed_by: Option<String>,
    /// Whether Azure Disk Encryption has ever been on: such a disk takes no customer's key any more.
    #[serde(default)]
    was_encrypted_inside: bool,
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

impl Store for Disk {
    const TYPE: &'static str = "Microsoft.Compute/disks";
    const WORD: &'static str = "disk";

    fn all(arm: &ArmState) -> &Tracked<String, Self> {
        &arm.disks
    }

    fn all_mut(arm: &mut ArmState) -> &mut Tracked<String, Self> {
        &mut arm.disks
    }

    fn common(&self) -> &Common {
        &self.common
    }

    fn common_mut(&mut self) -> &mut Common {
        &mut self.common
    }

    fn new(
        world: &World,
        target: &Target,
        location: String,
        properties: &PropertiesBody,
    ) -> Result<Self, ArmError> {
        let creation_data = creation_data::<Self>(properties)?;
        if creation_data["createOption"].as_str().is_none() {
            return Err(missing::<Self>("creationData.createOption"));
        }
        let size = properties.disk_size_gb.or_else(|| copied_size(world, &creation_data));
        let size = size.ok_or_else(|| missing::<Self>("diskSizeGB"))?;
        Ok(Self {
            common: Common::new(world, target, location, creation_data, size),
            state: DiskState::Unattached,
            managed_by: None,
            was_encrypted_inside: false,
        })
    }

    fn apply(&mut self, properties: &PropertiesBody) {
        self.common.size_gb = properties.disk_size_gb.unwrap_or(self.common.size_gb);
        if properties.os_type.is_some() {
            self.common.os_type.clone_from(&properties.os_type);
        }
        self.was_encrypted_inside |=
            properties.encryption_settings_collection.as_ref().is_some_and(|older| older.enabled);
    }

    /// The rules are documented ("Restrictions" of customer-managed keys).
    fn check_change(&self, state: &State, planned: &Encryption) -> Result<(), ArmError> {
        let refused = |words: String| Err(ArmError::conflict("OperationNotAllowed", words));
        let name = &self.common.name;
        if self.was_encrypted_inside && planned.set.is_some() {
            return refused(format!(
                "Disk '{name}' was previously encrypted with Azure Disk Encryption. Server-side encryption with customer \
                 managed keys cannot be enabled on this disk at this time.",
            ));
        }
        // Our guess: the words of the two below.
        if self.state == DiskState::Attached {
            return refused(format!(
                "Cannot change encryption of disk {name} while it is attached to a running virtual machine. Deallocate it \
                 first.",
            ));
        }
        if snapshot::incremental_of(&state.arm, &self.common.id).next().is_some() {
            return refused(format!(
                "Cannot update encryption properties for disk {name} because it already has incremental snapshots.",
            ));
        }
        Ok(())
    }

    fn check_unused(&self) -> Result<(), ArmError> {
        if self.state == DiskState::Unattached {
            return Ok(());
        }
        let words = format!("Disk '{}' is attached to a virtual machine.", self.common.name);
        Err(ArmError::conflict("OperationNotAllowed", words))
    }

    fn add_own(&self, shown: &mut Value) {
        shown["properties"]["diskState"] = json!(format!("{:?}", self.state));
        if let Some(machine) = &self.managed_by {
            shown["managedBy"] = json!(machine);
        }
    }

    fn written(self) -> Outcome {
        Outcome::WriteDisk(Box::new(self))
    }

    fn deleted() -> Outcome {
        Outcome::DeleteDisk
    }
}

/// The size of the disk or snapshot that a new disk is a copy of.
fn copied_size(world: &World, creation_data: &Value) -> Option<u32> {
    let source = creation_data["sourceResourceId"].as_str()?;
    world.read(|state| snapshot::source(&state.arm, source).map(|source| source.size_gb))
}

/// Attaches the disk with this id to a machine, or changes what its machine is; `None` takes it off.
pub(in crate::arm) fn attach(arm: &mut ArmState, id: &str, machine: Option<&str>, state: DiskState) {
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
