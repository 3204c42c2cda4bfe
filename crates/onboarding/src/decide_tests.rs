use proptest::prelude::*;

use super::*;
use crate::test_support::{
    OTHER_TENANT, TENANT, cause, disk, key, opened, proof, service_principal, set, set_name, tenant,
};

fn apply(state: &Onboarding, origin: &str, fact: Fact) -> Decision {
    state.decide(cause(origin), fact).unwrap().unwrap()
}

fn proven(name: &str) -> Fact {
    Fact::KeyProven { proof: proof(name, TENANT) }
}

fn kinds(decision: &Decision) -> Vec<&str> {
    decision.messages.iter().map(|message| message.event["type"].as_str().unwrap()).collect()
}

/// The whole story, with what each fact makes the onboarding send.
fn story() -> Vec<(Fact, Vec<&'static str>, State)> {
    let (des, d1) = (set(&set_name()), disk("d1"));
    vec![
        (Fact::ConsentProven { service_principal: service_principal() }, vec![], State::AwaitingKey),
        (proven("k"), vec![ProvisionRequested::KIND], State::Provisioning),
        (
            Fact::SetRequested { set: des.clone(), operation: None, look_after_ms: 2000 },
            vec![ProvisionStarted::KIND],
            State::Provisioning,
        ),
        (
            Fact::SetReady { set: des.clone(), disks: vec![d1.clone()] },
            vec![DiskEncryptionRequested::KIND],
            State::Encrypting,
        ),
        (
            Fact::DiskRequested { disk: d1.clone(), look_after_ms: 2000 },
            vec![DiskEncryptionRequested::KIND],
            State::Encrypting,
        ),
        (Fact::DiskEncrypted { disk: d1, set: des }, vec![ActivationRequested::KIND], State::Activating),
        (Fact::Activated, vec![], State::Active),
    ]
}

#[test]
fn the_story_goes_from_sign_up_to_active() {
    let mut state = opened().state;
    assert_eq!(state.state(), State::AwaitingConsent);
    for (step, (fact, sends, becomes)) in story().into_iter().enumerate() {
        let decision = apply(&state, &format!("step {step}"), fact.clone());
        assert_eq!((kinds(&decision), decision.state.state()), (sends, becomes), "{fact:?}");
        assert_eq!(decision.state.number, state.number + 1);
        state = decision.state;
    }
    assert_eq!(state.blocker(), None);
}

#[test]
fn a_fact_that_is_no_news_changes_nothing() {
    let mut state = opened().state;
    for (step, (fact, ..)) in story().into_iter().enumerate() {
        state = apply(&state, &format!("step {step}"), fact.clone()).state;
        assert!(state.decide(cause("again"), fact.clone()).unwrap().is_none(), "{fact:?}");
    }
}

#[test]
fn a_finding_in_other_words_is_news_and_counts_from_the_same_moment() {
    let waiting = |summary: &str| Fact::Waiting {
        finding: Finding::new(Code::PolicyBlocks, summary, &["Lift it.".to_owned()]),
        key: None,
        disk: None,
        service_principal: None,
    };
    let state = apply(&opened().state, "first", waiting("a policy")).state;
    assert!(state.decide(cause("again"), waiting("a policy")).unwrap().is_none());
    let since = state.blocker().unwrap().since;
    let state = apply(&state, "second", waiting("another policy")).state;
    let blocker = state.blocker().unwrap();
    assert_eq!((blocker.finding.summary.as_str(), blocker.since), ("another policy", since));
}

#[test]
fn a_key_of_another_tenant_or_region_is_illegal() {
    let state = opened().state;
    let foreign = Fact::KeyProven { proof: proof("k", OTHER_TENANT) };
    assert_eq!(state.decide(cause("x"), foreign).unwrap_err(), Illegal::WrongTenant);
    let mut far = proof("k", TENANT);
    far.region = "eastus".parse().unwrap();
    assert_eq!(state.decide(cause("x"), Fact::KeyProven { proof: far }).unwrap_err(), Illegal::WrongRegion);
}

