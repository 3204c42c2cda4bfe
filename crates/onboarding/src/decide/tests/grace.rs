//! The grace ladder: each rung is announced, waits for its notice, and stops for a freeze, a recovery and the end.

use std::time::Duration;

use proptest::prelude::*;
use time::OffsetDateTime;

use super::*;
use crate::{
    Move, What,
    event::MachineSwitchRequested,
    grace::{Drill, GracePolicy, GraceRules, Rung},
    test_support::machine,
};

const HOUR: Duration = Duration::from_secs(3600);

pub(super) const RULES: GraceRules = GraceRules {
    policy: GracePolicy::Deallocate,
    suspend_after: Duration::from_secs(24 * 3600),
    deallocate_after: Duration::from_secs(72 * 3600),
    offboard_after: Duration::from_secs(14 * 24 * 3600),
    notice: Duration::from_secs(12 * 3600),
};

pub(super) fn start() -> OffsetDateTime {
    cause("").now
}

pub(super) fn disabled() -> Fact {
    found_at_key("k", Finding::KeyDisabled { key: key("k") })
}

pub(super) fn unreachable() -> Fact {
    let vault = key("k").host().as_str().to_owned();
    found_at_key("k", Finding::VaultUnreachable { vault, error: "status 503".to_owned() })
}

/// The decision at this time, if the fact is news.
pub(super) fn at(onboarding: &Onboarding, now: OffsetDateTime, fact: Fact) -> Option<Decision> {
    let origin = format!("{} at {now}", onboarding.number);
    onboarding.decide(Cause { now, ..cause(&origin) }, fact).unwrap()
}

pub(super) fn becomes(onboarding: &Onboarding, now: OffsetDateTime, fact: Fact) -> Onboarding {
    at(onboarding, now, fact).expect("it is news").onboarding
}

/// An active onboarding whose key is found disabled at the start.
pub(super) fn revoked() -> Onboarding {
    becomes(&after_steps(story().len()), start(), disabled())
}

/// What the step of the ladder would learn at this time, and the key is as it was.
fn due_at(onboarding: &Onboarding, rules: &GraceRules, now: OffsetDateTime) -> Option<Fact> {
    let next = onboarding.next_move(rules).filter(|next| next.at <= now)?;
    let rules = onboarding.rules_now(rules);
    Some(match next.what {
        What::Announce(rung) => {
            let due = rules.due(onboarding.grace().ladder.as_ref()?, rung, now);
            Fact::RungAnnounced { rung, due }
        }
        What::Leave => return None,
        What::Withdraw(rung) => Fact::RungWithdrawn { rung },
        What::Take(rung) => {
            let stops = rung == Rung::Deallocate;
            Fact::RungTaken { rung, machines: stops.then(|| machine("m1")).into_iter().collect() }
        }
        What::LookAtMachines => Fact::MachinesDue,
        What::Window => Fact::WindowDue,
    })
}

pub(super) fn moves_at(onboarding: &Onboarding, now: OffsetDateTime) -> Onboarding {
    move_at(onboarding, now).onboarding
}

pub(super) fn move_at(onboarding: &Onboarding, now: OffsetDateTime) -> Decision {
    at(onboarding, now, due_at(onboarding, &RULES, now).expect("something is due")).expect("it is news")
}

fn next(onboarding: &Onboarding) -> Option<(What, OffsetDateTime)> {
    onboarding.next_move(&RULES).map(|Move { what, at }| (what, at))
}

#[test]
fn each_rung_is_announced_and_then_taken_at_its_time() {
    let revoked = revoked();
    assert_eq!(next(&revoked), Some((What::Announce(Rung::Suspend), start() + HOUR * 12)));
    let announced = moves_at(&revoked, start() + HOUR * 12);
    assert_eq!(next(&announced), Some((What::Take(Rung::Suspend), start() + HOUR * 24)));
    let taken = moves_at(&announced, start() + HOUR * 24);
    assert_eq!(taken.provision_plan().unwrap_err(), NoPlan::NotNow(NotNow::ServiceSuspended));
    assert_eq!(next(&taken), Some((What::Announce(Rung::Deallocate), start() + HOUR * 60)));
    let announced = moves_at(&taken, start() + HOUR * 60);
    assert_eq!(next(&announced), Some((What::Take(Rung::Deallocate), start() + HOUR * 72)));
    let taken = due_at(&announced, &RULES, start() + HOUR * 72).unwrap();
    let taken = at(&announced, start() + HOUR * 72, taken).unwrap();
    assert_eq!(kinds(&taken), [MachineSwitchRequested::KIND]);
}

/// The function app was down for days, or the clock jumped.
#[test]
fn a_rung_whose_announcement_is_late_still_has_its_notice() {
    let late = start() + HOUR * 100;
    let announced = moves_at(&revoked(), late);
    assert_eq!(next(&announced), Some((What::Take(Rung::Suspend), late + HOUR * 12)));
    let taken = Fact::RungTaken { rung: Rung::Suspend, machines: vec![] };
    assert!(at(&announced, late + HOUR * 11, taken).is_none(), "not before its time");
}

