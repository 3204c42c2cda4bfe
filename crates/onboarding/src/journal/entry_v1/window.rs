//! How a window is stored, in states and in facts.

use std::time::Duration;

use azure_ids::ArmId;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::mirror::mirror;
use crate::window::{Phase, Planned, Progress, Window};

/// A window, and how far its machines are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct WindowV1 {
    #[serde(with = "time::serde::rfc3339")]
    opens: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    closes: OffsetDateTime,
    at_once: u32,
    phase: PhaseV1,
    machines: Vec<PlannedV1>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct PlannedV1 {
    machine: ArmId,
    disks: Vec<ArmId>,
    takes_seconds: u64,
    #[serde(flatten)]
    progress: ProgressV1,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    failed: Vec<ArmId>,
}

mirror! {
    #[serde(rename_all = "kebab-case")]
    PhaseV1 <=> Phase { Ahead, Open, Closed, Ended }
}

mirror! {
    #[serde(tag = "progress", rename_all = "kebab-case", rename_all_fields = "camelCase")]
    ProgressV1 <=> Progress {
        Waiting,
        Begun {
            #[serde(with = "time::serde::rfc3339")]
            at: OffsetDateTime,
            #[serde(default, skip_serializing_if = "Option::is_none")]
            given_up: Option<String>,
        },
        Done { seconds: u64 },
        LeftOut { why: String },
    }
}

impl From<Window> for WindowV1 {
    fn from(window: Window) -> Self {
        let Window { opens, closes, at_once, phase, machines } = window;
        let machines = machines.into_iter().map(Into::into).collect();
        Self { opens, closes, at_once, phase: phase.into(), machines }
    }
}

impl From<WindowV1> for Window {
    fn from(stored: WindowV1) -> Self {
        let WindowV1 { opens, closes, at_once, phase, machines } = stored;
        let machines = machines.into_iter().map(Into::into).collect();
        Self { opens, closes, at_once, phase: phase.into(), machines }
    }
}

impl From<Planned> for PlannedV1 {
    fn from(planned: Planned) -> Self {
        let Planned { machine, disks, takes, progress, failed } = planned;
        let failed = failed.into_iter().collect();
        Self { machine, disks, takes_seconds: takes.as_secs(), progress: progress.into(), failed }
    }
}

impl From<PlannedV1> for Planned {
    fn from(stored: PlannedV1) -> Self {
        let PlannedV1 { machine, disks, takes_seconds, progress, failed } = stored;
        let (takes, failed) = (Duration::from_secs(takes_seconds), failed.into_iter().collect());
        Self { machine, disks, takes, progress: progress.into(), failed }
    }
}
