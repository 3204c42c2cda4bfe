//! Leaving: nothing is undone before its time, its approval and a fresh look; and inside the hold, all can be as before.

use proptest::prelude::*;
use time::{Duration, OffsetDateTime};

use super::{
    grace::{at, becomes, disabled, revoked, start},
    properties::any_of_leaving,
    *,
};
use crate::{
    OnboardingId,
    event::{AccessCheckRequested, DiskReturnRequested, LeavingDue, SetRemovalRequested},
    finding::Code,
    grace::Rung,
    leaving::{AccessSeen, RemovalStep, ReturnStep, SetIs, Sweep, User, UserKind, Why},
};

const DAY: Duration = Duration::DAY;

fn active() -> Onboarding {
    after_steps(story().len())
}

fn unsubscribed() -> Fact {
    Fact::Subscription { status: SubscriptionStatus::Unsubscribed }
}

fn sweep(now: OffsetDateTime, users: &[(&str, UserKind)]) -> Sweep {
    let user = |(name, kind): &(&str, UserKind)| User { id: disk(name), kind: *kind, machine: None };
    let users = users.iter().map(user).collect();
    Sweep { at: now, set: our_set(), set_is: SetIs::Ours, key_held_by: None, users }
}

fn swept(sweep: Sweep) -> Fact {
    Fact::LeavingSwept { sweep, by_policy: false }
}

fn approved(onboarding: &Onboarding) -> Fact {
    let plan = onboarding.leaving().unwrap().plan.as_ref().unwrap().entry;
    Fact::LeavingApproved { who: "operator".to_owned(), plan }
}

/// One whose subscription ended, whose plan is one disk, and that a person approved.
fn held() -> Onboarding {
    let leaving = becomes(&active(), start(), unsubscribed());
    let planned = becomes(&leaving, start(), swept(sweep(start(), &[("d1", UserKind::Disk)])));
    becomes(&planned, start() + DAY, approved(&planned))
}

/// The same, when the hold is over and the disk is to go back.
fn undoing() -> Onboarding {
    let now = start() + DAY * 7;
    becomes(&held(), now, swept(sweep(now, &[("d1", UserKind::Disk)])))
}

fn disk_step(step: ReturnStep) -> Fact {
    Fact::DiskReturn { disk: disk("d1"), step }
}

#[test]
fn a_customer_leaves_in_this_order_and_the_claim_of_the_key_ends_with_the_set() {
    let leaving = at(&active(), start(), unsubscribed()).unwrap();
    assert_eq!((leaving.onboarding.stage(), kinds(&leaving)), (Stage::Leaving, vec![LeavingDue::KIND]));
    let now = start() + DAY * 7;
    let begun = at(&held(), now, swept(sweep(now, &[("d1", UserKind::Disk)]))).unwrap();
    assert_eq!(kinds(&begun), [DiskReturnRequested::KIND]);
    let asked = at(&begun.onboarding, now, disk_step(ReturnStep::Requested { look_after_ms: 1 })).unwrap();
    assert_eq!(kinds(&asked), [DiskReturnRequested::KIND], "it is looked at again");
    let done = at(&asked.onboarding, now, disk_step(ReturnStep::Done)).unwrap();
    assert_eq!(kinds(&done), [SetRemovalRequested::KIND]);
    let removal = |step| Fact::SetRemoval { step };
    let requested = RemovalStep::Requested { sweep: sweep(now, &[]), look_after_ms: 1 };
    let requested = at(&done.onboarding, now, removal(requested)).unwrap();
    assert_eq!(kinds(&requested), [SetRemovalRequested::KIND]);
    assert!(requested.onboarding.holds(&key("k")));
    let gone = at(&requested.onboarding, now, removal(RemovalStep::Gone)).unwrap();
    assert_eq!(kinds(&gone), [AccessCheckRequested::KIND]);
    assert!(!gone.onboarding.holds(&key("k")) && !gone.onboarding.is_watched());
    let refused = AccessSeen::Refused { code: Code::GrantMissing };
    let left = Fact::AccessChecked { seen: refused, give_up_at: now + DAY };
    let left = at(&gone.onboarding, now, left).unwrap();
    assert_eq!(left.onboarding.stage(), Stage::Ended);
}

#[test]
fn reinstated_inside_the_hold_everything_is_as_before() {
    let before = active();
    let reinstated = Fact::Subscription { status: SubscriptionStatus::Subscribed };
    for leaving in [becomes(&before, start(), unsubscribed()), held()] {
        let back = at(&leaving, start() + DAY, reinstated.clone()).unwrap().onboarding;
        let Onboarding { number, taken, .. } = back.clone();
        assert_eq!(back, Onboarding { number, taken, ..before.clone() });
    }
    let late = becomes(&undoing(), start() + DAY * 7, reinstated);
    assert_eq!(late.stage(), Stage::Leaving, "what is being undone goes on");
}

