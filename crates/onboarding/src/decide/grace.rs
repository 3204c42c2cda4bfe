//! The part of the decision that is about the grace ladder: its rungs, what stops them, and a rehearsal.

use azure_ids::ArmId;
use time::OffsetDateTime;

use crate::{
    About, Cause, Decision, Fact, Onboarding, Stage, Subject,
    event::MachineSwitchRequested,
    finding::{Code, KeyIs},
    grace::{Announced, Drill, Freeze, HeldBy, HeldMachine, Ladder, MachineState, Rung},
    leaving::Why,
};

impl Onboarding {
    pub(super) fn rung_announced(
        &self,
        cause: Cause,
        fact: Fact,
        rung: Rung,
        due: OffsetDateTime,
    ) -> Option<Decision> {
        let ladder = self.grace.ladder.as_ref().filter(|_| self.ladder_moves())?;
        if ladder.announced.is_some()
            || ladder.next_rung() != Some(rung)
            || due < cause.now
            || !self.may_be_taken(rung)
        {
            return None;
        }
        let mut decision = self.next(cause, fact, &About::Consent);
        let announced = Announced { rung, at: decision.cause.now, due };
        decision.ladder()?.announced = Some(announced);
        Some(decision)
    }

    /// The settings do not include it any more.
    pub(super) fn rung_withdrawn(&self, cause: Cause, fact: Fact, rung: Rung) -> Option<Decision> {
        let announced = self.grace.ladder.as_ref()?.announced?;
        if announced.rung != rung {
            return None;
        }
        let mut decision = self.next(cause, fact, &About::Consent);
        decision.ladder()?.announced = None;
        Some(decision)
    }

    /// Only what was announced is taken, and not before its time.
    pub(super) fn rung_taken(
        &self,
        cause: Cause,
        fact: Fact,
        rung: Rung,
        machines: &[ArmId],
    ) -> Option<Decision> {
        let announced = self.grace.ladder.as_ref().filter(|_| self.ladder_moves())?.announced?;
        if announced.rung != rung || cause.now < announced.due || !self.may_be_taken(rung) {
            return None;
        }
        let mut decision = self.next(cause, fact, &About::Consent);
        let now = decision.cause.now;
        let ladder = decision.ladder()?;
        ladder.announced = None;
        ladder.taken.insert(rung, now);
        let held = &mut decision.onboarding.grace.machines;
        for machine in machines {
            held.entry(machine.clone()).or_insert_with(|| HeldMachine::chosen(now)).by = HeldBy::Ladder;
        }
        // What a window had stopped is the ladder's from now on.
        if let Some(window) = &mut decision.onboarding.window {
            machines.iter().for_each(|machine| window.leave_out(machine, "the grace ladder stops it"));
        }
        let held = &mut decision.onboarding.grace.machines;
        // One that is being started after an earlier revocation was stopped by us: it is to be stopped again.
        for machine in held.values_mut().filter(|machine| machine.state == MachineState::Starting) {
            (machine.state, machine.operation) = (MachineState::Stopping, None);
        }
        decision.send_machines();
        if rung == Rung::Offboard {
            self.begin_leaving(&mut decision, Why::KeyRevoked);
        }
        Some(decision)
    }

    /// A rehearsal ends before anything is undone.
    #[must_use]
    pub fn may_be_taken(&self, rung: Rung) -> bool {
        rung != Rung::Offboard || self.grace.drill.is_none()
    }

    /// Nothing was heard of machines for long.
    pub(super) fn machines_due(&self, cause: Cause, fact: Fact) -> Option<Decision> {
        if !self.grace.machines.keys().any(|machine| self.power_wanted(machine).is_some()) {
            return None;
        }
        let mut decision = self.next(cause, fact, &About::Consent);
        let now = decision.cause.now;
        decision.onboarding.grace.machines.values_mut().for_each(|machine| machine.since = now);
        decision.send_machines();
        Some(decision)
    }

