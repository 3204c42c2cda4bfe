//! Virtual machines, and what their power does to their disks.

use serde_json::{Value, json};
use time::OffsetDateTime;

use crate::moments;
use crate::names::arm_id;
use crate::state::State;
use crate::state::arm::ArmState;
use crate::state::resources::disk::DiskState;
use crate::state::resources::virtual_machine::{Power, VirtualMachine};
use crate::state::tags::{Tags, add_tags};
use crate::tracked::Tracked;

use super::disk;
use super::resource::{Resource, Runner, held_in};

impl Resource for VirtualMachine {
    const TYPE: &'static str = "Microsoft.Compute/virtualMachines";
    const RUNNER: Runner = Runner::Machines;
    type Held = Self;

    held_in!(virtual_machines);

    fn shown(held: &Self, _: &State) -> Value {
        held.shown_whole()
    }

    /// Its disks are nobody's from then on.
    fn remove(state: &mut State, key: &str, _: OffsetDateTime) {
        if let Some(machine) = state.arm.virtual_machines.remove(key) {
            let arm = &mut state.arm;
            machine.disks.iter().for_each(|held| disk::attach(arm, held, None, DiskState::Unattached));
        }
    }
}

impl VirtualMachine {
    /// The whole resource, as `GET` answers it.
    pub(crate) fn shown_whole(&self) -> Value {
        let disk = |id: &String| json!({ "id": id });
        let os = self.disks.first();
        let data = self.disks.iter().skip(1).enumerate();
        let data: Vec<Value> = data
            .map(|(lun, id)| json!({ "lun": lun, "createOption": "Attach", "managedDisk": disk(id) }))
            .collect();
        let mut shown = json!({
            "name": self.name,
            "id": self.id,
            "type": Self::TYPE,
            "location": self.location,
            "properties": {
                "vmId": self.vm_id,
                "hardwareProfile": { "vmSize": self.size },
                "storageProfile": {
                    "osDisk": { "createOption": "Attach", "osType": "Linux", "managedDisk": os.map(disk) },
                    "dataDisks": data,
                },
                "provisioningState": self.provisioning_state,
                "timeCreated": moments::with_offset(self.time_created),
            },
        });
        add_tags(&mut shown, self.tags.as_ref());
        shown
    }
}

/// A machine has been made: its disks are its own from now on.
pub(crate) fn written(arm: &mut ArmState, key: String, machine: VirtualMachine) {
    let disks = machine.disks.clone();
    let (id, power) = (machine.id.clone(), machine.power);
    if let Some(before) = arm.virtual_machines.insert(key, machine) {
        let dropped = before.disks.iter().filter(|disk| !disks.iter().any(|kept| arm_id::same(kept, disk)));
        dropped.for_each(|held| disk::attach(arm, held, None, DiskState::Unattached));
    }
    disks.iter().for_each(|held| disk::attach(arm, held, Some(&id), power.of_disks()));
}

/// A machine has been switched on or off.
pub(crate) fn switched(arm: &mut ArmState, key: &str, power: Power) {
    let Some(machine) = arm.virtual_machines.get_mut(key) else {
        return;
    };
    machine.power = power;
    machine.provisioning_state = "Succeeded".into();
    machine.key_lost_since = None;
    let machine = machine.clone();
    for held in &machine.disks {
        disk::attach(arm, held, Some(&machine.id), power.of_disks());
    }
}

/// A machine could not be made to run.
pub(crate) fn failed(arm: &mut ArmState, key: &str) {
    if let Some(machine) = arm.virtual_machines.get_mut(key) {
        machine.provisioning_state = "Failed".into();
    }
}
