//! Whether every queue and topic is there, and as `infra/` makes it.

use latchkey_functions::package;
use serde_json::{Map, Value as Json};

use super::{
    DEPLOY,
    estate::{Estate, READER, Seen},
};
use crate::doctor::{Check, DEPLOYER};

const API: &str = "2024-01-01";
const CHECK: &str = "queues";
/// What stays as it was when the queue was made.
const FIXED: [&str; 2] = ["requiresDuplicateDetection", "enablePartitioning"];

/// Queues, or topics.
struct Kind {
    word: &'static str,
    /// How `az servicebus` calls them.
    command: &'static str,
    wanted: Vec<String>,
    /// The file that `infra/` makes them from.
    properties: &'static str,
}

impl Kind {
    fn queues() -> Self {
        let properties = include_str!("../../../../../infra/queue.json");
        Self { word: "queue", command: "queue", wanted: package::queue_names(), properties }
    }

    fn topics() -> Self {
        let properties = include_str!("../../../../../infra/topic.json");
        Self { word: "topic", command: "topic", wanted: package::topic_names(), properties }
    }
}

/// What is not as it should be.
#[derive(Default)]
struct Found {
    wrong: Vec<String>,
    mend: Vec<String>,
    surplus: Vec<String>,
}

pub(super) async fn check(estate: &Estate<'_>) -> Check {
    let bus = format!("Microsoft.ServiceBus/namespaces/{}", estate.names.bus());
    let (queues, topics) =
        (estate.all(&format!("{bus}/queues"), API).await, estate.all(&format!("{bus}/topics"), API).await);
    let group = estate.group.rsplit('/').next().unwrap_or_default();
    let place = format!("-g {group} --namespace-name {}", estate.names.bus());
    judge(&queues, &topics, &place).unwrap_or_else(|check| check)
}

fn judge(queues: &Seen, topics: &Seen, place: &str) -> Result<Check, Check> {
    let mut found = Found::default();
    for (kind, seen) in [(Kind::queues(), queues), (Kind::topics(), topics)] {
        let listed = seen.known(CHECK, &format!("Service Bus namespace with its {}s", kind.word), READER)?;
        found.compare(&kind, listed.as_array().map_or(&[], Vec::as_slice), place);
    }
    let surplus = found.surplus.join(", ");
    if !found.wrong.is_empty() {
        found.mend.sort();
        found.mend.dedup();
        let mut saw = found.wrong.join("; ");
        if !surplus.is_empty() {
            saw.push_str(&format!(". Not the app's: {surplus}"));
        }
        return Ok(Check::wrong(CHECK, saw, DEPLOYER, found.mend.join(" ")));
    }
    let (queues, topics) = (package::queue_names().len(), package::topic_names().len());
    let saw = format!("{queues} queues and {topics} topics are as infra/ makes them");
    if surplus.is_empty() {
        return Ok(Check::good(CHECK, saw));
    }
    let mend = format!(
        "Nothing of this version of the app sends to it or receives from it. If the app is newer than this command, use the \
         command of the app's version. If it is left of an older version and empty, delete it: az servicebus queue delete \
         (or topic delete) {place} --name NAME"
    );
    Ok(Check::noted(CHECK, format!("{saw}. Not the app's: {surplus}"), DEPLOYER, mend))
}