/// One whose set was being made when it was to leave goes on with it.
#[test]
fn the_vendor_withdraws_what_the_vendor_began_and_the_chain_goes_on_where_it_stood() {
    let encrypting = after_steps(4);
    let asked = Fact::LeavingAsked { reason: "by mistake".to_owned() };
    let leaving = becomes(&encrypting, start(), asked);
    assert!(at(&leaving, start(), Fact::LeavingAsked { reason: "again".to_owned() }).is_none());
    let stays = at(&leaving, start() + DAY, Fact::Stays).unwrap();
    assert_eq!(
        (stays.onboarding.stage(), kinds(&stays)),
        (Stage::Encrypting, vec![DiskEncryptionRequested::KIND])
    );
    assert!(at(&undoing(), start() + DAY * 7, Fact::Stays).is_none(), "it is being undone");
    assert!(at(&held(), start() + DAY, Fact::Stays).is_none(), "its subscription is over");
}

#[test]
fn a_plan_that_grew_since_it_was_approved_has_to_be_approved_again_and_a_smaller_one_has_not() {
    let now = start() + DAY * 7;
    let grown = sweep(now, &[("d1", UserKind::Disk), ("d2", UserKind::Disk)]);
    let waits = at(&held(), now, swept(grown.clone())).unwrap();
    assert_eq!((kinds(&waits), codes(&waits.onboarding)), (vec![], vec![Code::LeavingNotApproved]));
    let stale = approved(&held());
    assert!(at(&waits.onboarding, now, stale).is_none(), "that plan is not this one");
    let again = becomes(&waits.onboarding, now, approved(&waits.onboarding));
    assert_eq!(kinds(&at(&again, now, swept(grown)).unwrap()).len(), 2);
    let begun = at(&held(), now, swept(sweep(now, &[]))).unwrap();
    assert_eq!(kinds(&begun), [SetRemovalRequested::KIND], "the disk was deleted meanwhile");
}

#[test]
fn what_something_else_uses_is_not_deleted_and_the_vendor_is_named() {
    let now = start() + DAY * 7;
    let done = becomes(&undoing(), now, disk_step(ReturnStep::Done));
    let used = sweep(now, &[("s1", UserKind::Snapshot), ("v1", UserKind::GalleryVersion)]);
    let Some(Err(finding)) = done.removal_of_set(&used, now) else { panic!("it is used") };
    assert_eq!(
        finding.summary(),
        "The snapshot s1, and one other resource, still use the disk encryption set."
    );
    let requested = RemovalStep::Requested { sweep: used, look_after_ms: 1 };
    assert!(at(&done, now, Fact::SetRemoval { step: requested }).is_none());
    let not_ours = Sweep { set_is: SetIs::NotOurs, ..sweep(now, &[]) };
    assert!(matches!(done.removal_of_set(&not_ours, now), Some(Err(Finding::SetNotOurs { .. }))));
    let old = sweep(now - Duration::HOUR, &[]);
    assert_eq!(done.removal_of_set(&old, now), None, "that was another breath");
    assert!(matches!(done.removal_of_set(&sweep(now, &[]), now), Some(Ok(_))));
    assert_eq!(undoing().removal_of_set(&sweep(now, &[]), now), None, "a disk is still to go back");
}

#[test]
fn nothing_leaves_while_another_onboarding_holds_the_key_or_somebody_froze_it() {
    let now = start() + DAY * 7;
    let other = Some(OnboardingId::of_subscription(uuid::Uuid::from_u128(9)));
    let shared = Sweep { key_held_by: other, ..sweep(now, &[("d1", UserKind::Disk)]) };
    let waits = at(&held(), now, swept(shared)).unwrap();
    assert_eq!((kinds(&waits), codes(&waits.onboarding)), (vec![], vec![Code::KeyHeldElsewhere]));
    let frozen = becomes(&held(), now, Fact::Frozen { reason: None });
    assert!(at(&frozen, now, swept(sweep(now, &[("d1", UserKind::Disk)]))).is_none());
    let frozen = becomes(&undoing(), now, Fact::Frozen { reason: None });
    assert_eq!(frozen.return_of(&disk("d1"), now), None);
    let lifted = at(&frozen, now, Fact::Unfrozen).unwrap();
    assert_eq!(kinds(&lifted), [DiskReturnRequested::KIND], "and then it goes on");
}

