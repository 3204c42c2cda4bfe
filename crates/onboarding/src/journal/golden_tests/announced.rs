//! Every announcement to the vendor's own systems. Nothing of ours reads them: their names and fields are a promise.

use std::collections::BTreeSet;

use serde_json::Value;
use time::Duration;

use super::{Sample, assert_complete, assert_golden, sample};
use crate::{
    Stage,
    event::{Announced, Announcement, Details},
    finding::Code,
    grace::Rung,
    test_support::{cause, opened},
};

fn announced(stage: Stage, code: Option<Code>, details: Details) -> Announced {
    let onboarding = opened().onboarding.id();
    Announced { onboarding, stage, code, since: cause("").now, drill: false, details }
}

/// The name without what all have in common.
fn name_of(announcement: Announcement) -> String {
    let kind = announcement.kind().strip_prefix("latchkey.onboarding.").unwrap();
    kind.strip_suffix(".v1").unwrap().to_owned()
}

fn sample_of(announcement: Announcement, case: &str, announced: &Announced) -> Sample {
    let name = format!("{}{case}", name_of(announcement));
    sample(name, &announced.to_message(announcement, &cause("golden")).event)
}

fn every_announcement() -> Vec<Sample> {
    use Announcement::*;
    let now = cause("").now;
    let stage = |stage, code| announced(stage, code, Details::None {});
    let rung = |rung, due| announced(Stage::Revoked, Some(Code::KeyDisabled), Details::Rung { rung, due });
    let due = Some(now + Duration::hours(12));
    let lifted = announced(Stage::Active, None, Details::Rung { rung: Rung::Suspend, due: None });
    let expiry = Details::Expiry { days: 30, expires: now + Duration::days(30) };
    let leaving = || Details::Leaving { why: "unsubscribed", hold_until: now + Duration::days(7) };
    let rehearsed = |announced| Announced { drill: true, ..announced };
    vec![
        sample_of(Activated, "", &stage(Stage::Active, None)),
        sample_of(Unreachable, "", &stage(Stage::Unreachable, Some(Code::VaultUnreachable))),
        sample_of(Revoked, "", &stage(Stage::Revoked, Some(Code::KeyDisabled))),
        sample_of(Revoked, ".drill", &rehearsed(stage(Stage::Revoked, Some(Code::KeyDisabled)))),
        sample_of(Recovered, "", &stage(Stage::Active, None)),
        sample_of(Ended, "", &stage(Stage::Ended, None)),
        sample_of(LeavingStarted, "", &announced(Stage::Leaving, None, leaving())),
        sample_of(LeavingWithdrawn, "", &announced(Stage::Active, None, leaving())),
        sample_of(Left, "", &announced(Stage::Ended, None, Details::Left { access_is_gone: true })),
        sample_of(RungAnnounced, "", &rung(Rung::Suspend, due)),
        sample_of(RungAnnounced, ".drill", &rehearsed(rung(Rung::Deallocate, due))),
        sample_of(RungTaken, "", &rung(Rung::Deallocate, due)),
        sample_of(RungWithdrawn, "", &rung(Rung::Deallocate, due)),
        sample_of(RungWithdrawn, ".taken", &lifted),
        sample_of(Rotated, "", &stage(Stage::Active, None)),
        sample_of(KeyReplaced, "", &stage(Stage::Active, None)),
        sample_of(KeyExpires, "", &announced(Stage::Active, None, expiry)),
    ]
}

#[test]
fn every_announcement_is_as_it_was_promised() {
    let samples = every_announcement();
    let kinds: BTreeSet<String> = Announcement::ALL.iter().copied().map(name_of).collect();
    assert_complete(&kinds, &samples);
    assert_golden("announced", &samples, |text| {
        let event: Value = serde_json::from_str(text).unwrap();
        serde_json::to_string_pretty(&event).unwrap()
    });
}
