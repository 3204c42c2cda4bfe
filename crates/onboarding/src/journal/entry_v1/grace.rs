//! How the grace ladder is stored, in states and in facts.

use std::{collections::BTreeMap, time::Duration};

use azure_ids::ArmId;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::{finding::FindingV1, mirror::mirror};
use crate::grace::{
    Announced, Drill, Freeze, Grace, HeldBy, HeldMachine, Ladder, MachineState, MachineStep, Rung,
};

/// What is so of the ladder, and of what may stop it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct GraceV1 {
    #[serde(skip_serializing_if = "Option::is_none")]
    ladder: Option<LadderV1>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    machines: BTreeMap<ArmId, HeldMachineV1>,
    #[serde(skip_serializing_if = "Option::is_none")]
    frozen: Option<FreezeV1>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    is_test: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    drill: Option<DrillV1>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct LadderV1 {
    #[serde(with = "time::serde::rfc3339")]
    since: OffsetDateTime,
    #[serde(default, with = "time::serde::rfc3339::option", skip_serializing_if = "Option::is_none")]
    held_since: Option<OffsetDateTime>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    announced: Option<AnnouncedV1>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    taken: Vec<TakenRungV1>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct AnnouncedV1 {
    rung: RungV1,
    #[serde(with = "time::serde::rfc3339")]
    at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    due: OffsetDateTime,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct TakenRungV1 {
    rung: RungV1,
    #[serde(with = "time::serde::rfc3339")]
    at: OffsetDateTime,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct HeldMachineV1 {
    #[serde(default, skip_serializing_if = "HeldByV1::is_ladder")]
    by: HeldByV1,
    state: MachineStateV1,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    operation: Option<String>,
    #[serde(with = "time::serde::rfc3339")]
    since: OffsetDateTime,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct FreezeV1 {
    #[serde(with = "time::serde::rfc3339")]
    since: OffsetDateTime,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

/// A rehearsed revocation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DrillV1 {
    #[serde(with = "time::serde::rfc3339")]
    since: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    until: OffsetDateTime,
    pace_seconds: u64,
}

mirror! {
    #[serde(rename_all = "kebab-case")]
    RungV1 <=> Rung { Suspend, Deallocate, Offboard }
}

mirror! {
    #[serde(rename_all = "kebab-case")]
    MachineStateV1 <=> MachineState { Chosen, Stopping, Stopped, Starting }
}

mirror! {
    #[serde(tag = "learnt", rename_all = "kebab-case", rename_all_fields = "camelCase")]
    MachineStepV1 <=> MachineStep {
        Stopping,
        Accepted { operation: Option<String>, look_after_ms: u64 },
        Stopped,
        Starting,
        Started,
        LeftAlone,
        Failed { finding: FindingV1 },
    }
}

mirror! {
    #[derive(Default)]
    #[serde(rename_all = "kebab-case")]
    HeldByV1 <=> HeldBy { #[default] Ladder, Window }
}

impl HeldByV1 {
    fn is_ladder(&self) -> bool {
        *self == Self::Ladder
    }
}

impl GraceV1 {
    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl From<Grace> for GraceV1 {
    fn from(grace: Grace) -> Self {
        let Grace { ladder, machines, frozen, is_test, drill } = grace;
        let machine = |HeldMachine { by, state, operation, since }| HeldMachineV1 {
            by: by.into(),
            state: state.into(),
            operation,
            since,
        };
        Self {
            ladder: ladder.map(Into::into),
            machines: machines.into_iter().map(|(id, held)| (id, machine(held))).collect(),
            frozen: frozen.map(|Freeze { since, reason }| FreezeV1 { since, reason }),
            is_test,
            drill: drill.map(Into::into),
        }
    }
}

impl From<GraceV1> for Grace {
    fn from(stored: GraceV1) -> Self {
        let GraceV1 { ladder, machines, frozen, is_test, drill } = stored;
        let machine = |HeldMachineV1 { by, state, operation, since }| HeldMachine {
            by: by.into(),
            state: state.into(),
            operation,
            since,
        };
        Self {
            ladder: ladder.map(Into::into),
            machines: machines.into_iter().map(|(id, held)| (id, machine(held))).collect(),
            frozen: frozen.map(|FreezeV1 { since, reason }| Freeze { since, reason }),
            is_test,
            drill: drill.map(Into::into),
        }
    }
}

impl From<Ladder> for LadderV1 {
    fn from(ladder: Ladder) -> Self {
        let Ladder { since, held_since, announced, taken } = ladder;
        let announced =
            announced.map(|Announced { rung, at, due }| AnnouncedV1 { rung: rung.into(), at, due });
        let taken = taken.into_iter().map(|(rung, at)| TakenRungV1 { rung: rung.into(), at }).collect();
        Self { since, held_since, announced, taken }
    }
}

impl From<LadderV1> for Ladder {
    fn from(stored: LadderV1) -> Self {
        let LadderV1 { since, held_since, announced, taken } = stored;
        let announced =
            announced.map(|AnnouncedV1 { rung, at, due }| Announced { rung: rung.into(), at, due });
        let taken = taken.into_iter().map(|TakenRungV1 { rung, at }| (rung.into(), at)).collect();
        Self { since, held_since, announced, taken }
    }
}

impl From<Drill> for DrillV1 {
    fn from(Drill { since, until, pace }: Drill) -> Self {
        Self { since, until, pace_seconds: pace.as_secs() }
    }
}

impl From<DrillV1> for Drill {
    fn from(DrillV1 { since, until, pace_seconds }: DrillV1) -> Self {
        Self { since, until, pace: Duration::from_secs(pace_seconds) }
    }
}
