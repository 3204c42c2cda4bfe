//! Whatever comes, in whatever order, however often: what must never happen does not.

use proptest::{prelude::*, strategy::ValueTree as _};

use super::*;
use crate::{DropReason, Reason};

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

fn any_fact() -> impl Strategy<Value = Fact> {
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
        Just(Finding::NoDisks { tenant: tenant() })
    ];
    let functions = prop_oneof![Just("test"), Just("key_shared")].prop_map(str::to_owned);
    let tokens = proptest::option::of(Just(service_principal()));
    prop_oneof![
        1 => Just(Fact::Opened { tenant: tenant() }),
        2 => Just(Fact::ConsentProven { service_principal: service_principal() }),
        4 => (keys, tenants).prop_map(|(name, tenant)| Fact::KeyProven { proof: proof(name, tenant) }),
        2 => (any_about(), findings.clone(), tokens)
            .prop_map(|(about, finding, token_of)| Fact::Found { about, finding, token_of }),
        1 => (functions.clone(), any_about())
            .prop_map(|(function, about)| Fact::StepRefused { function, reason: Reason::ArmRefused, about }),
        1 => (functions, any_about()).prop_map(|(function, about)| Fact::StepDone { function, about }),
        1 => proptest::option::of(1_u64..30).prop_map(|entry| Fact::CheckDue { entry }),
        1 => Just(Fact::OperatorAsked),
        1 => (1_u64..30).prop_map(|entry| Fact::StandsStill { entry }),
        1 => Just(Fact::OldEvent),
        4 => sets.clone().prop_map(|set| Fact::SetRequested { set, operation: None, look_after_ms: 1 }),
        4 => (sets.clone(), proptest::collection::vec(disks.clone(), 0..3))
            .prop_map(|(set, disks)| Fact::SetReady { set, disks }),
        1 => findings.prop_map(|finding| Fact::SetFailed { finding }),
        4 => disks.clone().prop_map(|disk| Fact::DiskRequested { disk, look_after_ms: 1 }),
        4 => (disks.clone(), sets).prop_map(|(disk, set)| Fact::DiskEncrypted { disk, set }),
        1 => disks.prop_map(|disk| Fact::DiskDropped { disk, why: DropReason::Retagged }),
        4 => Just(Fact::Activated),
        1 => statuses.clone().prop_map(|status| Fact::Subscription { status }),
        1 => (statuses, 0_i64..30).prop_map(|(status, days)| {
            let at = cause("").now - time::Duration::days(days);
            Fact::SubscriptionChanged { status, at }
        }),
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
    SetRequested, SetReady, SetFailed, DiskRequested, DiskEncrypted, DiskDropped, Activated, Subscription,
    SubscriptionChanged,
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
            if let Fact::KeyProven { proof } = &fact {
                if proof.tenant == tenant() { proven.insert(proof.version.to_string()); } else {
                    prop_assert!(!matches!(decided, Ok(Some(_))), "a foreign key changed something");
                }
            }
            let Ok(Some(decision)) = decided else { continue };
            if let Fact::DiskEncrypted { disk, .. } = &fact { disks_read_back.insert(disk.clone()); }
            prop_assert_eq!(decision.onboarding.number, onboarding.number + 1);
            prop_assert_eq!(decision.onboarding.tenant, tenant(), "the binding never changes");
            prop_assert!(decision.messages.iter().all(|m| m.event["subject"] == onboarding.id().to_string()));
            if onboarding.set != Set::None && decision.onboarding.set != Set::None {
                prop_assert_eq!(&decision.onboarding.key, &onboarding.key, "the set keeps its key");
            }
            onboarding = decision.onboarding;
            if let Some(used) = &onboarding.key { prop_assert!(proven.contains(&used.version.to_string())); }
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
