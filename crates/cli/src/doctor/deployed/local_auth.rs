//! Whether everything that could be reached with a key refuses keys.

use serde_json::Value as Json;

use super::{
    DEPLOY,
    estate::{Estate, READER, Seen},
};
use crate::doctor::{Check, DEPLOYER};

const CHECK: &str = "local-auth";

/// A resource, and what has to be so in it.
struct Closed {
    what: String,
    seen: Seen,
    should: &'static [(&'static str, bool, &'static str)],
}

pub(super) async fn check(estate: &Estate<'_>) -> Check {
    let names = &estate.names;
    let (bus, vault, insights) = (names.bus(), names.vault(), names.insights());
    let storage = async |name: String| Closed {
        seen: estate.one(&format!("Microsoft.Storage/storageAccounts/{name}"), "2025-01-01").await,
        what: format!("storage account {name}"),
        should: STORAGE,
    };
    let all = [
        Closed {
            seen: estate.one(&format!("Microsoft.ServiceBus/namespaces/{bus}"), "2024-01-01").await,
            what: format!("Service Bus namespace {bus}"),
            should: BUS,
        },
        storage(names.host_storage()).await,
        storage(names.journal_storage()).await,
        Closed {
            seen: estate.one(&format!("Microsoft.Insights/components/{insights}"), "2020-02-02").await,
            what: format!("Application Insights {insights}"),
            should: INSIGHTS,
        },
        Closed {
            seen: estate.one(&format!("Microsoft.KeyVault/vaults/{vault}"), "2024-11-01").await,
            what: format!("key vault {vault}"),
            should: VAULT,
        },
    ];
    judge(&all).unwrap_or_else(|check| check)
}

const BUS: &[(&str, bool, &str)] = &[("disableLocalAuth", true, "takes keys (disableLocalAuth is not true)")];
const STORAGE: &[(&str, bool, &str)] =
    &[("allowSharedKeyAccess", false, "takes keys (allowSharedKeyAccess is not false)")];
const INSIGHTS: &[(&str, bool, &str)] =
    &[("DisableLocalAuth", true, "takes its instrumentation key alone (DisableLocalAuth is not true)")];
const VAULT: &[(&str, bool, &str)] = &[
    (
        "enableRbacAuthorization",
        true,
        "has access policies instead of roles (enableRbacAuthorization is not true)",
    ),
    ("enablePurgeProtection", true, "can be purged (enablePurgeProtection is not true)"),
];

/// What is open counts even if something else cannot be read.
fn judge(all: &[Closed]) -> Result<Check, Check> {
    let is_open = |one: &Closed, shown: &Json| -> Vec<String> {
        let open = one.should.iter().filter(|(property, should, _)| shown["properties"][property] != *should);
        open.map(|(_, _, words)| format!("the {} {words}", one.what)).collect()
    };
    let open: Vec<String> = all
        .iter()
        .filter_map(|one| {
            Some(is_open(one, if let Seen::There(shown) = &one.seen { shown } else { return None }))
        })
        .flatten()
        .collect();
    if !open.is_empty() {
        return Ok(Check::wrong(CHECK, open.join("; "), DEPLOYER, DEPLOY));
    }
    for one in all {
        one.seen.known(CHECK, &one.what, READER)?;
    }
    Ok(Check::good(
        CHECK,
        "Service Bus, storage and Application Insights take no keys; the vault has roles and cannot be purged",
    ))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{super::predicted, *};
    use crate::doctor::Verdict;

    fn closed(kind: &str, should: &'static [(&'static str, bool, &'static str)]) -> Closed {
        let seen = Seen::There(predicted::of_type(kind).remove(0));
        Closed { what: kind.to_owned(), seen, should }
    }

    fn all() -> Vec<Closed> {
        vec![
            closed("Microsoft.ServiceBus/namespaces", BUS),
            closed("Microsoft.Storage/storageAccounts", STORAGE),
            closed("Microsoft.Insights/components", INSIGHTS),
            closed("Microsoft.KeyVault/vaults", VAULT),
        ]
    }

    #[test]
    fn what_the_template_makes_takes_no_keys() {
        let check = judge(&all()).unwrap();
        assert_eq!(check.is, Verdict::Good, "{check:?}");
    }

    /// Left out, most of these mean that keys are taken.
    #[test]
    fn each_is_wrong_when_it_is_switched_on_and_when_nothing_is_said() {
        for number in 0..all().len() {
            for (property, should, _) in all()[number].should {
                for value in [json!(!should), Json::Null] {
                    let mut changed = all();
                    let Seen::There(shown) = &mut changed[number].seen else { panic!("it is there") };
                    shown["properties"][property] = value;
                    let check = judge(&changed).unwrap();
                    assert_eq!(check.is, Verdict::Wrong, "{property}");
                    assert!(check.saw.contains(property) && check.saw.contains(&changed[number].what));
                }
            }
        }
    }

    #[test]
    fn what_is_open_is_said_although_something_else_cannot_be_read() {
        let mut seen = all();
        seen[0].seen = Seen::NotAllowed("403 AuthorizationFailed".to_owned());
        assert_eq!(judge(&seen).unwrap_err().is, Verdict::NotChecked);
        let Seen::There(shown) = &mut seen[1].seen else { panic!("it is there") };
        shown["properties"]["allowSharedKeyAccess"] = json!(true);
        assert_eq!(judge(&seen).unwrap().is, Verdict::Wrong);
        seen[0].seen = Seen::Missing;
        seen.remove(1);
        assert_eq!(judge(&seen).unwrap_err().is, Verdict::Wrong);
    }
}
