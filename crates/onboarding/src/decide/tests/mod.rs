mod announced;
mod checks;
mod disks;
mod grace;
mod keys;
mod leaving;
mod machines;
mod outage;
mod ownership;
mod preflight;
mod properties;
mod refused;
mod replacement;
mod rotation;
mod set;
mod standstill;
mod watched;
mod windows;

use super::*;
use crate::{
    DiskState, NoPlan, ProvenKey,
    event::{ActivationRequested, DiskEncryptionRequested, EventData, ProvisionRequested, ProvisionStarted},
    finding::{Code, Policy},
    test_support::{
        OTHER_TENANT, TENANT, cause, disk, key, opened, proof, service_principal, set, set_name, tenant,
    },
};
use azure_ids::ArmId;

fn apply(onboarding: &Onboarding, origin: &str, fact: Fact) -> Decision {
    onboarding.decide(cause(origin), fact).unwrap().unwrap()
}

fn proven(name: &str) -> Fact {
    Fact::KeyProven { proof: proof(name, TENANT) }
}

/// The key was looked at, and this is wrong with it.
fn found_at_key(name: &str, finding: Finding) -> Fact {
    Fact::Found { about: About::Key(key(name).without_version()), finding, token_of: None }
}

fn grant_missing(name: &str) -> Finding {
    Finding::GrantMissing { service_principal: None, key: key(name).without_version() }
}

fn consent_missing() -> Finding {
    Finding::ConsentMissing { tenant: tenant() }
}

fn our_set() -> ArmId {
    set(&set_name())
}

fn encrypted(name: &str) -> Fact {
    Fact::DiskEncrypted { disk: disk(name), set: our_set() }
}

/// What is sent to functions.
fn kinds(decision: &Decision) -> Vec<&str> {
    let to_functions = decision.messages.iter().filter(|message| message.queue != crate::event::TOPIC);
    to_functions.map(|message| message.event["type"].as_str().unwrap()).collect()
}

fn codes(onboarding: &Onboarding) -> Vec<Code> {
    onboarding.blockers().iter().map(|(_, blocker)| blocker.finding.code()).collect()
}

/// The whole story, with what each fact makes the onboarding send.
fn story() -> Vec<(Fact, Vec<&'static str>, Stage)> {
    let (des, d1) = (our_set(), disk("d1"));
    vec![
        (Fact::ConsentProven { service_principal: service_principal() }, vec![], Stage::AwaitingKey),
        (proven("k"), vec![ProvisionRequested::KIND], Stage::Provisioning),
        (
            Fact::SetRequested { set: des.clone(), operation: None, look_after_ms: 2000 },
            vec![ProvisionStarted::KIND],
            Stage::Provisioning,
        ),
        (
            Fact::SetReady { set: des.clone(), disks: vec![d1.clone()] },
            vec![DiskEncryptionRequested::KIND],
            Stage::Encrypting,
        ),
        (
            Fact::DiskRequested { disk: d1.clone(), look_after_ms: 2000 },
            vec![DiskEncryptionRequested::KIND],
            Stage::Encrypting,
        ),
        (Fact::DiskEncrypted { disk: d1, set: des }, vec![ActivationRequested::KIND], Stage::Activating),
        (Fact::Activated, vec![], Stage::Active),
    ]
}

/// The onboarding after so many steps of the story.
fn after_steps(steps: usize) -> Onboarding {
    let mut onboarding = opened().onboarding;
    for (step, (fact, ..)) in story().into_iter().take(steps).enumerate() {
        onboarding = apply(&onboarding, &format!("step {step}"), fact).onboarding;
    }
    onboarding
}

/// Up to a ready set with these disks.
fn encrypting(disks: &[&str]) -> Onboarding {
    let ready = Fact::SetReady { set: our_set(), disks: disks.iter().map(|name| disk(name)).collect() };
    apply(&after_steps(3), "ready", ready).onboarding
}

#[test]
fn the_story_goes_from_sign_up_to_active() {
    let mut onboarding = opened().onboarding;
    assert_eq!(onboarding.stage(), Stage::AwaitingConsent);
    for (step, (fact, sends, becomes)) in story().into_iter().enumerate() {
        let decision = apply(&onboarding, &format!("step {step}"), fact.clone());
        assert_eq!((kinds(&decision), decision.onboarding.stage()), (sends, becomes), "{fact:?}");
        assert_eq!(decision.onboarding.number, onboarding.number + 1);
        onboarding = decision.onboarding;
    }
    assert_eq!(codes(&onboarding), []);
}

