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
                rotation(&onboarding["rotation"]),
                date(&onboarding["keyVersion"]["expires"]),
                text(&onboarding["tenant"]),
            ]
        })
        .collect();
    let heads = ["ONBOARDING", "STATE", "WAITS FOR", "OWNER", "SINCE", "ROTATION", "KEY EXPIRES", "TENANT"];
    table(&heads, &rows)
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
        lines.extend(key_lines(newest));
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

/// How far the last rotation has come, in a word.
fn rotation(rotation: &Json) -> String {
    let word = if rotation.is_null() {
        "-"
    } else if rotation["overAt"].is_string() {
        "over"
    } else if rotation["takenOverAt"].is_string() {
        "taken over"
    } else {
        "seen"
    };
    word.to_owned()
}

/// What is worth saying of the key: its age and expiry, and its last rotation with its lag.
fn key_lines(of: &Json) -> Vec<String> {
    let (key, last) = (&of["keyVersion"], &of["rotation"]);
    let mut lines = vec![];
    if !key.is_null() {
        let age = key["ageDays"].as_i64().map_or_else(|| "unknown".to_owned(), |days| format!("{days} days"));
        lines.push(format!(
            "key         version {}, age {age}, expires {}",
            text(&key["version"]),
            date(&key["expires"])
        ));
    }
    if !last.is_null() {
        let older: Vec<String> = items(&last["from"]).iter().map(text).collect();
        let lag = last["lagSeconds"].as_u64().map(|seconds| format!(", after {seconds} s"));
        let (word, to) = (rotation(last), text(&last["to"]));
        lines.push(format!(
            "rotation    {word}{}: to {to} from {}",
            lag.unwrap_or_default(),
            older.join(", ")
        ));
    }
    let change = &of["replacement"];
    if !change.is_null() {
        let (state, to, from) = (text(&change["state"]), text(&change["to"]), text(&change["from"]));
        lines.push(format!("replacement {state}: to {to} from {from}"));
    }
    lines.extend(items(&of["warnings"]).iter().map(|one| format!("recommended {}", text(&one["summary"]))));
    lines
}

/// The day of a moment.
fn date(moment: &Json) -> String {
    text(moment).split('T').next().unwrap_or_default().to_owned()
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

pub(super) fn items(list: &Json) -> &[Json] {
    list.as_array().map_or(&[], Vec::as_slice)
}

pub(super) fn text(value: &Json) -> String {
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
    fn a_rotation_is_shown_with_its_lag_and_the_key_with_its_age() {
        let rotation = json!({"to": "v2", "from": ["v1"], "takenOverAt": "2026-02-01T12:30:00Z", "overAt": null,
            "lagSeconds": 1800});
        let key = json!({"version": "v2", "ageDays": 3, "expires": "2026-03-01T12:00:00Z"});
        let newest = json!({"number": 1, "stage": "active", "rotation": rotation, "keyVersion": key,
            "warnings": [{"summary": "It expires."}]});
        let shown = history(&json!({"onboarding": "o-1", "entries": [newest]}));
        for line in [
            "key         version v2, age 3 days, expires 2026-03-01",
            "rotation    taken over, after 1800 s: to v2 from v1",
            "recommended It expires.",
        ] {
            assert!(shown.contains(line), "{shown}");
        }
        let onboarding =
            json!({"onboarding": "o-1", "state": "active", "rotation": rotation, "keyVersion": key});
        let listed = list(&json!({"onboardings": [onboarding]}));
        assert!(listed.contains("taken over  2026-03-01"), "{listed}");
    }

    #[test]
    fn what_is_shown_cannot_write_on_the_terminal() {
        let answer =
            json!({"works": false, "owner": "customer", "code": "c", "summary": "a\u{1b}[2Jb\u{202e}c"});
        let shown = check(&answer);
        assert!(!shown.contains('\u{1b}') && !shown.contains('\u{202e}'), "{shown:?}");
    }
}
