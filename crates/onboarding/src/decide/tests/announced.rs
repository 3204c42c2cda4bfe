//! What the vendor's own systems are told, and how often.

use serde_json::json;

use super::*;
use crate::event::{Announcement, TOPIC};

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
        ("left", Fact::Subscription { status: SubscriptionStatus::Unsubscribed }, Announcement::Ended, None),
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
