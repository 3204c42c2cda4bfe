//! The part of the decision that is about an onboarding that should move and does not.
//!
//! A message can be lost: it was delivered too often, it lay in its queue for too long, or somebody removed it. Then the
//! chain waits for nobody, and nothing takes it on. Whoever walks over the onboardings sees that one has stood for too
//! long and has it looked at; it is restarted where it stands, and after some restarts the vendor is named.

use std::{collections::BTreeSet, time::Duration};

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::checks::Look;
use crate::{
    About, Cause, Decision, Fact, Onboarding, Stage, Subject,
    event::{
        AccessCheckRequested, ActivationRequested, CustomerConsented, DiskEncryptionRequested,
        DiskReturnRequested, EventData, KeyEventReceived, KeyReplacementRequested, KeyShared, LeavingDue,
        MachineSwitchRequested, ProvisionRequested, ProvisionStarted, SetRemovalRequested,
    },
    finding::Finding,
};

/// How often the chain is restarted where it stands, before the vendor is named.
pub const RESTARTS: u32 = 2;

/// What comes of it when a person asks to look again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Asked {
    /// What it waits for is looked at now, and what stands is started again.
    LooksAgain,
    /// It is active: its key is looked at now, and whatever else it waits for.
    LooksAtKey,
    /// It waits for nobody, and something happened a moment ago.
    UnderWay,
    /// Only a refused step is waited for: the vendor has to mend and replay it, whatever the customer says.
    VendorsTurn,
    /// It is suspended, and waits for nobody.
    NothingToDo,
    /// The subscription is over.
    Ended,
}

impl Onboarding {
    /// When it is to be restarted, unless it moves before: it waits for nobody, and nothing is to be seen of whatever
    /// takes it on. `None`: it is at rest, or everything that it waits for is somebody's turn.
    #[must_use]
    pub fn restart_at(&self, standstill: Duration) -> Option<OffsetDateTime> {
        let stands = !self.stands_for_nobody().is_empty();
        stands.then(|| self.stands_since() + standstill.saturating_mul(self.restarts.saturating_add(1)))
    }

    /// What comes of it when a person asks now to look again: the same as [`Fact::CheckDue`] without an entry decides.
    #[must_use]
    pub fn asked(&self, now: OffsetDateTime, first_check: Duration) -> Asked {
        if self.stage() == Stage::Ended {
            Asked::Ended
        } else if self.is_watched() {
            Asked::LooksAtKey
        } else if self.has_blocker_beside_steps() || !self.standing_when_asked(now, first_check).is_empty() {
            Asked::LooksAgain
        } else if !self.blockers.is_empty() {
            Asked::VendorsTurn
        } else if self.is_at_rest() {
            Asked::NothingToDo
        } else {
            Asked::UnderWay
        }
    }

    /// Whether something is waited for that is looked at again when the customer asks: anything but a refused step.
    #[must_use]
    pub fn has_blocker_beside_steps(&self) -> bool {
        self.blockers.iter().any(|(subject, _)| !matches!(subject, Subject::Step { .. }))
    }

    /// When its last entry was written.
    #[must_use]
    pub fn written_at(&self) -> OffsetDateTime {
        let newest = self.taken.events.values().find(|taken| taken.entry == self.number);
        newest.map_or(self.opened_at, |taken| taken.at)
    }

    /// Since when nothing got on; restarts and checks are no progress.
    fn stands_since(&self) -> OffsetDateTime {
        self.stood_since.unwrap_or_else(|| self.written_at())
    }

    /// Where the chain stands without anybody's turn being named.
    pub(super) fn stands_for_nobody(&self) -> BTreeSet<Look> {
        if self.stage() == Stage::Ended {
            return BTreeSet::new();
        }
        let refused = |look: &Look| {
            self.blockers.iter().any(|(subject, _)| match subject {
                Subject::Step { function, disk, .. } => {
                    *function == look.function() && disk.as_ref() == look.disk()
                }
                _ => false,
            })
        };
        let mut looks = if self.is_at_rest() { BTreeSet::new() } else { self.stands_at() };
        looks.extend(self.replacing());
        looks.retain(|look| !self.waits_for_somebody(look) && !refused(look));
        looks
    }

