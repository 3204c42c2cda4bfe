//! Whether the subscription may have what Latchkey makes: resource providers are registered once for each subscription.

use serde_json::Value as Json;

use super::estate::{Estate, READER, Seen};
use crate::doctor::Check;

const CHECK: &str = "resource-providers";
const ADMINISTRATOR: &str = "azure-administrator";

/// Of what `infra/` deploys, and of what the app makes: disk encryption sets. Flex Consumption takes Microsoft.App where the
/// app has a network.
const NAMESPACES: [&str; 9] = [
    "Microsoft.App",
    "Microsoft.Compute",
    "Microsoft.Insights",
    "Microsoft.KeyVault",
    "Microsoft.ManagedIdentity",
    "Microsoft.OperationalInsights",
    "Microsoft.ServiceBus",
    "Microsoft.Storage",
    "Microsoft.Web",
];

pub(super) async fn check(estate: &Estate<'_>) -> Check {
    let listed = format!("{}/providers", estate.subscription);
    judge(&estate.all_at(&listed, "api-version=2021-04-01").await).unwrap_or_else(|check| check)
}

fn judge(listed: &Seen) -> Result<Check, Check> {
    let listed = listed.known(CHECK, "list of resource providers", READER)?;
    let state = |namespace: &str| {
        let is = |one: &&Json| one["namespace"].as_str().is_some_and(|is| is.eq_ignore_ascii_case(namespace));
        listed.as_array().into_iter().flatten().find(is)?["registrationState"].as_str()
    };
    // What Azure does not list, nobody can register.
    let known: Vec<(&str, &str)> =
        NAMESPACES.iter().filter_map(|namespace| Some((*namespace, state(namespace)?))).collect();
    let missing: Vec<&str> =
        known.iter().filter(|(_, state)| *state != "Registered").map(|(namespace, _)| *namespace).collect();
    if known.is_empty() {
        return Ok(Check::not_checked(CHECK, "Azure lists no resource provider of the subscription"));
    }
    if missing.is_empty() {
        return Ok(Check::good(CHECK, format!("{} resource providers are registered", known.len())));
    }
    let commands: Vec<String> = missing
        .iter()
        .map(|namespace| format!("az provider register --wait --namespace {namespace}"))
        .collect();
    let saw = format!("not registered in the subscription: {}", missing.join(", "));
    Ok(Check::wrong(CHECK, saw, ADMINISTRATOR, commands.join("; ")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::doctor::Verdict;

    fn judged(states: &[(&str, &str)]) -> Check {
        let listed = states
            .iter()
            .map(|(namespace, state)| json!({ "namespace": namespace, "registrationState": state }));
        judge(&Seen::There(listed.collect())).unwrap()
    }

    #[test]
    fn what_is_not_registered_is_named_with_the_command_that_registers_it() {
        let check = judged(&[
            ("microsoft.web", "Registered"),
            ("Microsoft.Compute", "NotRegistered"),
            ("Other", "x"),
        ]);
        assert_eq!(check.is, Verdict::Wrong);
        assert_eq!(check.saw, "not registered in the subscription: Microsoft.Compute");
        assert_eq!(check.mend.unwrap(), "az provider register --wait --namespace Microsoft.Compute");
        let check = judged(&[("Microsoft.Web", "Registered"), ("Other", "NotRegistered")]);
        assert_eq!((check.is, check.saw.as_str()), (Verdict::Good, "1 resource providers are registered"));
        assert_eq!(judged(&[]).is, Verdict::NotChecked);
    }

    #[test]
    fn every_type_that_is_deployed_is_of_one_of_them_or_of_the_network() {
        let snapshot = include_str!("../../../../../infra/snapshots/default.snapshot.json");
        let snapshot: Json = serde_json::from_str(snapshot).unwrap();
        for one in snapshot["predictedResources"].as_array().unwrap() {
            let (namespace, _) = one["type"].as_str().unwrap().split_once('/').unwrap();
            // These two need no registration.
            let always = ["Microsoft.Authorization", "Microsoft.Resources"];
            assert!(NAMESPACES.contains(&namespace) || always.contains(&namespace), "{namespace}");
        }
    }
}
