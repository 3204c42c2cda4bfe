//! What a long-running operation does at its end, and how its end is shown.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use time::OffsetDateTime;

use crate::state::State;

use super::disk_encryption_sets::DiskEncryptionSet;
use super::stores::Store as _;
use super::stores::disk::Disk;
use super::stores::snapshot::Snapshot;
use super::virtual_machines::{self, Power, VirtualMachine};
use super::{path, resource_groups, vaults};

/// The end of an operation.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Outcome {
    WriteSet(Box<DiskEncryptionSet>),
    WriteDisk(Box<Disk>),
    WriteSnapshot(Box<Snapshot>),
    WriteMachine(Box<VirtualMachine>),
    DeleteSet,
    DeleteDisk,
    DeleteSnapshot,
    DeleteMachine,
    DeleteDeployment,
    /// A machine is switched on or off.
    Switch(Power),
    /// The resource group and everything in it.
    DeleteGroup,
    /// A deleted vault goes for good.
    PurgeVault,
    /// The set stays as it is, in state `Failed`.
    FailSet {
        code: String,
        message: String,
    },
    /// The machine stays switched off, in state `Failed`.
    FailMachine {
        code: String,
        message: String,
    },
}

/// Which service runs an operation: each has addresses of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Runner {
    Disks,
    Machines,
    Gateway,
    KeyVault,
}

impl Outcome {
    pub(super) fn runner(&self) -> Runner {
        match self {
            Self::WriteSet(_)
            | Self::WriteDisk(_)
            | Self::WriteSnapshot(_)
            | Self::DeleteSet
            | Self::DeleteDisk
            | Self::DeleteSnapshot
            | Self::FailSet { .. } => Runner::Disks,
            Self::WriteMachine(_) | Self::DeleteMachine | Self::Switch(_) | Self::FailMachine { .. } => {
                Runner::Machines
            }
            Self::DeleteGroup | Self::DeleteDeployment => Runner::Gateway,
            Self::PurgeVault => Runner::KeyVault,
        }
    }

    /// The `Retry-After` of what begins it: 2 for a write of a disk (recorded).
    ///
    /// Our guess: 1 for all others, of which no recording has kept it.
    pub(super) fn seconds_until_looked_at(&self) -> u32 {
        match self {
            Self::WriteDisk(_) => 2,
            _ => 1,
        }
    }

    /// Makes it so. `target` is the key of the resource.
    pub(super) fn take_effect(self, state: &mut State, target: String, now: OffsetDateTime) {
        let arm = &mut state.arm;
        match self {
            Self::WriteSet(set) => drop(arm.disk_encryption_sets.insert(target, *set)),
            Self::WriteDisk(disk) => drop(arm.disks.insert(target, *disk)),
            Self::WriteSnapshot(snapshot) => drop(arm.snapshots.insert(target, *snapshot)),
            Self::WriteMachine(machine) => virtual_machines::written(arm, target, *machine),
            Self::DeleteSet => drop(arm.disk_encryption_sets.remove(&target)),
            Self::DeleteDisk => drop(arm.disks.remove(&target)),
            Self::DeleteSnapshot => drop(arm.snapshots.remove(&target)),
            Self::DeleteMachine => virtual_machines::removed(arm, &target),
            Self::DeleteDeployment => drop(arm.deployments.remove(&target)),
            Self::Switch(power) => virtual_machines::switched(arm, &target, power),
            Self::DeleteGroup => resource_groups::removed(state, &target, now),
            Self::PurgeVault => vaults::deleted::forget(state, &target),
            Self::FailSet { .. } => {
                if let Some(set) = arm.disk_encryption_sets.get_mut(&target) {
                    set.provisioning_state = "Failed".into();
                }
            }
            Self::FailMachine { .. } => virtual_machines::failed(arm, &target),
        }
    }

    /// Code and message, if the operation came to nothing.
    pub(super) fn failure(&self) -> Option<Value> {
        match self {
            Self::FailSet { code, message } | Self::FailMachine { code, message } => {
                Some(json!({ "code": code, "message": message }))
            }
            _ => None,
        }
    }

    /// The resource as it is now, where the operation shows it. Switching a machine shows nothing (recorded).
    pub(super) fn output(&self, state: &State) -> Option<Value> {
        match self {
            Self::WriteSet(set) => Some(set.shown(state)),
            Self::WriteDisk(disk) => Some(disk.shown()),
            Self::WriteSnapshot(snapshot) => Some(snapshot.shown()),
            Self::WriteMachine(machine) => {
                let now = state.arm.virtual_machines.get(&path::key(&machine.id));
                now.map(VirtualMachine::shown)
            }
            _ => None,
        }
    }

    /// Whether nothing is left to show at the end: 204 at the monitor's address, where others answer 200.
    pub(super) fn deletes(&self) -> bool {
        matches!(
            self,
            Self::DeleteSet
                | Self::DeleteDisk
                | Self::DeleteSnapshot
                | Self::DeleteMachine
                | Self::DeleteDeployment
        )
    }
}
