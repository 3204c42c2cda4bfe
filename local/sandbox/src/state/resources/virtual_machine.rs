//! A virtual machine, as far as its disks depend on it.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::state::tags::Tags;

use super::disk::DiskState;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct VirtualMachine {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) location: String,
    pub(crate) tags: Option<Tags>,
    pub(crate) size: String,
    /// Ids of its disks, the one with the operating system first.
    pub(crate) disks: Vec<String>,
    pub(crate) vm_id: Uuid,
    #[serde(with = "time::serde::rfc3339")]
    pub(crate) time_created: OffsetDateTime,
    pub(crate) power: Power,
    pub(crate) provisioning_state: String,
    /// Since when the key of one of its disks cannot be used, while the machine runs on.
    #[serde(with = "time::serde::rfc3339::option")]
    pub(crate) key_lost_since: Option<OffsetDateTime>,
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
    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::Running => "PowerState/running",
            Self::Stopped => "PowerState/stopped",
            Self::Deallocated => "PowerState/deallocated",
        }
    }

    pub(crate) fn of_disks(self) -> DiskState {
        match self {
            Self::Running | Self::Stopped => DiskState::Attached,
            Self::Deallocated => DiskState::Reserved,
        }
    }
}
