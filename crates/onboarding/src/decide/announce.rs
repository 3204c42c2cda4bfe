//! The part of the decision that tells the vendor's own systems. What there is to tell is read from what was so before and
//! what is so now, so that whatever changes it is told.

use time::OffsetDateTime;

use crate::{
    Decision, Onboarding, Set, Stage,
    event::{Announced, Announcement, Details},
    grace::{Ladder, Rung},
    leaving::Access,
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
    // Whoever does not leave after all is told about as if there had been no leaving.
    let was = match (&before.leaving, &after.leaving) {
        (Some(_), None) => Onboarding { leaving: None, ..before.clone() }.stage(),
        _ => before.stage(),
    };
    let stage = Announcement::of(was, after.stage()).map(|stage| (stage, Details::None {}));
    if after.stage() == Stage::Ended {
        // That says it all. A rung that was taken is not taken back.
        return left(after).into_iter().chain(stage).collect();
    }
    let ladders = (before.grace.ladder.as_ref(), after.grace.ladder.as_ref());
    let rungs = Rung::ALL.into_iter().filter_map(|rung| news_of_rung(rung, ladders.0, ladders.1));
    let leaving = news_of_leaving(before, after);
    let others = leaving.into_iter().chain(rotated(before, after)).chain(expires(before, after));
    stage.into_iter().chain(rungs).chain(others).collect()
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

fn news_of_leaving(before: &Onboarding, after: &Onboarding) -> Option<News> {
    let (announcement, of) = match (&before.leaving, &after.leaving) {
        (None, Some(begun)) => (Announcement::LeavingStarted, begun),
        (Some(withdrawn), None) => (Announcement::LeavingWithdrawn, withdrawn),
        (None, None) | (Some(_), Some(_)) => return None,
    };
    Some((announcement, Details::Leaving { why: of.why.as_str(), hold_until: of.hold_until }))
}

fn left(after: &Onboarding) -> Option<News> {
    let access = after.leaving.as_ref()?.undo.as_ref()?.access?;
    let access_is_gone = matches!(access, Access::Refused { .. });
    Some((Announcement::Left, Details::Left { access_is_gone }))
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
