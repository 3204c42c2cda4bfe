//! What is done next when nothing is heard before, and when: by the grace ladder, and in a window.

use std::time::Duration;

use azure_ids::ArmId;
use time::OffsetDateTime;

use crate::{
    Onboarding, Stage, Subject, SubscriptionStatus,
    finding::KeyIs,
    grace::{GraceRules, HeldBy, MachineState, Power, Rung},
};

/// A message about a machine may be lost: after this time it is sent again.
const MACHINE_AGAIN: Duration = Duration::from_secs(3600);

/// What is done next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Move {
    /// What.
    pub what: What,
    /// When, not earlier.
    pub at: OffsetDateTime,
}

/// What there is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// A rung is to be announced.
    Announce(Rung),
    /// What was announced is not to be done any more: the settings changed.
    Withdraw(Rung),
    /// An announced rung is to be taken.
    Take(Rung),
    /// Nothing was heard of a machine for long.
    LookAtMachines,
    /// It leaves: the plan is to be made, or the hold is over.
    Leave,
    /// A window opens or closes, or nothing was heard of one of its machines for long.
    Window,
}

impl What {
    /// Whether it is the grace ladder's.
    #[must_use]
    pub fn is_of_the_ladder(self) -> bool {
        !matches!(self, Self::Leave | Self::Window)
    }
}

impl Onboarding {
    /// Everything that is to be done, now or later, as the settings are now. What gets no answer keeps nothing else waiting.
    pub fn moves(&self, rules: &GraceRules) -> impl Iterator<Item = Move> {
        let window = self.next_window_change().map(|at| Move { what: What::Window, at });
        let others: Vec<Move> = if self.leaving.is_some() {
            self.next_leaving_move().into_iter().collect()
        } else {
            self.ladder_moves_next(rules).collect()
        };
        others.into_iter().chain(window)
    }

    /// What is done next, as the settings are now.
    #[must_use]
    pub fn next_move(&self, rules: &GraceRules) -> Option<Move> {
        self.moves(rules).min_by_key(|next| next.at)
    }

    /// What the ladder does next, as the settings are now.
    #[must_use]
    pub fn next_ladder_move(&self, rules: &GraceRules) -> Option<Move> {
        self.ladder_moves_next(rules).min_by_key(|next| next.at)
    }

    fn ladder_moves_next(&self, rules: &GraceRules) -> impl Iterator<Item = Move> {
        let rules = &self.rules_now(rules);
        self.next_rung_move(rules).into_iter().chain(self.next_machine_move())
    }

    /// The settings, or what a rehearsal has in their place.
    #[must_use]
    pub fn rules_now(&self, rules: &GraceRules) -> GraceRules {
        self.grace.drill.as_ref().map_or(*rules, |drill| rules.at_the_pace_of(drill))
    }

    /// Whether the ladder may move: the revocation is confirmed, and nobody froze it.
    pub(crate) fn ladder_moves(&self) -> bool {
        self.stage() == Stage::Revoked && self.grace.frozen.is_none()
    }

    fn next_rung_move(&self, rules: &GraceRules) -> Option<Move> {
        let ladder = self.grace.ladder.as_ref().filter(|_| self.ladder_moves())?;
        if let Some(announced) = ladder.announced {
            return Some(if rules.policy.includes(announced.rung) {
                Move { what: What::Take(announced.rung), at: announced.due }
            } else {
                Move { what: What::Withdraw(announced.rung), at: announced.at }
            });
        }
        let rung =
            ladder.next_rung().filter(|rung| rules.policy.includes(*rung) && self.may_be_taken(*rung))?;
        Some(Move { what: What::Announce(rung), at: rules.announced_at(ladder, rung) })
    }

    /// What it waits for has checks of its own.
    fn next_leaving_move(&self) -> Option<Move> {
        let leaving = self.leaving.as_ref().filter(|leaving| leaving.is_held())?;
        if self.grace.frozen.is_some() || self.blockers.get(&Subject::Leaving).is_some() {
            return None;
        }
        let at = if leaving.plan.is_some() { leaving.hold_until } else { leaving.since };
        Some(Move { what: What::Leave, at })
    }

    fn next_machine_move(&self) -> Option<Move> {
        let moving = self.grace.machines.iter().filter(|(machine, held)| {
            held.by == HeldBy::Ladder && !self.is_blocked(machine) && self.power_wanted(machine).is_some()
        });
        let at = moving.map(|(_, held)| held.since).min()? + MACHINE_AGAIN;
        Some(Move { what: What::LookAtMachines, at })
    }

    /// Whether somebody has to act on this machine; then it has checks of its own.
    pub(crate) fn is_blocked(&self, machine: &ArmId) -> bool {
        self.blockers.get(&Subject::Machine { machine: machine.clone() }).is_some()
    }

    /// What is to be reached for a machine that the ladder or a window holds. For the ladder: off after the rung, on when
    /// the key works again. `None`: nothing is to be done, because it is reached, or nobody knows how the key is, or the
    /// ladder is frozen, or the machine is down and its disks are being changed.
    #[must_use]
    pub fn power_wanted(&self, machine: &ArmId) -> Option<Power> {
        let held = self.grace.machines.get(machine)?;
        if held.by == HeldBy::Window {
            return self.power_in_window(machine, held.state);
        }
        if self.purchase.status == SubscriptionStatus::Unsubscribed || self.leaving.is_some() {
            return None;
        }
        if self.grace.ladder.is_none() {
            return (self.key_is() == KeyIs::NotMeant).then_some(Power::On);
        }
        let is_due = self.ladder_moves() && self.grace.has_taken(Rung::Deallocate);
        (is_due && held.state != MachineState::Stopped).then_some(Power::Off)
    }
}