    /// What was announced is void, and what was begun with machines is not gone on with: after the freeze both are
    /// announced anew.
    pub(super) fn frozen(&self, cause: Cause, fact: Fact, reason: Option<String>) -> Option<Decision> {
        if self.grace.frozen.is_some() {
            return None;
        }
        let mut decision = self.next(cause, fact, &About::Consent);
        decision.onboarding.grace.frozen = Some(Freeze { since: decision.cause.now, reason });
        if let Some(ladder) = &mut decision.onboarding.grace.ladder {
            ladder.announced = None;
            ladder.taken.remove(&Rung::Deallocate);
        }
        Some(decision)
    }

    pub(super) fn unfrozen(&self, cause: Cause, fact: Fact) -> Option<Decision> {
        self.grace.frozen.as_ref()?;
        let mut decision = self.next(cause, fact, &About::Consent);
        decision.onboarding.grace.frozen = None;
        if self.leaving.is_some() {
            let looks = self.stands_at();
            self.take_up(&mut decision, looks);
        }
        Some(decision)
    }

    pub(super) fn marked_as_test(&self, cause: Cause, fact: Fact) -> Option<Decision> {
        if self.grace.is_test {
            return None;
        }
        let mut decision = self.next(cause, fact, &About::Consent);
        decision.onboarding.grace.is_test = true;
        Some(decision)
    }

    /// Only an active onboarding that is marked as a test; the key is looked at at once, so that the rehearsal begins.
    pub(super) fn drill_started(&self, cause: Cause, fact: Fact, drill: Drill) -> Option<Decision> {
        let is_over = self.grace.drill.is_none_or(|before| !before.pretends_at(cause.now));
        if !self.grace.is_test || !is_over || !self.grace.machines.is_empty() || self.stage() != Stage::Active
        {
            return None;
        }
        let mut decision = self.next(cause, fact, &About::Consent);
        decision.onboarding.grace.drill = Some(drill);
        Some(decision)
    }

    /// What every decision means for the ladder: whether it begins, waits, goes on or ends.
    pub(super) fn keep_ladder(&self, decision: &mut Decision) {
        let now = decision.cause.now;
        let stage = decision.onboarding.stage();
        // Not every finding that goes away says that the key works: a consent that is given again does not.
        let shows_it = match decision.fact {
            Fact::KeyProven { .. } | Fact::KeyReplaced { .. } => true,
            // The disks need no other key any more.
            Fact::KeyLooked { .. } => self.blockers.get(&Subject::FormerKey).is_some(),
            _ => false,
        };
        let works = shows_it && decision.onboarding.key_is() == KeyIs::NotMeant;
        let revoked_since = decision.onboarding.revoked_since();
        let grace = &mut decision.onboarding.grace;
        // A rehearsal that was over before anything came of it: what comes now is real.
        grace.drop_drill_at(now);
        let mut goes_on = false;
        match (&mut grace.ladder, revoked_since) {
            (_, _) if stage == Stage::Ended => grace.ladder = None,
            (Some(_), _) if works => {
                grace.ladder = None;
                goes_on = true;
            }
            (Some(ladder), _) if stage == Stage::Revoked => goes_on = ladder.resume(now),
            (Some(ladder), _) => ladder.hold(now),
            (none @ None, Some(since)) if stage == Stage::Revoked => *none = Some(Ladder::from(since)),
            (None, _) => {}
        }
        if decision.onboarding.grace.ladder.is_none() {
            decision.onboarding.blockers.retain(|_, blocker| {
                !matches!(blocker.finding.code(), Code::MachineShared | Code::MachineNotStopped)
            });
            decision.onboarding.grace.drop_drill_at(now);
        }
        if goes_on {
            decision.send_machines();
        }
    }
}

impl Decision {
    fn ladder(&mut self) -> Option<&mut Ladder> {
        self.onboarding.grace.ladder.as_mut()
    }

    /// Has every machine looked at for which something is to be done.
    pub(super) fn send_machines(&mut self) {
        let machines = self.onboarding.grace.machines.keys();
        let moving = machines.filter(|machine| self.onboarding.power_wanted(machine).is_some());
        for machine in moving.cloned().collect::<Vec<ArmId>>() {
            self.send(machine.clone().as_str(), None, MachineSwitchRequested { machine });
        }
    }

    /// Nobody has to look at this machine any more.
    pub(super) fn unblock(&mut self, machine: &ArmId) {
        self.onboarding.blockers.remove(&Subject::Machine { machine: machine.clone() });
    }
}
