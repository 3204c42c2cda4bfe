//! A window: the time in which the vendor lets running machines be stopped, so that their disks can be encrypted.
//!
//! Azure does not change the encryption of a disk while its machine runs. Here is what is remembered of a window and of
//! its machines; the decision begins them, so many at a time, and none that cannot be expected to end inside the window.
//! A machine that is begun runs again, whatever becomes of its disks.

use std::{collections::BTreeSet, time::Duration};

use azure_ids::ArmId;
use time::OffsetDateTime;

/// A message about a machine in a window may be lost, and the machine is down meanwhile: after this time it is sent again.
pub(crate) const AGAIN: Duration = Duration::from_secs(300);

/// One window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    /// When the first machine may be stopped.
    pub opens: OffsetDateTime,
    /// When every machine is to run again.
    pub closes: OffsetDateTime,
    /// How many machines may be down at a time.
    pub at_once: u32,
    /// How far the window is.
    pub phase: Phase,
    /// The machines, in the order in which they are begun.
    pub machines: Vec<Planned>,
}

/// How far a window is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// It opens later.
    Ahead,
    /// Machines may be stopped.
    Open,
    /// No machine is begun any more, no disk is changed, and what was stopped is started.
    Closed,
    /// Every machine that was begun is done with.
    Ended,
}

/// A machine of a window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planned {
    /// The machine.
    pub machine: ArmId,
    /// Those of its disks that are to be encrypted.
    pub disks: Vec<ArmId>,
    /// How long it is expected to be down.
    pub takes: Duration,
    /// How far it is.
    pub progress: Progress,
    /// Of its disks, those that were not encrypted although the machine was down.
    pub failed: BTreeSet<ArmId>,
}

/// How far a machine of a window is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// Its turn has not come.
    Waiting,
    /// It is being stopped, its disks are being changed, or it is being started.
    Begun {
        /// Since when.
        at: OffsetDateTime,
        /// Why nothing more is done with it but to have it run.
        given_up: Option<String>,
    },
    /// Its disks are encrypted, and it runs.
    Done {
        /// How many seconds that took.
        seconds: u64,
    },
    /// It is left as it is; the rest waits for another window.
    LeftOut {
        /// Why.
        why: String,
    },
}

impl Planned {
    /// One whose turn has not come.
    #[must_use]
    pub fn waiting(machine: ArmId, disks: Vec<ArmId>, takes: Duration) -> Self {
        Self { machine, disks, takes, progress: Progress::Waiting, failed: BTreeSet::new() }
    }

    fn is_begun(&self) -> bool {
        matches!(self.progress, Progress::Begun { .. })
    }
}

impl Window {
    /// One that is still to come. The machines are begun in this order.
    #[must_use]
    pub fn ahead(
        opens: OffsetDateTime,
        closes: OffsetDateTime,
        at_once: u32,
        machines: Vec<Planned>,
    ) -> Self {
        Self { opens, closes, at_once, phase: Phase::Ahead, machines }
    }

    /// This machine of it.
    #[must_use]
    pub fn of(&self, machine: &ArmId) -> Option<&Planned> {
        self.machines.iter().find(|planned| planned.machine == *machine)
    }

    pub(crate) fn of_mut(&mut self, machine: &ArmId) -> Option<&mut Planned> {
        self.machines.iter_mut().find(|planned| planned.machine == *machine)
    }

    /// A machine that was begun is not this window's any more.
    pub(crate) fn leave_out(&mut self, machine: &ArmId, why: &str) {
        if let Some(planned) = self.of_mut(machine).filter(|planned| planned.is_begun()) {
            planned.progress = Progress::LeftOut { why: why.to_owned() };
        }
    }

    /// Whether a machine is begun and not done with.
    #[must_use]
    pub fn has_begun_machines(&self) -> bool {
        self.machines.iter().any(Planned::is_begun)
    }

    /// How long a machine is expected to take, from what was estimated and from those that are done: when one took twice
    /// its estimate, so will the others.
    #[must_use]
    pub fn expected(&self, planned: &Planned) -> Duration {
        let slowest = self.machines.iter().filter_map(|done| match done.progress {
            Progress::Done { seconds } => {
                Some(Duration::from_secs(seconds).as_secs_f64() / done.takes.as_secs_f64().max(1.0))
            }
            Progress::Waiting | Progress::Begun { .. } | Progress::LeftOut { .. } => None,
        });
        planned.takes.mul_f64(slowest.fold(1.0, f64::max))
    }

    /// The machines whose turn it is now. One that is down, and does not get on, keeps its place.
    pub(crate) fn turn_of(&self, now: OffsetDateTime) -> Vec<ArmId> {
        if self.phase != Phase::Open {
            return vec![];
        }
        let begun = self.machines.iter().filter(|planned| planned.is_begun()).count();
        let free = usize::try_from(self.at_once).unwrap_or(usize::MAX).saturating_sub(begun);
        let waiting = self.machines.iter().filter(|planned| planned.progress == Progress::Waiting);
        let fits = waiting.filter(|planned| now + self.expected(planned) <= self.closes);
        fits.take(free).map(|planned| planned.machine.clone()).collect()
    }

    /// What the time makes of it.
    pub(crate) fn phase_at(&self, now: OffsetDateTime) -> Phase {
        let waits = self.machines.iter().any(|planned| planned.progress == Progress::Waiting);
        match self.phase {
            Phase::Ended => Phase::Ended,
            _ if now < self.opens => Phase::Ahead,
            _ if self.has_begun_machines() && now >= self.closes => Phase::Closed,
            _ if self.has_begun_machines() => Phase::Open,
            _ if waits && now < self.closes => Phase::Open,
            _ => Phase::Ended,
        }
    }

    /// When the time alone changes it next.
    pub(crate) fn next_change(&self) -> Option<OffsetDateTime> {
        match self.phase {
            Phase::Ahead => Some(self.opens),
            Phase::Open => Some(self.closes),
            Phase::Closed | Phase::Ended => None,
        }
    }
}
