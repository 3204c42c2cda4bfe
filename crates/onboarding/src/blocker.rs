//! What an onboarding waits for, and on whom: at most one blocker for each subject.

use std::collections::BTreeMap;

use time::OffsetDateTime;

use crate::{
    Subject,
    finding::{Code, Finding},
};

/// One thing that an onboarding waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blocker {
    /// What was found.
    pub finding: Finding,
    /// Since when.
    pub since: OffsetDateTime,
    /// How often it was looked at again by itself.
    pub checks: u32,
    /// The journal entry that set the present check; a check that was due for an older entry is void.
    pub entry: u64,
    /// When it is looked at again by itself; never, when only somebody's action can help.
    pub next_check: Option<OffsetDateTime>,
}

impl Blocker {
    fn is_of_a_machine_that_is_down(&self) -> bool {
        self.finding.code() == Code::MachineNotStarted
    }
}

/// Every blocker of one onboarding, the most important first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Blockers(BTreeMap<Subject, Blocker>);

impl Blockers {
    /// The blocker that a page names.
    #[must_use]
    pub fn first(&self) -> Option<&Blocker> {
        self.iter().next().map(|(_, blocker)| blocker)
    }

    /// Every blocker with its subject, the most important first: a machine that is down because of us before all.
    pub fn iter(&self) -> impl Iterator<Item = (&Subject, &Blocker)> {
        let down = self.0.iter().filter(|(_, blocker)| blocker.is_of_a_machine_that_is_down());
        down.chain(self.0.iter().filter(|(_, blocker)| !blocker.is_of_a_machine_that_is_down()))
    }

    /// The blocker of this subject.
    #[must_use]
    pub fn get(&self, subject: &Subject) -> Option<&Blocker> {
        self.0.get(subject)
    }

    /// Whether the check that this entry set is still to be made.
    #[must_use]
    pub fn wait_for_check_of(&self, entry: u64) -> bool {
        self.0.values().any(|blocker| blocker.entry == entry && blocker.next_check.is_some())
    }

    /// Whether nothing is waited for.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn set(&mut self, subject: Subject, blocker: Blocker) {
        self.0.insert(subject, blocker);
    }

    pub(crate) fn get_mut(&mut self, subject: &Subject) -> Option<&mut Blocker> {
        self.0.get_mut(subject)
    }

    pub(crate) fn remove(&mut self, subject: &Subject) -> bool {
        self.0.remove(subject).is_some()
    }

    pub(crate) fn retain(&mut self, keep: impl Fn(&Subject, &Blocker) -> bool) {
        self.0.retain(|subject, blocker| keep(subject, blocker));
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }
}

impl FromIterator<(Subject, Blocker)> for Blockers {
    fn from_iter<I: IntoIterator<Item = (Subject, Blocker)>>(blockers: I) -> Self {
        Self(blockers.into_iter().collect())
    }
}
