//! What the vendor's own systems are told, and how often.

use std::time::Duration;

use serde_json::{Value, json};
use time::OffsetDateTime;

use super::{
    grace::{at, becomes, disabled, move_at, revoked, start, unreachable},
    rotation::{active, first, look_at, looked, newest, second, set_with},
    *,
};
use crate::{
    event::{Announcement, TOPIC},
    grace::Drill,
    rotation::NewestVersion,
    test_support::version,
};

const HOUR: Duration = Duration::from_secs(3600);

fn announced(decision: &Decision) -> Vec<&crate::event::Outgoing> {
    decision.messages.iter().filter(|message| message.queue == TOPIC).collect()
}

#[test]
fn what_becomes_of_an_active_onboarding_is_announced_once_and_again_under_the_same_id() {
    let active = after_steps(story().len());
    let vault = key("k").host().as_str().to_owned();
    let unreachable = found_at_key("k", Finding::VaultUnreachable { vault, error: "503".to_owned() });
    let disabled = found_at_key("k", Finding::KeyDisabled { key: key("k") });
    let story = [
        ("look 1", unreachable, Announcement::Unreachable, Some("vault-unreachable")),
        ("look 2", disabled, Announcement::Revoked, Some("key-disabled")),
        ("look 3", proven("k"), Announcement::Recovered, None),
        (
            "leaves",
            Fact::Subscription { status: SubscriptionStatus::Unsubscribed },
            Announcement::LeavingStarted,
            None,
        ),
    ];
    let mut onboarding = active;
    for (origin, fact, announcement, code) in story {
        let decision = apply(&onboarding, origin, fact.clone());
        let [message] = announced(&decision)[..] else { panic!("{origin}: {:?}", decision.messages) };
        assert_eq!(message.event["type"], announcement.kind());
        assert_eq!(message.event["data"]["code"], json!(code));
        assert_eq!(message.event["data"]["stage"], json!(decision.onboarding.stage()));
        assert_eq!(announced(&apply(&onboarding, origin, fact)), [message], "a second run");
        onboarding = decision.onboarding;
    }
}

#[test]
fn an_activation_is_announced_and_what_leads_to_it_is_not() {
    let mut kinds = vec![];
    for steps in 0..story().len() {
        let (before, (fact, ..)) = (after_steps(steps), story().remove(steps));
        let decision = apply(&before, "step", fact);
        kinds.extend(announced(&decision).iter().map(|message| message.event["type"].clone()));
    }
    assert_eq!(kinds, [Announcement::Activated.kind()]);
}

/// The whole event, as the vendor's systems get it: the names in it are a promise.
#[test]
fn an_announcement_names_the_onboarding_and_no_person_or_tenant() {
    let active = after_steps(story().len());
    let revoked = apply(&active, "look", found_at_key("k", Finding::KeyDisabled { key: key("k") }));
    let [message] = announced(&revoked)[..] else { panic!("{:?}", revoked.messages) };
    let expected = json!({
        "specversion": "1.0",
        "id": message.message_id,
        "source": "/latchkey/test",
        "type": "latchkey.onboarding.revoked.v1",
        "subject": active.id(),
        "time": "2026-02-01T12:00:00Z",
        "datacontenttype": "application/json",
        "data": {
            "onboarding": active.id(),
            "stage": "revoked",
            "code": "key-disabled",
            "since": "2026-02-01T12:00:00Z",
        },
    });
    assert_eq!(message.event, expected);
}

/// What is told of this: each kind without what all have in common, and the rung if it names one.
fn told(decision: &Decision) -> Vec<(String, Value)> {
    let short = |kind: &str| kind["latchkey.onboarding.".len()..kind.len() - ".v1".len()].to_owned();
    let events = announced(decision).into_iter().map(|message| &message.event);
    events.map(|event| (short(event["type"].as_str().unwrap()), event["data"]["rung"].clone())).collect()
}

fn assert_told(decision: &Decision, expected: &[(&str, Option<&str>)]) {
    let expected: Vec<_> = expected.iter().map(|(kind, rung)| ((*kind).to_owned(), json!(rung))).collect();
    assert_eq!(told(decision), expected, "{:?}", decision.fact);
}

fn due_of(decision: &Decision) -> OffsetDateTime {
    let [message] = announced(decision)[..] else { panic!("{:?}", decision.messages) };
    serde_json::from_value::<Due>(message.event["data"].clone()).unwrap().due
}

#[derive(serde::Deserialize)]
struct Due {
    #[serde(with = "time::serde::rfc3339")]
    due: OffsetDateTime,
}

#[test]
fn a_rung_is_told_when_it_is_announced_and_when_it_is_taken_and_a_recovery_takes_back_what_holds() {
    let revoked = revoked();
    let announced = move_at(&revoked, start() + HOUR * 12);
    assert_told(&announced, &[("rung-announced", Some("suspend"))]);
    assert_eq!(due_of(&announced), start() + HOUR * 24);
    let recovered = at(&announced.onboarding, start() + HOUR * 13, proven("k")).unwrap();
    assert_told(&recovered, &[("recovered", None), ("rung-withdrawn", Some("suspend"))]);

    let taken = move_at(&announced.onboarding, start() + HOUR * 24);
    assert_told(&taken, &[("rung-taken", Some("suspend"))]);
    assert_eq!(due_of(&taken), start() + HOUR * 24);
    let next = move_at(&taken.onboarding, start() + HOUR * 60);
    assert_told(&next, &[("rung-announced", Some("deallocate"))]);
    let recovered = at(&next.onboarding, start() + HOUR * 61, proven("k")).unwrap();
    let both = [("rung-withdrawn", Some("suspend")), ("rung-withdrawn", Some("deallocate"))];
    assert_told(&recovered, &[&[("recovered", None)], &both[..]].concat());
    let [_, suspend, deallocate] = super::announced::announced(&recovered)[..] else { unreachable!() };
    assert_ne!(suspend.message_id, deallocate.message_id, "the broker would drop the second");
}

