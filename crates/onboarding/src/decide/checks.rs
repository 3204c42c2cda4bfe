//! The part of the decision that takes the chain up again: when a check is due, when somebody asks, when an old event
//! comes again.

use std::collections::BTreeSet;

use azure_ids::{ArmId, KeyUrl};

use crate::{
    About, Cause, Decision, Fact, Onboarding, Set, Subject,
    blocker::Blocker,
    event::{
        AccessCheckRequested, ActivationRequested, CustomerConsented, DiskEncryptionRequested,
        DiskReturnRequested, EventData, KeyEventReceived, KeyReplacementRequested, KeyShared, LeavingDue,
        MachineSwitchRequested, ProvisionRequested, ProvisionStarted, SetRemovalRequested,
    },
};

/// Something that a step would look at again.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Look {
    Consent,
    Key(KeyUrl),
    NewSet,
    Set(ArmId),
    Rotation,
    Disk(ArmId),
    Activation,
    Machine(ArmId),
    Leaving,
    DiskReturn(ArmId),
    SetRemoval,
    Access,
    Replacement(KeyUrl),
}

impl Onboarding {
    /// Looks again at what is waited for, and sets the next check. What a person asks for postpones nothing. A refused step
    /// is the vendor's: its dead letter is still there, whatever the customer says.
    pub(super) fn check_due(&self, cause: Cause, fact: Fact, entry: Option<u64>) -> Option<Decision> {
        let is_due = |subject: &Subject, blocker: &Blocker| match entry {
            Some(entry) => blocker.entry == entry && blocker.next_check.is_some(),
            None => !matches!(subject, Subject::Step { .. }),
        };
        let due = self.blockers.iter().filter(|(subject, blocker)| is_due(subject, blocker));
        let due: Vec<Subject> = due.map(|(subject, _)| subject.clone()).collect();
        self.look_again(cause, fact, &due, entry.is_some())
    }

    /// Looks again at everything, also at what was refused: the operator says that it is mended.
    pub(super) fn operator_asked(&self, cause: Cause, fact: Fact) -> Option<Decision> {
        let due: Vec<Subject> = self.blockers.iter().map(|(subject, _)| subject.clone()).collect();
        self.look_again(cause, fact, &due, false)
    }

    fn look_again(&self, cause: Cause, fact: Fact, due: &[Subject], by_itself: bool) -> Option<Decision> {
        let standing = match by_itself {
            true => BTreeSet::new(),
            false => self.standing_when_asked(cause.now, cause.first_check),
        };
        if due.is_empty() && standing.is_empty() {
            return None;
        }
        let mut decision = self.next(cause, fact, &About::Consent);
        self.keep_standing(&mut decision);
        let mut looks: BTreeSet<Look> = due.iter().flat_map(|subject| self.look_at(subject)).collect();
        looks.extend(standing);
        for subject in due {
            if matches!(subject, Subject::Step { .. }) {
                // A step that is refused once more says so itself.
                decision.onboarding.blockers.remove(subject);
            } else if by_itself {
                postpone(&mut decision, subject);
            }
        }
        self.take_up(&mut decision, looks);
        Some(decision)
    }

    /// An event from before our memory: whether its messages were sent is not known, so whatever the chain waits for is
    /// sent again, except what waits for somebody: that is looked at again without us.
    pub(super) fn old_event(&self, cause: Cause, fact: Fact) -> Option<Decision> {
        if self.is_at_rest() {
            return None;
        }
        let looks: BTreeSet<Look> =
            self.stands_at().into_iter().filter(|look| !self.waits_for_somebody(look)).collect();
        if looks.is_empty() {
            return None;
        }
        let mut decision = self.next(cause, fact, &About::Consent);
        self.take_up(&mut decision, looks);
        Some(decision)
    }

    /// Whether a blocker stands in the way of this, and has it looked at again when it is resolved. What is wrong with
    /// one disk says nothing about another, a rotation holds up nothing; and a refused step that is carried out in the
    /// end takes up nothing else.
    pub(super) fn waits_for_somebody(&self, look: &Look) -> bool {
        self.blockers.iter().any(|(subject, _)| match (look, subject) {
            (Look::Disk(disk) | Look::DiskReturn(disk), Subject::Disk { disk: blocked }) => disk == blocked,
            (Look::DiskReturn(_) | Look::SetRemoval | Look::Access | Look::Leaving, subject) => {
                matches!(subject, Subject::Set | Subject::Leaving)
            }
            // A disk that cannot be encrypted does not keep the set from being made.
            (Look::Consent | Look::Key(_) | Look::NewSet | Look::Set(_), Subject::Disk { .. }) => false,
            // What it would wait for ends it, but for a standstill.
            (Look::Replacement(_), subject) => *subject == Subject::Replacement,
            (
                _,
                Subject::Rotation
                | Subject::FormerKey
                | Subject::Replacement
                | Subject::Step { .. }
                | Subject::Machine { .. },
            ) => false,
            _ => true,
        })
    }

