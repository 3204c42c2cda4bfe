//! The function app as a resource: whether it runs, as what, and with which functions.

use std::collections::BTreeSet;

use latchkey_functions::table;
use serde_json::Value as Json;

use super::{
    DEPLOY,
    estate::{Estate, READER, Seen},
};
use crate::doctor::{Check, DEPLOYER};

const API: &str = "2024-11-01";
const SITE: &str = "site";
const FUNCTIONS: &str = "functions";

/// What is read of the app, and what it is compared with.
struct Site {
    app: Seen,
    plan: Seen,
    functions: Seen,
    identity: String,
    /// For `az`: the app's name and group.
    place: String,
}

pub(super) async fn checks(estate: &Estate<'_>) -> Vec<Check> {
    let (app, plan) = (estate.names.app(), estate.names.plan());
    let group = estate.group.rsplit('/').next().unwrap_or_default();
    let site = Site {
        app: estate.one(&format!("Microsoft.Web/sites/{app}"), API).await,
        plan: estate.one(&format!("Microsoft.Web/serverfarms/{plan}"), API).await,
        functions: estate.all(&format!("Microsoft.Web/sites/{app}/functions"), API).await,
        identity: estate
            .id(&format!("Microsoft.ManagedIdentity/userAssignedIdentities/{}", estate.names.identity())),
        place: format!("--resource-group {group} --name {app}"),
    };
    vec![site.judge().unwrap_or_else(|check| check), site.judge_functions().unwrap_or_else(|check| check)]
}

impl Site {
    fn judge(&self) -> Result<Check, Check> {
        let app = self.app.known(SITE, "function app", READER)?;
        let plan = self.plan.known(SITE, "plan of the function app", READER)?;
        let properties = &app["properties"];
        let (mut wrong, mut mend) = (Vec::new(), BTreeSet::new());
        let mut is_wrong = |what: String, how: String| {
            wrong.push(what);
            mend.insert(how);
        };
        let state = properties["state"].as_str();
        if let Some(state) = state.filter(|state| *state != "Running") {
            is_wrong(format!("it is {state}"), format!("Start it: az functionapp start {}.", self.place));
        }
        if properties["httpsOnly"] != true {
            is_wrong("it answers without TLS (httpsOnly is not true)".to_owned(), DEPLOY.to_owned());
        }
        let sku = plan["sku"]["name"].as_str().unwrap_or("none");
        if sku != "FC1" {
            is_wrong(
                format!("its plan is {sku}, not Flex Consumption (FC1)"),
                "Azure cannot change a plan to Flex Consumption: delete the function app and its plan, then deploy \
                 infra/ again (azd up)."
                    .to_owned(),
            );
        }
        let runtime = &properties["functionAppConfig"]["runtime"];
        let (name, version) = (runtime["name"].as_str(), runtime["version"].as_str());
        if (name, version) != (Some("custom"), Some("1.0")) {
            let seen = format!("{} {}", name.unwrap_or("none"), version.unwrap_or("without a version"));
            is_wrong(
                format!("its runtime is {seen}, and with another than custom 1.0 it never starts"),
                DEPLOY.into(),
            );
        }
        let has = |id: &str| id.eq_ignore_ascii_case(&self.identity);
        let mut identities = app["identity"]["userAssignedIdentities"].as_object().into_iter().flatten();
        if !identities.any(|(id, _)| has(id)) {
            is_wrong("it does not have the managed identity".to_owned(), DEPLOY.to_owned());
        }
        if !properties["keyVaultReferenceIdentity"].as_str().is_some_and(has) {
            is_wrong("it does not read the vault as the managed identity".to_owned(), DEPLOY.to_owned());
        }
        if !wrong.is_empty() {
            let mend: Vec<String> = mend.into_iter().collect();
            return Ok(Check::wrong(SITE, wrong.join("; "), DEPLOYER, mend.join(" ")));
        }
        let runs = if state.is_some() { "runs" } else { "is there (Azure does not say whether it runs)" };
        Ok(Check::good(
            SITE,
            format!("the function app {runs}, on Flex Consumption, as custom 1.0, with its identity"),
        ))
    }

