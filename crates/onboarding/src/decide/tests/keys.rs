//! Consent, the key in use and a candidate beside it.

use super::*;
use crate::event::KeyShared;

#[test]
fn a_key_of_another_tenant_or_region_is_a_contradiction() {
    let onboarding = opened().onboarding;
    let foreign = Fact::KeyProven { proof: proof("k", OTHER_TENANT) };
    assert_eq!(onboarding.decide(cause("x"), foreign).unwrap_err(), Contradiction::KeyOfAnotherTenant);
    let far = ProvenKey { region: "eastus".parse().unwrap(), ..proof("k", TENANT) };
    let far = Fact::KeyProven { proof: far };
    assert_eq!(onboarding.decide(cause("x"), far).unwrap_err(), Contradiction::KeyInAnotherRegion);
}

#[test]
fn another_key_becomes_a_candidate_beside_the_one_in_use_and_changes_nothing_else() {
    for steps in 3..=7 {
        let before = after_steps(steps);
        let decision = apply(&before, "another", proven("other"));
        assert_eq!(kinds(&decision), [""; 0], "after {steps} steps");
        let after = decision.onboarding;
        let candidate = after.candidate().unwrap();
        assert_eq!(candidate.key, key("other").without_version());
        assert_eq!(candidate.proof, Some(proof("other", TENANT)));
        assert!(after.decide(cause("again"), proven("other")).unwrap().is_none(), "and is known then");
        let (number, taken) = (after.number, after.taken.clone());
        assert_eq!(after, Onboarding { candidate: after.candidate.clone(), number, taken, ..before });
    }
}

#[test]
fn without_a_proven_key_there_is_no_plan() {
    let onboarding = opened().onboarding;
    assert_eq!(onboarding.provision_plan().unwrap_err(), NoPlan::NotNow(NotNow::NoProvenKey));
    assert_eq!(onboarding.activation_plan().unwrap_err(), NoPlan::NotNow(NotNow::NoProvenKey));
    let onboarding = apply(&onboarding, "key", proven("k")).onboarding;
    assert_eq!(onboarding.provision_plan().unwrap().key(), &key("k"));
    let not_encrypted = Contradiction::NotEncrypted;
    assert_eq!(onboarding.activation_plan().unwrap_err(), NoPlan::Contradiction(not_encrypted));
    assert_eq!(onboarding.decide(cause("x"), Fact::Activated).unwrap_err(), not_encrypted);
}

#[test]
fn a_key_that_came_before_the_consent_is_probed_after_it() {
    let early = found_at_key("k", consent_missing());
    let onboarding = apply(&opened().onboarding, "key", early).onboarding;
    assert_eq!(onboarding.stage(), Stage::AwaitingConsent);
    assert_eq!(onboarding.candidate().unwrap().key, key("k").without_version());
    let consented = Fact::ConsentProven { service_principal: service_principal() };
    assert_eq!(kinds(&apply(&onboarding, "consent", consented)), [KeyShared::KIND]);
}

/// The customer approved by other means than our link, and what stops the key is found behind the consent.
#[test]
fn a_look_that_gets_a_token_proves_the_consent_whatever_it_finds_at_the_key() {
    let early = found_at_key("k", consent_missing());
    let onboarding = apply(&opened().onboarding, "early", early).onboarding;
    let refused = Fact::Found {
        about: About::Key(key("k").without_version()),
        finding: grant_missing("k"),
        token_of: Some(service_principal()),
    };
    let onboarding = apply(&onboarding, "probe", refused.clone()).onboarding;
    assert_eq!(
        (onboarding.stage(), onboarding.service_principal()),
        (Stage::AwaitingKey, Some(service_principal()))
    );
    assert_eq!(codes(&onboarding), [Code::GrantMissing], "the consent is waited for no more");
    assert!(onboarding.decide(cause("again"), refused).unwrap().is_none(), "and is known then");
}