#[test]
fn another_key_cannot_slip_under_an_existing_set() {
    let mut state = opened().state;
    for (step, (fact, ..)) in story().into_iter().take(3).enumerate() {
        state = apply(&state, &format!("step {step}"), fact).state;
    }
    assert_eq!(state.decide(cause("x"), proven("other")).unwrap_err(), Illegal::AnotherKeyInUse);
}

#[test]
fn without_a_proven_key_there_is_no_plan() {
    let state = opened().state;
    assert_eq!(state.provision_plan().unwrap_err(), Illegal::NoProvenKey);
    assert_eq!(state.activation_plan().unwrap_err(), Illegal::NoProvenKey);
    let state = apply(&state, "key", proven("k")).state;
    assert_eq!(state.provision_plan().unwrap().key(), &key("k"));
    assert_eq!(state.activation_plan().unwrap_err(), Illegal::NotEncrypted);
    assert_eq!(state.decide(cause("x"), Fact::Activated).unwrap_err(), Illegal::NotEncrypted);
}

#[test]
fn a_check_takes_the_chain_up_where_it_stands_and_comes_less_often() {
    let key = key("k").without_version();
    let finding = Finding::grant_missing(Some(service_principal()), &key);
    let waiting = Fact::Waiting { finding, key: Some(key), disk: None, service_principal: None };
    let mut state = apply(&opened().state, "probe", waiting).state;
    let mut waits = vec![];
    for check in 0..12 {
        let blocker = state.blocker().unwrap().clone();
        let due = Fact::CheckDue { entry: blocker.entry };
        let decision = apply(&state, &format!("check {check}"), due.clone());
        assert_eq!(kinds(&decision), [KeyShared::KIND]);
        state = decision.state;
        waits.push((state.blocker().unwrap().next_check.unwrap() - cause("").now).whole_minutes());
        assert!(state.decide(cause("late"), due).unwrap().is_none(), "an older check is void");
    }
    assert_eq!(waits, [2, 4, 8, 16, 32, 64, 128, 256, 360, 360, 360, 360]);
}

#[test]
fn a_key_that_came_before_the_consent_is_probed_after_it() {
    let key = key("k").without_version();
    let early = Fact::Waiting {
        finding: Finding::consent_missing(tenant()),
        key: Some(key),
        disk: None,
        service_principal: None,
    };
    let state = apply(&opened().state, "key", early).state;
    assert_eq!(state.state(), State::AwaitingConsent);
    let decision = apply(&state, "consent", Fact::ConsentProven { service_principal: service_principal() });
    assert_eq!(kinds(&decision), [KeyShared::KIND]);
}

#[test]
fn a_set_that_failed_is_asked_for_again_only_after_a_new_proof() {
    let mut state = opened().state;
    for (step, (fact, ..)) in story().into_iter().take(3).enumerate() {
        state = apply(&state, &format!("step {step}"), fact).state;
    }
    let finding = Finding::new(Code::SetRefused, "refused", &[]);
    let failed = apply(&state, "failed", Fact::SetFailed { finding }).state;
    assert_eq!(failed.provision_plan().unwrap_err(), Illegal::NoProvenKey);
    let entry = failed.blocker().unwrap().entry;
    assert_eq!(kinds(&apply(&failed, "check", Fact::CheckDue { entry })), [KeyShared::KIND]);
    assert_eq!(kinds(&apply(&failed, "proven", proven("k"))), [ProvisionRequested::KIND]);
}

