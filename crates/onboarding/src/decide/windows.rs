//! The part of the decision that is about windows: which machines are begun, what is done while one is down, and that it
//! runs again.

use azure_ids::ArmId;
use time::OffsetDateTime;

use crate::{
    About, Cause, Decision, DiskState, Fact, Onboarding,
    event::{DiskEncryptionRequested, MachineSwitchRequested},
    finding::{Finding, KeyIs},
    grace::{HeldBy, HeldMachine, MachineState, MachineStep, Power},
    window::{AGAIN, Phase, Progress, Window},
};

impl Onboarding {
    /// A window of which no machine is down may be replaced by another.
    pub(super) fn window_planned(&self, cause: Cause, fact: Fact, window: &Window) -> Option<Decision> {
        let is_busy = self.window.as_ref().is_some_and(Window::has_begun_machines);
        let is_over = window.closes <= cause.now || window.closes <= window.opens;
        if is_busy || is_over || window.at_once == 0 || self.provision_plan().is_err() {
            return None;
        }
        let mut decision = self.next(cause, fact, &About::Consent);
        for disk in window.machines.iter().flat_map(|planned| &planned.disks) {
            if !self.disks.contains_key(disk) {
                decision.onboarding.dropped.remove(disk);
                decision.onboarding.disks.insert(disk.clone(), DiskState::Found);
                decision.send(disk.as_str(), None, DiskEncryptionRequested { disk: disk.clone() });
            }
        }
        decision.onboarding.window = Some(window.clone());
        Some(decision)
    }

    /// The time has come for the window to open or to close, or nothing was heard of a machine for long.
    pub(super) fn window_due(&self, cause: Cause, fact: Fact) -> Option<Decision> {
        let window = self.window.as_ref()?;
        let turns = window.phase_at(cause.now) != window.phase;
        let silent: Vec<ArmId> = self.silent_at(cause.now).cloned().collect();
        if !turns && silent.is_empty() {
            return None;
        }
        let mut decision = self.next(cause, fact, &About::Consent);
        let now = decision.cause.now;
        for machine in silent {
            if let Some(held) = decision.onboarding.grace.machines.get_mut(&machine) {
                held.since = now;
            }
            decision.send_disks_of(&machine);
        }
        Some(decision)
    }

    /// When the window has something to do, if nothing is heard before.
    pub(crate) fn next_window_change(&self) -> Option<OffsetDateTime> {
        let change = self.window.as_ref().and_then(Window::next_change);
        let silent = self.in_window().filter(|(machine, _)| self.is_moving(machine));
        change.into_iter().chain(silent.map(|(_, held)| held.since + AGAIN)).min()
    }

    fn silent_at(&self, now: OffsetDateTime) -> impl Iterator<Item = &ArmId> {
        let held = self
            .in_window()
            .filter(move |(machine, held)| self.is_moving(machine) && held.since + AGAIN <= now);
        held.map(|(machine, _)| machine)
    }

    fn is_moving(&self, machine: &ArmId) -> bool {
        !self.is_blocked(machine)
            && (self.power_wanted(machine).is_some() || self.pending_of(machine).next().is_some())
    }

    fn in_window(&self) -> impl Iterator<Item = (&ArmId, &HeldMachine)> {
        self.grace.machines.iter().filter(|(_, held)| held.by == HeldBy::Window)
    }

    /// Whether a window holds a machine. What is owed to it is done even after the subscription has ended: it runs again.
    #[must_use]
    pub fn owes_power(&self) -> bool {
        self.in_window().next().is_some()
    }

    /// What is to be reached for a machine that a window holds: off until its disks are changed, or cannot be, or the
    /// window is over. In every other case it runs.
    pub(crate) fn power_in_window(&self, machine: &ArmId, state: MachineState) -> Option<Power> {
        match (self.pending_of(machine).next(), state) {
            (None, _) => Some(Power::On),
            (Some(_), MachineState::Starting) => Some(Power::On),
            (Some(_), MachineState::Stopped) => None,
            (Some(_), MachineState::Chosen | MachineState::Stopping) => Some(Power::Off),
        }
    }

