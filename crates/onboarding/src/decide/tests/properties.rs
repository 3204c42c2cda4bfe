//! Whatever comes, in whatever order, however often: what must never happen does not.

use proptest::{prelude::*, strategy::ValueTree as _};

use super::*;
use crate::{
    DropReason, Reason,
    grace::{Drill, MachineStep, Rung},
    leaving::{AccessSeen, RemovalStep, ReturnStep},
    outage::Place,
    preflight::UnfitDisk,
    replacement::Asker,
    rotation::{NewestVersion, SetLook},
    test_support::{machine, version},
    window::{Planned, Window},
};

fn unfit(disk: ArmId) -> UnfitDisk {
    let finding = Finding::DiskEncryptedInGuest { disk: disk.clone() };
    UnfitDisk { disk, finding }
}

fn any_about() -> impl Strategy<Value = About> {
    prop_oneof![
        Just(About::Consent),
        prop_oneof![Just("k"), Just("other")].prop_map(|name| About::Key(key(name).without_version())),
        Just(About::Set),
        prop_oneof![Just("d1"), Just("d2")].prop_map(|name| About::Disk(disk(name))),
        Just(About::Rotation),
        Just(About::Billing),
    ]
}

pub(super) fn any_fact() -> impl Strategy<Value = Fact> {
    let tenants = prop_oneof![Just(TENANT), Just(OTHER_TENANT)];
    let keys = prop_oneof![Just("k"), Just("other")];
    let sets = prop_oneof![Just(our_set()), Just(set("latchkey-of-someone-else"))];
    let disks = prop_oneof![Just(disk("d1")), Just(disk("d2"))];
    let statuses = prop_oneof![
        8 => Just(SubscriptionStatus::PendingFulfillmentStart),
        4 => Just(SubscriptionStatus::Subscribed),
        2 => Just(SubscriptionStatus::Suspended),
        1 => Just(SubscriptionStatus::Unsubscribed)
    ];
    let findings = prop_oneof![
        Just(consent_missing()),
        Just(grant_missing("k")),
        Just(Finding::NoDisks { tenant: tenant(), subscription: None })
    ];
    let functions = prop_oneof![Just("test"), Just("key_shared")].prop_map(str::to_owned);
    let reasons = prop_oneof![Just(Reason::ArmRefused), Just(Reason::DeadlineExceeded)];
    let tokens = proptest::option::of(Just(service_principal()));
    prop_oneof![
        1 => Just(Fact::Opened { tenant: tenant() }),
        2 => Just(Fact::ConsentProven { service_principal: service_principal() }),
        4 => (keys, tenants).prop_map(|(name, tenant)| Fact::KeyProven { proof: proof(name, tenant) }),
        2 => (any_about(), findings.clone(), tokens)
            .prop_map(|(about, finding, token_of)| Fact::Found { about, finding, token_of }),
        1 => (functions.clone(), any_about(), reasons)
            .prop_map(|(function, about, reason)| Fact::StepRefused { function, reason, about }),
        1 => (functions, any_about()).prop_map(|(function, about)| Fact::StepDone { function, about }),
        1 => proptest::option::of(1_u64..30).prop_map(|entry| Fact::CheckDue { entry }),
        1 => Just(Fact::OperatorAsked),
        1 => (1_u64..30).prop_map(|entry| Fact::StandsStill { entry }),
        1 => Just(Fact::OldEvent),
        4 => sets.clone().prop_map(|set| Fact::SetRequested { set, operation: None, look_after_ms: 1 }),
        4 => (sets.clone(), proptest::collection::vec(disks.clone(), 0..3))
            .prop_map(|(set, disks)| Fact::SetReady { set, disks }),
        1 => proptest::collection::vec(disks.clone(), 0..2).prop_map(|disks| Fact::Preflight {
            unfit: disks.into_iter().map(unfit).collect(),
        }),
        1 => findings.prop_map(|finding| Fact::SetFailed { finding }),
        1 => proptest::bool::ANY.prop_map(|in_use| Fact::SetGone { set: our_set(), in_use }),
        4 => disks.clone().prop_map(|disk| Fact::DiskRequested { disk, look_after_ms: 1 }),
        4 => (disks.clone(), sets).prop_map(|(disk, set)| Fact::DiskEncrypted { disk, set }),
        1 => disks.prop_map(|disk| Fact::DiskDropped { disk, why: DropReason::Retagged }),
        4 => Just(Fact::Activated),
        1 => statuses.clone().prop_map(|status| Fact::Subscription { status }),
        1 => (statuses, 0_i64..30).prop_map(|(status, days)| {
            let at = cause("").now - time::Duration::days(days);
            Fact::SubscriptionChanged { status, at }
        }),
        3 => any_look(),
        3 => any_of_the_ladder(),
        4 => any_of_leaving(),
        4 => any_of_a_replacement(),
        1 => any_replay(),
    ]
}

