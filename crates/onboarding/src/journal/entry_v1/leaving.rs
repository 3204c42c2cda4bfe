//! How leaving is stored, in states and in facts.

use std::collections::BTreeMap;

use azure_ids::ArmId;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::{finding::FindingV1, mirror::mirror};
use crate::{
    OnboardingId,
    finding::Code,
    leaving::{
        Access, AccessSeen, Approval, GivenBack, Leaving, Plan, RemovalStep, Removed, ReturnStep, SetIs,
        Sweep, Undo, User, UserKind, Why,
    },
};

/// What is so of an onboarding that leaves or has left.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LeavingV1 {
    why: WhyV1,
    #[serde(with = "time::serde::rfc3339")]
    since: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    hold_until: OffsetDateTime,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    plan: Option<PlanV1>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    approval: Option<ApprovalV1>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    undo: Option<UndoV1>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct PlanV1 {
    entry: u64,
    sweep: SweepV1,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct ApprovalV1 {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    who: Option<String>,
    #[serde(with = "time::serde::rfc3339")]
    at: OffsetDateTime,
}

/// A look at everything that uses the set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SweepV1 {
    #[serde(with = "time::serde::rfc3339")]
    at: OffsetDateTime,
    set: ArmId,
    set_is: SetIsV1,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    key_held_by: Option<OnboardingId>,
    users: Vec<UserV1>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct UserV1 {
    id: ArmId,
    kind: UserKindV1,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    machine: Option<ArmId>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct UndoV1 {
    #[serde(with = "time::serde::rfc3339")]
    since: OffsetDateTime,
    disks: BTreeMap<ArmId, GivenBackV1>,
    set: RemovedV1,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    access: Option<AccessV1>,
}

mirror! {
    #[serde(tag = "because", rename_all = "kebab-case")]
    WhyV1 <=> Why { Unsubscribed, VendorAsks { reason: String }, KeyRevoked }
}

mirror! {
    #[serde(rename_all = "kebab-case")]
    SetIsV1 <=> SetIs { Ours, NotOurs, NotThere }
}

mirror! {
    #[serde(rename_all = "kebab-case")]
    UserKindV1 <=> UserKind { Disk, OtherDisk, Snapshot, Image, GalleryVersion, ScaleSet, Other }
}

mirror! {
    #[serde(rename_all = "kebab-case")]
    GivenBackV1 <=> GivenBack { Waits, Requested, Done, Deleted }
}

mirror! {
    #[serde(tag = "state", rename_all = "kebab-case")]
    RemovedV1 <=> Removed {
        Waits,
        Requested,
        Gone {
            #[serde(with = "time::serde::rfc3339")]
            at: OffsetDateTime,
        },
    }
}

mirror! {
    #[serde(tag = "found", rename_all = "kebab-case")]
    AccessV1 <=> Access {
        Refused {
            #[serde(with = "time::serde::rfc3339")]
            at: OffsetDateTime,
            code: Code,
        },
        Remains {
            #[serde(with = "time::serde::rfc3339")]
            at: OffsetDateTime,
        },
    }
}

mirror! {
    #[serde(tag = "learnt", rename_all = "kebab-case", rename_all_fields = "camelCase")]
    ReturnStepV1 <=> ReturnStep {
        Requested { look_after_ms: u64 },
        Done,
        Deleted,
        Failed { finding: FindingV1 },
    }
}

mirror! {
    #[serde(tag = "learnt", rename_all = "kebab-case", rename_all_fields = "camelCase")]
    RemovalStepV1 <=> RemovalStep {
        Requested { sweep: SweepV1, look_after_ms: u64 },
        Gone,
        Failed { finding: FindingV1 },
    }
}

mirror! {
    #[serde(tag = "seen", rename_all = "kebab-case")]
    AccessSeenV1 <=> AccessSeen {
        Refused { code: Code },
        Remains {
            #[serde(default, skip_serializing_if = "Option::is_none")]
            found: Option<Code>,
        },
    }
}

impl From<Leaving> for LeavingV1 {
    fn from(leaving: Leaving) -> Self {
        let Leaving { why, since, hold_until, plan, approval, undo } = leaving;
        let plan = plan.map(|Plan { entry, sweep }| PlanV1 { entry, sweep: sweep.into() });
        let approval = approval.map(|Approval { who, at }| ApprovalV1 { who, at });
        Self { why: why.into(), since, hold_until, plan, approval, undo: undo.map(Into::into) }
    }
}

impl From<LeavingV1> for Leaving {
    fn from(stored: LeavingV1) -> Self {
        let LeavingV1 { why, since, hold_until, plan, approval, undo } = stored;
        let plan = plan.map(|PlanV1 { entry, sweep }| Plan { entry, sweep: sweep.into() });
        let approval = approval.map(|ApprovalV1 { who, at }| Approval { who, at });
        Self { why: why.into(), since, hold_until, plan, approval, undo: undo.map(Into::into) }
    }
}

impl From<Sweep> for SweepV1 {
    fn from(sweep: Sweep) -> Self {
        let Sweep { at, set, set_is, key_held_by, users } = sweep;
        let user = |User { id, kind, machine }| UserV1 { id, kind: kind.into(), machine };
        Self { at, set, set_is: set_is.into(), key_held_by, users: users.into_iter().map(user).collect() }
    }
}

impl From<SweepV1> for Sweep {
    fn from(stored: SweepV1) -> Self {
        let SweepV1 { at, set, set_is, key_held_by, users } = stored;
        let user = |UserV1 { id, kind, machine }| User { id, kind: kind.into(), machine };
        Self { at, set, set_is: set_is.into(), key_held_by, users: users.into_iter().map(user).collect() }
    }
}

impl From<Undo> for UndoV1 {
    fn from(Undo { since, disks, set, access }: Undo) -> Self {
        let disks = disks.into_iter().map(|(disk, state)| (disk, state.into())).collect();
        Self { since, disks, set: set.into(), access: access.map(Into::into) }
    }
}

impl From<UndoV1> for Undo {
    fn from(UndoV1 { since, disks, set, access }: UndoV1) -> Self {
        let disks = disks.into_iter().map(|(disk, state)| (disk, state.into())).collect();
        Self { since, disks, set: set.into(), access: access.map(Into::into) }
    }
}
