//! What was undone so far.

use std::collections::BTreeMap;

use azure_ids::ArmId;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::Sweep;
use crate::finding::{Code, Finding};

/// What was undone so far, in this order: the disks, the set with the claim of the key, our access.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Undo {
    /// When it began.
    pub since: OffsetDateTime,
    /// The disks that go back to platform-managed keys.
    pub disks: BTreeMap<ArmId, GivenBack>,
    /// The disk encryption set.
    pub set: Removed,
    /// What the last look at our access found. With it, nothing is left to do.
    pub access: Option<Access>,
}

/// How far a disk is on its way back to a platform-managed key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GivenBack {
    /// Azure was not asked.
    Waits,
    /// Azure works on it.
    Requested,
    /// Read back under a platform-managed key, or under no set of ours.
    Done,
    /// It is not there any more.
    Deleted,
}

impl GivenBack {
    /// Whether nothing is left to do with it.
    #[must_use]
    pub fn is_done(self) -> bool {
        matches!(self, Self::Done | Self::Deleted)
    }
}

/// How far the removal of the set is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Removed {
    /// Azure was not asked.
    Waits,
    /// Azure works on it.
    Requested,
    /// There is none any more.
    Gone {
        /// Since when we know that.
        at: OffsetDateTime,
    },
}

/// What the last look at our access to the key found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// We were refused: that is the proof.
    Refused {
        /// When.
        at: OffsetDateTime,
        /// What refused us: the name of a finding.
        code: Code,
    },
    /// The customer did not take it away while we asked for that, or nobody could find out.
    Remains {
        /// When.
        at: OffsetDateTime,
    },
}

/// What a step learnt of a disk that goes back.
#[derive(Debug, Clone, PartialEq)]
pub enum ReturnStep {
    /// ARM accepted the change.
    Requested {
        /// How soon to look, in milliseconds.
        look_after_ms: u64,
    },
    /// It was read back under no set of ours.
    Done,
    /// It is not there any more.
    Deleted,
    /// It was not done.
    Failed {
        /// Why.
        finding: Finding,
    },
}

/// What a step learnt of the removal of the set.
#[derive(Debug, Clone, PartialEq)]
pub enum RemovalStep {
    /// ARM accepted the removal, of a set that this sweep found unused.
    Requested {
        /// What was found in the same breath.
        sweep: Sweep,
        /// How soon to look, in milliseconds.
        look_after_ms: u64,
    },
    /// There is no such set any more.
    Gone,
    /// It was not removed.
    Failed {
        /// Why.
        finding: Finding,
    },
}

/// What a look at our access to the key found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccessSeen {
    /// We were refused.
    Refused {
        /// What refused us.
        code: Code,
    },
    /// We still have it, or could not find out.
    Remains {
        /// What was found instead, when the key does not simply work.
        found: Option<Code>,
    },
}

impl Undo {
    /// The disks for which something is left to do.
    pub fn pending_disks(&self) -> impl Iterator<Item = &ArmId> {
        self.disks.iter().filter(|(_, state)| !state.is_done()).map(|(disk, _)| disk)
    }
}