#[test]
fn a_customer_who_does_not_take_our_access_away_is_asked_and_not_waited_for_for_ever() {
    let now = start() + DAY * 7;
    let done = becomes(&undoing(), now, disk_step(ReturnStep::Deleted));
    let gone = becomes(&done, now, Fact::SetRemoval { step: RemovalStep::Gone });
    let remains = AccessSeen::Remains { found: None };
    let checked = Fact::AccessChecked { seen: remains, give_up_at: now + DAY };
    let asks = becomes(&gone, now, checked.clone());
    assert_eq!((asks.stage(), codes(&asks)), (Stage::Leaving, vec![Code::AccessRemains]));
    assert!(asks.blockers().first().unwrap().next_check.is_some());
    assert!(at(&asks, now, checked.clone()).is_none(), "that is no news");
    let left = becomes(&asks, now + DAY, checked);
    assert_eq!((left.stage(), codes(&left)), (Stage::Ended, vec![]));
}

/// The last rung: only after those before it, announced like them, never in a rehearsal, and void when the key is back.
#[test]
fn the_offboard_rung_begins_leaving_and_a_key_that_works_again_withdraws_it() {
    let mut onboarding = revoked();
    for rung in Rung::ALL {
        let due = start() + DAY;
        onboarding = becomes(&onboarding, start(), Fact::RungAnnounced { rung, due });
        let early = Fact::RungTaken { rung, machines: vec![] };
        assert!(at(&onboarding, start(), early.clone()).is_none(), "{rung:?}");
        onboarding = becomes(&onboarding, due, early);
    }
    assert_eq!(onboarding.leaving().unwrap().why, Why::KeyRevoked);
    assert_eq!(onboarding.leaving().unwrap().hold_until, start() + DAY * 8);
    assert_eq!(codes(&onboarding), [Code::KeyDisabled], "the disks need the key still");
    assert!(onboarding.is_watched());
    let back = becomes(&onboarding, start() + DAY * 2, proven("k"));
    assert_eq!((back.stage(), back.leaving()), (Stage::Active, None));

    let drill = crate::grace::Drill {
        since: start(),
        until: start() + DAY * 9,
        pace: std::time::Duration::from_secs(60),
    };
    let marked = becomes(&active(), start(), Fact::MarkedAsTest);
    let mut rehearsed =
        becomes(&becomes(&marked, start(), Fact::DrillStarted { drill }), start(), disabled());
    for rung in [Rung::Suspend, Rung::Deallocate] {
        rehearsed = becomes(&rehearsed, start(), Fact::RungAnnounced { rung, due: start() });
        rehearsed = becomes(&rehearsed, start(), Fact::RungTaken { rung, machines: vec![] });
    }
    let offboard = Fact::RungAnnounced { rung: Rung::Offboard, due: start() };
    assert!(at(&rehearsed, start(), offboard).is_none(), "a rehearsal undoes nothing");
}

/// With no set there is nothing that a hold could protect: the key is free at once.
#[test]
fn where_no_set_was_made_only_the_claim_ends_and_that_at_once() {
    let proven = after_steps(2);
    let leaving = becomes(&proven, start(), unsubscribed());
    assert!(leaving.holds(&key("k")), "a set may have been made by a run that was killed");
    let there = swept(Sweep { users: vec![], ..sweep(start(), &[]) });
    assert_eq!(kinds(&at(&leaving, start(), there).unwrap()), Vec::<&str>::new(), "and then it has a hold");
    let none = swept(Sweep { set_is: SetIs::NotThere, ..sweep(start(), &[]) });
    let gone = at(&leaving, start(), none).unwrap();
    assert_eq!(kinds(&gone), [AccessCheckRequested::KIND]);
    assert!(!gone.onboarding.holds(&key("k")));
    assert_eq!(
        becomes(&after_steps(1), start(), unsubscribed()).stage(),
        Stage::Ended,
        "nothing was claimed"
    );
}

/// A sweep some hours ago, of one of some sets, with some of some users.
pub(super) fn any_sweep((hours, set_is, users, held): (i64, usize, usize, usize)) -> Sweep {
    let all = [("d1", UserKind::Disk), ("d2", UserKind::Disk), ("s1", UserKind::Snapshot)];
    let set_is = [SetIs::Ours, SetIs::Ours, SetIs::NotOurs, SetIs::NotThere][set_is];
    let key_held_by = (held == 0).then(|| OnboardingId::of_subscription(uuid::Uuid::from_u128(9)));
    let sweep = sweep(cause("").now - Duration::hours(hours), &all[..users]);
    Sweep { set_is, key_held_by, ..sweep }
}

/// What may happen while somebody leaves, and how many hours later.
fn any_happening() -> impl Strategy<Value = (i64, Fact)> {
    let status = |status| Just(Fact::Subscription { status });
    let happening = prop_oneof![
        12 => any_of_leaving(),
        2 => status(SubscriptionStatus::Unsubscribed),
        1 => status(SubscriptionStatus::Subscribed),
        1 => Just(disabled()),
        1 => Just(proven("k")),
        1 => Just(Fact::Frozen { reason: None }),
        2 => Just(Fact::Unfrozen),
        1 => Just(Fact::OperatorAsked),
        1 => Just(Fact::CheckDue { entry: None }),
    ];
    (prop_oneof![3 => 0_i64..3, 1 => Just(24 * 7)], happening)
}

