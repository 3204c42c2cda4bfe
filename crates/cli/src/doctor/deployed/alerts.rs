//! Whether the alerts of `infra/alerts.json` are there and switched on, and whether they reach anybody.

use serde_json::Value as Json;

use super::{
    DEPLOY,
    estate::{Estate, READER, Seen},
};
use crate::doctor::{Check, DEPLOYER};

const CHECK: &str = "alerts";
const GROUP: &str = "ag-latchkey";

/// A kind of alert: where `infra/alerts.json` lists it, and its type.
struct Kind {
    list: &'static str,
    resource_type: &'static str,
}

const METRICS: Kind = Kind { list: "metrics", resource_type: "Microsoft.Insights/metricAlerts" };
const LOGS: Kind = Kind { list: "logs", resource_type: "Microsoft.Insights/scheduledQueryRules" };

pub(super) async fn check(estate: &Estate<'_>) -> Check {
    let metrics = estate.all(METRICS.resource_type, "2018-03-01").await;
    let logs = estate.all(LOGS.resource_type, "2023-12-01").await;
    let told = estate.one(&format!("Microsoft.Insights/actionGroups/{GROUP}"), "2023-01-01").await;
    let group = estate.group.rsplit('/').next().unwrap_or_default();
    judge(&metrics, &logs, &told, group).unwrap_or_else(|check| check)
}

fn judge(metrics: &Seen, logs: &Seen, told: &Seen, group: &str) -> Result<Check, Check> {
    let wanted: Json = serde_json::from_str(include_str!("../../../../../infra/alerts.json"))
        .expect("alerts, which a test reads");
    let (mut wrong, mut mend, mut number) = (Vec::new(), Vec::new(), 0);
    for (kind, seen) in [(METRICS, metrics), (LOGS, logs)] {
        let listed = seen.known(CHECK, "list of alert rules", READER)?.as_array();
        for alert in wanted[kind.list].as_array().into_iter().flatten() {
            number += 1;
            let name = format!("latchkey-{}", alert["name"].as_str().unwrap_or_default());
            let is = |one: &&Json| one["name"].as_str().is_some_and(|is| is.eq_ignore_ascii_case(&name));
            match listed.into_iter().flatten().find(is) {
                None => {
                    wrong.push(format!("there is no alert {name}"));
                    mend.push(DEPLOY.trim_end_matches('.').to_owned());
                }
                Some(one) if one["properties"]["enabled"] == false => {
                    wrong.push(format!("the alert {name} is switched off"));
                    mend.push(format!(
                        "Switch it on: az resource update -g {group} -n {name} --resource-type {} --set \
                         properties.enabled=true",
                        kind.resource_type
                    ));
                }
                Some(_) => {}
            }
        }
    }
    if !wrong.is_empty() {
        mend.dedup();
        return Ok(Check::wrong(CHECK, wrong.join("; "), DEPLOYER, mend.join("; ")));
    }
    let told = &told.known(CHECK, &format!("action group {GROUP}"), READER)?["properties"];
    if told["enabled"] == false {
        let mend =
            format!("Switch it on: az monitor action-group update -g {group} -n {GROUP} --set enabled=true");
        return Ok(Check::wrong(CHECK, format!("the action group {GROUP} is switched off"), DEPLOYER, mend));
    }
    let mut receivers =
        told.as_object().into_iter().flatten().filter(|(name, _)| name.ends_with("Receivers"));
    let saw = format!("the {number} alerts are there and switched on");
    if receivers.any(|(_, list)| list.as_array().is_some_and(|list| !list.is_empty())) {
        return Ok(Check::good(CHECK, saw));
    }
    let mend =
        format!("Name somebody: set alertEmails and deploy infra/ again, or add a receiver to {GROUP}.");
    Ok(Check::noted(CHECK, format!("{saw}, and they reach nobody: {GROUP} has no receivers"), DEPLOYER, mend))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{super::predicted, *};
    use crate::doctor::Verdict;

    fn seen() -> [Json; 3] {
        let group = predicted::of_type("Microsoft.Insights/actionGroups").remove(0);
        let [metrics, logs] = ["metricAlerts", "scheduledQueryRules"]
            .map(|kind| predicted::listed(&format!("Microsoft.Insights/{kind}")));
        [metrics, logs, group]
    }

    fn judged([metrics, logs, group]: [Json; 3]) -> Check {
        judge(&Seen::There(metrics), &Seen::There(logs), &Seen::There(group), "rg").unwrap()
    }

    #[test]
    fn what_the_template_makes_is_good() {
        assert_eq!(judged(seen()), Check::good(CHECK, "the 10 alerts are there and switched on"));
    }

    #[test]
    fn a_missing_alert_and_one_that_is_switched_off_are_named() {
        for (number, name) in [(0, "latchkey-dead-letters"), (1, "latchkey-nothing-sweeps")] {
            let mut off = seen();
            off[number][0]["properties"]["enabled"] = json!(false);
            let check = judged(off);
            assert_eq!((check.is, check.saw), (Verdict::Wrong, format!("the alert {name} is switched off")));
            assert!(
                check.mend.unwrap().contains(&format!("-g rg -n {name} --resource-type Microsoft.Insights/"))
            );
            let mut gone = seen();
            gone[number].as_array_mut().unwrap().remove(0);
            let check = judged(gone);
            assert_eq!((check.is, check.saw), (Verdict::Wrong, format!("there is no alert {name}")));
        }
    }

    #[test]
    fn alerts_that_reach_nobody_are_worth_knowing() {
        let mut nobody = seen();
        nobody[2]["properties"]["emailReceivers"] = json!([]);
        assert_eq!(judged(nobody).is, Verdict::Noted);
        let mut by_webhook = seen();
        by_webhook[2]["properties"] = json!({ "emailReceivers": [], "webhookReceivers": [{}] });
        assert_eq!(judged(by_webhook).is, Verdict::Good);
        let mut off = seen();
        off[2]["properties"]["enabled"] = json!(false);
        assert_eq!(judged(off).is, Verdict::Wrong);
    }
}