#[test]
fn a_policy_goes_as_far_as_it_says_and_what_it_no_longer_includes_is_withdrawn() {
    let with = |policy| GraceRules { policy, ..RULES };
    let (alerts, suspend) = (with(GracePolicy::AlertsOnly), with(GracePolicy::Suspend));
    let revoked = revoked();
    assert_eq!(revoked.next_move(&alerts), None);
    let announced = moves_at(&revoked, start() + HOUR * 12);
    let withdrawn = due_at(&announced, &alerts, start() + HOUR * 13).unwrap();
    assert_eq!(withdrawn, Fact::RungWithdrawn { rung: Rung::Suspend });
    assert_eq!(becomes(&announced, start() + HOUR * 13, withdrawn).next_move(&alerts), None);
    let suspended = moves_at(&announced, start() + HOUR * 24);
    assert_eq!(suspended.next_move(&suspend), None, "it goes no further");
}

#[test]
fn unreachable_alone_begins_nothing() {
    let active = after_steps(story().len());
    let unreachable = becomes(&active, start(), unreachable());
    assert_eq!((next(&unreachable), &unreachable.grace().ladder), (None, &None));
}

#[test]
fn an_outage_in_the_middle_neither_advances_the_ladder_nor_begins_it_anew() {
    let announced = moves_at(&revoked(), start() + HOUR * 12);
    let out = becomes(&announced, start() + HOUR * 13, unreachable());
    assert_eq!(next(&out), None);
    let taken = Fact::RungTaken { rung: Rung::Suspend, machines: vec![] };
    assert!(at(&out, start() + HOUR * 24, taken).is_none());
    let back = becomes(&out, start() + HOUR * 23, disabled());
    assert_eq!(next(&back), Some((What::Take(Rung::Suspend), start() + HOUR * 34)), "ten hours do not count");
    let suspended = moves_at(&back, start() + HOUR * 34);
    assert_eq!(next(&suspended), Some((What::Announce(Rung::Deallocate), start() + HOUR * 70)));
}

#[test]
fn a_recovery_ends_the_ladder_and_another_revocation_begins_at_its_foot() {
    let suspended = moves_at(&moves_at(&revoked(), start() + HOUR * 12), start() + HOUR * 24);
    let recovered = becomes(&suspended, start() + HOUR * 30, proven("k"));
    assert_eq!((recovered.stage(), &recovered.grace().ladder), (Stage::Active, &None));
    assert!(recovered.provision_plan().is_ok(), "the service goes on");
    let again = becomes(&recovered, start() + HOUR * 40, disabled());
    assert_eq!(next(&again), Some((What::Announce(Rung::Suspend), start() + HOUR * 52)));
}

/// A consent that is given again is no proof that the key works: its grant is gone with the service principal.
#[test]
fn a_ladder_ends_with_a_proof_of_the_key_and_with_nothing_less() {
    let active = after_steps(story().len());
    let missing = Fact::Found { about: About::Consent, finding: consent_missing(), token_of: None };
    let announced = moves_at(&becomes(&active, start(), missing), start() + HOUR * 12);
    let consented = Fact::ConsentProven { service_principal: service_principal() };
    let consented = becomes(&announced, start() + HOUR * 13, consented);
    let goes_on = Some((What::Take(Rung::Suspend), start() + HOUR * 24));
    assert_eq!(next(&consented), goes_on);
    let no_grant = found_at_key("k", grant_missing("k"));
    let revoked = becomes(&consented, start() + HOUR * 14, no_grant);
    assert_eq!(next(&revoked), goes_on);
    let recovered = becomes(&consented, start() + HOUR * 14, proven("k"));
    assert_eq!(recovered.grace().ladder, None);
}

#[test]
fn a_freeze_stops_every_rung_and_after_it_a_rung_is_announced_again() {
    let announced = moves_at(&revoked(), start() + HOUR * 12);
    let frozen = becomes(&announced, start() + HOUR * 20, Fact::Frozen { reason: None });
    assert_eq!(next(&frozen), None);
    let taken = || Fact::RungTaken { rung: Rung::Suspend, machines: vec![] };
    assert!(at(&frozen, start() + HOUR * 24, taken()).is_none());
    assert!(at(&frozen, start() + HOUR * 21, Fact::Frozen { reason: None }).is_none(), "known already");
    let lifted = becomes(&frozen, start() + HOUR * 30, Fact::Unfrozen);
    assert!(at(&lifted, start() + HOUR * 30, taken()).is_none(), "it is not announced any more");
    let announced = moves_at(&lifted, start() + HOUR * 30);
    assert_eq!(next(&announced), Some((What::Take(Rung::Suspend), start() + HOUR * 42)));
}

