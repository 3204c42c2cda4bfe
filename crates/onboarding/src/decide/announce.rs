//! The part of the decision that tells the vendor's own systems.

use crate::{
    Decision, Stage,
    event::{Announced, Announcement},
};

impl Decision {
    /// Announces what became of an onboarding that was in this stage, if that is worth it.
    pub(super) fn announced_from(mut self, before: Stage) -> Self {
        let stage = self.onboarding.stage();
        if let Some(announcement) = Announcement::of(before, stage) {
            let is_wrong = matches!(stage, Stage::Revoked | Stage::Unreachable);
            let wrong = self.onboarding.wrong_with_key().filter(|_| is_wrong);
            let announced = Announced {
                onboarding: self.onboarding.id(),
                stage,
                code: wrong.map(|wrong| wrong.finding.code()),
                since: wrong.map_or(self.cause.now, |wrong| wrong.since),
            };
            let message = announced.to_message(announcement, &self.cause);
            self.messages.push(message);
        }
        self
    }
}
