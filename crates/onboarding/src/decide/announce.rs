//! The part of the decision that tells the vendor's own systems. What there is to tell is read from what was so before and
//! what is so now, so that whatever changes it is told.

use time::OffsetDateTime;

use crate::{
    Decision, Onboarding, Set, Stage,
    event::{Announced, Announcement, Details},
    grace::{Ladder, Rung},
};

type News = (Announcement, Details);

impl Decision {
    /// Announces what became of an onboarding that was like this, as far as that is worth it.
    pub(super) fn announced_from(mut self, before: &Onboarding) -> Self {
        let stage = self.onboarding.stage();
        let is_wrong = matches!(stage, Stage::Revoked | Stage::Unreachable);
        let wrong = self.onboarding.wrong_with_key().filter(|_| is_wrong);
        let (code, since) =
            wrong.map_or((None, self.cause.now), |wrong| (Some(wrong.finding.code()), wrong.since));
        // The decision that ends what was rehearsed belongs to it.
        let ended_drill = before.grace.drill.is_some() && before.grace.ladder.is_some();
        let drill = self.onboarding.grace.drill.is_some() || ended_drill;
        let onboarding = self.onboarding.id();
        for (announcement, details) in news(before, &self.onboarding) {
            let announced = Announced { onboarding, stage, code, since, drill, details };
            self.messages.push(announced.to_message(announcement, &self.cause));
        }
        self
    }
}

fn news(before: &Onboarding, after: &Onboarding) -> Vec<News> {
    let stage = Announcement::of(before.stage(), after.stage()).map(|stage| (stage, Details::None {}));
    if after.stage() == Stage::Ended {
        // That says it all. A rung that was taken is not taken back.
        return stage.into_iter().collect();
    }
    let ladders = (before.grace.ladder.as_ref(), after.grace.ladder.as_ref());
    let rungs = Rung::ALL.into_iter().filter_map(|rung| news_of_rung(rung, ladders.0, ladders.1));
    stage.into_iter().chain(rungs).chain(rotated(before, after)).chain(expires(before, after)).collect()
}

/// Where a rung stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Standing {
    Announced { due: OffsetDateTime },
    Taken,
}

impl Standing {
    fn of(rung: Rung, ladder: &Ladder) -> Option<Self> {
        if ladder.taken.contains_key(&rung) {
            return Some(Self::Taken);
        }
        let announced = ladder.announced.filter(|announced| announced.rung == rung)?;
        Some(Self::Announced { due: announced.due })
    }

    fn due(self) -> Option<OffsetDateTime> {
        match self {
            Self::Announced { due } => Some(due),
            Self::Taken => None,
        }
    }
}

fn news_of_rung(rung: Rung, before: Option<&Ladder>, after: Option<&Ladder>) -> Option<News> {
    let standing = |ladder: Option<&Ladder>| ladder.and_then(|ladder| Standing::of(rung, ladder));
    let (before, after) = (standing(before), standing(after));
    if before == after {
        return None;
    }
    let announcement = match after {
        Some(Standing::Announced { .. }) => Announcement::RungAnnounced,
        Some(Standing::Taken) => Announcement::RungTaken,
        None => Announcement::RungWithdrawn,
    };
    let due = after.and_then(Standing::due).or_else(|| before.and_then(Standing::due));
    Some((announcement, Details::Rung { rung, due }))
}

fn rotated(before: &Onboarding, after: &Onboarding) -> Option<News> {
    let (was, is) = (&before.key.as_ref()?.version, &after.key.as_ref()?.version);
    let has_set = matches!(before.set, Set::Ready { .. });
    let announcement = match was.is_same_key(is) {
        true => Announcement::Rotated,
        false => Announcement::KeyReplaced,
    };
    (has_set && was != is).then_some((announcement, Details::None {}))
}

fn expires(before: &Onboarding, after: &Onboarding) -> Option<News> {
    let reminder = after.reminder.filter(|reminder| before.reminder != Some(*reminder))?;
    let details = Details::Expiry { days: reminder.days, expires: reminder.expires };
    Some((Announcement::KeyExpires, details))
}
