//! The part of the decision that is about the consent and the key.

use azure_ids::ObjectId;

use crate::{
    About, CandidateKey, Cause, Consent, Decision, Fact, Onboarding, ProvenKey, Set, Subject,
    event::{KeyShared, ProvisionRequested},
    finding::{Finding, ResolvedBy},
};

use super::Decided;

impl Onboarding {
    pub(super) fn consent_proven(
        &self,
        cause: Cause,
        fact: Fact,
        service_principal: ObjectId,
    ) -> Option<Decision> {
        let proven = Consent::Proven { service_principal };
        let is_waited_for =
            [Subject::Consent, Subject::SetUp].iter().any(|subject| self.blockers.get(subject).is_some());
        if self.consent == proven && !is_waited_for {
            return None;
        }
        let mut decision = self.next(cause, fact, &About::Consent);
        decision.onboarding.consent = proven;
        // That the application is let in again does not show that a key works that had been in use.
        if !self.is_watched() {
            decision.onboarding.blockers.remove(&Subject::Consent);
            decision.onboarding.blockers.remove(&Subject::SetUp);
        }
        match (&self.key, &self.candidate) {
            // The key could not be looked at meanwhile: a probe says whether it works. What stood still goes on too:
            // the step that found the blocker was done with its message.
            (Some(proof), _) if is_waited_for => {
                let key = proof.version.without_version();
                decision.send("", None, KeyShared { key, submission: None });
                if self.set == Set::None {
                    decision.onboarding.withdraw_proof();
                } else {
                    self.take_up(&mut decision, self.stands_at());
                }
            }
            (Some(_), _) => {}
            // The key came before the consent: now it can be looked at.
            (None, Some(candidate)) => {
                let key = candidate.key.clone();
                decision.send("", None, KeyShared { key, submission: None });
            }
            (None, None) => {
                let finding = Finding::KeyNotShared { service_principal, region: self.region.clone() };
                decision.block(Subject::CandidateKey, finding, 0);
            }
        }
        Some(decision)
    }

    pub(super) fn key_proven(&self, cause: Cause, fact: Fact, proof: ProvenKey) -> Decided {
        self.bound_to(&proof)?;
        let is_in_use = self.key.as_ref().is_some_and(|used| used.version.is_same_key(&proof.version));
        if self.set != Set::None && !is_in_use {
            return Ok(self.candidate_proven(cause, fact, proof));
        }
        let resolves = |subject: &Subject, finding: &Finding| match subject {
            Subject::Consent | Subject::SetUp | Subject::Key => true,
            // Beside a key that is watched, the candidate is another key.
            Subject::CandidateKey => !self.is_watched(),
            Subject::Set => finding.code().resolved_by() == ResolvedBy::WorkingKey,
            Subject::Step { function, .. } => function == cause.function,
            // Whether disks still need the key before this one, only the set says.
            Subject::FormerKey | Subject::Replacement => false,
            Subject::Rotation
            | Subject::Billing
            | Subject::Leaving
            | Subject::Disk { .. }
            | Subject::Machine { .. } => false,
        };
        let ladder_ends = self.grace.ladder.is_some() && self.blockers.get(&Subject::FormerKey).is_none();
        let is_waited_for =
            ladder_ends || self.blockers.iter().any(|(subject, blocker)| resolves(subject, &blocker.finding));
        if is_in_use && !is_waited_for {
            return Ok(None);
        }
        let resolved: Vec<Subject> = self
            .blockers
            .iter()
            .filter(|(subject, blocker)| resolves(subject, &blocker.finding))
            .map(|(subject, _)| subject.clone())
            .collect();
        let mut decision = self.next(cause, fact, &About::Key(proof.version.clone()));
        decision.onboarding.blockers.retain(|subject, _| !resolved.contains(subject));
        if self.set != Set::None {
            // The set is there, or on its way: the chain goes on from where the key had stopped it.
            self.take_up(&mut decision, self.stands_at());
            return Ok(Some(decision));
        }
        decision.onboarding.consent = Consent::Proven { service_principal: proof.service_principal };
        decision.onboarding.candidate = None;
        decision.onboarding.key = Some(proof);
        decision.send("", None, ProvisionRequested {});
        Ok(Some(decision))
    }

    /// Another key works beside the one in use. Nothing changes until it is to replace that one.
    fn candidate_proven(&self, cause: Cause, fact: Fact, proof: ProvenKey) -> Option<Decision> {
        if self.replacement.is_some() {
            // The key that is to be put in use was proven for that.
            return None;
        }
        let candidate = CandidateKey { key: proof.version.without_version(), proof: Some(proof.clone()) };
        if self.candidate.as_ref() == Some(&candidate) && self.blockers.get(&Subject::CandidateKey).is_none()
        {
            return None;
        }
        let mut decision = self.next(cause, fact, &About::Key(proof.version));
        decision.onboarding.candidate = Some(candidate);
        decision.onboarding.blockers.remove(&Subject::CandidateKey);
        Some(decision)
    }
}
