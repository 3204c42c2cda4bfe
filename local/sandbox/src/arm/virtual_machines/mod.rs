//! Microsoft.Compute: the least of virtual machines, which is what their disks' encryption depends on.
//!
//! A machine is made of existing disks (`createOption` `Attach`); networks and images are passed over. What is simulated
//! is its power: a running machine pins its disks' keys, a deallocated one frees them (documented), and one whose key is
//! gone stops after a while and does not start again. Addresses and bodies of switching: recorded.

mod input;
mod power;

use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::moments;
use crate::world::World;

use super::body::{Tags, add_tags};
use super::error::ArmError;
use super::operations::{self, Outcome};
use super::request::{ArmRequest, Reply};
use super::resource::Target;
use super::stores::disk::{self, DiskState};
use super::{ArmState, path};

pub(super) use input::put;
pub(crate) use power::notice_lost_keys;
pub(super) use power::switch;

pub(super) const TYPE: &str = "Microsoft.Compute/virtualMachines";

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct VirtualMachine {
    pub(crate) id: String,
    name: String,
    pub(super) location: String,
    tags: Option<Tags>,
    size: String,
    /// Ids of its disks, the one with the operating system first.
    disks: Vec<String>,
    vm_id: Uuid,
    #[serde(with = "time::serde::rfc3339")]
    time_created: OffsetDateTime,
    power: Power,
    provisioning_state: String,
    /// Since when the key of one of its disks cannot be used, while the machine runs on.
    #[serde(with = "time::serde::rfc3339::option")]
    key_lost_since: Option<OffsetDateTime>,
}

/// Whether a machine runs, and whether it holds on to its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Power {
    Running,
    /// Switched off and still holding on to its disks.
    Stopped,
    Deallocated,
}

impl Power {
    fn code(self) -> &'static str {
        match self {
            Self::Running => "PowerState/running",
            Self::Stopped => "PowerState/stopped",
            Self::Deallocated => "PowerState/deallocated",
        }
    }

    fn of_disks(self) -> DiskState {
        match self {
            Self::Running | Self::Stopped => DiskState::Attached,
            Self::Deallocated => DiskState::Reserved,
        }
    }
}

impl VirtualMachine {
    /// The whole resource, as `GET` answers it.
    pub(super) fn shown(&self) -> Value {
        let disk = |id: &String| json!({ "id": id });
        let os = self.disks.first();
        let data = self.disks.iter().skip(1).enumerate();
        let data: Vec<Value> = data
            .map(|(lun, id)| json!({ "lun": lun, "createOption": "Attach", "managedDisk": disk(id) }))
            .collect();
        let mut shown = json!({
            "name": self.name,
            "id": self.id,
            "type": TYPE,
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

    fn instance_view(&self) -> Value {
        let provisioning = format!("ProvisioningState/{}", self.provisioning_state.to_ascii_lowercase());
        json!({ "statuses": [
            { "code": provisioning, "level": "Info", "displayStatus": self.provisioning_state },
            {
                "code": self.power.code(),
                "level": "Info",
                "displayStatus": format!("VM {}", self.power.code().trim_start_matches("PowerState/")),
            },
        ]})
    }
}

/// `GET` one, with its power when `$expand=instanceView` asks for it.
pub(super) fn get(world: &World, request: &ArmRequest, target: &Target) -> Result<Reply, ArmError> {
    let machine = looked_at(world, target)?;
    let mut shown = machine.shown();
    let expand = request.query.get("$expand").map(String::as_str).unwrap_or_default();
    if expand.eq_ignore_ascii_case("instanceView") {
        shown["properties"]["instanceView"] = machine.instance_view();
    }
    Ok(Reply::ok(shown))
}

/// `GET .../instanceView`.
pub(super) fn instance_view(world: &World, target: &Target) -> Result<Reply, ArmError> {
    looked_at(world, target).map(|machine| Reply::ok(machine.instance_view()))
}

/// `GET` all within a group or a subscription.
pub(super) fn list(world: &World, scope: &str) -> Reply {
    notice_lost_keys(world);
    world.read(|state| {
        let machines = state.arm.virtual_machines.values();
        let inside = machines.filter(|machine| path::covers(scope, &machine.id));
        Reply::list(inside.map(VirtualMachine::shown).collect())
    })
}

/// `DELETE`: 202, or 204 when there is none. Its disks stay.
pub(super) fn delete(world: &World, request: &ArmRequest, target: &Target) -> Reply {
    let now = world.clock.now();
    world.change(|state| {
        operations::finish_all(state, &target.id, now);
        let Some(machine) = state.arm.virtual_machines.get(&path::key(&target.id)).cloned() else {
            return Reply::empty(StatusCode::NO_CONTENT);
        };
        let place = (machine.id.as_str(), machine.location.as_str());
        let headers = operations::begin(world, state, request, place, Outcome::DeleteMachine);
        Reply { headers, ..Reply::empty(StatusCode::ACCEPTED) }
    })
}

fn looked_at(world: &World, target: &Target) -> Result<VirtualMachine, ArmError> {
    let now = world.clock.now();
    notice_lost_keys(world);
    world.change(|state| {
        state.arm.group(&target.subscription, &target.group)?;
        operations::look(state, &target.id, now);
        let machine = state.arm.virtual_machines.get(&path::key(&target.id));
        machine.cloned().ok_or_else(|| not_found(target))
    })
}

/// A machine has been made: its disks are its own from now on.
pub(super) fn written(arm: &mut ArmState, key: String, machine: VirtualMachine) {
    let disks = machine.disks.clone();
    let (id, power) = (machine.id.clone(), machine.power);
    if let Some(before) = arm.virtual_machines.insert(key, machine) {
        let dropped = before.disks.iter().filter(|disk| !disks.iter().any(|kept| path::same(kept, disk)));
        dropped.for_each(|held| disk::attach(arm, held, None, DiskState::Unattached));
    }
    disks.iter().for_each(|held| disk::attach(arm, held, Some(&id), power.of_disks()));
}

/// A machine has been deleted.
pub(super) fn removed(arm: &mut ArmState, key: &str) {
    if let Some(machine) = arm.virtual_machines.remove(key) {
        machine.disks.iter().for_each(|held| disk::attach(arm, held, None, DiskState::Unattached));
    }
}

/// A machine has been switched on or off.
pub(super) fn switched(arm: &mut ArmState, key: &str, power: Power) {
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
pub(super) fn failed(arm: &mut ArmState, key: &str) {
    if let Some(machine) = arm.virtual_machines.get_mut(key) {
        machine.provisioning_state = "Failed".into();
    }
}

fn not_found(target: &Target) -> ArmError {
    ArmError::resource_not_found(TYPE, &target.name, &target.group)
}
