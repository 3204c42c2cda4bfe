//! What Resource Manager remembers.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::names::arm_id;
use crate::roles::{self, RoleDefinition};
use crate::tracked::Tracked;

use super::limits::Limits;
use super::operation::Operation;
use super::resources::custom_role::CustomRole;
use super::resources::deployment::Deployment;
use super::resources::described::Described;
use super::resources::disk::Disk;
use super::resources::disk_encryption_set::DiskEncryptionSet;
use super::resources::identity::Identity;
use super::resources::resource_group::ResourceGroup;
use super::resources::role_assignment::RoleAssignment;
use super::resources::snapshot::Snapshot;
use super::resources::vault::Vault;
use super::resources::virtual_machine::VirtualMachine;

/// Every resource, by its id in lower case.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct ArmState {
    pub(crate) resource_groups: Tracked<String, ResourceGroup>,
    pub(crate) identities: Tracked<String, Identity>,
    pub(crate) vaults: Tracked<String, Vault>,
    pub(crate) role_assignments: Tracked<String, RoleAssignment>,
    /// By the GUID in their id.
    #[serde(default)]
    pub(crate) custom_roles: Tracked<Uuid, CustomRole>,
    pub(crate) disk_encryption_sets: Tracked<String, DiskEncryptionSet>,
    pub(crate) disks: Tracked<String, Disk>,
    #[serde(default)]
    pub(crate) snapshots: Tracked<String, Snapshot>,
    #[serde(default)]
    pub(crate) virtual_machines: Tracked<String, VirtualMachine>,
    #[serde(default)]
    pub(crate) deployments: Tracked<String, Deployment>,
    #[serde(default)]
    pub(crate) described: Tracked<String, Described>,
    /// By operation id: those that run, which every look at a resource goes through.
    pub(crate) operations: Tracked<String, Operation>,
    #[serde(default)]
    pub(crate) ended_operations: Tracked<String, Operation>,
    #[serde(default)]
    pub(crate) limits: Limits,
    /// Whether a set whose key cannot be used is refused at once or fails in its operation.
    pub(crate) key_refusals_come_late: bool,
    /// Whether the addresses of operations are as long as Azure's have become.
    #[serde(default)]
    pub(crate) long_operation_urls: bool,
    /// Whether this region's Ultra and Premium SSD v2 disks cannot use sets with a user-assigned identity.
    #[serde(default)]
    pub(crate) direct_drive_is_refused: bool,
}

impl ArmState {
    /// Deletes the described resources below the resource or group with this key, and on it. Secrets are deleted with their
    /// vault and come back with it: they stay.
    pub(crate) fn remove_below(&mut self, key: &str) {
        let is_secret = |held: &str| held.rsplit('/').nth(1) == Some("secrets");
        self.described.retain(|held, _| held == key || is_secret(held) || !arm_id::covers(key, held));
    }

    /// Deletes the secrets of a vault for good.
    pub(crate) fn forget_secrets(&mut self, vault: &str) {
        let below = format!("{}/secrets", arm_id::key(vault));
        self.described.retain(|held, _| !arm_id::covers(&below, held));
    }

    /// The role with this id, built in or defined by somebody.
    pub(crate) fn role(&self, id: Uuid) -> Option<&RoleDefinition> {
        roles::by_id(id).or_else(|| self.custom_roles.get(&id).map(|custom| &custom.definition))
    }
}
