//! The part of the decision that is about a key that had worked: what one look at it is worth.
//!
//! Whoever could not look has learnt nothing, and one refusal may be somebody's mistake, ours or Azure's. So nothing is
//! believed that two looks one after the other did not see, and nothing that was seen is forgotten because of an outage.

use crate::{
    About, Decision, Onboarding, ProvenKey, Stage, Subject,
    finding::{Finding, KeyIs},
    leaving::Leaving,
};

/// What a finding about the key in use is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sight {
    /// It says nothing new.
    Known,
    /// It is to be seen once more, by a look of its own, before it counts.
    First(KeyIs),
    /// It was seen twice.
    Confirmed,
}

impl Onboarding {
    /// Whether its key is looked at all the time: from its activation until nothing uses it any more.
    #[must_use]
    pub fn is_watched(&self) -> bool {
        let has_left = self.leaving.as_ref().is_some_and(Leaving::has_given_up_key);
        self.activated_at.is_some() && self.stage() != Stage::Ended && !has_left
    }

    /// The key that is watched.
    #[must_use]
    pub fn watched_key(&self) -> Option<&ProvenKey> {
        self.key.as_ref().filter(|_| self.is_watched())
    }

    /// Whether nothing is known to be wrong with the key that is watched.
    #[must_use]
    pub fn key_works(&self) -> bool {
        !self.blockers().iter().any(|(subject, _)| self.is_watched_for(subject))
    }

    /// Whether the watch finds out when a blocker of this subject is resolved.
    pub(crate) fn is_watched_for(&self, subject: &Subject) -> bool {
        self.is_watched()
            && matches!(subject, Subject::SetUp | Subject::Consent | Subject::Key | Subject::FormerKey)
    }

    /// Whether it waits for something that only a check looks at.
    #[must_use]
    pub fn waits_beside_its_key(&self) -> bool {
        let is_checked =
            |subject: &Subject| !self.is_watched_for(subject) && !matches!(subject, Subject::Step { .. });
        self.replacement.is_some() || self.blockers().iter().any(|(subject, _)| is_checked(subject))
    }

    /// What this finding about the key in use is worth, after a look before it that saw this.
    #[must_use]
    pub fn sight(&self, finding: &Finding, before: Option<KeyIs>) -> Sight {
        let key_is = finding.code().key_is();
        let known = self.watched_key().and_then(|used| {
            let about = About::Key(used.version.clone());
            self.blockers().get(&finding.subject(&about, Some(&used.version)))
        });
        let says_nothing_new = match key_is {
            KeyIs::Revoked => known.is_some_and(|known| known.finding == *finding),
            // Whoever cannot look does not see the words of an error for the first time each time.
            KeyIs::Unreachable => {
                self.revoked_since().is_some()
                    || known.is_some_and(|known| known.finding.code() == finding.code())
            }
            KeyIs::NotMeant => false,
        };
        match before {
            _ if says_nothing_new => Sight::Known,
            Some(before) if before == key_is => Sight::Confirmed,
            Some(_) | None => Sight::First(key_is),
        }
    }
}

impl Decision {
    /// A revocation that is seen in another form lasts since it began.
    pub(super) fn still_revoked_since(&mut self, before: &Onboarding, subject: &Subject) {
        let Some(since) = before.revoked_since().filter(|_| before.is_watched_for(subject)) else { return };
        if let Some(blocker) = self.onboarding.blockers.get_mut(subject)
            && blocker.finding.code().key_is() == KeyIs::Revoked
        {
            blocker.since = since;
        }
    }
}