/// A look at the newest version of the key, with or without the set.
fn any_look() -> impl Strategy<Value = Fact> {
    let sets = proptest::option::of((1_u32..4, proptest::collection::vec(1_u32..4, 0..2)));
    (1_u32..4, sets).prop_map(|(newest, set)| {
        let number = |number| version("k", number);
        let newest = NewestVersion { version: number(newest), created: None, expires: None, fault: None };
        let set = set.map(|(active, previous)| SetLook {
            active: number(active),
            previous: previous.into_iter().map(number).collect(),
            lost: None,
            former: None,
            error: None,
            rotated_at: None,
        });
        Fact::KeyLooked { newest: Box::new(newest), set: set.map(Box::new) }
    })
}

/// One that is open, with the machine of the ladder and another.
fn window_now() -> Window {
    let now = cause("").now;
    let planned = |name: &str, disk_name: &str| {
        Planned::waiting(machine(name), vec![disk(disk_name)], std::time::Duration::from_secs(60))
    };
    let machines = vec![planned("m1", "d1"), planned("m2", "d2")];
    Window::ahead(now, now + time::Duration::HOUR, 1, machines)
}

fn any_of_a_replacement() -> impl Strategy<Value = Fact> {
    let names = || prop_oneof![Just("k"), Just("other")];
    let tenants = prop_oneof![3 => Just(TENANT), 1 => Just(OTHER_TENANT)];
    let previous = proptest::collection::vec(names().prop_map(key), 0..2);
    prop_oneof![
        3 => (names(), tenants).prop_map(|(name, tenant)| {
            Fact::ReplacementAsked { proof: Box::new(proof(name, tenant)), by: Asker::Customer }
        }),
        2 => Just(Fact::ReplacementAccepted { operation: None, look_after_ms: 1 }),
        3 => (names(), previous).prop_map(|(name, previous)| {
            let (active, former) = (key(name), None);
            let set = SetLook { active, previous, lost: None, former, error: None, rotated_at: None };
            Fact::KeyReplaced { set: Box::new(set) }
        }),
        1 => Just(Fact::ReplacementFailed {
            finding: Finding::ReplacementFailed { set: our_set(), error: "E".to_owned() }
        }),
        1 => names().prop_map(|name| Fact::CandidateWithdrawn { key: key(name) }),
    ]
}

fn any_of_the_ladder() -> impl Strategy<Value = Fact> {
    let now = cause("").now;
    let drill =
        Drill { since: now, until: now + time::Duration::HOUR, pace: std::time::Duration::from_secs(60) };
    let steps = prop_oneof![
        Just(MachineStep::Stopping),
        Just(MachineStep::Stopped),
        Just(MachineStep::Starting),
        Just(MachineStep::Started),
        Just(MachineStep::LeftAlone),
    ];
    let rungs = prop_oneof![Just(Rung::Suspend), Just(Rung::Deallocate), Just(Rung::Offboard)];
    prop_oneof![
        (rungs.clone(), -30_i64..30).prop_map(move |(rung, days)| {
            Fact::RungAnnounced { rung, due: now + time::Duration::days(days) }
        }),
        rungs.clone().prop_map(|rung| Fact::RungWithdrawn { rung }),
        rungs.prop_map(|rung| Fact::RungTaken { rung, machines: vec![machine("m1")] }),
        Just(Fact::MachinesDue),
        (prop_oneof![Just("m1"), Just("m2")], steps)
            .prop_map(|(name, step)| Fact::Machine { machine: machine(name), step }),
        Just(Fact::Frozen { reason: None }),
        Just(Fact::Unfrozen),
        Just(Fact::MarkedAsTest),
        Just(Fact::DrillStarted { drill }),
        Just(Fact::WindowPlanned { window: window_now() }),
        Just(Fact::WindowDue),
    ]
}

