//! The part of the decision that is about replacing the key in use by another one.
//!
//! The key in use is the one that the disk encryption set was read back with, before and after. Until then a failure
//! leaves everything as it was.

use std::time::Duration;

use azure_ids::KeyUrl;

use super::Decided;
use crate::{
    About, CandidateKey, Cause, Decision, Fact, Onboarding, ProvenKey, Subject,
    blocker::Blocker,
    event::{KeyReplacementRequested, LeavingDue},
    finding::{Finding, KeyIs},
    replacement::{Asker, Progress, Replacement},
    rotation::{Rotation, SetLook},
};

impl Onboarding {
    /// Somebody asks for it, and the key was looked at for that: from now on Azure may be asked.
    pub(super) fn replacement_asked(&self, cause: Cause, fact: Fact, proof: ProvenKey, by: Asker) -> Decided {
        self.bound_to(&proof)?;
        if self.may_replace(&proof.version).is_err() {
            return Ok(None);
        }
        let key = proof.version.without_version();
        let mut decision = self.next(cause, fact, &About::Key(key.clone()));
        let asked_at = decision.cause.now;
        let onboarding = &mut decision.onboarding;
        onboarding.candidate = Some(CandidateKey { key: key.clone(), proof: Some(proof) });
        onboarding.replacement = Some(Replacement { by, asked_at, progress: Progress::Wanted });
        onboarding.blockers.remove(&Subject::CandidateKey);
        onboarding.blockers.remove(&Subject::Replacement);
        decision.send("", None, KeyReplacementRequested { key, by: None });
        Ok(Some(decision))
    }

    pub(super) fn replacement_accepted(
        &self,
        cause: Cause,
        fact: Fact,
        operation: Option<String>,
        look_after_ms: u64,
    ) -> Option<Decision> {
        let wanted = self.replacement.as_ref().filter(|change| change.progress == Progress::Wanted)?;
        let key = self.candidate.as_ref()?.key.clone();
        let mut decision = self.next(cause, fact, &About::Key(key.clone()));
        let progress = Progress::Accepted { operation };
        decision.onboarding.replacement = Some(Replacement { progress, ..wanted.clone() });
        let after = Duration::from_millis(look_after_ms);
        decision.send("", Some(after), KeyReplacementRequested { key, by: None });
        Some(decision)
    }

    /// The set was read back with the new key. The key before it is one that disks may need, until a rotation would be
    /// over too.
    pub(super) fn key_replaced(&self, cause: Cause, fact: Fact, set: &SetLook) -> Option<Decision> {
        self.replacement.as_ref()?;
        let (former, new) = (self.key.as_ref()?, self.candidate.as_ref()?.proof.as_ref()?);
        if !new.version.is_same_key(&set.active) {
            return None;
        }
        let mut key = new.clone();
        if key.version != set.active {
            (key.version, key.created, key.expires) = (set.active.clone(), None, None);
        }
        let mut decision = self.next(cause, fact, &About::Key(key.version.clone()));
        let now = decision.cause.now;
        let rotation = Rotation::of_replacement(self.rotation.as_ref(), &former.version, set, now);
        let onboarding = &mut decision.onboarding;
        (onboarding.key, onboarding.candidate, onboarding.replacement) = (Some(key), None, None);
        (onboarding.rotation, onboarding.reminder) = (Some(rotation), None);
        let revoked = onboarding.blockers.get(&Subject::Key).cloned().filter(Self::says_revoked);
        // Whoever proved the new key was let in, by a set-up that works.
        let resolved = [
            Subject::SetUp,
            Subject::Consent,
            Subject::Key,
            Subject::CandidateKey,
            Subject::Replacement,
            Subject::Rotation,
        ];
        resolved.iter().for_each(|subject| {
            onboarding.blockers.remove(subject);
        });
        // Disks cannot be wrapped anew without the key that they are wrapped with: as long as Azure names it, they are
        // as lost as before.
        if let (Some(revoked), Some(_)) = (revoked, &set.former) {
            let entry = onboarding.number;
            onboarding.blockers.set(Subject::FormerKey, Blocker { entry, next_check: None, ..revoked });
        }
        // It leaves, by the key that the set has.
        if self.leaving.is_some() {
            decision.send("", None, LeavingDue {});
        }
        Some(decision)
    }

    fn says_revoked(blocker: &Blocker) -> bool {
        blocker.finding.code().key_is() == KeyIs::Revoked
    }

    /// The set does not use the new key, and Azure is not asked again before somebody asks us again.
    pub(super) fn replacement_failed(&self, cause: Cause, fact: Fact, finding: Finding) -> Option<Decision> {
        self.replacement.as_ref()?;
        let about = self.candidate.as_ref().map_or(About::Set, |candidate| About::Key(candidate.key.clone()));
        let mut decision = self.next(cause, fact, &about);
        decision.onboarding.replacement = None;
        decision.block(Subject::Replacement, finding, 0);
        Some(decision)
    }

    /// The customer takes a candidate key back. Not once it is to replace the key in use: the set may use it already.
    pub(super) fn candidate_withdrawn(&self, cause: Cause, fact: Fact, key: &KeyUrl) -> Option<Decision> {
        self.may_have_candidate().ok()?;
        self.candidate.as_ref().filter(|candidate| candidate.key.is_same_key(key))?;
        let mut decision = self.next(cause, fact, &About::Key(key.clone()));
        decision.onboarding.candidate = None;
        decision.onboarding.blockers.remove(&Subject::CandidateKey);
        decision.onboarding.blockers.remove(&Subject::Replacement);
        Some(decision)
    }

    /// Another key was submitted beside the one that is watched, and does not work. What was found says nothing of the key
    /// in use: that takes looks of its own.
    pub(super) fn candidate_refused(
        &self,
        cause: Cause,
        fact: Fact,
        key: &KeyUrl,
        finding: Finding,
    ) -> Option<Decision> {
        let is_candidate = self.candidate.as_ref().is_some_and(|known| known.key.is_same_key(key));
        if let Some(change) = &self.replacement
            && (change.progress != Progress::Wanted || !is_candidate)
        {
            // Azure has the change, or it is about another key.
            return None;
        }
        let candidate = Some(CandidateKey { key: key.without_version(), proof: None });
        let known = self.blockers.get(&Subject::CandidateKey).map(|blocker| &blocker.finding);
        if self.candidate == candidate && known == Some(&finding) {
            return None;
        }
        let mut decision = self.next(cause, fact, &About::Key(key.clone()));
        decision.onboarding.candidate = candidate;
        decision.onboarding.replacement = None;
        decision.block(Subject::CandidateKey, finding, 0);
        Some(decision)
    }
}