    /// The disks of a machine in a window that are still to be changed while it is down.
    fn pending_of(&self, machine: &ArmId) -> impl Iterator<Item = &ArmId> {
        let window =
            self.window.as_ref().filter(|window| window.phase == Phase::Open && self.may_change_disks());
        let planned = window.and_then(|window| window.of(machine));
        let planned =
            planned.filter(|planned| matches!(&planned.progress, Progress::Begun { given_up: None, .. }));
        planned.into_iter().flat_map(move |planned| {
            planned.disks.iter().filter(move |disk| !planned.failed.contains(*disk) && self.is_pending(disk))
        })
    }

    fn is_pending(&self, disk: &ArmId) -> bool {
        self.disks.get(disk).is_some_and(|state| *state != DiskState::Encrypted)
    }

    /// A freeze stops a window too: what is down is started.
    fn may_change_disks(&self) -> bool {
        self.grace.frozen.is_none() && self.provision_plan().is_ok()
    }

    /// Whether a machine is down for this disk.
    pub(super) fn is_awaited(&self, disk: &ArmId) -> bool {
        self.in_window().any(|(machine, held)| {
            held.state == MachineState::Stopped && self.pending_of(machine).any(|pending| pending == disk)
        })
    }

    /// Whether this disk is to be left alone now: a window holds its machine, and is not at its disks.
    #[must_use]
    pub fn is_held_back(&self, disk: &ArmId, now: OffsetDateTime) -> bool {
        let Some(window) = &self.window else { return false };
        let is_its = |machine: &ArmId| window.of(machine).is_some_and(|planned| planned.disks.contains(disk));
        self.in_window().filter(|(machine, _)| is_its(machine)).any(|(_, held)| {
            held.state != MachineState::Stopped || window.phase != Phase::Open || window.closes <= now
        })
    }

    /// What every decision means for the window: which disks are settled, which machines are to run again, whose turn it is.
    pub(super) fn keep_window(&self, decision: &mut Decision) {
        let now = decision.cause.now;
        decision.settle_disk(self);
        if let Some(window) = &mut decision.onboarding.window {
            // A machine that was let go may have been the last.
            window.phase = window.phase_at(now);
        }
        decision.begin_machines();
        if let Some(window) = &mut decision.onboarding.window {
            window.phase = window.phase_at(now);
        }
        // What a machine's own step says is sent with it.
        let (about, looks_after_all) = match &decision.fact {
            Fact::Machine { machine, .. } => (Some(machine.clone()), false),
            fact => (None, *fact == Fact::WindowDue),
        };
        let silent: Vec<ArmId> = self.silent_at(now).filter(|_| looks_after_all).cloned().collect();
        let turned: Vec<ArmId> = decision
            .onboarding
            .in_window()
            .map(|(machine, _)| machine)
            .filter(|machine| about.as_ref() != Some(*machine))
            .filter(|machine| {
                let wanted = decision.onboarding.power_wanted(machine);
                wanted.is_some() && (wanted != self.power_wanted(machine) || silent.contains(machine))
            })
            .cloned()
            .collect();
        for machine in turned {
            decision.send(machine.clone().as_str(), None, MachineSwitchRequested { machine });
        }
    }
}

impl Decision {
    /// What was found about a disk for which a machine is down: it is not waited for any longer.
    fn settle_disk(&mut self, before: &Onboarding) {
        let disk = match &self.fact {
            Fact::Found { about: About::Disk(disk), .. }
            | Fact::StepRefused { about: About::Disk(disk), .. } => disk.clone(),
            _ => return,
        };
        if !before.is_awaited(&disk) {
            return;
        }
        let planned = self.onboarding.window.iter_mut().flat_map(|window| &mut window.machines);
        for planned in planned.filter(|planned| planned.disks.contains(&disk)) {
            planned.failed.insert(disk.clone());
        }
    }

