//! New versions of the key in use: seen, taken over by the set, over; and what goes wrong with them.

use proptest::prelude::*;
use time::Duration;

use super::*;
use crate::{
    rotation::{NewestVersion, SetLook},
    test_support::version,
};

/// The version in use at the beginning of each story.
pub(super) fn first() -> azure_ids::KeyUrl {
    key("k")
}

pub(super) fn second() -> azure_ids::KeyUrl {
    version("k", 2)
}

fn third() -> azure_ids::KeyUrl {
    version("k", 3)
}

pub(super) fn newest(version: azure_ids::KeyUrl) -> NewestVersion {
    NewestVersion { version, created: None, expires: None, fault: None }
}

pub(super) fn set_with(active: azure_ids::KeyUrl, previous: &[azure_ids::KeyUrl]) -> SetLook {
    SetLook { active, previous: previous.to_vec(), lost: None, former: None, error: None, rotated_at: None }
}

pub(super) fn looked(newest: NewestVersion, set: SetLook) -> Fact {
    Fact::KeyLooked { newest: newest.into(), set: Some(set.into()) }
}

pub(super) fn look_at(onboarding: &Onboarding, minutes: i64, fact: Fact) -> Option<Decision> {
    let cause =
        Cause { now: cause("").now + Duration::minutes(minutes), ..cause(&format!("look {minutes}")) };
    onboarding.decide(cause, fact).unwrap()
}

/// A look so many minutes after the beginning; answers whether it was news.
fn look(onboarding: &mut Onboarding, minutes: i64, fact: Fact) -> bool {
    match look_at(onboarding, minutes, fact) {
        Some(decision) => {
            *onboarding = decision.onboarding;
            true
        }
        None => false,
    }
}

pub(super) fn active() -> Onboarding {
    after_steps(story().len())
}

fn in_use(onboarding: &Onboarding) -> &azure_ids::KeyUrl {
    &onboarding.key().unwrap().version
}

#[test]
fn a_rotation_is_seen_taken_over_and_over_an_hour_later_and_each_is_one_entry() {
    let mut onboarding = active();
    assert!(!look(&mut onboarding, 0, looked(newest(first()), set_with(first(), &[]))), "nothing is new");

    let seen = looked(newest(second()), set_with(first(), &[]));
    assert!(look(&mut onboarding, 1, seen.clone()));
    assert!(!look(&mut onboarding, 16, seen), "no news, and no entry");
    assert_eq!(in_use(&onboarding), &first(), "the set's version counts, not the newest");
    let rotation = onboarding.rotation().unwrap();
    assert_eq!((rotation.from.as_slice(), &rotation.to), ([first()].as_slice(), &second()));
    assert_eq!((rotation.taken_over_at, rotation.over_at), (None, None));

    let under_way = looked(newest(second()), set_with(second(), &[first()]));
    assert!(look(&mut onboarding, 30, under_way.clone()));
    assert_eq!(in_use(&onboarding), &second());
    assert!(onboarding.rotation().unwrap().taken_over_at.is_some());
    assert!(!look(&mut onboarding, 200, under_way), "while disks still use it, it never is over");

    let drained = looked(newest(second()), set_with(second(), &[]));
    assert!(look(&mut onboarding, 215, drained.clone()));
    assert!(onboarding.rotation().unwrap().over_at.is_some());
    assert!(!onboarding.follows_a_rotation());
    assert!(!look(&mut onboarding, 999, drained));
    assert_eq!((onboarding.stage(), codes(&onboarding)), (Stage::Active, vec![]));
}

#[test]
fn drained_before_the_documented_hour_is_not_over_before_it() {
    let mut onboarding = active();
    let drained = looked(newest(second()), set_with(second(), &[]));
    assert!(look(&mut onboarding, 0, drained.clone()), "seen only after it was taken over");
    assert!(!look(&mut onboarding, 59, drained.clone()));
    assert!(look(&mut onboarding, 60, drained));
    assert!(onboarding.rotation().unwrap().over_at.is_some());

    // The set's own word for when it changed its key counts, but not one from the future.
    for (minutes_ago, is_over) in [(61, true), (59, false), (-600, false)] {
        let mut onboarding = active();
        let rotated_at = Some(cause("").now - Duration::minutes(minutes_ago));
        let set = SetLook { rotated_at, ..set_with(second(), &[]) };
        assert!(look(&mut onboarding, 0, looked(newest(second()), set)));
        assert_eq!(onboarding.rotation().unwrap().over_at.is_some(), is_over, "{minutes_ago}");
    }
}

