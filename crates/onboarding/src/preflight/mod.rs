//! What is looked at before the first change: disks that cannot be encrypted with the set, and what stays outside.

mod limits;
mod outside;

use azure_ids::ArmId;

use crate::finding::Finding;

pub use limits::{DiskTraits, Holds, LIMITS, Limit, Reading, SETS_IN_A_REGION, Trait, limit_of};
pub use outside::made_from;

/// A disk that cannot be encrypted with the set, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnfitDisk {
    /// The disk.
    pub disk: ArmId,
    /// Why.
    pub finding: Finding,
}