/// The customer approved by other means than our link, and what stops the key is found behind the consent.
#[test]
fn a_look_that_gets_a_token_proves_the_consent_whatever_it_finds_at_the_key() {
    let shared = key("k").without_version();
    let missing = Fact::Waiting {
        finding: Finding::consent_missing(tenant()),
        key: Some(shared.clone()),
        disk: None,
        service_principal: None,
    };
    let state = apply(&opened().state, "early", missing).state;
    let refused = Fact::Waiting {
        finding: Finding::grant_missing(Some(service_principal()), &shared),
        key: Some(shared),
        disk: None,
        service_principal: Some(service_principal()),
    };
    let state = apply(&state, "probe", refused.clone()).state;
    assert_eq!((state.state(), state.service_principal()), (State::AwaitingKey, Some(service_principal())));
    assert!(state.decide(cause("again"), refused).unwrap().is_none(), "and is known then");
}

/// Up to a ready set with these disks.
fn encrypting(disks: &[&str]) -> Onboarding {
    let mut state = opened().state;
    for (step, (fact, ..)) in story().into_iter().take(3).enumerate() {
        state = apply(&state, &format!("step {step}"), fact).state;
    }
    let ready =
        Fact::SetReady { set: set(&set_name()), disks: disks.iter().map(|name| disk(name)).collect() };
    apply(&state, "ready", ready).state
}

fn attached(name: &str) -> Fact {
    Fact::Waiting {
        finding: Finding::disk_attached(&disk(name)),
        key: None,
        disk: Some(disk(name)),
        service_principal: None,
    }
}

#[test]
fn one_disks_success_does_not_erase_another_disks_blocker() {
    let state = apply(&encrypting(&["d1", "d2"]), "a", attached("d1")).state;
    let encrypted = |name: &str| Fact::DiskEncrypted { disk: disk(name), set: set(&set_name()) };
    let state = apply(&state, "b", encrypted("d2")).state;
    let blocker = state.blocker().unwrap();
    assert_eq!(blocker.disk, Some(disk("d1")));
    let checked = apply(&state, "check", Fact::CheckDue { entry: blocker.entry });
    assert_eq!(kinds(&checked), [DiskEncryptionRequested::KIND]);
    let done = apply(&checked.state, "c", encrypted("d1"));
    assert_eq!((kinds(&done), done.state.blocker()), (vec![ActivationRequested::KIND], None));
}

#[test]
fn two_blocked_disks_take_turns_and_none_is_forgotten() {
    let state = apply(&encrypting(&["d1", "d2"]), "a", attached("d1")).state;
    assert!(state.decide(cause("b"), attached("d2")).unwrap().is_none(), "one at a time");
    let done = apply(&state, "c", Fact::DiskEncrypted { disk: disk("d1"), set: set(&set_name()) });
    assert_eq!(kinds(&done), [DiskEncryptionRequested::KIND], "the other one is looked at now");
    let blocked = apply(&done.state, "d", attached("d2")).state;
    assert_eq!(blocked.blocker().unwrap().disk, Some(disk("d2")));
}

#[test]
fn a_disk_that_comes_to_nothing_is_asked_for_again_however_often() {
    let came_to_nothing = || Fact::Waiting {
        finding: Finding::new(Code::DiskEncryptionFailed, "nothing", &[]),
        key: None,
        disk: Some(disk("d1")),
        service_principal: None,
    };
    let mut state = encrypting(&["d1"]);
    for round in 0..3 {
        state = apply(
            &state,
            &format!("ask {round}"),
            Fact::DiskRequested { disk: disk("d1"), look_after_ms: 1 },
        )
        .state;
        state = apply(&state, &format!("nothing {round}"), came_to_nothing()).state;
        assert_eq!(state.disks()[&disk("d1")], DiskState::Found, "round {round}");
        let due = Fact::CheckDue { entry: state.blocker().unwrap().entry };
        let checked = apply(&state, &format!("check {round}"), due);
        assert_eq!(kinds(&checked), [DiskEncryptionRequested::KIND]);
        state = checked.state;
    }
    assert_eq!(state.blocker().unwrap().checks, 3, "and ever less often");
}