/// What happens to an onboarding that leaves: sweeps at any time, approvals of any plan.
pub(super) fn any_of_leaving() -> impl Strategy<Value = Fact> {
    let sweeps = || (0_i64..3, 0..4_usize, 0..4_usize, 0..6_usize).prop_map(super::leaving::any_sweep);
    let steps = prop_oneof![
        Just(ReturnStep::Requested { look_after_ms: 1 }),
        Just(ReturnStep::Done),
        Just(ReturnStep::Deleted),
        Just(ReturnStep::Failed { finding: Finding::DiskNotReturned { disk: disk("d1"), error: None } }),
    ];
    let removals = prop_oneof![
        sweeps().prop_map(|sweep| RemovalStep::Requested { sweep, look_after_ms: 1 }),
        Just(RemovalStep::Gone),
        Just(RemovalStep::Failed {
            finding: Finding::SetNotRemoved { set: our_set(), error: "OperationNotAllowed".to_owned() }
        }),
    ];
    let seen = prop_oneof![
        Just(AccessSeen::Refused { code: crate::finding::Code::GrantMissing }),
        Just(AccessSeen::Remains { found: None })
    ];
    let disks = prop_oneof![Just(disk("d1")), Just(disk("d2"))];
    prop_oneof![
        1 => Just(Fact::LeavingAsked { reason: "the contract has ended".to_owned() }),
        1 => Just(Fact::Stays),
        2 => (1_u64..40).prop_map(|plan| Fact::LeavingApproved { who: "operator".to_owned(), plan }),
        6 => (sweeps(), proptest::bool::weighted(0.2))
            .prop_map(|(sweep, by_policy)| Fact::LeavingSwept { sweep, by_policy }),
        4 => (disks, steps).prop_map(|(disk, step)| Fact::DiskReturn { disk, step }),
        4 => removals.prop_map(|step| Fact::SetRemoval { step }),
        2 => (seen, -5_i64..5).prop_map(|(seen, days)| {
            Fact::AccessChecked { seen, give_up_at: cause("").now + time::Duration::days(days) }
        }),
    ]
}

fn any_replay() -> impl Strategy<Value = Fact> {
    let letters = || proptest::collection::vec(Just("key_shared/7".to_owned()), 0..2);
    let places = proptest::option::of(Just(Place { queue: "key_shared".to_owned(), from: 8 }));
    prop_oneof![
        (letters(), places).prop_map(|(letters, next)| Fact::LettersChosen { letters, next }),
        letters().prop_map(|replayed| Fact::LettersReplayed { replayed, gone: vec![], left: vec![] }),
    ]
}

/// Says which fact it is, and lists them all: a fact that is added does not compile until it is listed, and is not
/// generated until [`any_fact`] makes it.
macro_rules! every_fact {
    ($($name:ident),+ $(,)?) => {
        const EVERY_FACT: &[&str] = &[$(stringify!($name)),+];

        fn name_of(fact: &Fact) -> &'static str {
            match fact { $(Fact::$name { .. } => stringify!($name)),+ }
        }
    };
}

every_fact! {
    Opened, ConsentProven, KeyProven, Found, StepRefused, StepDone, CheckDue, OperatorAsked, StandsStill, OldEvent,
    Preflight, SetRequested, SetReady, SetFailed, SetGone, DiskRequested, DiskEncrypted, DiskDropped, Activated, Subscription,
    SubscriptionChanged, KeyLooked, RungAnnounced, RungWithdrawn, RungTaken, MachinesDue, Machine, Frozen, Unfrozen,
    MarkedAsTest, DrillStarted, LettersChosen, LettersReplayed, ReplacementAsked, ReplacementAccepted, KeyReplaced, ReplacementFailed, CandidateWithdrawn, WindowPlanned, WindowDue, LeavingAsked, Stays, LeavingApproved, LeavingSwept, DiskReturn,
    SetRemoval, AccessChecked,
}