#[test]
fn the_end_of_the_subscription_keeps_the_ladder_from_moving() {
    let announced = moves_at(&revoked(), start() + HOUR * 12);
    let status = SubscriptionStatus::Unsubscribed;
    let ended = becomes(&announced, start() + HOUR * 13, Fact::Subscription { status });
    assert_eq!(next(&ended), Some((What::Leave, start() + HOUR * 13)));
    assert_eq!(ended.grace().ladder.as_ref().unwrap().announced, None, "what was announced is void");
}

#[test]
fn a_rehearsal_needs_the_mark_and_has_a_pace_of_its_own() {
    let active = after_steps(story().len());
    let pace = Duration::from_secs(60);
    let drill = Drill { since: start(), until: start() + HOUR, pace };
    let started = || Fact::DrillStarted { drill };
    assert!(at(&active, start(), started()).is_none(), "it is not marked as a test");
    let marked = becomes(&active, start(), Fact::MarkedAsTest);
    let begun = becomes(&marked, start(), started());
    assert!(at(&begun, start(), started()).is_none(), "one at a time");
    let revoked = becomes(&begun, start(), disabled());
    let announced = moves_at(&revoked, start());
    assert_eq!(next(&announced), Some((What::Take(Rung::Suspend), start() + pace)));
    let recovered = becomes(&announced, start() + HOUR * 2, proven("k"));
    assert_eq!(recovered.grace().drill, None, "and is over when the key works again after its end");
}

/// Something that may happen, and how many minutes later.
fn any_happening() -> impl Strategy<Value = (u64, Happening)> {
    let rung = || prop_oneof![Just(Rung::Suspend), Just(Rung::Deallocate)];
    let happening = prop_oneof![
        3 => Just(Happening::Learns(disabled())),
        2 => Just(Happening::Learns(unreachable())),
        1 => Just(Happening::Learns(proven("k"))),
        1 => Just(Happening::Learns(Fact::Found {
            about: About::Consent, finding: consent_missing(), token_of: None
        })),
        1 => Just(Happening::Learns(Fact::ConsentProven { service_principal: service_principal() })),
        1 => Just(Happening::Learns(Fact::Frozen { reason: None })),
        1 => Just(Happening::Learns(Fact::Unfrozen)),
        1 => rung().prop_map(|rung| Happening::Learns(Fact::RungWithdrawn { rung })),
        2 => rung().prop_map(|rung| Happening::Learns(Fact::RungTaken { rung, machines: vec![] })),
        9 => Just(Happening::RungDue),
    ];
    let later = prop_oneof![3 => 0_u64..15 * 60, 1 => Just(12 * 60), 1 => Just(24 * 60), 1 => Just(60 * 60)];
    (later, happening)
}

#[derive(Debug, Clone)]
enum Happening {
    Learns(Fact),
    RungDue,
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// Whatever comes, in whatever order, at whatever time.
    #[test]
    fn no_rung_without_a_confirmed_revocation_an_announcement_and_the_notice(
        happenings in proptest::collection::vec(any_happening(), 0..60)
    ) {
        let mut onboarding = after_steps(story().len());
        let mut now = start();
        let mut announced: Option<(Rung, OffsetDateTime)> = None;
        let (mut revoked_for, mut confirmed) = (Duration::ZERO, false);
        for (later, happening) in happenings {
            let later = Duration::from_secs(later * 60);
            now += later;
            if onboarding.stage() == Stage::Revoked { revoked_for += later; }
            let fact = match happening {
                Happening::Learns(fact) => fact,
                Happening::RungDue => match due_at(&onboarding, &RULES, now) {
                    Some(fact) => fact,
                    None => continue,
                },
            };
            let Some(decision) = at(&onboarding, now, fact.clone()) else { continue };
            match &fact {
                Fact::RungAnnounced { rung, .. } => announced = Some((*rung, now)),
                Fact::RungWithdrawn { .. } | Fact::Frozen { .. } => announced = None,
                Fact::RungTaken { rung, .. } => {
                    prop_assert_eq!(onboarding.stage(), Stage::Revoked);
                    prop_assert!(onboarding.grace().frozen.is_none(), "frozen");
                    let (of, since) = announced.take().expect("it was announced");
                    prop_assert_eq!(of, *rung);
                    prop_assert!(now >= since + RULES.notice, "without the notice");
                    let after = if *rung == Rung::Suspend { RULES.suspend_after } else { RULES.deallocate_after };
                    prop_assert!(revoked_for >= after, "too early: {revoked_for:?}");
                }
                _ => {}
            }
            onboarding = decision.onboarding;
            let works = matches!(fact, Fact::KeyProven { .. }) && onboarding.stage() == Stage::Active;
            if works { (announced, revoked_for) = (None, Duration::ZERO); }
            confirmed = !works && (confirmed || onboarding.stage() == Stage::Revoked);
            prop_assert_eq!(onboarding.grace().ladder.is_some(), confirmed);
        }
    }
}
