//! What becomes of an active onboarding whose key does not work any more.

use super::*;

fn active() -> Onboarding {
    after_steps(story().len())
}

#[test]
fn a_key_that_was_taken_away_is_revoked_one_that_cannot_be_asked_is_unreachable() {
    let unreachable = || {
        let vault = key("k").host().as_str().to_owned();
        found_at_key("k", Finding::VaultUnreachable { vault, error: "status 503".to_owned() })
    };
    let disabled = || found_at_key("k", Finding::KeyDisabled { key: key("k") });
    let cases = [
        (vec![unreachable()], Stage::Unreachable, "the vault does not answer"),
        (vec![disabled()], Stage::Revoked, "the key is disabled"),
        (vec![disabled(), proven("k")], Stage::Active, "it is enabled again"),
        (vec![unreachable(), proven("k")], Stage::Active, "the vault answers again"),
        (
            vec![found_at_key("other", Finding::KeyDisabled { key: key("other") })],
            Stage::Active,
            "another key",
        ),
    ];
    for (facts, becomes, why) in cases {
        let mut onboarding = active();
        for (number, fact) in facts.into_iter().enumerate() {
            if let Some(decision) = onboarding.decide(cause(&format!("look {number}")), fact).unwrap() {
                onboarding = decision.onboarding;
            }
        }
        assert_eq!(onboarding.stage(), becomes, "{why}");
        assert_eq!(onboarding.revoked_since().is_some(), becomes == Stage::Revoked, "{why}");
        assert!(onboarding.is_at_rest(), "{why}");
    }
}