/// A consent that is given again is no proof that the key works: the service stays suspended.
#[test]
fn a_rung_that_was_taken_holds_until_the_key_is_proven() {
    let missing = Fact::Found { about: About::Consent, finding: consent_missing(), token_of: None };
    let revoked = becomes(&after_steps(story().len()), start(), missing);
    let announced = move_at(&revoked, start() + HOUR * 12);
    let taken = move_at(&announced.onboarding, start() + HOUR * 24).onboarding;
    let consented = Fact::ConsentProven { service_principal: service_principal() };
    let consented = at(&taken, start() + HOUR * 25, consented).unwrap();
    assert!(told(&consented).iter().all(|(kind, _)| kind != "rung-withdrawn"), "{:?}", told(&consented));
    let proven = at(&consented.onboarding, start() + HOUR * 26, proven("k")).unwrap();
    assert!(told(&proven).contains(&("rung-withdrawn".to_owned(), json!("suspend"))), "{:?}", told(&proven));
}

#[test]
fn a_rung_that_is_not_to_be_taken_any_more_is_withdrawn_and_one_whose_time_moved_is_told_again() {
    let announced = move_at(&revoked(), start() + HOUR * 12).onboarding;
    let withdrawn = Fact::RungWithdrawn { rung: crate::grace::Rung::Suspend };
    for fact in [withdrawn, Fact::Frozen { reason: None }] {
        let decision = at(&announced, start() + HOUR * 13, fact).unwrap();
        assert_told(&decision, &[("rung-withdrawn", Some("suspend"))]);
        assert_eq!(due_of(&decision), start() + HOUR * 24, "it names the one that was announced");
    }
    let out = at(&announced, start() + HOUR * 13, unreachable()).unwrap();
    assert_told(&out, &[("unreachable", None)]);
    let back = at(&out.onboarding, start() + HOUR * 23, disabled()).unwrap();
    assert_told(&back, &[("revoked", None), ("rung-announced", Some("suspend"))]);
    let ended = Fact::Subscription { status: SubscriptionStatus::Unsubscribed };
    let leaves = at(&announced, start() + HOUR * 13, ended).unwrap();
    assert_told(&leaves, &[("rung-withdrawn", Some("suspend")), ("leaving-started", None)]);
}

#[test]
fn whatever_is_told_of_a_rehearsal_says_so_and_what_comes_after_it_does_not() {
    let is_drill = |decision: &Decision| {
        let said: Vec<Value> =
            announced(decision).iter().map(|message| message.event["data"]["drill"].clone()).collect();
        assert!(!said.is_empty());
        said
    };
    let marked = becomes(&after_steps(story().len()), start(), Fact::MarkedAsTest);
    let drill = Drill { since: start(), until: start() + HOUR, pace: Duration::from_secs(60) };
    let begun = becomes(&marked, start(), Fact::DrillStarted { drill });
    let revoked = at(&begun, start(), disabled()).unwrap();
    assert_eq!(is_drill(&revoked), [json!(true)]);
    let announced = move_at(&revoked.onboarding, start());
    assert_eq!(is_drill(&announced), [json!(true)]);
    let recovered = at(&announced.onboarding, start() + HOUR * 2, proven("k")).unwrap();
    assert_eq!(is_drill(&recovered), [json!(true), json!(true)], "recovered, and withdrawn");
    let real = at(&recovered.onboarding, start() + HOUR * 3, disabled()).unwrap();
    assert_eq!(is_drill(&real), [Value::Null]);

    // The rehearsal was over before anybody looked at the key.
    let real = at(&begun, start() + HOUR * 3, disabled()).unwrap();
    assert_eq!(is_drill(&real), [Value::Null]);
}

#[test]
fn a_rotation_is_told_once_when_the_set_has_taken_the_version_over() {
    let seen = look_at(&active(), 0, looked(newest(second()), set_with(first(), &[]))).unwrap();
    assert_told(&seen, &[]);
    let taken_over = looked(newest(second()), set_with(second(), &[first()]));
    let taken_over = look_at(&seen.onboarding, 30, taken_over).unwrap();
    assert_told(&taken_over, &[("rotated", None)]);
    let over =
        look_at(&taken_over.onboarding, 120, looked(newest(second()), set_with(second(), &[]))).unwrap();
    assert_told(&over, &[]);
    // It was taken over before anybody looked, and another one after it.
    let late = looked(newest(version("k", 3)), set_with(second(), &[first()]));
    assert_told(&look_at(&active(), 0, late).unwrap(), &[("rotated", None)]);
}

#[test]
fn each_reminder_of_an_expiry_is_told_once_with_its_days() {
    let expires = cause("").now + time::Duration::days(40);
    let newest = NewestVersion { expires: Some(expires), ..newest(first()) };
    let (mut onboarding, mut days) = (active(), vec![]);
    for day in 0..40 {
        for minute in 0..3 {
            let fact = Fact::KeyLooked { newest: newest.clone().into(), set: None };
            let Some(decision) = look_at(&onboarding, day * 24 * 60 + minute, fact) else { continue };
            for message in announced(&decision) {
                assert_eq!(message.event["type"], Announcement::KeyExpires.kind());
                assert_eq!(message.event["data"]["expires"], "2026-03-13T12:00:00Z");
                days.push(message.event["data"]["days"].clone());
            }
            onboarding = decision.onboarding;
        }
    }
    assert_eq!(days, [30, 7, 1]);
}
