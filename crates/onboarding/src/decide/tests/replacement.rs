//! Replacing the key in use: only by a proven key, only when the set was read back with it, and nothing is lost on failure.

use super::*;
use crate::{
    event::{Announcement, KeyReplacementRequested, LeavingDue},
    replacement::{Asker, NoReplacement, Progress},
    rotation::{NewestVersion, SetLook},
    test_support::version,
};

fn active() -> Onboarding {
    after_steps(story().len())
}

fn asked_for(proof: ProvenKey) -> Fact {
    Fact::ReplacementAsked { proof: Box::new(proof), by: Asker::Customer }
}

fn asked(onboarding: &Onboarding) -> Onboarding {
    apply(onboarding, "asked", asked_for(proof("other", TENANT))).onboarding
}

fn accepted(onboarding: &Onboarding) -> Onboarding {
    let fact = Fact::ReplacementAccepted { operation: None, look_after_ms: 2000 };
    apply(onboarding, "accepted", fact).onboarding
}

/// The set, with the other key and what it still needs.
fn set_under(active: azure_ids::KeyUrl, previous: &[azure_ids::KeyUrl], former: Option<Finding>) -> SetLook {
    SetLook { active, previous: previous.to_vec(), lost: None, former, error: None, rotated_at: None }
}

fn replaced_with(former: Option<Finding>) -> Fact {
    Fact::KeyReplaced { set: Box::new(set_under(key("other"), &[key("k")], former)) }
}

fn replaced() -> Onboarding {
    apply(&accepted(&asked(&active())), "replaced", replaced_with(None)).onboarding
}

fn looked(previous: &[azure_ids::KeyUrl], former: Option<Finding>) -> Fact {
    let newest = NewestVersion { version: key("other"), created: None, expires: None, fault: None };
    let set = set_under(key("other"), previous, former);
    Fact::KeyLooked { newest: Box::new(newest), set: Some(Box::new(set)) }
}

fn later(origin: &str, minutes: i64) -> Cause {
    let cause = cause(origin);
    Cause { now: cause.now + time::Duration::minutes(minutes), ..cause }
}

fn told(decision: &Decision) -> Vec<&str> {
    let messages = decision.messages.iter().filter(|message| message.queue == crate::event::TOPIC);
    messages.map(|message| message.event["type"].as_str().unwrap()).collect()
}

fn disabled(name: &str) -> Finding {
    Finding::KeyDisabled { key: key(name) }
}

#[test]
fn a_key_is_replaced_when_the_set_was_read_back_with_the_other_one_and_not_before() {
    let onboarding = active();
    let decision = apply(&onboarding, "asked", asked_for(proof("other", TENANT)));
    assert_eq!((kinds(&decision), told(&decision)), (vec![KeyReplacementRequested::KIND], vec![]));
    let wanted = decision.onboarding;
    assert_eq!(wanted.key, onboarding.key);
    assert_eq!(wanted.replacement().unwrap().progress, Progress::Wanted);
    let decision = apply(&wanted, "b", Fact::ReplacementAccepted { operation: None, look_after_ms: 2000 });
    assert_eq!(kinds(&decision), [KeyReplacementRequested::KIND]);
    assert_eq!(decision.onboarding.key, onboarding.key);
    let decision = apply(&decision.onboarding, "c", replaced_with(None));
    assert_eq!((kinds(&decision), told(&decision)), (vec![], vec![Announcement::KeyReplaced.kind()]));
    let replaced = decision.onboarding;
    assert_eq!(replaced.key, Some(proof("other", TENANT)));
    assert_eq!((replaced.candidate(), replaced.replacement()), (None, None));
    assert_eq!(replaced.stage(), Stage::Active);
}

