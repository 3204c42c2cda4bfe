//! The function app's answers, for people.

use serde_json::Value as Json;

use crate::output::{cut, harmless, table};

pub(super) fn list(answer: &Json) -> String {
    let onboardings = items(&answer["onboardings"]);
    if onboardings.is_empty() {
        return "There are no onboardings.".to_owned();
    }
    let rows: Vec<Vec<String>> = onboardings
        .iter()
        .map(|onboarding| {
            let blocker = &onboarding["blocker"];
            let waits = items(&onboarding["blockers"]).len();
            let others = if waits > 1 { format!(" (+{})", waits - 1) } else { String::new() };
            vec![
                text(&onboarding["onboarding"]),
                text(&onboarding["state"]),
                format!("{}{others}", text(&blocker["code"])),
                text(&blocker["owner"]),
                text(&blocker["since"]),
                text(&onboarding["tenant"]),
            ]
        })
        .collect();
    table(&["ONBOARDING", "STATE", "WAITS FOR", "OWNER", "SINCE", "TENANT"], &rows)
}

pub(super) fn history(answer: &Json) -> String {
    let entries = items(&answer["entries"]);
    let rows: Vec<Vec<String>> = entries
        .iter()
        .map(|entry| {
            vec![
                entry["number"].to_string(),
                text(&entry["at"]),
                text(&entry["function"]),
                text(&entry["fact"]["fact"]),
                text(&entry["stage"]),
                cut(entry["blockers"][0]["summary"].as_str().unwrap_or("-"), 80),
            ]
        })
        .collect();
    let mut lines = vec![format!("onboarding  {}", text(&answer["onboarding"]))];
    if let Some(newest) = entries.last() {
        lines.push(format!("state       {}", text(&newest["stage"])));
        for blocker in items(&newest["blockers"]) {
            lines.push(String::new());
            lines.push(format!(
                "waiting for the {} since {}: {} ({})",
                text(&blocker["owner"]),
                text(&blocker["since"]),
                text(&blocker["summary"]),
                text(&blocker["code"])
            ));
            lines.extend(items(&blocker["mend"]).iter().map(|step| format!("  {}", text(step))));
        }
    }
    lines.push(String::new());
    lines.push(table(&["ENTRY", "AT", "FUNCTION", "FACT", "STATE", "WAITS FOR"], &rows));
    lines.join("\n")
}

pub(super) fn verification(answer: &Json) -> String {
    let anchored = &answer["anchoredUpTo"];
    let anchored = if anchored.is_null() {
        "no anchor yet".to_owned()
    } else {
        format!("anchored up to entry {}, at {}", anchored["entry"], text(&anchored["at"]))
    };
    let mut lines =
        vec![format!("{}: intact, {} entries, {anchored}", text(&answer["onboarding"]), answer["entries"])];
    for (head, list) in [("checked:", "checked"), ("what this cannot show:", "cannotShow")] {
        lines.push(head.to_owned());
        lines.extend(items(&answer[list]).iter().map(|line| format!("  - {}", text(line))));
    }
    lines.join("\n")
}

pub(super) fn link(answer: &Json) -> String {
    text(&answer["address"])
}

pub(super) fn message(answer: &Json) -> String {
    answer["message"].as_str().unwrap_or_default().to_owned()
}

pub(super) fn check(answer: &Json) -> String {
    if answer["works"] == true {
        return "The key works.".to_owned();
    }
    let mut lines = vec![format!(
        "The key does not work. Waiting for the {}: {} ({})",
        text(&answer["owner"]),
        text(&answer["summary"]),
        text(&answer["code"])
    )];
    lines.extend(items(&answer["mend"]).iter().map(|step| format!("  {}", text(step))));
    lines.join("\n")
}

fn items(list: &Json) -> &[Json] {
    list.as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Json) -> String {
    value.as_str().map_or_else(|| "-".to_owned(), harmless)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_list_names_the_first_blocker_and_counts_the_others() {
        let answer = json!({"onboardings": [
            {"onboarding": "o-1", "state": "active", "tenant": "t", "blocker": null, "blockers": []},
            {"onboarding": "o-2", "state": "encrypting", "tenant": "t",
             "blocker": {"code": "disk-attached", "owner": "vendor", "since": "2026-02-01T12:00:00Z"},
             "blockers": [{}, {}, {}]},
        ]});
        let shown = list(&answer);
        assert!(shown.contains("disk-attached (+2)  vendor"), "{shown}");
        assert_eq!(list(&json!({"onboardings": []})), "There are no onboardings.");
    }

    #[test]
    fn what_is_shown_cannot_write_on_the_terminal() {
        let answer =
            json!({"works": false, "owner": "customer", "code": "c", "summary": "a\u{1b}[2Jb\u{202e}c"});
        let shown = check(&answer);
        assert!(!shown.contains('\u{1b}') && !shown.contains('\u{202e}'), "{shown:?}");
    }
}
