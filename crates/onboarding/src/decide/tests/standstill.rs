//! Nothing stands for ever without somebody's turn: what was lost is started again, and then the vendor is named.

use std::time::Duration;

use super::*;
use crate::{Asked, RESTARTS, event::KeyShared, finding::Owner};

const HOUR: Duration = Duration::from_secs(3600);

/// The next check of what stands, at the time when it is to come.
fn restart(onboarding: &Onboarding) -> Decision {
    let now = onboarding.restart_at(HOUR).expect("it stands");
    let check = Fact::StandsStill { entry: onboarding.number };
    let origin = format!("restart at {now}");
    onboarding.decide(Cause { now, ..cause(&origin) }, check).unwrap().unwrap()
}

/// Every place at which the chain stands while a message is under way, with the message that takes it on.
fn every_place() -> Vec<(Onboarding, &'static str)> {
    let sends = [
        ProvisionRequested::KIND,
        ProvisionStarted::KIND,
        DiskEncryptionRequested::KIND,
        DiskEncryptionRequested::KIND,
        ActivationRequested::KIND,
    ];
    let mut places: Vec<_> = (2..).zip(sends).map(|(steps, sends)| (after_steps(steps), sends)).collect();
    let submitted_first =
        apply(&opened().onboarding, "probe", found_at_key("k", grant_missing("k"))).onboarding;
    let mut key = submitted_first.clone();
    key.blockers.clear();
    places.push((key, KeyShared::KIND));
    places
}

#[test]
fn wherever_its_message_was_lost_it_is_started_again_and_then_the_vendor_is_named() {
    for (mut onboarding, sends) in every_place() {
        let stood_since = onboarding.written_at();
        for nth in 1..=RESTARTS {
            assert_eq!(onboarding.restart_at(HOUR), Some(stood_since + HOUR * nth), "{sends}");
            let restarted = restart(&onboarding);
            assert_eq!((kinds(&restarted), codes(&restarted.onboarding)), (vec![sends], vec![]));
            onboarding = restarted.onboarding;
        }
        assert_eq!(onboarding.restart_at(HOUR), Some(stood_since + HOUR * (RESTARTS + 1)), "{sends}");
        let named = restart(&onboarding);
        assert_eq!(codes(&named.onboarding), [Code::StandsStill], "{sends}");
        let blocker = named.onboarding.blockers().first().unwrap();
        assert_eq!(blocker.finding.owner(), Owner::Vendor);
        assert!(blocker.next_check.is_some(), "and it is still looked at");
        assert_eq!(kinds(&named), [sends], "at once too");
        assert_eq!(named.onboarding.restart_at(HOUR), None, "it is somebody's turn");
    }
}

#[test]
fn the_vendor_is_named_no_more_when_it_gets_on() {
    for (steps, next) in (2..7).zip(story().into_iter().skip(2)) {
        let mut onboarding = after_steps(steps);
        for _ in 0..=RESTARTS {
            onboarding = restart(&onboarding).onboarding;
        }
        assert_eq!(codes(&onboarding), [Code::StandsStill]);
        let moved = apply(&onboarding, "moved", next.0.clone()).onboarding;
        let done = matches!(next.0, Fact::DiskRequested { .. });
        assert_eq!(codes(&moved).is_empty(), !done, "{:?}: a disk is done when it is read back", next.0);
    }
}

#[test]
fn what_moved_meanwhile_is_not_started_again() {
    let stood = after_steps(2);
    let moved = after_steps(3);
    let check = Fact::StandsStill { entry: stood.number };
    assert!(moved.decide(cause("check"), check).unwrap().is_none());
    let restarted = restart(&stood).onboarding;
    let requested = Fact::SetRequested { set: our_set(), operation: None, look_after_ms: 2000 };
    let moved = apply(&restarted, "moved", requested).onboarding;
    assert_eq!((moved.restarts, moved.stood_since), (0, None), "it has the whole time again");
}