#[test]
fn a_refused_step_is_looked_at_when_somebody_says_so_and_then_forgotten() {
    let state = apply(&opened().state, "key", proven("k")).state;
    let refused = Finding::step_refused("provision_requested", "ArmRefused", "why");
    let state = apply(
        &state,
        "refused",
        Fact::Waiting { finding: refused, key: None, disk: None, service_principal: None },
    )
    .state;
    let blocker = state.blocker().unwrap();
    assert_eq!(blocker.next_check, None, "not by itself: each look would make another dead letter");
    let checked = apply(&state, "check", Fact::CheckDue { entry: blocker.entry });
    assert_eq!((kinds(&checked), checked.state.blocker()), (vec![ProvisionRequested::KIND], None));
}

#[test]
fn a_key_shared_again_resolves_only_what_is_about_the_key() {
    let state = apply(&encrypting(&["d1"]), "a", attached("d1")).state;
    assert!(state.decide(cause("again"), proven("k")).unwrap().is_none());
    let key = key("k").without_version();
    let refused = Fact::Waiting {
        finding: Finding::grant_missing(None, &key),
        key: Some(key),
        disk: None,
        service_principal: None,
    };
    let withdrawn = apply(&encrypting(&["d1"]), "g", refused).state;
    assert_eq!(
        kinds(&apply(&withdrawn, "back", proven("k"))),
        [DiskEncryptionRequested::KIND],
        "and the chain goes on"
    );
}

#[test]
fn a_set_that_fails_behind_a_good_probe_is_looked_at_ever_less_often() {
    let mut state = apply(&opened().state, "key", proven("k")).state;
    let mut waits = vec![];
    for round in 0..4 {
        let finding = Finding::new(Code::SetRefused, "refused", &[]);
        state = apply(&state, &format!("fail {round}"), Fact::SetFailed { finding }).state;
        waits.push((state.blocker().unwrap().next_check.unwrap() - cause("").now).whole_minutes());
        state = apply(&state, &format!("prove {round}"), proven("k")).state;
    }
    assert_eq!(waits, [1, 2, 4, 8]);
}

#[test]
fn what_a_check_takes_up_again_is_too_old_to_be_spreading_and_young_enough_to_be_tried_again() {
    let finding = Finding::grant_missing(None, &key("k"));
    let waiting =
        Fact::Waiting { finding, key: Some(key("k").without_version()), disk: None, service_principal: None };
    let state = apply(&opened().state, "probe", waiting).state;
    let checked = apply(&state, "check", Fact::CheckDue { entry: state.blocker().unwrap().entry });
    let time = checked.messages[0].event["time"].as_str().unwrap();
    assert_eq!(time, "2026-02-01T11:30:00Z", "half an hour ago, however long it has waited");
}

#[test]
fn a_suspended_subscription_stops_and_a_reinstated_one_goes_on() {
    let state = apply(&opened().state, "key", proven("k")).state;
    let suspended = apply(&state, "s", Fact::Subscription { status: SubscriptionStatus::Suspended }).state;
    assert_eq!(suspended.provision_plan().unwrap_err(), Illegal::Suspended);
    let back = apply(&suspended, "r", Fact::Subscription { status: SubscriptionStatus::Subscribed });
    assert_eq!(kinds(&back), [ProvisionRequested::KIND]);
    let ended = apply(&suspended, "u", Fact::Subscription { status: SubscriptionStatus::Unsubscribed }).state;
    assert!(ended.decide(cause("x"), proven("k")).unwrap().is_none(), "ended is final");
}

/// The key that was handed in first keeps being refused while a second one is proven.
#[test]
fn what_is_wrong_with_another_key_says_nothing_about_a_proven_one() {
    let other = key("other").without_version();
    let late = Fact::Waiting {
        finding: Finding::grant_missing(None, &other),
        key: Some(other),
        disk: None,
        service_principal: None,
    };
    let mut state = opened().state;
    for (step, (fact, ..)) in story().into_iter().enumerate() {
        state = apply(&state, &format!("step {step}"), fact.clone()).state;
        if step > 0 {
            assert!(state.decide(cause("late"), late.clone()).unwrap().is_none(), "after {fact:?}");
        }
    }
}

