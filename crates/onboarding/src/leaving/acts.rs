//! What may be undone outside, as types that only an onboarding gives whose hold has passed and whose plan was approved.

use std::time::Duration;

use azure_ids::ArmId;
use time::OffsetDateTime;

use super::{SetIs, Sweep, Undo, sweep::User};
use crate::{Onboarding, finding::Finding};

/// A sweep is of the same breath for so long; nothing that we do takes as long.
const BREATH: Duration = Duration::from_secs(120);

/// A disk that may go back to a platform-managed key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiskReturn {
    disk: ArmId,
    set: ArmId,
}

impl DiskReturn {
    /// The disk.
    #[must_use]
    pub fn disk(&self) -> &ArmId {
        &self.disk
    }

    /// The set that it must be under: a disk under another one is not touched.
    #[must_use]
    pub fn set(&self) -> &ArmId {
        &self.set
    }
}

/// A disk encryption set that may be deleted: nothing uses it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetRemoval(ArmId);

impl SetRemoval {
    /// The set.
    #[must_use]
    pub fn set(&self) -> &ArmId {
        &self.0
    }
}

impl Onboarding {
    /// What is being undone, when it may be: the hold is over, the plan was approved, and nobody froze it.
    #[must_use]
    pub fn undoing(&self, now: OffsetDateTime) -> Option<&Undo> {
        let leaving = self.leaving.as_ref()?;
        let may = now >= leaving.hold_until && leaving.approval.is_some() && !leaving.is_over();
        leaving.undo.as_ref().filter(|_| may && self.grace.frozen.is_none())
    }

    /// Whether this disk may go back now.
    #[must_use]
    pub fn return_of(&self, disk: &ArmId, now: OffsetDateTime) -> Option<DiskReturn> {
        let undo = self.undoing(now)?;
        let set = self.leaving.as_ref()?.plan.as_ref()?.sweep.set.clone();
        let is_pending = undo.pending_disks().any(|pending| pending == disk);
        is_pending.then(|| DiskReturn { disk: disk.clone(), set })
    }

    /// Whether the set may be deleted now, by a sweep of the same breath; or who must act first. `None` when that is not
    /// what comes next.
    #[must_use]
    pub fn removal_of_set(&self, sweep: &Sweep, now: OffsetDateTime) -> Option<Result<SetRemoval, Finding>> {
        let undo = self.undoing(now)?;
        let planned = &self.leaving.as_ref()?.plan.as_ref()?.sweep.set;
        let is_fresh = sweep.at <= now + BREATH && now - sweep.at <= BREATH;
        if undo.pending_disks().next().is_some() || sweep.set != *planned || !is_fresh {
            return None;
        }
        Some(match (self.held_up_by(sweep), &sweep.users[..]) {
            (Some(finding), _) => Err(finding),
            (None, []) => Ok(SetRemoval(sweep.set.clone())),
            (None, [first, others @ ..]) => Err(in_use(first, others.len())),
        })
    }

    /// What of this sweep keeps everything from being undone: another onboarding uses the same set or key.
    pub(crate) fn held_up_by(&self, sweep: &Sweep) -> Option<Finding> {
        if sweep.set_is == SetIs::NotOurs {
            return Some(Finding::SetNotOurs { set: sweep.set.clone() });
        }
        let (key, onboarding) = (self.key.as_ref()?.version.without_version(), sweep.key_held_by?);
        Some(Finding::KeyHeldElsewhere { key, onboarding })
    }
}

fn in_use(first: &User, others: usize) -> Finding {
    Finding::SetInUse {
        by: first.id.clone(),
        kind: first.kind.word().to_owned(),
        others: u32::try_from(others).unwrap_or(u32::MAX),
    }
}