#[test]
fn every_fact_is_generated() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let facts = proptest::collection::vec(any_fact(), 2000).new_tree(&mut runner).unwrap().current();
    let generated: std::collections::BTreeSet<_> = facts.iter().map(name_of).collect();
    let missing: Vec<_> = EVERY_FACT.iter().filter(|name| !generated.contains(*name)).collect();
    assert!(missing.is_empty(), "any_fact makes no {missing:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn no_order_of_facts_uses_an_unproven_key_or_a_candidate_or_leaves_the_bound_tenant(
        facts in proptest::collection::vec(any_fact(), 0..40)
    ) {
        let mut onboarding = opened().onboarding;
        let mut proven = std::collections::BTreeSet::new();
        let mut disks_read_back = std::collections::BTreeSet::new();
        for (step, fact) in facts.into_iter().enumerate() {
            let decided = onboarding.decide(cause(&format!("{step}")), fact.clone());
            let probed = match &fact {
                Fact::KeyProven { proof } => Some(proof),
                Fact::ReplacementAsked { proof, .. } => Some(&**proof),
                _ => None,
            };
            if let Some(proof) = probed {
                if proof.tenant == tenant() { proven.insert(proof.version.without_version().to_string()); } else {
                    prop_assert!(!matches!(decided, Ok(Some(_))), "a foreign key changed something");
                }
            }
            let Ok(Some(decision)) = decided else { continue };
            if let Fact::DiskEncrypted { disk, .. } = &fact { disks_read_back.insert(disk.clone()); }
            prop_assert_eq!(decision.onboarding.number, onboarding.number + 1);
            prop_assert_eq!(decision.onboarding.tenant, tenant(), "the binding never changes");
            prop_assert!(decision.messages.iter().all(|m| m.event["subject"] == onboarding.id().to_string()));
            if onboarding.set != Set::None && decision.onboarding.set != Set::None {
                let key_of = |of: &Onboarding| of.key.as_ref().map(|used| used.version.without_version());
                let is_replaced = matches!(fact, Fact::KeyReplaced { .. }) && onboarding.replacement.is_some();
                if is_replaced {
                    let candidate = onboarding.candidate.as_ref().map(|candidate| candidate.key.clone());
                    prop_assert_eq!(key_of(&decision.onboarding), candidate, "only what was asked for");
                    let former = onboarding.key.as_ref().unwrap();
                    prop_assert!(decision.onboarding.holds(&former.version), "disks may need it");
                } else {
                    prop_assert_eq!(key_of(&decision.onboarding), key_of(&onboarding), "the set keeps its key");
                }
            }
            if onboarding.replacement.is_some() && decision.onboarding.stage() != Stage::Ended {
                let to = &onboarding.candidate.as_ref().unwrap().key;
                prop_assert!(decision.onboarding.holds(to), "the set may use it: {:?}", fact);
            }
            if let Some(change) = &decision.onboarding.replacement {
                prop_assert!(decision.onboarding.activated_at.is_some(), "{:?}", change);
                let to = decision.onboarding.candidate.as_ref().and_then(|to| to.proof.as_ref());
                prop_assert!(to.is_some(), "only a proven key is put in use");
            }
            onboarding = decision.onboarding;
            if let Some(used) = &onboarding.key { prop_assert!(proven.contains(&used.version.without_version().to_string())); }
            if let (Some(used), Some(candidate)) = (&onboarding.key, &onboarding.candidate) {
                prop_assert!(!used.version.is_same_key(&candidate.key), "a key in use is no candidate");
            }
            if let Ok(plan) = onboarding.provision_plan() {
                prop_assert_eq!(plan.tenant(), tenant());
                prop_assert_eq!(Some(plan.key()), onboarding.key.as_ref().map(|used| &used.version));
            }
            prop_assert!(onboarding.set == Set::None || onboarding.key.is_some());
            if onboarding.activated_at.is_some() {
                prop_assert!(!proven.is_empty() && !disks_read_back.is_empty());
            }
        }
    }

    /// Repeating every event, and taking any of them in again later, ends in the same state.
    #[test]
    fn repeated_facts_end_in_the_same_state(repeats in proptest::collection::vec(0_usize..7, 0..20)) {
        let story = story();
        let mut often = opened().onboarding;
        for (step, (fact, ..)) in story.iter().enumerate() {
            for earlier in repeats.iter().filter(|earlier| **earlier < step).chain([&step, &step]) {
                let fact = if *earlier == step { fact } else { &story[*earlier].0 };
                if let Ok(Some(decision)) = often.decide(cause(&format!("step {earlier}")), fact.clone()) {
                    often = decision.onboarding;
                }
            }
        }
        let once = after_steps(story.len());
        prop_assert_eq!(often.stage(), once.stage());
        prop_assert_eq!((often.set, often.disks, often.key), (once.set, once.disks, once.key));
    }
}