/// The key before it is held until a rotation would be over: no disk needs it, and the documented hour has passed.
#[test]
fn the_former_key_is_held_until_no_disk_needs_it_and_the_hour_has_passed() {
    let replaced = replaced();
    assert!(replaced.holds(&key("k")) && replaced.holds(&key("other")));
    let early = replaced.decide(later("early", 59), looked(&[], None)).unwrap();
    assert!(early.is_none(), "the hour has not passed");
    let needed = replaced.decide(later("needed", 90), looked(&[key("k")], None)).unwrap();
    assert!(needed.is_none(), "Azure names it");
    let over = replaced.decide(later("over", 60), looked(&[], None)).unwrap().unwrap().onboarding;
    assert!(!over.holds(&key("k")) && over.holds(&key("other")));
    assert_eq!(over.former_key(), None);
}

#[test]
fn the_key_cannot_be_replaced_again_before_that() {
    let replaced = replaced();
    assert_eq!(replaced.may_replace(&key("k")), Err(NoReplacement::FormerNeeded));
    assert!(replaced.decide(cause("back"), asked_for(proof("k", TENANT))).unwrap().is_none());
    let over = replaced.decide(later("over", 60), looked(&[], None)).unwrap().unwrap().onboarding;
    let back = over.decide(cause("back"), asked_for(proof("k", TENANT))).unwrap();
    assert!(back.is_some(), "and then it can, also by the one before");
}

#[test]
fn only_a_key_of_the_bound_tenant_and_region_replaces_one() {
    let foreign = asked_for(proof("other", OTHER_TENANT));
    assert_eq!(active().decide(cause("x"), foreign).unwrap_err(), Contradiction::KeyOfAnotherTenant);
    let far = ProvenKey { region: "eastus".parse().unwrap(), ..proof("other", TENANT) };
    assert_eq!(active().decide(cause("x"), asked_for(far)).unwrap_err(), Contradiction::KeyInAnotherRegion);
}

#[test]
fn nothing_is_replaced_before_the_onboarding_is_active_by_the_same_key_or_during_another_change() {
    for steps in 0..7 {
        let early = after_steps(steps).decide(cause("early"), asked_for(proof("other", TENANT))).unwrap();
        assert!(early.is_none(), "after {steps} steps");
    }
    assert_eq!(active().may_replace(&version("k", 9)), Err(NoReplacement::InUse));
    let wanted = asked(&active());
    assert_eq!(wanted.may_replace(&key("third")), Err(NoReplacement::UnderWay));
    for fact in [asked_for(proof("third", TENANT)), proven("third"), found_at_key("third", disabled("third"))]
    {
        assert!(wanted.decide(cause("third"), fact.clone()).unwrap().is_none(), "{fact:?}");
    }
}

#[test]
fn a_set_with_any_other_key_replaces_nothing() {
    let set = Box::new(set_under(key("third"), &[], None));
    let third = accepted(&asked(&active())).decide(cause("third"), Fact::KeyReplaced { set }).unwrap();
    assert!(third.is_none());
    let nobody_asked = active().decide(cause("nobody"), replaced_with(None)).unwrap();
    assert!(nobody_asked.is_none());
}

/// The candidate stays: whoever mended what was wrong asks again.
#[test]
fn a_refused_change_leaves_the_key_in_use_says_so_and_can_be_asked_for_again() {
    let finding = Finding::ReplacementRefused { key: key("other").without_version(), error: "E".to_owned() };
    let before = active();
    for change in [asked(&before), accepted(&asked(&before))] {
        let failed = Fact::ReplacementFailed { finding: finding.clone() };
        let failed = apply(&change, "failed", failed).onboarding;
        assert_eq!((&failed.key, failed.stage()), (&before.key, Stage::Active));
        let blocker = failed.blockers().get(&Subject::Replacement).unwrap();
        assert_eq!((&blocker.finding, blocker.next_check), (&finding, None));
        assert_eq!(codes(&asked(&failed)), [], "it is asked for again");
        let withdrawn = Fact::CandidateWithdrawn { key: key("other").without_version() };
        let withdrawn = apply(&failed, "withdrawn", withdrawn).onboarding;
        assert_eq!((withdrawn.candidate(), codes(&withdrawn)), (None, vec![]));
        assert!(!withdrawn.holds(&key("other")));
    }
}

