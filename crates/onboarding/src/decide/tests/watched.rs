//! What becomes of an active onboarding whose key does not work any more.

use proptest::prelude::*;

use super::*;
use crate::{Sight, event::KeyShared, finding::KeyIs};

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

fn unreachable_vault(error: &str) -> Finding {
    let vault = key("k").host().as_str().to_owned();
    Finding::VaultUnreachable { vault, error: error.to_owned() }
}

#[test]
fn a_revocation_in_another_form_lasts_since_it_began_and_a_new_consent_alone_does_not_end_it() {
    let later =
        |hours: i32| Cause { now: cause("").now + hours * time::Duration::HOUR, ..cause(&hours.to_string()) };
    let decide =
        |onboarding: &Onboarding, hours, fact| onboarding.decide(later(hours), fact).unwrap().unwrap();
    let gone = decide(&active(), 1, found_at_key("k", consent_missing())).onboarding;
    let back = decide(&gone, 2, Fact::ConsentProven { service_principal: service_principal() });
    assert_eq!(kinds(&back), [KeyShared::KIND], "the key is looked at");
    assert_eq!(back.onboarding.stage(), Stage::Revoked);
    let (about, finding) = (About::Key(key("k").without_version()), grant_missing("k"));
    let found = Fact::Found { about, finding, token_of: Some(service_principal()) };
    let ungranted = decide(&back.onboarding, 3, found).onboarding;
    assert_eq!(codes(&ungranted), [Code::GrantMissing]);
    assert_eq!(ungranted.revoked_since(), Some(later(1).now));
    let works = decide(&ungranted, 4, proven("k")).onboarding;
    assert_eq!((works.stage(), works.revoked_since()), (Stage::Active, None));
}

#[test]
fn what_is_watched_has_no_reminders() {
    let blocked = apply(&active(), "look", found_at_key("k", grant_missing("k"))).onboarding;
    assert_eq!(blocked.blockers().first().unwrap().next_check, None);
    let before = apply(&after_steps(story().len() - 1), "look", found_at_key("k", grant_missing("k")));
    assert!(before.onboarding.blockers().first().unwrap().next_check.is_some(), "it is not active yet");
}

#[test]
fn what_a_look_is_worth() {
    use KeyIs::{Revoked, Unreachable};
    let disabled = || Finding::KeyDisabled { key: key("k").without_version() };
    let seen = |finding: Finding| apply(&active(), "look", found_at_key("k", finding)).onboarding;
    let cases = [
        (active(), disabled(), None, Sight::First(Revoked)),
        (active(), disabled(), Some(Revoked), Sight::Confirmed),
        (active(), grant_missing("k"), Some(Revoked), Sight::Confirmed),
        (active(), disabled(), Some(Unreachable), Sight::First(Revoked)),
        (active(), unreachable_vault("503"), Some(Revoked), Sight::First(Unreachable)),
        (active(), unreachable_vault("503"), Some(Unreachable), Sight::Confirmed),
        (seen(disabled()), disabled(), None, Sight::Known),
        (seen(disabled()), grant_missing("k"), None, Sight::First(Revoked)),
        (seen(disabled()), unreachable_vault("503"), Some(Unreachable), Sight::Known),
        (seen(unreachable_vault("503")), unreachable_vault("no answer"), None, Sight::Known),
        (seen(unreachable_vault("503")), disabled(), None, Sight::First(Revoked)),
    ];
    for (onboarding, finding, before, worth) in cases {
        assert_eq!(onboarding.sight(&finding, before), worth, "{finding:?} after {before:?}");
    }
}

fn any_look() -> impl Strategy<Value = Option<Finding>> {
    prop_oneof![
        3 => Just(None),
        2 => Just(Some(unreachable_vault("503"))),
        1 => Just(Some(unreachable_vault("no answer"))),
        1 => Just(Some(Finding::VaultNotFound { vault: "contoso.vault.azure.net".to_owned() })),
        2 => Just(Some(Finding::KeyDisabled { key: key("k").without_version() })),
        1 => Just(Some(grant_missing("k"))),
        1 => Just(Some(consent_missing())),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    /// Looks in any order, of which any may be lost, repeated or confirm what another saw. An onboarding is revoked only
    /// after two looks that saw a revocation, the second to confirm the first; outages alone never make it so.
    #[test]
    fn never_revoked_from_unreachable_alone_or_from_one_look(
        looks in proptest::collection::vec((any_look(), any::<bool>(), any::<bool>()), 0..40)
    ) {
        let mut onboarding = active();
        let mut to_confirm: Vec<KeyIs> = vec![];
        let mut revocations = 0;
        for (number, (look, confirms, is_lost)) in looks.into_iter().enumerate() {
            let before = if confirms { to_confirm.pop() } else { None };
            if is_lost {
                continue;
            }
            let was = onboarding.clone();
            let fact = match look {
                None => {
                    revocations = 0;
                    Some(proven("k"))
                }
                Some(finding) => {
                    let sees_revocation = finding.code().key_is() == KeyIs::Revoked;
                    revocations += u32::from(sees_revocation);
                    match onboarding.sight(&finding, before) {
                        Sight::Known => None,
                        Sight::First(seen) => {
                            to_confirm.push(seen);
                            None
                        }
                        Sight::Confirmed => {
                            prop_assert!(before.is_some());
                            Some(found_at_key("k", finding))
                        }
                    }
                }
            };
            let decision = fact.and_then(|fact| onboarding.decide(cause(&format!("look {number}")), fact).unwrap());
            if let Some(decision) = decision {
                onboarding = decision.onboarding;
            }
            if was.stage() != Stage::Revoked && onboarding.stage() == Stage::Revoked {
                prop_assert!(before == Some(KeyIs::Revoked), "revoked by a look that confirmed nothing");
            }
            if was.stage() == Stage::Revoked && onboarding.stage() != Stage::Revoked {
                prop_assert_eq!(onboarding.stage(), Stage::Active, "an outage is no recovery");
            }
            prop_assert!(onboarding.stage() != Stage::Revoked || revocations > 0);
        }
    }
}
