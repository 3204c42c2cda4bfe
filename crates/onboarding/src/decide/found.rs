//! The part of the decision that is about what was found wrong: who has to act, about what.

use azure_ids::{KeyUrl, ObjectId};

use crate::{
    About, CandidateKey, Cause, Consent, Decision, DiskState, Fact, Onboarding, Reason, Set, Subject,
    finding::{Code, Finding},
};

impl Onboarding {
    pub(super) fn found(
        &self,
        cause: Cause,
        fact: Fact,
        about: About,
        finding: Finding,
        token_of: Option<ObjectId>,
    ) -> Option<Decision> {
        let in_use = self.key.as_ref().map(|proof| &proof.version);
        let submitted = match &about {
            About::Key(key) => Some(key),
            About::Consent
            | About::Set
            | About::Rotation
            | About::Disk(_)
            | About::Machine(_)
            | About::Billing
            | About::Leaving => None,
        };
        if let (Some(key), Some(used)) = (submitted, in_use)
            && !used.is_same_key(key)
        {
            if self.is_watched() {
                return self.candidate_refused(cause, fact, key, finding);
            }
            // Of two keys that were submitted the other one works: what is wrong with this one is nobody's turn.
            return None;
        }
        let subject = finding.subject(&about, in_use.filter(|_| self.set != Set::None));
        // Asked for and not completed: that is news each time, so that it is asked for again.
        let not_completed =
            matches!(&about, About::Disk(disk) if self.disks.get(disk) == Some(&DiskState::Requested));
        // Every argument counts: of two policies that block the application, the page names the one that still does.
        let is_known = self.blockers.get(&subject).is_some_and(|known| known.finding == finding);
        let key_is_known = self.set != Set::None
            || submitted.is_none_or(|key| self.candidate.as_ref().is_some_and(|known| known.key == *key));
        let proven = token_of.map(|service_principal| Consent::Proven { service_principal });
        let consent_is_known = proven.as_ref().is_none_or(|consent| *consent == self.consent);
        // A machine is down for the disk: that this look came to nothing is news.
        let is_awaited = matches!(&about, About::Disk(disk) if self.is_awaited(disk));
        if is_known && key_is_known && consent_is_known && !not_completed && !is_awaited {
            return None;
        }
        let mut decision = self.next(cause, fact, &about);
        if let (About::Disk(disk), true) = (&about, not_completed) {
            decision.onboarding.disks.insert(disk.clone(), DiskState::Found);
        }
        if let Some(consent) = proven {
            decision.onboarding.consent = consent;
            // Whoever got a token was let in, by a set-up that works.
            decision.onboarding.blockers.remove(&Subject::Consent);
            decision.onboarding.blockers.remove(&Subject::SetUp);
        }
        if self.set == Set::None {
            if let Some(key) = submitted {
                decision.onboarding.submit(key.clone());
            }
            if finding.code().is_about_consent() {
                decision.onboarding.consent = Consent::Pending;
                // A proof that the application once got in is no proof any more.
                decision.onboarding.withdraw_proof();
            }
        }
        decision.block(subject.clone(), finding, 0);
        decision.still_revoked_since(self, &subject);
        Some(decision)
    }

    /// Nothing goes on by itself from here: the page says so, whatever else it waits for.
    pub(super) fn step_refused(
        &self,
        cause: Cause,
        fact: Fact,
        function: &str,
        reason: Reason,
        about: About,
    ) -> Option<Decision> {
        let finding =
            Finding::StepRefused { function: function.to_owned(), reason: reason.as_str().to_owned() };
        let subject = Subject::step(function, &about);
        let is_awaited = matches!(&about, About::Disk(disk) if self.is_awaited(disk));
        if self.blockers.get(&subject).is_some_and(|known| known.finding == finding) && !is_awaited {
            return None;
        }
        let mut decision = self.next(cause, fact, &about);
        if let (About::Key(key), Set::None, None) = (&about, &self.set, &self.key) {
            // The customer did submit it: it is not the customer's turn to do so again.
            decision.onboarding.submit(key.clone());
        }
        decision.block(subject, finding, 0);
        Some(decision)
    }

    /// A refused message was replayed, and found that nothing is left to do.
    pub(super) fn step_done(
        &self,
        cause: Cause,
        fact: Fact,
        function: &str,
        about: &About,
    ) -> Option<Decision> {
        self.blockers.get(&Subject::step(function, about))?;
        let mut decision = self.next(cause, fact, about);
        decision.onboarding.blockers.remove(&Subject::step(function, about));
        Some(decision)
    }

    /// This key is the one that was submitted, and is not proven.
    pub(super) fn submit(&mut self, key: KeyUrl) {
        self.key = None;
        self.candidate = Some(CandidateKey { key, proof: None });
        self.blockers.retain(|_, blocker| blocker.finding.code() != Code::KeyNotShared);
    }

    /// The proof of the key counts no more; the key itself is still the one that was submitted.
    pub(super) fn withdraw_proof(&mut self) {
        if let Some(proof) = self.key.take() {
            self.candidate = Some(CandidateKey { key: proof.version.without_version(), proof: None });
        }
    }
}
