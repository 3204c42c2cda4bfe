//! What takes the chain up again: a check that is due, a person who asks, an event that is too old to be remembered.

use super::*;
use crate::event::KeyShared;

#[test]
fn a_check_takes_the_chain_up_where_it_stands_and_comes_less_often() {
    let found = found_at_key("k", grant_missing("k"));
    let mut onboarding = apply(&opened().onboarding, "consent", story().remove(0).0).onboarding;
    onboarding = apply(&onboarding, "probe", found).onboarding;
    let mut waits = vec![];
    for check in 0..12 {
        let blocker = onboarding.blockers().first().unwrap().clone();
        let due = Fact::CheckDue { entry: Some(blocker.entry) };
        let decision = apply(&onboarding, &format!("check {check}"), due.clone());
        assert_eq!(kinds(&decision), [KeyShared::KIND]);
        onboarding = decision.onboarding;
        let next_check = onboarding.blockers().first().unwrap().next_check.unwrap();
        waits.push((next_check - cause("").now).whole_minutes());
        assert!(onboarding.decide(cause("late"), due).unwrap().is_none(), "an older check is void");
    }
    assert_eq!(waits, [2, 4, 8, 16, 32, 64, 128, 256, 360, 360, 360, 360]);
}

/// The change that it needs was made long ago: a refusal now is not one that is still spreading.
#[test]
fn what_a_check_takes_up_again_is_marked_as_resumed_and_has_the_time_of_the_check() {
    let onboarding = apply(&opened().onboarding, "probe", found_at_key("k", grant_missing("k"))).onboarding;
    let checked = apply(&onboarding, "check", Fact::CheckDue { entry: None });
    for message in &checked.messages {
        assert_eq!(message.event["resumed"], true);
        assert_eq!(message.event["time"], "2026-02-01T12:00:00Z", "never a time that was not");
    }
    let consented = Fact::ConsentProven { service_principal: service_principal() };
    let first = apply(&onboarding, "consent", consented);
    assert_eq!(kinds(&first), [KeyShared::KIND]);
    assert_eq!(first.messages[0].event.get("resumed"), None, "this one is new");
}

/// With a set there the chain stands elsewhere than at the key; the check must still look at the key.
#[test]
fn a_check_looks_at_a_key_that_stopped_working_under_its_set() {
    let onboarding = after_steps(6);
    for finding in [grant_missing("k"), consent_missing()] {
        let stopped = apply(&onboarding, "refused", found_at_key("k", finding)).onboarding;
        let due = Fact::CheckDue { entry: Some(stopped.blockers().first().unwrap().entry) };
        let checked = apply(&stopped, "check", due);
        assert_eq!(kinds(&checked), [KeyShared::KIND]);
        assert!(!checked.onboarding.blockers().is_empty(), "until the key is proven again");
        assert_eq!(codes(&apply(&checked.onboarding, "back", proven("k")).onboarding), []);
    }
}

#[test]
fn a_person_who_asks_has_everything_looked_at_and_postpones_nothing() {
    let mut onboarding = apply(&encrypting(&["d1", "d2"]), "a", disks::attached("d1")).onboarding;
    onboarding = apply(&onboarding, "b", disks::attached("d2")).onboarding;
    onboarding = apply(&onboarding, "k", found_at_key("k", grant_missing("k"))).onboarding;
    let checked = apply(&onboarding, "asked", Fact::CheckDue { entry: None });
    let looked_at = [KeyShared::KIND, DiskEncryptionRequested::KIND, DiskEncryptionRequested::KIND];
    assert_eq!(kinds(&checked), looked_at);
    assert_eq!(checked.onboarding.blockers(), onboarding.blockers(), "the reminders stay as they were");
}

#[test]
fn a_check_finds_nothing_to_do_when_nothing_is_waited_for() {
    for fact in [Fact::CheckDue { entry: None }, Fact::CheckDue { entry: Some(2) }] {
        assert!(after_steps(4).decide(cause("check"), fact).unwrap().is_none());
    }
}

#[test]
fn a_key_that_is_still_to_be_submitted_is_not_looked_at_by_itself() {
    let blocker = after_steps(1).blockers().get(&Subject::CandidateKey).unwrap().clone();
    assert_eq!((blocker.finding.code(), blocker.next_check), (Code::KeyNotShared, None));
}

#[test]
fn an_event_that_is_too_old_to_be_remembered_takes_the_chain_up_where_it_stands() {
    let sent: Vec<Vec<&str>> = vec![
        vec![ProvisionRequested::KIND],
        vec![ProvisionStarted::KIND],
        vec![DiskEncryptionRequested::KIND],
        vec![DiskEncryptionRequested::KIND],
        vec![ActivationRequested::KIND],
    ];
    for (steps, sends) in (2..).zip(sent) {
        let onboarding = after_steps(steps);
        let decision = apply(&onboarding, "old", Fact::OldEvent);
        assert_eq!(kinds(&decision), sends, "after {steps} steps");
        let (number, taken) = (decision.onboarding.number, decision.onboarding.taken.clone());
        assert_eq!(decision.onboarding, Onboarding { number, taken, ..onboarding });
    }
}

#[test]
fn an_old_event_changes_nothing_where_somebody_has_to_act_or_nothing_is_to_be_done() {
    for steps in [1, 7] {
        assert!(after_steps(steps).decide(cause("old"), Fact::OldEvent).unwrap().is_none());
    }
}

/// A disk that somebody has to act on says nothing about the other one, whose message may be the one that was lost.
#[test]
fn an_old_event_takes_up_the_disks_that_wait_for_nobody() {
    let onboarding = apply(&encrypting(&["d1", "d2"]), "a", disks::attached("d1")).onboarding;
    let decision = apply(&onboarding, "old", Fact::OldEvent);
    assert_eq!(decision.messages.len(), 1);
    assert_eq!(decision.messages[0].event["data"]["disk"], disk("d2").to_string());
}