#[test]
fn a_fact_that_is_no_news_changes_nothing() {
    let mut onboarding = opened().onboarding;
    for (step, (fact, ..)) in story().into_iter().enumerate() {
        onboarding = apply(&onboarding, &format!("step {step}"), fact.clone()).onboarding;
        assert!(onboarding.decide(cause("again"), fact.clone()).unwrap().is_none(), "{fact:?}");
    }
}

#[test]
fn a_finding_with_other_arguments_is_news_and_counts_from_the_same_moment() {
    let blocked_by = |policy| {
        let finding = Finding::PolicyBlocks { policy, error: 53003 };
        Fact::Found { about: About::Consent, finding, token_of: None }
    };
    let first = blocked_by(Policy::ConditionalAccess);
    let onboarding = apply(&opened().onboarding, "first", first.clone()).onboarding;
    assert!(onboarding.decide(cause("again"), first).unwrap().is_none());
    let since = onboarding.blockers().first().unwrap().since;
    let later = Cause { now: cause("").now + time::Duration::hours(1), ..cause("second") };
    let second = onboarding.decide(later, blocked_by(Policy::InboundAccess)).unwrap().unwrap();
    let blocker = second.onboarding.blockers().first().unwrap().clone();
    assert_eq!(blocker.finding, Finding::PolicyBlocks { policy: Policy::InboundAccess, error: 53003 });
    assert_eq!(blocker.since, since);
}

#[test]
fn a_suspended_subscription_stops_and_a_reinstated_one_goes_on() {
    let onboarding = apply(&opened().onboarding, "key", proven("k")).onboarding;
    let status_is = |status| Fact::Subscription { status };
    let suspended = apply(&onboarding, "s", status_is(SubscriptionStatus::Suspended)).onboarding;
    assert_eq!(suspended.provision_plan().unwrap_err(), NoPlan::NotNow(NotNow::Suspended));
    let back = apply(&suspended, "r", status_is(SubscriptionStatus::Subscribed));
    assert_eq!(kinds(&back), [ProvisionRequested::KIND]);
    let ended = apply(&suspended, "u", status_is(SubscriptionStatus::Unsubscribed)).onboarding;
    assert!(ended.decide(cause("x"), proven("k")).unwrap().is_none(), "ended is final");
}

/// By the newest operation that the subscription agreed with, an older one is known to be overtaken.
#[test]
fn the_newest_concluded_operation_is_remembered_even_when_nothing_else_changes() {
    let at = |second: i64| cause("").now + time::Duration::seconds(second - 10);
    let agrees =
        |second| Fact::SubscriptionChanged { status: SubscriptionStatus::Subscribed, at: at(second) };
    let onboarding = apply(&opened().onboarding, "a", agrees(2)).onboarding;
    assert_eq!(onboarding.changed_at(), Some(at(2)));
    assert!(onboarding.decide(cause("b"), agrees(2)).unwrap().is_none(), "the same again");
    assert!(onboarding.decide(cause("c"), agrees(1)).unwrap().is_none(), "an older one");
    assert_eq!(apply(&onboarding, "d", agrees(3)).onboarding.changed_at(), Some(at(3)));
    let status = SubscriptionStatus::Suspended;
    let read = apply(&onboarding, "e", Fact::Subscription { status }).onboarding;
    assert_eq!(read.changed_at(), Some(at(2)), "what is only read names no operation");
    let from_tomorrow = apply(&opened().onboarding, "f", agrees(86_400)).onboarding;
    let now = cause("").now;
    assert_eq!(from_tomorrow.changed_at(), Some(now), "today's operations are not overtaken by it");
}

/// What cannot be acted on now is no fault of the message: it is no news, and the chain is taken up again later.
#[test]
fn what_is_not_to_be_done_now_is_no_news_and_what_contradicts_is_an_error() {
    let asked = || Fact::SetRequested { set: our_set(), operation: None, look_after_ms: 1 };
    let onboarding = opened().onboarding;
    assert!(onboarding.decide(cause("no key"), asked()).unwrap().is_none());
    let onboarding = apply(&onboarding, "key", proven("k")).onboarding;
    let status = SubscriptionStatus::Suspended;
    let suspended = apply(&onboarding, "s", Fact::Subscription { status }).onboarding;
    assert!(suspended.decide(cause("suspended"), asked()).unwrap().is_none());
    assert!(suspended.decide(cause("suspended"), Fact::Activated).unwrap().is_none());
    let another = Fact::SetRequested { set: set("another"), operation: None, look_after_ms: 1 };
    assert_eq!(onboarding.decide(cause("x"), another).unwrap_err(), Contradiction::AnotherSet);
    let unknown = Fact::DiskRequested { disk: disk("unknown"), look_after_ms: 1 };
    assert_eq!(encrypting(&["d1"]).decide(cause("x"), unknown).unwrap_err(), Contradiction::UnknownDisk);
}