    /// Begins the machines whose turn it is. While something is wrong with the key none is stopped: it might not start.
    fn begin_machines(&mut self) {
        let (now, onboarding) = (self.cause.now, &self.onboarding);
        let Some(window) = &onboarding.window else { return };
        if !onboarding.may_change_disks() || onboarding.key_is() != KeyIs::NotMeant {
            return;
        }
        let held = |machine: &ArmId| onboarding.grace.machines.contains_key(machine);
        let turns: Vec<ArmId> = window.turn_of(now).into_iter().filter(|machine| !held(machine)).collect();
        for machine in turns {
            if let Some(planned) = self.onboarding.window.as_mut().and_then(|window| window.of_mut(&machine))
            {
                planned.progress = Progress::Begun { at: now, given_up: None };
            }
            let chosen = HeldMachine { by: HeldBy::Window, ..HeldMachine::chosen(now) };
            self.onboarding.grace.machines.insert(machine.clone(), chosen);
        }
    }

    /// Has the disks changed for which a machine is down. They look once, without the time that a change takes to spread.
    pub(super) fn send_disks_of(&mut self, machine: &ArmId) {
        let is_down = self.onboarding.grace.machines.get(machine);
        if is_down.is_none_or(|held| held.by != HeldBy::Window || held.state != MachineState::Stopped) {
            return;
        }
        let disks: Vec<ArmId> = self.onboarding.pending_of(machine).cloned().collect();
        for disk in disks {
            self.send_resumed(disk.clone().as_str(), DiskEncryptionRequested { disk });
        }
    }

    /// A machine is not held by the window any more.
    pub(super) fn ends_in_window(&mut self, machine: &ArmId, step: &MachineStep) {
        let now = self.cause.now;
        let onboarding = &mut self.onboarding;
        let Some(planned) = onboarding.window.as_mut().and_then(|window| window.of_mut(machine)) else {
            return;
        };
        let Progress::Begun { at, given_up } = planned.progress.clone() else { return };
        let left = planned
            .disks
            .iter()
            .find(|disk| onboarding.disks.get(*disk).is_some_and(|state| *state != DiskState::Encrypted));
        planned.progress = match (step, given_up, left) {
            (MachineStep::Failed { finding }, ..) => Progress::LeftOut { why: why(finding) },
            (_, _, None) => {
                Progress::Done { seconds: (now - at).whole_seconds().try_into().unwrap_or_default() }
            }
            (_, Some(why), _) => Progress::LeftOut { why },
            (MachineStep::LeftAlone, None, Some(_)) => {
                Progress::LeftOut { why: "it did not run, or somebody else switched it".to_owned() }
            }
            (_, None, Some(disk)) if planned.failed.contains(disk) => {
                Progress::LeftOut { why: format!("the disk {} was not changed", disk.name()) }
            }
            (_, None, Some(_)) => Progress::LeftOut { why: "the window was over".to_owned() },
        };
    }

    /// A machine of a window was not stopped: nobody has to act now, the report says why, and the rest waits for another
    /// window. One that was never asked to stop is let go; the others are asked to run. Whether the step was such.
    pub(super) fn failed_to_stop(
        &mut self,
        machine: &ArmId,
        state: MachineState,
        step: &MachineStep,
    ) -> bool {
        let MachineStep::Failed { finding } = step else { return false };
        match state {
            MachineState::Chosen => {
                self.ends_in_window(machine, step);
                self.onboarding.grace.machines.remove(machine);
                true
            }
            MachineState::Stopping if !matches!(finding, Finding::MachineNotStarted { .. }) => {
                let planned = self.onboarding.window.as_mut().and_then(|window| window.of_mut(machine));
                if let Some(Progress::Begun { given_up, .. }) = planned.map(|planned| &mut planned.progress) {
                    *given_up = Some(why(finding));
                }
                let machine = machine.clone();
                self.send(&format!("{machine} again"), None, MachineSwitchRequested { machine });
                true
            }
            MachineState::Stopping | MachineState::Stopped | MachineState::Starting => false,
        }
    }
}

/// A finding in a few words, for the report of a window.
fn why(finding: &Finding) -> String {
    match finding {
        Finding::MachineShared { disk, .. } => {
            format!("{}: its disk {} is another customer's", finding.code().name(), disk.name())
        }
        Finding::MachineNotStopped { error, .. } => format!("{}: {error}", finding.code().name()),
        _ => finding.code().name(),
    }
}
