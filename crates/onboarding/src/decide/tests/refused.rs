//! A step that was refused for good is a subject of its own.

use super::*;
use crate::{
    Reason,
    event::{KeyShared, ReplayDue},
    finding::Owner,
    test_support::cause_in,
};

fn refused(function: &str, reason: Reason, about: About) -> Fact {
    Fact::StepRefused { function: function.to_owned(), reason, about }
}

/// Seen: a key is submitted while the page waits for one, and its vault does not answer until the deadline. The page
/// went on to ask the customer for a key, and nobody looked again.
#[test]
fn a_key_whose_step_is_refused_is_the_vendors_turn_and_the_customer_is_not_asked_again() {
    let waiting = after_steps(1);
    assert_eq!(codes(&waiting), [Code::KeyNotShared]);
    let about = About::Key(key("k").without_version());
    let dead = apply(&waiting, "dead", refused("key_shared", Reason::DeadlineExceeded, about)).onboarding;
    assert_eq!(codes(&dead), [Code::StepRefused], "the key was submitted");
    let first = dead.blockers().first().unwrap();
    assert_eq!(first.finding.owner(), Owner::Vendor);
    let (function, reason) = ("key_shared".to_owned(), "DeadlineExceeded".to_owned());
    assert_eq!(first.finding, Finding::StepRefused { function, reason });
    assert_eq!(dead.candidate().unwrap().key, key("k").without_version());
    let asked = apply(&dead, "asked", Fact::OperatorAsked);
    assert_eq!(kinds(&asked), [KeyShared::KIND], "and the operator who asks has that key looked at");
}

#[test]
fn a_refused_step_is_looked_at_when_the_operator_says_so_and_then_forgotten() {
    let fact = refused("provision_requested", Reason::ArmRefused, About::Set);
    let onboarding = apply(&after_steps(2), "refused", fact.clone()).onboarding;
    assert!(onboarding.decide(cause("again"), fact).unwrap().is_none());
    let blocker = onboarding.blockers().first().unwrap();
    assert_eq!(blocker.next_check, None, "not by itself: each look would make another dead letter");
    let by_itself = Fact::CheckDue { entry: Some(blocker.entry) };
    assert!(onboarding.decide(cause("check"), by_itself).unwrap().is_none());
    let by_the_customer = Fact::CheckDue { entry: None };
    assert!(
        onboarding.decide(cause("click"), by_the_customer).unwrap().is_none(),
        "its dead letter is there"
    );
    let asked = apply(&onboarding, "asked", Fact::OperatorAsked);
    assert_eq!((kinds(&asked), codes(&asked.onboarding)), (vec![ProvisionRequested::KIND], vec![]));
}

#[test]
fn a_refused_step_comes_first_and_hides_nothing() {
    let onboarding = apply(&encrypting(&["d1", "d2"]), "a", disks::attached("d1")).onboarding;
    let dead = refused("disk_encryption_requested", Reason::ArmRefused, About::Disk(disk("d2")));
    let onboarding = apply(&onboarding, "dead", dead).onboarding;
    assert_eq!(codes(&onboarding), [Code::StepRefused, Code::DiskAttached]);
    let clicked = apply(&onboarding, "click", Fact::CheckDue { entry: None });
    assert_eq!(
        codes(&clicked.onboarding),
        [Code::StepRefused, Code::DiskAttached],
        "the customer removes nothing"
    );
    assert_eq!(kinds(&clicked), [DiskEncryptionRequested::KIND], "and has the rest looked at");
    let asked = apply(&onboarding, "asked", Fact::OperatorAsked);
    assert_eq!(kinds(&asked), [DiskEncryptionRequested::KIND; 2]);
    assert_eq!(codes(&asked.onboarding), [Code::DiskAttached]);
}

#[test]
fn a_function_that_gets_on_is_refused_no_more() {
    let dead = refused("provision_requested", Reason::DeadlineExceeded, About::Set);
    let onboarding = apply(&after_steps(2), "dead", dead).onboarding;
    let asked = || Fact::SetRequested { set: our_set(), operation: None, look_after_ms: 1 };
    let by_another = onboarding.decide(cause_in("another", "x"), asked()).unwrap().unwrap();
    assert_eq!(codes(&by_another.onboarding), [Code::StepRefused]);
    let replayed = onboarding.decide(cause_in("provision_requested", "x"), asked()).unwrap().unwrap();
    assert_eq!(codes(&replayed.onboarding), []);
}

/// A refused message that is replayed when everything it was for is done.
#[test]
fn a_replay_that_finds_nothing_left_to_do_clears_its_blocker() {
    let function = "disk_encryption_requested";
    let about = || About::Disk(disk("d1"));
    let done = || Fact::StepDone { function: function.to_owned(), about: about() };
    let onboarding = after_steps(5);
    assert!(onboarding.decide(cause_in(function, "x"), done()).unwrap().is_none(), "it was not refused");
    let dead = apply(&onboarding, "dead", refused(function, Reason::DeadlineExceeded, about())).onboarding;
    let cleared = dead.decide(cause_in(function, "x"), done()).unwrap().unwrap();
    let others_are_looked_for = vec![ReplayDue::KIND];
    assert_eq!((codes(&cleared.onboarding), kinds(&cleared)), (vec![], others_are_looked_for));
}
