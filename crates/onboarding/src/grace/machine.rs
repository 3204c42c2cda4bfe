//! A machine that is stopped, and started again: by the ladder, or in a window.

use time::OffsetDateTime;

use crate::finding::Finding;

/// A machine that the ladder or a window holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldMachine {
    /// What it is stopped for.
    pub by: HeldBy,
    /// How far it is.
    pub state: MachineState,
    /// Azure's operation to follow, verbatim.
    pub operation: Option<String>,
    /// When something was last learnt of it.
    pub since: OffsetDateTime,
}

impl HeldMachine {
    pub(crate) fn chosen(now: OffsetDateTime) -> Self {
        Self { by: HeldBy::Ladder, state: MachineState::Chosen, operation: None, since: now }
    }
}

/// What a machine is stopped for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeldBy {
    /// The grace ladder: it stays down until the key works again.
    Ladder,
    /// A window: it runs again when its disks were changed, or cannot be.
    Window,
}

/// How far a machine is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum MachineState {
    /// It has a disk of this customer. Azure was not asked to stop it.
    Chosen,
    /// It ran, and Azure is asked to stop it. Recorded before the call, so that whoever comes after a kill knows.
    Stopping,
    /// It was read back as deallocated.
    Stopped,
    /// Azure is asked to start it again.
    Starting,
}

/// What is to be reached for a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Power {
    /// Deallocated.
    Off,
    /// Running.
    On,
}

/// What a step learnt of a machine, or is about to do to it.
#[derive(Debug, Clone, PartialEq)]
pub enum MachineStep {
    /// It runs, and is about to be deallocated.
    Stopping,
    /// Azure accepted the call.
    Accepted {
        /// The operation to follow.
        operation: Option<String>,
        /// How soon to look, in milliseconds.
        look_after_ms: u64,
    },
    /// It was read back as deallocated.
    Stopped,
    /// It is about to be started.
    Starting,
    /// It was read back as running.
    Started,
    /// It is somebody else's to stop or to start: whoever changed it since, or nobody, because it is gone.
    LeftAlone,
    /// It was not done.
    Failed {
        /// Why.
        finding: Finding,
    },
}
