//! When an outage begins and ends, and what of its dead letters is sent again.

use std::time::Duration;

use super::*;
use crate::{
    Reason,
    event::ReplayDue,
    outage::{Place, Replay},
};

fn active() -> Onboarding {
    after_steps(story().len())
}

fn unreachable() -> Fact {
    let vault = key("k").host().as_str().to_owned();
    found_at_key("k", Finding::VaultUnreachable { vault, error: "status 503".to_owned() })
}

fn refused(reason: Reason, about: About) -> Fact {
    Fact::StepRefused { function: "disk_encryption_requested".to_owned(), reason, about }
}

fn later(minutes: i32) -> Cause {
    Cause { now: cause("").now + minutes * time::Duration::MINUTE, ..cause(&minutes.to_string()) }
}

/// The onboarding after these, each a minute after the one before.
fn after(onboarding: Onboarding, facts: Vec<Fact>) -> Decision {
    let mut last = None;
    let mut onboarding = onboarding;
    for (fact, minute) in facts.into_iter().zip(1..) {
        let decision = onboarding.decide(later(minute), fact).unwrap().unwrap();
        onboarding = decision.onboarding.clone();
        last = Some(decision);
    }
    last.unwrap()
}

fn letters(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn chosen(names: &[&str], next: Option<Place>) -> Fact {
    Fact::LettersChosen { letters: letters(names), next }
}

fn sent(names: &[&str]) -> Fact {
    Fact::LettersReplayed { replayed: letters(names), gone: vec![], left: vec![] }
}

#[test]
fn a_key_that_works_again_has_the_letters_of_the_outage_looked_for() {
    let back = after(active(), vec![unreachable(), proven("k")]);
    assert_eq!(kinds(&back), [ReplayDue::KIND]);
    let replay = back.onboarding.replay().unwrap();
    assert_eq!((replay.since, replay.until), (later(1).now, later(2).now));
    assert_eq!((replay.recovery, replay.entry), (back.onboarding.number(), back.onboarding.number()));
    assert_eq!(back.messages[0].event["data"]["entry"], back.onboarding.number());
    let well = after(active(), vec![unreachable(), proven("k"), refused(Reason::ArmRefused, About::Set)]);
    assert_eq!(well.onboarding.outage.since, None, "a refusal is no outage");
}

/// A step that died of an outage: whichever step gets an answer then shows that it is over.
#[test]
fn before_it_is_active_the_next_step_that_gets_on_shows_that_an_outage_is_over() {
    let of_d1 = || About::Disk(disk("d1"));
    for reason in [Reason::DeadlineExceeded, Reason::MaxDeliveryCountExceeded, Reason::TTLExpiredException] {
        let died = after(encrypting(&["d1", "d2"]), vec![refused(reason, of_d1())]);
        assert_eq!((died.onboarding.outage.since, kinds(&died)), (Some(later(1).now), vec![]), "{reason}");
        let got_on = after(died.onboarding, vec![encrypted("d2")]);
        assert_eq!(kinds(&got_on), [ReplayDue::KIND], "{reason}");
    }
    for reason in [Reason::ArmRefused, Reason::UnknownDisk, Reason::Misconfigured, Reason::JournalTampered] {
        let facts = vec![refused(reason, of_d1()), encrypted("d2")];
        assert_eq!(kinds(&after(encrypting(&["d1", "d2"]), facts)), [] as [&str; 0], "{reason}");
    }
}

/// What the operator asks for shows nothing; that the vault is out still is no reason to think that it is not.
#[test]
fn nothing_but_an_answer_ends_an_outage() {
    let out = after(active(), vec![unreachable(), Fact::Frozen { reason: None }, Fact::Unfrozen]);
    assert!(out.onboarding.outage.since.is_some() && out.onboarding.replay().is_none());
    let status = SubscriptionStatus::Suspended;
    let suspended = after(out.onboarding, vec![Fact::Subscription { status }]);
    assert!(suspended.onboarding.outage.since.is_some(), "the marketplace is no vault");
    let ended =
        after(suspended.onboarding, vec![Fact::Subscription { status: SubscriptionStatus::Unsubscribed }]);
    assert_eq!(ended.onboarding.outage, crate::outage::Outage::default());
}

#[test]
fn letters_are_written_down_before_they_are_sent_again_and_the_rest_comes_after_a_pause() {
    let back = after(active(), vec![unreachable(), proven("k")]).onboarding;
    assert!(back.decide(later(5), chosen(&[], None)).unwrap().is_none(), "that there are none is no news");
    assert!(back.decide(later(5), sent(&["key_shared/7"])).unwrap().is_none(), "none were chosen");
    let next = Place { queue: "key_shared".to_owned(), from: 8 };
    let first = after(back, vec![chosen(&["key_shared/7"], Some(next.clone()))]);
    let at_once = first.messages[0].due;
    assert_eq!((kinds(&first), at_once), (vec![ReplayDue::KIND], None));
    let replay = first.onboarding.replay().unwrap();
    assert_eq!((&replay.letters, replay.entry), (&letters(&["key_shared/7"]), first.onboarding.number()));
    assert_eq!(first.onboarding.decide(later(6), chosen(&[], None)).unwrap().map(drop), None, "not yet");
    let rest = first.onboarding.decide(later(6), sent(&["key_shared/7"])).unwrap().unwrap();
    let pause = Duration::from_secs(10);
    assert_eq!((kinds(&rest), rest.messages[0].due), (vec![ReplayDue::KIND], Some(later(6).now + pause)));
    let Replay { letters, next: to_come, .. } = rest.onboarding.replay().unwrap().clone();
    assert_eq!((letters, to_come), (vec![], Some(next)));
    let none_left = rest.onboarding.decide(later(7), chosen(&[], None)).unwrap().unwrap();
    assert_eq!((kinds(&none_left), none_left.onboarding.replay()), (vec![], None));
}

#[test]
fn the_last_letters_end_it_and_a_replay_whose_message_was_lost_is_known() {
    let back = after(active(), vec![unreachable(), proven("k")]).onboarding;
    assert!(back.lost_replay(later(1000).now).is_none(), "it may have found nothing");
    let chosen = back.decide(later(3), chosen(&["key_shared/7"], None)).unwrap().unwrap().onboarding;
    assert!(chosen.lost_replay(later(3).now).is_none());
    assert_eq!(chosen.lost_replay(later(4).now).unwrap().entry, chosen.number());
    let sent = chosen.decide(later(4), sent(&["key_shared/7"])).unwrap().unwrap();
    assert_eq!((kinds(&sent), sent.onboarding.replay()), (vec![], None));
}

/// What was not sent again by then is not forgotten.
#[test]
fn an_outage_that_comes_back_stops_the_replay_and_keeps_since_when() {
    let back = after(active(), vec![unreachable(), proven("k")]).onboarding;
    let chosen = back.decide(later(3), chosen(&["key_shared/7"], None)).unwrap().unwrap().onboarding;
    let out = chosen.decide(later(4), unreachable()).unwrap().unwrap().onboarding;
    assert_eq!((out.replay(), out.outage.since), (None, Some(later(1).now)));
    let again = out.decide(later(9), proven("k")).unwrap().unwrap().onboarding;
    let replay = again.replay().unwrap();
    assert_eq!((replay.since, replay.until, replay.letters.len()), (later(1).now, later(9).now, 0));
}
