//! Disks under a ready set: each has a blocker and checks of its own.

use super::*;
use crate::DropReason;

pub(super) fn attached(name: &str) -> Fact {
    let finding = Finding::DiskAttached { disk: disk(name), error: None };
    Fact::Found { about: About::Disk(disk(name)), finding, token_of: None }
}

fn subject(name: &str) -> Subject {
    Subject::Disk { disk: disk(name) }
}

#[test]
fn one_disks_success_does_not_erase_another_disks_blocker() {
    let onboarding = apply(&encrypting(&["d1", "d2"]), "a", attached("d1")).onboarding;
    let onboarding = apply(&onboarding, "b", encrypted("d2")).onboarding;
    let entry = onboarding.blockers().get(&subject("d1")).unwrap().entry;
    let checked = apply(&onboarding, "check", Fact::CheckDue { entry: Some(entry) });
    assert_eq!(kinds(&checked), [DiskEncryptionRequested::KIND]);
    let done = apply(&checked.onboarding, "c", encrypted("d1"));
    assert_eq!((kinds(&done), codes(&done.onboarding)), (vec![ActivationRequested::KIND], vec![]));
}

#[test]
fn two_blocked_disks_have_a_blocker_each_and_each_is_looked_at_in_its_own_time() {
    let onboarding = apply(&encrypting(&["d1", "d2"]), "a", attached("d1")).onboarding;
    let later = Cause { now: cause("").now + time::Duration::seconds(30), ..cause("b") };
    let onboarding = onboarding.decide(later, attached("d2")).unwrap().unwrap().onboarding;
    assert_eq!(codes(&onboarding), [Code::DiskAttached, Code::DiskAttached]);
    let [one, other] = ["d1", "d2"].map(|name| onboarding.blockers().get(&subject(name)).unwrap().clone());
    assert_ne!((one.entry, one.next_check), (other.entry, other.next_check));

    let checked = apply(&onboarding, "check", Fact::CheckDue { entry: Some(one.entry) });
    assert_eq!(checked.messages.len(), 1);
    assert_eq!(checked.messages[0].event["data"]["disk"], disk("d1").to_string());
    assert_eq!(checked.onboarding.blockers().get(&subject("d1")).unwrap().checks, 1);
    assert_eq!(checked.onboarding.blockers().get(&subject("d2")), Some(&other), "not its turn yet");

    let done = apply(&onboarding, "c", encrypted("d1"));
    assert_eq!(kinds(&done), [""; 0], "the other disk has a check of its own");
    assert_eq!(done.onboarding.blockers().get(&subject("d2")), Some(&other));
}

#[test]
fn a_disk_that_is_not_completed_is_asked_for_again_however_often() {
    let not_completed = || Fact::Found {
        about: About::Disk(disk("d1")),
        finding: Finding::DiskEncryptionFailed { disk: disk("d1") },
        token_of: None,
    };
    let mut onboarding = encrypting(&["d1"]);
    for round in 0..3 {
        let requested = Fact::DiskRequested { disk: disk("d1"), look_after_ms: 1 };
        onboarding = apply(&onboarding, &format!("ask {round}"), requested).onboarding;
        onboarding = apply(&onboarding, &format!("nothing {round}"), not_completed()).onboarding;
        assert_eq!(onboarding.disks()[&disk("d1")], DiskState::Found, "round {round}");
        let due = Fact::CheckDue { entry: Some(onboarding.blockers().first().unwrap().entry) };
        let checked = apply(&onboarding, &format!("check {round}"), due);
        assert_eq!(kinds(&checked), [DiskEncryptionRequested::KIND]);
        onboarding = checked.onboarding;
    }
    assert_eq!(onboarding.blockers().first().unwrap().checks, 3, "and ever less often");
}

#[test]
fn a_disk_that_is_found_later_does_not_erase_another_disks_blocker() {
    let onboarding = apply(&encrypting(&["d1"]), "a", attached("d1")).onboarding;
    let again = Fact::SetReady { set: our_set(), disks: vec![disk("d1"), disk("d2")] };
    let found = apply(&onboarding, "again", again);
    assert_eq!(kinds(&found), [DiskEncryptionRequested::KIND]);
    assert!(found.onboarding.blockers().get(&subject("d1")).is_some(), "d1 still waits for the vendor");
    let onboarding = apply(&found.onboarding, "b", encrypted("d2")).onboarding;
    assert_eq!(codes(&onboarding), [Code::DiskAttached], "or d1 is never looked at again");
}

#[test]
fn a_set_without_disks_waits_for_the_vendor_and_is_looked_at_again() {
    let onboarding = encrypting(&[]);
    let blocker = onboarding.blockers().get(&Subject::Set).unwrap();
    assert_eq!(
        blocker.finding,
        Finding::NoDisks { tenant: tenant(), subscription: Some(opened().onboarding.purchase.subscription) }
    );
    let checked = apply(&onboarding, "check", Fact::CheckDue { entry: Some(blocker.entry) });
    assert_eq!(kinds(&checked), [ProvisionStarted::KIND]);
    let ready = Fact::SetReady { set: our_set(), disks: vec![disk("d1")] };
    assert_eq!(codes(&apply(&checked.onboarding, "tagged", ready).onboarding), []);
}

fn dropped(name: &str) -> Fact {
    Fact::DiskDropped { disk: disk(name), why: DropReason::Retagged }
}

fn listed(names: &[&str]) -> Fact {
    Fact::SetReady { set: our_set(), disks: names.iter().map(|name| disk(name)).collect() }
}

#[test]
fn a_dropped_disk_has_the_disks_listed_again_and_the_last_pending_one_lets_the_chain_go_on() {
    let onboarding = apply(&encrypting(&["d1", "d2"]), "a", attached("d1")).onboarding;
    let onboarding = apply(&onboarding, "b", encrypted("d2")).onboarding;
    let decision = apply(&onboarding, "c", dropped("d1"));
    assert_eq!((kinds(&decision), codes(&decision.onboarding)), (vec![ProvisionStarted::KIND], vec![]));
    assert!(decision.onboarding.decide(cause("again"), dropped("d1")).unwrap().is_none());
    let onboarding = decision.onboarding;
    assert_eq!(kinds(&apply(&onboarding, "d", listed(&["d2"]))), [ActivationRequested::KIND]);
    let successor = apply(&onboarding, "d", listed(&["d2", "d3"]));
    assert_eq!(kinds(&successor), [DiskEncryptionRequested::KIND], "not billed before it is encrypted");
}

#[test]
fn an_onboarding_whose_only_disk_is_dropped_waits_for_the_vendor() {
    let onboarding = apply(&encrypting(&["d1"]), "a", dropped("d1")).onboarding;
    assert!(onboarding.activation_plan().is_err(), "nothing is encrypted, so nothing is billed");
    let empty = apply(&onboarding, "b", listed(&[])).onboarding;
    assert_eq!(codes(&empty), [Code::NoDisks]);
    let back = apply(&empty, "c", listed(&["d1"]));
    assert_eq!((kinds(&back), back.onboarding.dropped().len()), (vec![DiskEncryptionRequested::KIND], 0));
}
