//! A long-running operation, and what it does at its end.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::resources::disk::Disk;
use super::resources::disk_encryption_set::DiskEncryptionSet;
use super::resources::snapshot::Snapshot;
use super::resources::virtual_machine::{Power, VirtualMachine};

/// One operation, running or ended.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Operation {
    /// The resource it works on, by key.
    pub(crate) target: String,
    /// A part of its address that nobody can guess.
    pub(crate) signature: String,
    pub(crate) polls_left: u32,
    pub(crate) reads_left: u32,
    #[serde(with = "time::serde::rfc3339")]
    pub(crate) started: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339::option")]
    pub(crate) ended: Option<OffsetDateTime>,
    pub(crate) outcome: Outcome,
}

/// The end of an operation.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Outcome {
    WriteSet(Box<DiskEncryptionSet>),
    WriteDisk(Box<Disk>),
    WriteSnapshot(Box<Snapshot>),
    WriteMachine(Box<VirtualMachine>),
    /// The resource goes, whatever its type. A state that was saved earlier has a word for each type.
    #[serde(
        alias = "DeleteSet",
        alias = "DeleteDisk",
        alias = "DeleteSnapshot",
        alias = "DeleteMachine",
        alias = "DeleteDeployment"
    )]
    Delete,
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