/// A fact at its own time: its sweep is as many hours old as it was made.
fn at_time(fact: Fact, now: OffsetDateTime, onboarding: &Onboarding) -> Fact {
    let later = |sweep: Sweep| Sweep { at: now - (cause("").now - sweep.at), ..sweep };
    match fact {
        Fact::LeavingSwept { sweep, by_policy } => Fact::LeavingSwept { sweep: later(sweep), by_policy },
        Fact::SetRemoval { step: RemovalStep::Requested { sweep, look_after_ms } } => {
            Fact::SetRemoval { step: RemovalStep::Requested { sweep: later(sweep), look_after_ms } }
        }
        // Half of the approvals are of the plan that there is.
        Fact::LeavingApproved { who, plan } if plan % 2 == 0 => {
            let entry = onboarding.leaving().and_then(|leaving| leaving.plan.as_ref()).map(|plan| plan.entry);
            Fact::LeavingApproved { who, plan: entry.unwrap_or(plan) }
        }
        fact => fact,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    /// Whatever comes, in whatever order, at whatever time.
    #[test]
    fn nothing_is_undone_without_a_hold_a_sweep_of_the_same_breath_and_an_approval(
        happenings in proptest::collection::vec(any_happening(), 0..60)
    ) {
        let mut onboarding = active();
        let mut now = start();
        let mut began: Option<OffsetDateTime> = None;
        let mut approved: Option<(bool, std::collections::BTreeSet<azure_ids::ArmId>)> = None;
        for (later, fact) in happenings {
            now += Duration::hours(later);
            let fact = at_time(fact, now, &onboarding);
            let was = onboarding.stage();
            let planned = onboarding.leaving().and_then(|leaving| leaving.plan.clone());
            let Some(decision) = at(&onboarding, now, fact.clone()) else { continue };
            let sent = kinds(&decision).into_iter().map(str::to_owned).collect::<Vec<_>>();
            let after = decision.onboarding;
            if was != Stage::Leaving && after.stage() == Stage::Leaving { (began, approved) = (Some(now), None); }
            if let Fact::LeavingApproved { .. } = &fact {
                let disks = planned.iter().flat_map(|plan| plan.sweep.given_back()).map(|user| user.id.clone());
                approved = Some((false, disks.collect()));
            }
            if let Fact::LeavingSwept { by_policy: true, .. } = &fact {
                approved.get_or_insert((true, std::collections::BTreeSet::new()));
            }
            // The moment in which undoing begins.
            let begins = onboarding.is_held() && after.leaving().is_some_and(|leaving| !leaving.is_held());
            if begins {
                let Fact::LeavingSwept { sweep, by_policy } = &fact else {
                    return Err(TestCaseError::fail(format!("{fact:?} begins to undo")));
                };
                prop_assert!(now >= began.unwrap() + Duration::days(7), "inside the hold");
                prop_assert!(onboarding.grace().frozen.is_none(), "frozen");
                prop_assert!(sweep.set_is != SetIs::NotOurs && sweep.key_held_by.is_none(), "it is another's");
                let seen = sweep.given_back().map(|user| user.id.clone()).collect();
                let approved = approved.clone().expect("somebody approved it");
                prop_assert!(*by_policy || !approved.0 && approved.1.is_superset(&seen), "{approved:?} {seen:?}");
            }
            let destroys = [DiskReturnRequested::KIND, SetRemovalRequested::KIND];
            if sent.iter().any(|kind| destroys.contains(&kind.as_str())) {
                prop_assert!(after.leaving().is_some_and(|leaving| !leaving.is_held()), "{fact:?} sends {sent:?}");
            }
            for disk in [disk("d1"), disk("d2")] {
                if after.return_of(&disk, now).is_some() {
                    prop_assert!(after.undoing(now).is_some_and(|undo| undo.disks.contains_key(&disk)));
                }
            }
            // The set goes only when it was found unused, in the same breath, by us, with every disk given back.
            if let Fact::SetRemoval { step: RemovalStep::Requested { sweep, .. } } = &fact {
                prop_assert!(sweep.users.is_empty() && sweep.set_is != SetIs::NotOurs);
                prop_assert!(sweep.key_held_by.is_none() && now - sweep.at <= Duration::minutes(2));
                prop_assert_eq!(onboarding.undoing(now).unwrap().pending_disks().count(), 0);
            }
            if was != Stage::Ended && after.stage() == Stage::Ended {
                prop_assert!(after.set == Set::None && !after.holds(&key("k")), "a claim is left behind");
            }
            prop_assert!(after.holds(&key("k")) || after.set == Set::None, "the set outlives its claim");
            onboarding = after;
        }
    }
}