#[test]
fn a_disk_that_is_found_later_does_not_erase_another_disks_blocker() {
    let state = apply(&encrypting(&["d1"]), "a", attached("d1")).state;
    let again = Fact::SetReady { set: set(&set_name()), disks: vec![disk("d1"), disk("d2")] };
    let found = apply(&state, "again", again);
    assert_eq!(kinds(&found), [DiskEncryptionRequested::KIND]);
    let blocker = found.state.blocker().expect("d1 still waits for the vendor");
    assert_eq!(blocker.disk, Some(disk("d1")));
    let encrypted = |name: &str| Fact::DiskEncrypted { disk: disk(name), set: set(&set_name()) };
    let state = apply(&found.state, "b", encrypted("d2")).state;
    assert!(state.blocker().is_some(), "or d1 is never looked at again");
}

/// With a set there the chain stands elsewhere than at the key; the check must still look at the key.
#[test]
fn a_check_looks_at_a_key_that_stopped_working_under_its_set() {
    let mut state = opened().state;
    for (step, (fact, ..)) in story().into_iter().enumerate() {
        state = apply(&state, &format!("step {step}"), fact).state;
    }
    for finding in [Finding::grant_missing(None, &key("k")), Finding::consent_missing(tenant())] {
        let refused = Fact::Waiting {
            finding,
            key: Some(key("k").without_version()),
            disk: None,
            service_principal: None,
        };
        let stopped = apply(&state, "refused", refused).state;
        let due = Fact::CheckDue { entry: stopped.blocker().unwrap().entry };
        let checked = apply(&stopped, "check", due);
        assert_eq!(kinds(&checked), [KeyShared::KIND]);
        assert!(checked.state.blocker().is_some(), "until the key is proven again");
        assert_eq!(apply(&checked.state, "back", proven("k")).state.blocker(), None);
    }
}

#[test]
fn a_consent_that_is_given_again_has_the_key_looked_at() {
    let refused = |state: &Onboarding| {
        let finding = Finding::consent_missing(tenant());
        apply(
            state,
            "refused",
            Fact::Waiting {
                finding,
                key: Some(key("k").without_version()),
                disk: None,
                service_principal: None,
            },
        )
        .state
    };
    let again: azure_ids::ObjectId = "0a1b2c3d-6666-2222-3333-444455556666".parse().unwrap();
    for service_principal in [service_principal(), again] {
        let stopped = refused(&encrypting(&["d1"]));
        let consented = apply(&stopped, "consent", Fact::ConsentProven { service_principal });
        assert_eq!(kinds(&consented), [KeyShared::KIND]);
        assert_eq!(consented.state.service_principal(), Some(service_principal));
    }
}