impl Found {
    fn compare(&mut self, kind: &Kind, listed: &[Json], place: &str) {
        let wanted: Map<String, Json> =
            serde_json::from_str(kind.properties).expect("properties, which a test reads");
        for name in &kind.wanted {
            let Some(shown) = listed.iter().find(|one| one["name"] == name.as_str()) else {
                self.wrong.push(format!("there is no {} {name}", kind.word));
                self.mend.push(DEPLOY.to_owned());
                continue;
            };
            for (property, should) in &wanted {
                let is = &shown["properties"][property];
                if is == should {
                    continue;
                }
                self.wrong.push(format!("{name}: {property} is {is}, and should be {should}"));
                self.mend.push(if FIXED.contains(&property.as_str()) {
                    format!(
                        "{property} cannot be changed later. When nothing is in {name} any more, stop the app, delete \
                         it (az servicebus {} delete {place} --name {name}), deploy infra/ again (azd up), which makes \
                         it anew with its roles, and start the app.",
                        kind.command
                    )
                } else {
                    DEPLOY.to_owned()
                });
            }
            let status = shown["properties"]["status"].as_str().unwrap_or("Active");
            if status != "Active" {
                self.wrong.push(format!("{name} is {status}"));
                self.mend.push(format!(
                    "Somebody switched {name} off. When the reason is gone: az servicebus {} update {place} --name \
                     {name} --status Active",
                    kind.command
                ));
            }
        }
        let names = listed.iter().filter_map(|one| one["name"].as_str());
        let surplus = names.filter(|name| !kind.wanted.iter().any(|wanted| wanted == name));
        self.surplus.extend(surplus.map(|name| format!("the {} {name}", kind.word)));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{super::predicted, *};
    use crate::doctor::Verdict;

    fn seen() -> (Json, Json) {
        let [queues, topics] = ["queues", "topics"]
            .map(|kind| predicted::listed(&format!("Microsoft.ServiceBus/namespaces/{kind}")));
        (queues, topics)
    }

    fn judged(queues: Json, topics: Json) -> Check {
        judge(&Seen::There(queues), &Seen::There(topics), "-g rg --namespace-name sb").unwrap()
    }

    #[test]
    fn what_the_template_makes_is_good() {
        let (queues, topics) = seen();
        let check = judged(queues, topics);
        assert_eq!(check.is, Verdict::Good, "{check:?}");
    }

    #[test]
    fn what_differs_is_named_with_what_to_do() {
        let change = |property: &str, value: Json| {
            let (mut queues, topics) = seen();
            queues[3]["properties"][property] = value;
            let check = judged(queues, topics);
            assert_eq!(check.is, Verdict::Wrong, "{property}: {check:?}");
            (check.saw, check.mend.unwrap())
        };
        let (saw, mend) = change("requiresDuplicateDetection", json!(false));
        assert_eq!(saw, "provision_requested: requiresDuplicateDetection is false, and should be true");
        assert!(
            mend.contains("az servicebus queue delete -g rg --namespace-name sb --name provision_requested")
        );
        for (property, value) in [
            ("duplicateDetectionHistoryTimeWindow", json!("PT10M")),
            ("lockDuration", json!("PT30S")),
            ("maxDeliveryCount", json!(3)),
            ("defaultMessageTimeToLive", json!("P1D")),
            ("deadLetteringOnMessageExpiration", json!(false)),
        ] {
            let (saw, mend) = change(property, value);
            assert!(saw.contains(property) && mend == DEPLOY, "{saw}: {mend}");
        }
        let (saw, mend) = change("status", json!("SendDisabled"));
        assert!(
            saw == "provision_requested is SendDisabled" && mend.contains("--status Active"),
            "{saw} {mend}"
        );
    }

    #[test]
    fn a_missing_queue_is_wrong_and_a_surplus_one_is_named() {
        let (mut queues, mut topics) = seen();
        let gone = queues.as_array_mut().unwrap().remove(0);
        let check = judged(queues.clone(), topics.clone());
        assert_eq!((check.is, check.saw.as_str()), (Verdict::Wrong, "there is no queue signup_requested"));
        queues.as_array_mut().unwrap().push(gone);
        topics.as_array_mut().unwrap().push(json!({ "name": "of-others", "properties": {} }));
        let check = judged(queues, topics);
        assert_eq!(check.is, Verdict::Noted);
        assert!(check.saw.contains("the topic of-others"), "{check:?}");
    }

    #[test]
    fn what_cannot_be_read_is_not_called_wrong() {
        let (queues, _) = seen();
        let refused = Seen::NotAllowed("403 AuthorizationFailed".to_owned());
        let check = judge(&Seen::There(queues), &refused, "").unwrap_err();
        assert_eq!(check.is, Verdict::NotChecked);
        assert!(check.saw.contains("the role Reader"), "{check:?}");
    }
}
