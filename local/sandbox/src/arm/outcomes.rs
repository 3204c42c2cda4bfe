//! What a long-running operation does at its end, and how its end is shown.

use serde_json::{Value, json};
use time::OffsetDateTime;

use crate::names::arm_id;
use crate::resources::resource::Runner;
use crate::resources::store::Stored;
use crate::resources::{ResourceType, resource_group, vault, virtual_machine};
use crate::state::State;
use crate::state::operation::Outcome;
use crate::state::resources::virtual_machine::VirtualMachine;

impl Outcome {
    /// Which service brings it about. `target` is the id of the resource.
    pub(crate) fn runner(&self, target: &str) -> Runner {
        ResourceType::of_id(target).map_or(Runner::Gateway, |resource_type| resource_type.runner)
    }

    /// The `Retry-After` of what begins it: 2 for a write of a disk (recorded).
    ///
    /// Our guess: 1 for all others, of which no recording has kept it.
    pub(crate) fn seconds_until_looked_at(&self) -> u32 {
        match self {
            Self::WriteDisk(_) => 2,
            _ => 1,
        }
    }

    /// Makes it so. `target` is the key of the resource.
    pub(crate) fn take_effect(self, state: &mut State, target: String, now: OffsetDateTime) {
        let arm = &mut state.arm;
        match self {
            Self::WriteSet(set) => drop(arm.disk_encryption_sets.insert(target, *set)),
            Self::WriteDisk(disk) => drop(arm.disks.insert(target, *disk)),
            Self::WriteSnapshot(snapshot) => drop(arm.snapshots.insert(target, *snapshot)),
            Self::WriteMachine(machine) => virtual_machine::written(arm, target, *machine),
            Self::Delete => {
                if let Some(resource_type) = ResourceType::of_id(&target) {
                    resource_type.remove(state, &target, now);
                }
            }
            Self::Switch(power) => virtual_machine::switched(arm, &target, power),
            Self::DeleteGroup => resource_group::removed(state, &target, now),
            Self::PurgeVault => vault::forget(state, &target),
            Self::FailSet { .. } => {
                if let Some(set) = arm.disk_encryption_sets.get_mut(&target) {
                    set.provisioning_state = "Failed".into();
                }
            }
            Self::FailMachine { .. } => virtual_machine::failed(arm, &target),
        }
    }

    /// Code and message, if the operation failed.
    pub(crate) fn failure(&self) -> Option<Value> {
        match self {
            Self::FailSet { code, message } | Self::FailMachine { code, message } => {
                Some(json!({ "code": code, "message": message }))
            }
            _ => None,
        }
    }

    /// The resource as it is now, where the operation shows it. Switching a machine shows nothing (recorded).
    pub(crate) fn output(&self, state: &State) -> Option<Value> {
        match self {
            Self::WriteSet(set) => Some(set.shown_in(state)),
            Self::WriteDisk(disk) => Some(Stored::shown(disk.as_ref())),
            Self::WriteSnapshot(snapshot) => Some(Stored::shown(snapshot.as_ref())),
            Self::WriteMachine(machine) => {
                let now = state.arm.virtual_machines.get(&arm_id::key(&machine.id));
                now.map(VirtualMachine::shown_whole)
            }
            _ => None,
        }
    }

    /// Whether nothing is left to show at the end: 204 at the monitor's address, where others answer 200.
    pub(crate) fn deletes(&self) -> bool {
        matches!(self, Self::Delete)
    }
}