fn any_fact() -> impl Strategy<Value = Fact> {
    let tenants = prop_oneof![Just(TENANT), Just(OTHER_TENANT)];
    let keys = prop_oneof![Just("k"), Just("other")];
    let sets = prop_oneof![Just(set(&set_name())), Just(set("latchkey-of-someone-else"))];
    let disks = prop_oneof![Just(disk("d1")), Just(disk("d2"))];
    let statuses = prop_oneof![
        8 => Just(SubscriptionStatus::PendingFulfillmentStart),
        4 => Just(SubscriptionStatus::Subscribed),
        2 => Just(SubscriptionStatus::Suspended),
        1 => Just(SubscriptionStatus::Unsubscribed)
    ];
    let findings = prop_oneof![
        Just(Finding::consent_missing(tenant())),
        Just(Finding::grant_missing(None, &key("k"))),
        Just(Finding::no_disks(tenant()))
    ];
    prop_oneof![
        1 => Just(Fact::Opened { tenant: tenant() }),
        2 => Just(Fact::ConsentProven { service_principal: service_principal() }),
        4 => (keys.clone(), tenants).prop_map(|(name, tenant)| Fact::KeyProven { proof: proof(name, tenant) }),
        1 => (
            findings.clone(),
            proptest::option::of(keys.prop_map(|name| key(name).without_version())),
            proptest::option::of(disks.clone()),
        )
            .prop_map(|(finding, key, disk)| Fact::Waiting { finding, key, disk, service_principal: None }),
        1 => (1_u64..30).prop_map(|entry| Fact::CheckDue { entry }),
        4 => sets.clone().prop_map(|set| Fact::SetRequested { set, operation: None, look_after_ms: 1 }),
        4 => (sets.clone(), proptest::collection::vec(disks.clone(), 0..3))
            .prop_map(|(set, disks)| Fact::SetReady { set, disks }),
        1 => findings.prop_map(|finding| Fact::SetFailed { finding }),
        4 => disks.clone().prop_map(|disk| Fact::DiskRequested { disk, look_after_ms: 1 }),
        4 => (disks, sets).prop_map(|(disk, set)| Fact::DiskEncrypted { disk, set }),
        4 => Just(Fact::Activated),
        1 => statuses.prop_map(|status| Fact::Subscription { status }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// Whatever comes, in whatever order, however often: what must never happen does not.
    #[test]
    fn no_order_of_facts_activates_an_unproven_key_or_leaves_the_bound_tenant(
        facts in proptest::collection::vec(any_fact(), 0..40)
    ) {
        let mut state = opened().state;
        let mut proven_for_bound_tenant = false;
        let mut disks_read_back = std::collections::BTreeSet::new();
        for (step, fact) in facts.into_iter().enumerate() {
            let decided = state.decide(cause(&format!("{step}")), fact.clone());
            if let Fact::KeyProven { proof } = &fact {
                if proof.tenant == tenant() { proven_for_bound_tenant = true } else {
                    prop_assert!(!matches!(decided, Ok(Some(_))), "a foreign key changed something");
                }
            }
            let Ok(Some(decision)) = decided else { continue };
            if let Fact::DiskEncrypted { disk, .. } = &fact { disks_read_back.insert(disk.clone()); }
            prop_assert_eq!(decision.state.number, state.number + 1);
            prop_assert_eq!(decision.state.tenant, tenant(), "the binding never changes");
            prop_assert!(decision.messages.iter().all(|m| m.event["subject"] == state.id().to_string()));
            state = decision.state;
            if let Ok(plan) = state.provision_plan() {
                prop_assert_eq!(plan.tenant(), tenant());
                prop_assert!(proven_for_bound_tenant);
            }
            if state.set != Set::None { prop_assert!(proven_for_bound_tenant); }
            if state.activated_at.is_some() {
                prop_assert!(proven_for_bound_tenant && !disks_read_back.is_empty());
            }
        }
    }

    /// Repeating every event, and taking any of them in again later, ends in the same state.
    #[test]
    fn repeated_facts_end_in_the_same_state(repeats in proptest::collection::vec(0_usize..7, 0..20)) {
        let story = story();
        let mut once = opened().state;
        let mut often = opened().state;
        for (step, (fact, ..)) in story.iter().enumerate() {
            once = apply(&once, &format!("step {step}"), fact.clone()).state;
            for earlier in repeats.iter().filter(|earlier| **earlier <= step) {
                if let Ok(Some(decision)) = often.decide(cause(&format!("step {earlier}")), story[*earlier].0.clone()) {
                    often = decision.state;
                }
            }
            if let Ok(Some(decision)) = often.decide(cause(&format!("step {step}")), fact.clone()) {
                often = decision.state;
            }
        }
        prop_assert_eq!(often.state(), once.state());
        prop_assert_eq!((often.set, often.disks, often.key), (once.set, once.disks, once.key));
    }
}