#[test]
fn a_second_rotation_while_the_first_is_followed_keeps_every_version_that_is_still_needed() {
    let mut onboarding = active();
    look(&mut onboarding, 0, looked(newest(second()), set_with(second(), &[first()])));
    assert!(look(&mut onboarding, 10, looked(newest(third()), set_with(second(), &[first()]))));
    let rotation = onboarding.rotation().unwrap();
    assert_eq!((rotation.from.clone(), &rotation.to), (vec![first(), second()], &third()));
    assert_eq!(in_use(&onboarding), &second());
    look(&mut onboarding, 40, looked(newest(third()), set_with(third(), &[second()])));
    assert_eq!(
        onboarding.rotation().unwrap().from,
        [first(), second()],
        "the first one drained a moment ago"
    );
    assert!(look(&mut onboarding, 100, looked(newest(third()), set_with(third(), &[]))));
    assert!(onboarding.rotation().unwrap().over_at.is_some());
}

/// Somebody put the old version over the new one: the old one is in use then, and the new one is to be taken over again.
#[test]
fn a_rotation_back_is_followed_from_there() {
    let mut onboarding = active();
    look(&mut onboarding, 0, looked(newest(second()), set_with(second(), &[])));
    look(&mut onboarding, 60, looked(newest(second()), set_with(second(), &[])));
    assert!(!onboarding.follows_a_rotation());
    assert!(look(&mut onboarding, 75, looked(newest(second()), set_with(first(), &[second()]))));
    assert_eq!(in_use(&onboarding), &first());
    let rotation = onboarding.rotation().unwrap();
    assert_eq!((&rotation.to, rotation.taken_over_at, rotation.over_at), (&second(), None, None));
    assert_eq!(rotation.from, [first()]);
}

#[test]
fn a_newest_version_that_does_not_serve_is_the_customers_turn_and_no_revocation() {
    let mut onboarding = active();
    for fault in [Code::KeyDisabled, Code::KeyExpired, Code::KeyType, Code::KeyNotYetValid] {
        let newest = NewestVersion { fault: Some(fault), ..newest(second()) };
        assert!(look(&mut onboarding, 0, looked(newest, set_with(first(), &[]))), "{fault:?}");
        assert_eq!(codes(&onboarding), [Code::NewVersionUnusable]);
        assert_eq!((onboarding.stage(), onboarding.revoked_since()), (Stage::Active, None));
    }
    assert!(look(&mut onboarding, 9, looked(newest(second()), set_with(first(), &[]))));
    assert_eq!(codes(&onboarding), [], "it was enabled");
    // The one in use is judged by whoever probes the key.
    let disabled = NewestVersion { fault: Some(Code::KeyDisabled), ..newest(first()) };
    let mut onboarding = active();
    assert!(!look(&mut onboarding, 9, looked(disabled, set_with(first(), &[]))));
}

#[test]
fn what_stops_azure_is_the_customers_turn_until_the_newest_version_serves_and_then_the_vendors() {
    let mut onboarding = active();
    let failed = SetLook { error: Some("KeyVaultKeyNotEnabled".to_owned()), ..set_with(first(), &[]) };
    let disabled = NewestVersion { fault: Some(Code::KeyDisabled), ..newest(second()) };
    look(&mut onboarding, 0, looked(disabled, failed.clone()));
    assert_eq!(codes(&onboarding), [Code::NewVersionUnusable]);
    look(&mut onboarding, 1, looked(newest(second()), failed));
    assert_eq!(codes(&onboarding), [Code::KeyRotationFailed]);
    look(&mut onboarding, 2, looked(newest(second()), set_with(second(), &[first()])));
    assert_eq!(codes(&onboarding), []);
}

#[test]
fn a_rotation_that_azure_does_not_begin_is_named_after_three_hours() {
    let mut onboarding = active();
    let waits = || looked(newest(second()), set_with(first(), &[]));
    look(&mut onboarding, 0, waits());
    assert!(!look(&mut onboarding, 180, waits()));
    assert!(look(&mut onboarding, 181, waits()));
    assert_eq!(codes(&onboarding), [Code::KeyRotationLate]);
    assert!(!look(&mut onboarding, 196, waits()), "once");
    assert!(look(&mut onboarding, 211, looked(newest(second()), set_with(second(), &[first()]))));
    assert_eq!(codes(&onboarding), []);
}

#[test]
fn an_older_version_that_was_disabled_too_early_is_named_until_it_works_again() {
    let mut onboarding = active();
    let lost = SetLook { lost: Some(first()), ..set_with(second(), &[first()]) };
    look(&mut onboarding, 0, looked(newest(second()), lost));
    assert_eq!(codes(&onboarding), [Code::OldVersionDisabled]);
    look(&mut onboarding, 1, looked(newest(second()), set_with(second(), &[first()])));
    assert_eq!(codes(&onboarding), []);
}

/// A check of what a rotation waits for is another look at it, whatever the stage.
#[test]
fn a_blocker_about_the_rotation_is_looked_at_again() {
    let mut onboarding = active();
    let unusable = NewestVersion { fault: Some(Code::KeyDisabled), ..newest(second()) };
    look(&mut onboarding, 0, looked(unusable, set_with(first(), &[])));
    let entry = onboarding.blockers().first().unwrap().entry;
    for fact in [Fact::CheckDue { entry: Some(entry) }, Fact::CheckDue { entry: None }, Fact::OperatorAsked] {
        let decision = apply(&onboarding, "check", fact);
        assert_eq!(kinds(&decision), [crate::event::KeyEventReceived::KIND]);
    }
}

