//! Managed disks.

use serde_json::{Value, json};
use time::OffsetDateTime;

use crate::names::arm_id;
use crate::state::State;
use crate::state::arm::ArmState;
use crate::state::resources::disk::{Disk, DiskState};
use crate::state::resources::store::Common;
use crate::state::tags::Tags;
use crate::tracked::Tracked;

use super::resource::{Resource, Runner};
use super::store::Stored;

impl Resource for Disk {
    const TYPE: &'static str = "Microsoft.Compute/disks";
    const RUNNER: Runner = Runner::Disks;
    type Held = Self;

    fn all(arm: &ArmState) -> &Tracked<String, Self> {
        &arm.disks
    }

    fn all_mut(arm: &mut ArmState) -> &mut Tracked<String, Self> {
        &mut arm.disks
    }

    fn tags(held: &Self) -> &Option<Tags> {
        &held.common.tags
    }

    fn tags_mut(held: &mut Self) -> &mut Option<Tags> {
        &mut held.common.tags
    }

    fn id(held: &Self) -> &str {
        &held.common.id
    }

    fn location(held: &Self) -> &str {
        &held.common.location
    }

    fn shown(held: &Self, _: &State) -> Value {
        Stored::shown(held)
    }

    fn remove(state: &mut State, key: &str, _: OffsetDateTime) {
        state.arm.disks.remove(key);
    }
}

impl Stored for Disk {
    fn common(&self) -> &Common {
        &self.common
    }

    fn common_mut(&mut self) -> &mut Common {
        &mut self.common
    }

    fn add_own(&self, shown: &mut Value) {
        shown["properties"]["diskState"] = json!(format!("{:?}", self.state));
        if self.was_encrypted_inside {
            // Our guess: that the version stays when it is turned off.
            shown["properties"]["encryptionSettingsCollection"] =
                json!({ "enabled": self.is_encrypted_inside, "encryptionSettingsVersion": "1.1" });
        }
        if let Some(machine) = &self.managed_by {
            shown["managedBy"] = json!(machine);
        }
    }
}

/// Attaches the disk with this id to a machine, or changes what its machine is; `None` takes it off.
pub(crate) fn attach(arm: &mut ArmState, id: &str, machine: Option<&str>, state: DiskState) {
    if let Some(disk) = arm.disks.get_mut(&arm_id::key(id)) {
        disk.state = state;
        disk.managed_by = machine.map(str::to_owned);
    }
}