#[test]
fn a_key_that_is_lost_before_azure_is_asked_ends_the_change_and_says_nothing_of_the_key_in_use() {
    for finding in [disabled("other"), consent_missing()] {
        let lost = found_at_key("other", finding.clone());
        let after = apply(&asked(&active()), "lost", lost.clone()).onboarding;
        assert_eq!((after.replacement(), after.stage()), (None, Stage::Active));
        assert_eq!(after.candidate().unwrap().proof, None);
        let blocker = after.blockers().get(&Subject::CandidateKey).unwrap();
        assert_eq!(blocker.finding, finding);
        assert!(after.decide(cause("again"), lost.clone()).unwrap().is_none());
        assert_eq!(codes(&apply(&after, "works", proven("other")).onboarding), []);
        let accepted = accepted(&asked(&active()));
        assert!(accepted.decide(cause("late"), lost).unwrap().is_none(), "Azure has the change");
    }
}

#[test]
fn a_candidate_is_taken_back_unless_it_is_to_be_put_in_use() {
    let candidate = apply(&active(), "other", proven("other")).onboarding;
    let back = Fact::CandidateWithdrawn { key: key("other").without_version() };
    assert_eq!(apply(&candidate, "back", back.clone()).onboarding.candidate(), None);
    assert!(asked(&candidate).decide(cause("late"), back.clone()).unwrap().is_none());
    assert!(active().decide(cause("none"), back).unwrap().is_none());
    let another = Fact::CandidateWithdrawn { key: key("third") };
    assert!(candidate.decide(cause("another"), another).unwrap().is_none());
}

/// The customer disabled the key in use, and gives another one.
fn revoked() -> Onboarding {
    apply(&active(), "revoked", found_at_key("k", disabled("k"))).onboarding
}

#[test]
fn a_revoked_key_is_replaced_and_the_onboarding_recovers_when_no_disk_needs_it() {
    let before = revoked();
    assert!(before.grace.ladder.is_some());
    let change = accepted(&asked(&before));
    assert_eq!(change.stage(), Stage::Revoked, "asking for it mends nothing");
    let set = Box::new(set_under(key("other"), &[], None));
    let decision = apply(&change, "replaced", Fact::KeyReplaced { set });
    assert_eq!((decision.onboarding.stage(), codes(&decision.onboarding)), (Stage::Active, vec![]));
    assert_eq!(decision.onboarding.grace.ladder, None);
    assert_eq!(told(&decision), [Announcement::Recovered.kind(), Announcement::KeyReplaced.kind()]);
}

/// Disks cannot be wrapped anew without the key that they are wrapped with.
#[test]
fn while_disks_need_a_key_that_is_lost_it_stays_revoked_whatever_the_new_key_says() {
    let change = accepted(&asked(&revoked()));
    let lost = apply(&change, "replaced", replaced_with(Some(disabled("k")))).onboarding;
    assert_eq!((lost.stage(), lost.revoked_since()), (Stage::Revoked, change.revoked_since()));
    assert_eq!(lost.blockers().get(&Subject::FormerKey).unwrap().finding, disabled("k"));
    assert!(lost.grace.ladder.is_some(), "the ladder goes on");
    assert!(lost.decide(cause("works"), proven("other")).unwrap().is_none(), "and that is no news");
    let still = lost.decide(later("still", 15), looked(&[key("k")], Some(disabled("k")))).unwrap();
    assert!(still.is_none());
    let serves = lost.decide(later("serves", 30), looked(&[key("k")], None)).unwrap().unwrap();
    assert_eq!((serves.onboarding.stage(), &serves.onboarding.grace.ladder), (Stage::Active, &None));
    assert_eq!(told(&serves), [Announcement::Recovered.kind()]);
}