#[test]
fn a_reminder_comes_once_each_30_7_and_1_days_before_and_again_for_another_expiry() {
    let start = cause("").now;
    let days = |days: i64| days * 24 * 60;
    let expiring = |at| Fact::KeyLooked {
        newest: NewestVersion { expires: Some(start + Duration::days(at)), ..newest(first()) }.into(),
        set: None,
    };
    let mut onboarding = active();
    assert!(look(&mut onboarding, 0, expiring(40)), "its expiry was not known");
    let mut news = vec![];
    for day in 1..40 {
        for _ in 0..3 {
            if look(&mut onboarding, days(day), expiring(40)) {
                news.push((day, onboarding.reminder().unwrap().days));
            }
        }
    }
    assert_eq!(news, [(10, 30), (33, 7), (39, 1)]);
    assert!(look(&mut onboarding, days(39), expiring(400)), "its expiry was moved");
    assert_eq!(onboarding.reminder(), None);
    assert!(look(&mut onboarding, days(395), expiring(400)));
    assert_eq!(onboarding.reminder().unwrap().days, 7, "the one before would be late");
    assert_eq!(onboarding.stage(), Stage::Active);
}

#[test]
fn a_version_that_is_being_replaced_brings_no_reminder() {
    let start = cause("").now;
    let mut onboarding = active();
    let expires =
        |version, days| NewestVersion { expires: Some(start + Duration::days(days)), ..newest(version) };
    look(&mut onboarding, 0, Fact::KeyLooked { newest: expires(first(), 40).into(), set: None });
    look(&mut onboarding, 35 * 24 * 60, looked(expires(second(), 400), set_with(first(), &[])));
    assert_eq!(onboarding.reminder(), None);
}

#[test]
fn another_key_and_a_set_that_is_not_ready_are_no_news() {
    let mut onboarding = active();
    let other = || version("other", 2);
    assert!(!look(&mut onboarding, 0, looked(newest(other()), set_with(first(), &[]))));
    assert!(!look(&mut onboarding, 0, looked(newest(second()), set_with(other(), &[]))));
    for steps in 0..4 {
        let mut onboarding = after_steps(steps);
        assert!(!look(&mut onboarding, 0, looked(newest(second()), set_with(second(), &[]))), "{steps}");
    }
}

fn any_version() -> impl Strategy<Value = azure_ids::KeyUrl> {
    prop_oneof![Just(first()), Just(second()), Just(third())]
}

fn any_look() -> impl Strategy<Value = (i64, Fact)> {
    let newest = (any_version(), prop::option::weighted(0.2, Just(Code::KeyDisabled)))
        .prop_map(|(version, fault)| NewestVersion { fault, ..newest(version) });
    let error = prop::option::weighted(0.1, Just("ErrorCode".to_owned()));
    let set = (any_version(), proptest::collection::vec(any_version(), 0..3), error)
        .prop_map(|(active, previous, error)| SetLook { error, ..set_with(active, &previous) });
    (0..90_i64, newest, prop::option::weighted(0.8, set)).prop_map(|(minutes, newest, set)| {
        (minutes, Fact::KeyLooked { newest: newest.into(), set: set.map(Box::new) })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    /// In any order, and each look twice: the set's version is the one in use, nothing is over that is still needed or
    /// not an hour old, what is needed is named, no key is called revoked, and a look that shows the same is no news.
    #[test]
    fn whatever_is_seen_no_version_is_let_go_too_early(looks in proptest::collection::vec(any_look(), 0..30)) {
        let (mut onboarding, mut minutes) = (active(), 0);
        for (later, fact) in looks {
            minutes += later;
            look(&mut onboarding, minutes, fact.clone());
            prop_assert!(!look(&mut onboarding, minutes, fact.clone()), "the same again is no news");
            prop_assert_eq!(onboarding.stage(), Stage::Active);
            let Fact::KeyLooked { set: Some(set), .. } = fact else { continue };
            prop_assert_eq!(in_use(&onboarding), &set.active);
            let Some(rotation) = onboarding.rotation() else { continue };
            prop_assert!(!rotation.from.contains(&rotation.to));
            if rotation.over_at.is_some() {
                prop_assert_eq!(&rotation.to, &set.active);
                let now = cause("").now + Duration::minutes(minutes);
                prop_assert!(now - rotation.taken_over_at.unwrap() >= Duration::HOUR);
                prop_assert!(set.previous.is_empty());
            } else {
                for needed in set.previous.iter().chain([&set.active]) {
                    prop_assert!(*needed == rotation.to || rotation.from.contains(needed), "{needed}");
                }
            }
        }
    }
}