    /// What has to be looked at for this blocker.
    fn look_at(&self, subject: &Subject) -> BTreeSet<Look> {
        match subject {
            // Only a probe of the key can tell, wherever the chain stands.
            Subject::Consent | Subject::SetUp | Subject::Key | Subject::FormerKey | Subject::CandidateKey => {
                let key = match subject {
                    Subject::CandidateKey => self.candidate.as_ref().map(|candidate| &candidate.key),
                    _ => self.key_to_look_at(),
                };
                BTreeSet::from([key.map_or(Look::Consent, |key| Look::Key(key.without_version()))])
            }
            _ if self.leaving.is_some() => self.stands_at(),
            // Before there is a set, only the preflight looks at disks.
            Subject::Disk { .. } if !matches!(self.set, Set::Ready { .. }) => self.stands_at(),
            Subject::Disk { disk } | Subject::Step { disk: Some(disk), .. } => {
                BTreeSet::from([Look::Disk(disk.clone())])
            }
            Subject::Rotation => BTreeSet::from([Look::Rotation]),
            Subject::Replacement => self.replacing().into_iter().collect(),
            Subject::Step { function, .. } if function == KeyReplacementRequested::QUEUE => {
                self.replacing().into_iter().collect()
            }
            Subject::Machine { machine } | Subject::Step { machine: Some(machine), .. } => {
                BTreeSet::from([Look::Machine(machine.clone())])
            }
            Subject::Set => match &self.set {
                Set::Ready { set } if self.waits_for_set() => BTreeSet::from([Look::Set(set.clone())]),
                Set::None | Set::Requested { .. } | Set::Ready { .. } => self.stands_at(),
            },
            Subject::Billing | Subject::Leaving | Subject::Step { .. } => self.stands_at(),
        }
    }

    /// The change of the key that is under way.
    pub(super) fn replacing(&self) -> Option<Look> {
        self.replacement()?;
        Some(Look::Replacement(self.candidate.as_ref()?.key.clone()))
    }

    /// Where the chain stands: what takes it on.
    pub(super) fn stands_at(&self) -> BTreeSet<Look> {
        if let Some(leaving) = &self.leaving {
            return self.leaving_stands_at(leaving).into_iter().collect();
        }
        match (&self.set, &self.key, &self.candidate) {
            (Set::Requested { set, .. }, ..) => BTreeSet::from([Look::Set(set.clone())]),
            (Set::Ready { set }, ..) if self.disks.is_empty() => BTreeSet::from([Look::Set(set.clone())]),
            (Set::Ready { .. }, ..) if self.all_disks_encrypted() && self.activated_at.is_none() => {
                BTreeSet::from([Look::Activation])
            }
            (Set::Ready { .. }, ..) => self.pending_disks().map(Look::Disk).collect(),
            (Set::None, Some(_), _) => BTreeSet::from([Look::NewSet]),
            (Set::None, None, Some(candidate)) => BTreeSet::from([Look::Key(candidate.key.clone())]),
            (Set::None, None, None) => BTreeSet::from([Look::Consent]),
        }
    }

    /// Sends what takes these up again.
    pub(super) fn take_up(&self, decision: &mut Decision, looks: BTreeSet<Look>) {
        for look in looks {
            match look {
                Look::Consent => decision.send_resumed("", CustomerConsented { tenant: self.tenant }),
                Look::Key(key) => decision.send_resumed(
                    key.without_version().to_string().as_str(),
                    KeyShared { key, submission: None },
                ),
                Look::NewSet => decision.send_resumed("", ProvisionRequested {}),
                Look::Set(set) => decision.send_resumed("", ProvisionStarted { set }),
                Look::Rotation => decision.send_resumed("", KeyEventReceived {}),
                Look::Disk(disk) => {
                    decision.send_resumed(disk.clone().as_str(), DiskEncryptionRequested { disk });
                }
                Look::Activation => decision.send_resumed("", ActivationRequested {}),
                Look::Replacement(key) => {
                    decision.send_resumed("", KeyReplacementRequested { key, by: None });
                }
                Look::Machine(machine) => {
                    decision.send_resumed(machine.clone().as_str(), MachineSwitchRequested { machine });
                }
                Look::Leaving => decision.send_resumed("", LeavingDue {}),
                Look::DiskReturn(disk) => {
                    decision.send_resumed(disk.clone().as_str(), DiskReturnRequested { disk });
                }
                Look::SetRemoval => decision.send_resumed("", SetRemovalRequested {}),
                Look::Access => decision.send_resumed("", AccessCheckRequested {}),
            }
        }
    }
}

/// The next check of this blocker comes after twice the time.
fn postpone(decision: &mut Decision, subject: &Subject) {
    let entry = decision.onboarding.number;
    let Some(blocker) = decision.onboarding.blockers.get_mut(subject) else { return };
    blocker.checks = blocker.checks.saturating_add(1);
    blocker.entry = entry;
    let next = decision.cause.now + decision.cause.wait_before_check(blocker.checks);
    blocker.next_check = blocker.next_check.map(|_| next);
}
