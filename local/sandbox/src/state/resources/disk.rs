//! A managed disk, as far as its encryption goes.

use serde::{Deserialize, Serialize};

use super::store::Common;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Disk {
    #[serde(flatten)]
    pub(crate) common: Common,
    pub(crate) state: DiskState,
    /// The virtual machine that it is attached to.
    #[serde(default)]
    pub(crate) managed_by: Option<String>,
    /// Whether Azure Disk Encryption has ever been on: such a disk takes no customer's key any more.
    #[serde(default)]
    pub(crate) was_encrypted_inside: bool,
    /// Whether it is on.
    #[serde(default)]
    pub(crate) is_encrypted_inside: bool,
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