#[test]
fn a_set_that_failed_is_asked_for_again_only_after_a_new_proof() {
    let finding = Finding::SetRefused { key: key("k") };
    let failed = apply(&after_steps(3), "failed", Fact::SetFailed { finding }).onboarding;
    assert_eq!(failed.provision_plan().unwrap_err(), NoPlan::NotNow(NotNow::NoProvenKey));
    let entry = failed.blockers().get(&Subject::Set).unwrap().entry;
    assert_eq!(kinds(&apply(&failed, "check", Fact::CheckDue { entry: Some(entry) })), [KeyShared::KIND]);
    let proven_again = apply(&failed, "proven", proven("k"));
    assert_eq!(kinds(&proven_again), [ProvisionRequested::KIND]);
    assert_eq!(codes(&proven_again.onboarding), [], "a working key is what it waited for");
}

#[test]
fn a_set_that_fails_behind_a_good_probe_is_looked_at_ever_less_often() {
    let mut onboarding = apply(&opened().onboarding, "key", proven("k")).onboarding;
    let mut waits = vec![];
    for round in 0..4 {
        let finding = Finding::SetRefused { key: key("k") };
        onboarding = apply(&onboarding, &format!("fail {round}"), Fact::SetFailed { finding }).onboarding;
        let next_check = onboarding.blockers().first().unwrap().next_check.unwrap();
        waits.push((next_check - cause("").now).whole_minutes());
        onboarding = apply(&onboarding, &format!("prove {round}"), proven("k")).onboarding;
    }
    assert_eq!(waits, [1, 2, 4, 8]);
}

#[test]
fn a_key_shared_again_resolves_only_what_is_about_the_key() {
    let onboarding = apply(&encrypting(&["d1"]), "a", disks::attached("d1")).onboarding;
    assert!(onboarding.decide(cause("again"), proven("k")).unwrap().is_none());
    let withdrawn = apply(&onboarding, "g", found_at_key("k", grant_missing("k"))).onboarding;
    assert_eq!(codes(&withdrawn), [Code::GrantMissing, Code::DiskAttached]);
    assert!(withdrawn.blockers().get(&Subject::Key).is_some(), "it is the key in use");
    let back = apply(&withdrawn, "back", proven("k"));
    assert_eq!(kinds(&back), [DiskEncryptionRequested::KIND], "and the chain goes on");
    assert_eq!(codes(&back.onboarding), [Code::DiskAttached]);
}

/// The key that was submitted first keeps being refused while a second one is proven.
#[test]
fn what_is_wrong_with_another_key_says_nothing_about_a_proven_one() {
    let late = found_at_key("other", grant_missing("other"));
    for steps in 2..=6 {
        let onboarding = after_steps(steps);
        assert!(onboarding.decide(cause("late"), late.clone()).unwrap().is_none(), "after {steps} steps");
    }
}

#[test]
fn a_consent_that_is_given_again_has_the_key_looked_at() {
    let again: azure_ids::ObjectId = "0a1b2c3d-6666-2222-3333-444455556666".parse().unwrap();
    for service_principal in [service_principal(), again] {
        let refused = found_at_key("k", consent_missing());
        let stopped = apply(&encrypting(&["d1"]), "refused", refused).onboarding;
        let consented = apply(&stopped, "consent", Fact::ConsentProven { service_principal });
        assert!(kinds(&consented).contains(&KeyShared::KIND));
        assert_eq!(consented.onboarding.service_principal(), Some(service_principal));
    }
}

/// A withdrawn consent stops an onboarding without a set altogether: the proof that the key works is none any more.
#[test]
fn a_consent_that_is_withdrawn_before_there_is_a_set_takes_the_proof_with_it() {
    let withdrawn = apply(&after_steps(2), "gone", found_at_key("k", consent_missing())).onboarding;
    assert_eq!(withdrawn.stage(), Stage::AwaitingConsent);
    assert_eq!(withdrawn.provision_plan().unwrap_err(), NoPlan::NotNow(NotNow::NoProvenKey));
    let candidate = withdrawn.candidate().expect("the key is still the one that was submitted");
    assert_eq!((&candidate.key, &candidate.proof), (&key("k").without_version(), &None));
}