#[test]
fn what_is_at_rest_or_waits_for_somebody_is_not_started_again() {
    for onboarding in [opened().onboarding, after_steps(1), after_steps(7)] {
        assert_eq!(onboarding.restart_at(HOUR), None);
        let check = Fact::StandsStill { entry: onboarding.number };
        assert!(onboarding.decide(cause("check"), check).unwrap().is_none());
    }
    let reason = crate::Reason::ArmRefused;
    let refused = Fact::StepRefused { function: "provision_requested".to_owned(), reason, about: About::Set };
    let dead = apply(&after_steps(2), "dead", refused).onboarding;
    assert_eq!(dead.restart_at(HOUR), None, "each restart would make another dead letter");
}

/// What somebody has to do about one disk hides no other disk whose message was lost, and its checks are no progress.
#[test]
fn a_disk_whose_message_was_lost_is_started_again_beside_one_that_waits() {
    let mut onboarding = apply(&encrypting(&["d1", "d2"]), "a", disks::attached("d1")).onboarding;
    let blocker = onboarding.blockers().first().unwrap().clone();
    let since = onboarding.written_at();
    let now = since + Duration::from_secs(60);
    let check = Fact::CheckDue { entry: Some(blocker.entry) };
    onboarding = onboarding.decide(Cause { now, ..cause("check") }, check).unwrap().unwrap().onboarding;
    assert_eq!(onboarding.restart_at(HOUR), Some(since + HOUR));
    let still_due = onboarding.blockers().first().cloned();
    for _ in 0..=RESTARTS {
        let restarted = restart(&onboarding);
        assert_eq!(restarted.messages.len(), 1);
        assert_eq!(restarted.messages[0].event["data"]["disk"], disk("d2").to_string());
        assert_eq!(
            restarted.onboarding.blockers().get(&Subject::Disk { disk: disk("d1") }),
            still_due.as_ref()
        );
        onboarding = restarted.onboarding;
    }
    assert_eq!(codes(&onboarding), [Code::DiskAttached, Code::StandsStill]);
}

#[test]
fn a_person_who_asks_has_what_stands_started_again_and_postpones_nothing() {
    let stood = after_steps(2);
    let ask = |onboarding: &Onboarding, after: Duration| {
        let now = onboarding.written_at() + after;
        onboarding.decide(Cause { now, ..cause("asked") }, Fact::CheckDue { entry: None }).unwrap()
    };
    assert!(ask(&stood, Duration::from_secs(59)).is_none(), "it is under way");
    let asked = ask(&stood, Duration::from_secs(60)).unwrap();
    assert_eq!(kinds(&asked), [ProvisionRequested::KIND]);
    assert_eq!(asked.onboarding.restart_at(HOUR), stood.restart_at(HOUR));
    assert_eq!(asked.onboarding.restarts, 0);
}

/// At every place of the story, blocked or not, early and late: what is said is what is decided.
#[test]
fn what_a_person_is_answered_is_what_is_done() {
    let status = |status| Fact::Subscription { status };
    let mut places: Vec<Onboarding> = (0..=7).map(after_steps).collect();
    places.extend(
        (2..7).map(|steps| apply(&after_steps(steps), "k", found_at_key("k", grant_missing("k"))).onboarding),
    );
    for steps in 0..7 {
        for becomes in [SubscriptionStatus::Suspended, SubscriptionStatus::Unsubscribed] {
            places.push(apply(&after_steps(steps), "status", status(becomes)).onboarding);
        }
    }
    let reason = crate::Reason::ArmRefused;
    let refused = Fact::StepRefused { function: "provision_requested".to_owned(), reason, about: About::Set };
    places.push(apply(&after_steps(2), "dead", refused).onboarding);
    let mut answers = std::collections::BTreeSet::new();
    for onboarding in places {
        for after in [Duration::from_secs(1), HOUR] {
            let now = onboarding.written_at() + after;
            let asked = onboarding.asked(now, cause("").first_check);
            let cause = Cause { now, ..cause("asked") };
            let decided = onboarding.decide(cause, Fact::CheckDue { entry: None }).unwrap();
            let looks = decided.is_some_and(|decision| !decision.messages.is_empty());
            assert_eq!(asked == Asked::LooksAgain, looks, "{asked:?}: {:?}", onboarding.stage());
            answers.insert(format!("{asked:?}"));
        }
    }
    assert_eq!(answers.len(), 6, "{answers:?}");
}
