//! Disks that cannot be encrypted are named before anything is changed, and hold up nobody else.

use super::*;
use crate::preflight::UnfitDisk;

fn unfit(name: &str, snapshots: u32) -> UnfitDisk {
    UnfitDisk {
        disk: disk(name),
        finding: Finding::DiskHasIncrementalSnapshots { disk: disk(name), snapshots },
    }
}

fn preflight(unfit: &[UnfitDisk]) -> Fact {
    Fact::Preflight { unfit: unfit.to_vec() }
}

fn subject(name: &str) -> Subject {
    Subject::Disk { disk: disk(name) }
}

/// The key works, and the set is about to be asked for.
fn provisioning() -> Onboarding {
    after_steps(2)
}

#[test]
fn unfit_disks_are_named_before_the_set_is_asked_for_and_the_chain_goes_on() {
    let found = [unfit("d1", 1), unfit("d2", 2)];
    let decision = apply(&provisioning(), "look", preflight(&found));
    assert_eq!(kinds(&decision), [ProvisionRequested::KIND]);
    assert_eq!(decision.onboarding.set(), &Set::None, "nothing was changed");
    assert_eq!(codes(&decision.onboarding), [Code::DiskHasIncrementalSnapshots; 2]);
    assert!(decision.onboarding.knows_unfit(&found) && !decision.onboarding.knows_unfit(&found[..1]));
    assert!(decision.onboarding.decide(cause("again"), preflight(&found)).unwrap().is_none());
}

#[test]
fn nothing_unfit_is_no_news_until_something_was() {
    assert!(provisioning().decide(cause("look"), preflight(&[])).unwrap().is_none());
    let onboarding = apply(&provisioning(), "look", preflight(&[unfit("d1", 1)])).onboarding;
    let mended = apply(&onboarding, "mended", preflight(&[]));
    assert_eq!(codes(&mended.onboarding), []);
    let more = apply(&onboarding, "more", preflight(&[unfit("d1", 3)])).onboarding;
    let [before, after] =
        [&onboarding, &more].map(|onboarding| onboarding.blockers().get(&subject("d1")).unwrap().since);
    assert_eq!(before, after, "the same, with another number");
}

#[test]
fn a_disk_that_cannot_be_encrypted_does_not_hold_up_the_set_or_another_disk() {
    let onboarding = apply(&provisioning(), "look", preflight(&[unfit("d1", 1), unfit("d3", 1)])).onboarding;
    let blocked = onboarding.blockers().get(&subject("d1")).unwrap().entry;
    let checked = apply(&onboarding, "check", Fact::CheckDue { entry: Some(blocked) });
    assert_eq!(
        kinds(&checked),
        [ProvisionRequested::KIND],
        "the preflight looks at disks, while there is no set"
    );
    let standstill = std::time::Duration::from_secs(3600);
    assert!(onboarding.restart_at(standstill).is_some(), "a lost message is sent again");

    let asked = Fact::SetRequested { set: our_set(), operation: None, look_after_ms: 1 };
    let onboarding = apply(&onboarding, "asked", asked).onboarding;
    let ready = Fact::SetReady { set: our_set(), disks: vec![disk("d1"), disk("d2")] };
    let ready = apply(&onboarding, "ready", ready);
    assert_eq!(kinds(&ready), [DiskEncryptionRequested::KIND; 2]);
    assert!(ready.onboarding.blockers().get(&subject("d1")).is_some());
    assert!(ready.onboarding.blockers().get(&subject("d3")).is_none(), "it is not this customer's any more");
    let done = apply(&ready.onboarding, "d2", encrypted("d2"));
    assert_eq!(kinds(&done), [""; 0], "nobody is billed while a disk is not encrypted");
    assert_eq!(kinds(&apply(&done.onboarding, "d1", encrypted("d1"))), [ActivationRequested::KIND]);
}

#[test]
fn a_preflight_that_comes_late_is_no_news() {
    assert!(after_steps(1).decide(cause("no key"), preflight(&[unfit("d1", 1)])).unwrap().is_none());
    assert!(after_steps(3).decide(cause("asked"), preflight(&[unfit("d1", 1)])).unwrap().is_none());
}
