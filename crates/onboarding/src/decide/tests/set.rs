//! A disk encryption set that was deleted or changed by somebody else.

use super::*;
use crate::{DiskState, event::KeyShared, test_support::cause_in};

fn gone(in_use: bool) -> Fact {
    Fact::SetGone { set: our_set(), in_use }
}

/// The check of the first blocker is due.
fn check(onboarding: &Onboarding) -> Decision {
    let entry = onboarding.blockers().first().unwrap().entry;
    apply(onboarding, &format!("check {entry}"), Fact::CheckDue { entry: Some(entry) })
}

/// Wherever the chain stands, up to the last disk.
#[test]
fn a_set_that_is_gone_is_made_again_after_the_key_was_probed() {
    for steps in 3..=6 {
        let before = after_steps(steps);
        let onboarding = apply(&before, "gone", gone(false)).onboarding;
        assert_eq!((onboarding.set(), codes(&onboarding)), (&Set::None, vec![Code::SetDeleted]), "{steps}");
        assert_eq!(onboarding.blockers().first().unwrap().finding.owner(), crate::finding::Owner::Vendor);
        assert!(onboarding.decide(cause("again"), gone(false)).unwrap().is_none(), "{steps}: no news");
        let checked = check(&onboarding);
        assert_eq!(kinds(&checked), [KeyShared::KIND], "{steps}");
        let proven = apply(&checked.onboarding, "proven", proven("k"));
        assert_eq!(kinds(&proven), [ProvisionRequested::KIND], "{steps}");
        let requested = Fact::SetRequested { set: our_set(), operation: None, look_after_ms: 1 };
        let onboarding = apply(&proven.onboarding, "requested", requested).onboarding;
        let ready = apply(&onboarding, "ready", Fact::SetReady { set: our_set(), disks: vec![disk("d1")] });
        assert_eq!(kinds(&ready), [DiskEncryptionRequested::KIND], "{steps}: the disk is taken up again");
        assert_eq!(ready.onboarding.disks()[&disk("d1")], DiskState::Found);
        assert_eq!(codes(&ready.onboarding), [], "{steps}");
    }
}

#[test]
fn a_set_that_is_deleted_again_and_again_is_made_ever_less_often() {
    let mut onboarding = after_steps(3);
    let mut waits = vec![];
    for round in 0..3 {
        onboarding = apply(&onboarding, &format!("gone {round}"), gone(false)).onboarding;
        let blocker = onboarding.blockers().first().unwrap();
        waits.push((blocker.next_check.unwrap() - cause("").now).whole_seconds());
        for (step, fact) in
            [proven("k"), Fact::SetRequested { set: our_set(), operation: None, look_after_ms: 1 }]
                .into_iter()
                .enumerate()
        {
            onboarding = apply(&onboarding, &format!("{round} {step}"), fact).onboarding;
        }
    }
    assert_eq!(waits, [60, 120, 240]);
}

/// Azure says that it deletes no set that is in use; if it shows one, nothing is put in its place.
#[test]
fn a_set_that_azure_shows_in_use_or_that_was_in_service_is_only_looked_at() {
    for (onboarding, in_use) in [(after_steps(5), true), (after_steps(7), false), (after_steps(7), true)] {
        let blocked = apply(&onboarding, "gone", gone(in_use)).onboarding;
        assert_eq!((blocked.set(), codes(&blocked)), (onboarding.set(), vec![Code::SetDeleted]));
        assert_eq!(blocked.disks(), onboarding.disks());
        assert!(blocked.decide(cause("again"), gone(in_use)).unwrap().is_none());
        assert_eq!(kinds(&check(&blocked)), [ProvisionStarted::KIND], "the set is looked at");
    }
}

/// The steps that found it are done with their messages: what they were about is taken up when the set is as it was.
#[test]
fn what_waited_for_a_set_that_somebody_changed_goes_on_when_it_is_changed_back() {
    let changed = Finding::SetChanged { set: our_set(), what: "key is different".to_owned() };
    let all = vec![disk("d1")];
    for (steps, goes_on) in [
        (4, DiskEncryptionRequested::KIND),
        (5, DiskEncryptionRequested::KIND),
        (6, ActivationRequested::KIND),
    ] {
        let found = Fact::Found { about: About::Set, finding: changed.clone(), token_of: None };
        let blocked = apply(&after_steps(steps), "changed", found.clone()).onboarding;
        assert_eq!(codes(&blocked), [Code::SetChanged], "{steps}");
        assert!(blocked.decide(cause_in("other", "again"), found).unwrap().is_none());
        let checked = check(&blocked);
        assert_eq!(kinds(&checked), [ProvisionStarted::KIND], "{steps}");
        let ready = Fact::SetReady { set: our_set(), disks: all.clone() };
        let back = apply(&checked.onboarding, "back", ready.clone());
        assert_eq!((kinds(&back), codes(&back.onboarding)), (vec![goes_on], vec![]), "{steps}");
        assert!(back.onboarding.decide(cause("again"), ready).unwrap().is_none());
    }
}

#[test]
fn another_set_that_is_gone_is_no_news() {
    let other = Fact::SetGone { set: set("another"), in_use: false };
    assert!(after_steps(4).decide(cause("x"), other).unwrap().is_none());
    assert!(after_steps(2).decide(cause("x"), gone(false)).unwrap().is_none(), "none was asked for");
}
