//! Which dead letters this process has sent again, for the entry that says so.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Mutex, PoisonError},
};

use onboarding::OnboardingId;

/// What a run has sent so far, by onboarding and entry. The step of a letter that was sent may write its entry first; then
/// this one decides anew, and the letters are gone by its own doing.
#[derive(Debug, Default)]
pub(crate) struct Sent(Mutex<HashMap<OnboardingId, (u64, BTreeSet<String>)>>);

impl Sent {
    /// Adds these, and answers all of this entry.
    pub(crate) fn add(
        &self,
        onboarding: OnboardingId,
        of_entry: u64,
        letters: BTreeSet<String>,
    ) -> BTreeSet<String> {
        let mut sent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (entry, known) = sent.entry(onboarding).or_default();
        if *entry != of_entry {
            (*entry, *known) = (of_entry, BTreeSet::new());
        }
        known.extend(letters);
        known.clone()
    }

    /// Forgets what was sent for an onboarding.
    pub(crate) fn forget(&self, onboarding: OnboardingId) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&onboarding);
    }
}