    /// What is to be started again when a person asks: nothing has happened for as long as a first check takes.
    pub(super) fn standing_when_asked(&self, now: OffsetDateTime, first_check: Duration) -> BTreeSet<Look> {
        let is_under_way = now - self.written_at() < first_check;
        if is_under_way { BTreeSet::new() } else { self.stands_for_nobody() }
    }

    /// A check is no progress: what stood still before it is no younger after it.
    pub(super) fn keep_standing(&self, decision: &mut Decision) {
        let stands = !self.stands_for_nobody().is_empty();
        decision.onboarding.stood_since = stands.then(|| self.stands_since());
        decision.onboarding.restarts = self.restarts;
    }

    /// Nothing has happened since this entry: starts again what stands. When restarts do not help, the vendor has to
    /// look; then it is looked at again like everything else that is waited for.
    pub(super) fn stands_still(&self, cause: Cause, fact: Fact, entry: u64) -> Option<Decision> {
        let looks = self.stands_for_nobody();
        if entry != self.number || looks.is_empty() {
            return None;
        }
        let mut decision = self.next(cause, fact, &About::Consent);
        self.keep_standing(&mut decision);
        decision.onboarding.restarts = self.restarts.saturating_add(1);
        if self.restarts >= RESTARTS {
            for look in &looks {
                let finding = Finding::StandsStill { function: look.function().to_owned() };
                decision.block(look.subject(), finding, 0);
            }
        }
        self.take_up(&mut decision, looks);
        Some(decision)
    }
}

impl Look {
    /// The function that looks.
    fn function(&self) -> &'static str {
        match self {
            Self::Consent => CustomerConsented::QUEUE,
            Self::Key(_) => KeyShared::QUEUE,
            Self::NewSet => ProvisionRequested::QUEUE,
            Self::Set(_) => ProvisionStarted::QUEUE,
            Self::Rotation => KeyEventReceived::QUEUE,
            Self::Disk(_) => DiskEncryptionRequested::QUEUE,
            Self::Activation => ActivationRequested::QUEUE,
            Self::Machine(_) => MachineSwitchRequested::QUEUE,
            Self::Leaving => LeavingDue::QUEUE,
            Self::DiskReturn(_) => DiskReturnRequested::QUEUE,
            Self::SetRemoval => SetRemovalRequested::QUEUE,
            Self::Access => AccessCheckRequested::QUEUE,
            Self::Replacement(_) => KeyReplacementRequested::QUEUE,
        }
    }

    fn disk(&self) -> Option<&azure_ids::ArmId> {
        match self {
            Self::Disk(disk) | Self::DiskReturn(disk) => Some(disk),
            Self::Consent
            | Self::Key(_)
            | Self::NewSet
            | Self::Set(_)
            | Self::Rotation
            | Self::Activation
            | Self::Machine(_)
            | Self::Replacement(_)
            | Self::Leaving
            | Self::SetRemoval
            | Self::Access => None,
        }
    }

    /// What a blocker of it is about: the same as what the look takes away when it gets on.
    fn subject(&self) -> Subject {
        match self {
            Self::Consent => Subject::Consent,
            Self::Key(_) => Subject::CandidateKey,
            Self::NewSet | Self::Set(_) | Self::SetRemoval => Subject::Set,
            Self::Rotation => Subject::Rotation,
            Self::Disk(disk) | Self::DiskReturn(disk) => Subject::Disk { disk: disk.clone() },
            Self::Activation => Subject::Billing,
            Self::Leaving | Self::Access => Subject::Leaving,
            Self::Machine(machine) => Subject::Machine { machine: machine.clone() },
            Self::Replacement(_) => Subject::Replacement,
        }
    }
}
