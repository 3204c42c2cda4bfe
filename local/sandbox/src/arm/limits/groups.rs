//! The groups of operations that Compute counts, as its headers call them (recorded).
//!
//! Our guess: that snapshots count as disks, and that switching a machine on or off counts as its update; that deallocating
//! counts as deleting was recorded.

pub(in crate::arm) const SETS_WRITTEN: &str = "CreateUpdateHighCostDiskEncryptionSet";
pub(in crate::arm) const SETS_DELETED: &str = "DeleteHighCostDiskEncryptionSet";
pub(in crate::arm) const DISKS_WRITTEN: &str = "CreateUpdateDisks";
pub(in crate::arm) const READ: &str = "LowCostGet";
pub(in crate::arm) const OPERATIONS_READ: &str = "GetOperation";
pub(in crate::arm) const MACHINES_WRITTEN: &str = "PutVM";
pub(in crate::arm) const MACHINES_UPDATED: &str = "UpdateVM";
pub(in crate::arm) const MACHINES_DELETED: &str = "DeleteVM";