#[test]
fn a_former_key_that_is_taken_away_too_early_is_named_and_revokes_nothing() {
    let early = looked(&[key("k")], Some(disabled("k")));
    let named = replaced().decide(later("early", 10), early).unwrap().unwrap().onboarding;
    assert_eq!((named.stage(), codes(&named)), (Stage::Active, vec![Code::FormerKeyNeeded]));
    let mended = named.decide(later("mended", 20), looked(&[key("k")], None)).unwrap().unwrap();
    assert_eq!(codes(&mended.onboarding), []);
}

#[test]
fn an_unsubscribed_customer_ends_a_change_wherever_it_is() {
    for change in [asked(&active()), accepted(&asked(&active())), replaced()] {
        let ended = Fact::Subscription { status: SubscriptionStatus::Unsubscribed };
        let ended = apply(&change, "ended", ended).onboarding;
        assert!(ended.leaving().is_some(), "what it uses is given back in order");
        let late = asked_for(proof("other", TENANT));
        assert!(ended.decide(cause("late"), late).unwrap().is_none(), "no change begins any more");
        assert_eq!(ended.restart_at(std::time::Duration::ZERO), None);
    }
}

#[test]
fn a_change_that_azure_carried_out_counts_also_when_the_customer_leaves_meanwhile() {
    for change in [asked(&active()), accepted(&asked(&active()))] {
        let ended = Fact::Subscription { status: SubscriptionStatus::Unsubscribed };
        let leaving = apply(&change, "ended", ended).onboarding;
        let decision = apply(&leaving, "seen", replaced_with(None));
        assert_eq!(kinds(&decision), [LeavingDue::KIND]);
        assert!(decision.onboarding.key().unwrap().version.is_same_key(&key("other")));
        assert!(decision.onboarding.is_held() && decision.onboarding.replaced_by().is_none());
    }
}

/// The message that follows a change was lost: the walk finds it, although the onboarding is active.
#[test]
fn a_change_whose_message_was_lost_is_taken_up_again() {
    for change in [asked(&active()), accepted(&asked(&active()))] {
        assert!(change.restart_at(std::time::Duration::from_secs(3600)).is_some());
        let restarted = apply(&change, "walk", Fact::StandsStill { entry: change.number() });
        assert_eq!(kinds(&restarted), [KeyReplacementRequested::KIND]);
    }
    assert_eq!(active().restart_at(std::time::Duration::ZERO), None);
    assert_eq!(replaced().restart_at(std::time::Duration::ZERO), None);
}

#[test]
fn a_refused_step_of_a_change_is_resumed_by_the_operator() {
    let refused = Fact::StepRefused {
        function: KeyReplacementRequested::QUEUE.to_owned(),
        reason: crate::Reason::DeadlineExceeded,
        about: About::Key(key("other").without_version()),
    };
    let refused = apply(&asked(&active()), "refused", refused).onboarding;
    assert_eq!(codes(&refused), [Code::StepRefused]);
    assert_eq!(kinds(&apply(&refused, "resume", Fact::OperatorAsked)), [KeyReplacementRequested::KIND]);
}

/// Ten versions later the former key is still held.
#[test]
fn a_former_key_is_not_forgotten_for_newer_versions() {
    let mut onboarding = replaced();
    for number in 1..30 {
        let active = version("other", number);
        let newest = NewestVersion { version: active.clone(), created: None, expires: None, fault: None };
        let set = set_under(active, &[key("k")], None);
        let fact = Fact::KeyLooked { newest: Box::new(newest), set: Some(Box::new(set)) };
        onboarding = apply(&onboarding, &format!("rotated {number}"), fact).onboarding;
        assert!(onboarding.holds(&key("k")), "{number}");
    }
    assert!(onboarding.rotation().unwrap().from.len() <= 11);
}