    fn judge_functions(&self) -> Result<Check, Check> {
        let listed = self.functions.known(FUNCTIONS, "function app", READER)?.as_array();
        // `app/function`, and in some answers the function alone.
        let short = |one: &Json| Some(one["name"].as_str()?.rsplit('/').next()?.to_owned());
        let is: BTreeSet<String> = listed.into_iter().flatten().filter_map(short).collect();
        let should: BTreeSet<String> = table().iter().map(|function| function.name.to_owned()).collect();
        let names = |set: BTreeSet<String>| set.into_iter().collect::<Vec<_>>().join(", ");
        let (missing, surplus) = (&should - &is, &is - &should);
        let publish = "Publish the package of this version (cargo latchkey package; azd deploy). The list may be a few \
                       minutes old.";
        if is.is_empty() {
            let saw = "the app has no functions: no package was published, or the host does not start";
            return Ok(Check::wrong(FUNCTIONS, saw, DEPLOYER, publish));
        }
        let mut saw = Vec::new();
        if !missing.is_empty() {
            saw.push(format!("missing: {}", names(missing)));
        }
        if !surplus.is_empty() {
            saw.push(format!("not of this version: {}", names(surplus)));
        }
        if saw.is_empty() {
            return Ok(Check::good(
                FUNCTIONS,
                format!("the app has the {} functions of this version", is.len()),
            ));
        }
        let mend = format!(
            "{publish} If the app is newer or older than this command, use the command of its version."
        );
        Ok(Check::wrong(FUNCTIONS, saw.join("; "), DEPLOYER, mend))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{super::predicted, *};
    use crate::doctor::Verdict;

    fn site() -> Site {
        let app = predicted::of_type("Microsoft.Web/sites").remove(0);
        let functions = table().iter().map(|one| json!({ "name": format!("func-x/{}", one.name) }));
        Site {
            identity: app["properties"]["keyVaultReferenceIdentity"].as_str().unwrap().to_uppercase(),
            app: Seen::There(app),
            plan: Seen::There(predicted::of_type("Microsoft.Web/serverfarms").remove(0)),
            functions: Seen::There(functions.collect()),
            place: "--resource-group rg --name func-x".to_owned(),
        }
    }

    fn changed(pointer: &str, value: Json) -> Check {
        let mut site = site();
        let Seen::There(app) = &mut site.app else { panic!("it is there") };
        let (parent, last) = pointer.rsplit_once('/').unwrap();
        app.pointer_mut(parent).unwrap()[last] = value;
        site.judge().unwrap()
    }

    #[test]
    fn what_the_template_makes_is_good() {
        assert_eq!(site().judge().unwrap().is, Verdict::Good);
        assert_eq!(changed("/properties/state", json!("Running")).is, Verdict::Good);
        assert_eq!(site().judge_functions().unwrap().is, Verdict::Good);
    }

    #[test]
    fn each_thing_that_keeps_it_from_running_is_named() {
        for (pointer, value, words) in [
            ("/properties/state", json!("Stopped"), "it is Stopped"),
            ("/properties/httpsOnly", json!(false), "without TLS"),
            ("/properties/functionAppConfig/runtime/version", json!(""), "its runtime is custom ,"),
            ("/properties/functionAppConfig/runtime", json!({}), "none without a version"),
            (
                "/identity/userAssignedIdentities",
                json!({ "/other": {} }),
                "does not have the managed identity",
            ),
            ("/properties/keyVaultReferenceIdentity", json!("SystemAssigned"), "does not read the vault"),
        ] {
            let check = changed(pointer, value);
            assert_eq!(check.is, Verdict::Wrong, "{pointer}");
            assert!(check.saw.contains(words), "{pointer}: {}", check.saw);
        }
        let stopped = changed("/properties/state", json!("Stopped"));
        assert_eq!(
            stopped.mend.unwrap(),
            "Start it: az functionapp start --resource-group rg --name func-x."
        );
        let mut elastic = site();
        elastic.plan = Seen::There(json!({ "sku": { "name": "EP1" } }));
        assert!(elastic.judge().unwrap().saw.contains("its plan is EP1"));
    }

    #[test]
    fn functions_are_compared_by_name() {
        let with =
            |functions: Json| Site { functions: Seen::There(functions), ..site() }.judge_functions().unwrap();
        assert!(with(json!([])).saw.contains("no package was published"));
        let Seen::There(mut functions) = site().functions else { panic!("they are there") };
        functions.as_array_mut().unwrap().retain(|one| one["name"] != "func-x/sweep");
        functions.as_array_mut().unwrap().push(json!({ "name": "func-x/key_check_due" }));
        let check = with(functions);
        assert_eq!(
            (check.is, check.saw.as_str()),
            (Verdict::Wrong, "missing: sweep; not of this version: key_check_due")
        );
    }
}
