//! The plan and the window, for people.

use serde_json::Value as Json;

use crate::output::{harmless, table};

/// The plan, and the window that was set last.
pub(super) fn plan(answer: &Json) -> String {
    let mut parts = vec![];
    let disks = items(&answer["disks"]);
    let of = |becomes: &'static str| disks.iter().filter(move |disk| disk["becomes"] == becomes);
    parts.push(format!(
        "{} disks: {} encrypted, {} without a window, {} in a window, {} not",
        disks.len(),
        of("encrypted").count(),
        of("without-window").count(),
        of("in-window").count(),
        of("not").count()
    ));
    let rows: Vec<Vec<String>> = items(&answer["machines"])
        .iter()
        .map(|machine| {
            let disks: Vec<String> = items(&machine["disks"]).iter().map(name).collect();
            vec![
                name(&machine["machine"]),
                minutes(&machine["downAfterSeconds"]),
                minutes(&machine["downSeconds"]),
                disks.join(", "),
            ]
        })
        .collect();
    if !rows.is_empty() {
        parts.push(table(&["MACHINE", "DOWN AFTER", "FOR", "DISKS TO ENCRYPT"], &rows));
        parts.push(format!(
            "{} at a time: about {} in all. {}",
            answer["atOnce"],
            minutes(&answer["totalSeconds"]),
            text(&answer["estimate"])
        ));
    }
    let not: Vec<Vec<String>> = of("not").map(|disk| vec![name(&disk["disk"]), text(&disk["why"])]).collect();
    if !not.is_empty() {
        parts.push(table(&["NOT ENCRYPTED", "WHY"], &not));
    }
    let outside: Vec<Vec<String>> = items(&answer["outside"])
        .iter()
        .map(|one| {
            let note =
                if one["canBeRead"] == false { "cannot be read; it may be of these disks" } else { "" };
            vec![name(&one["resource"]), text(&one["kind"]), note.to_owned()]
        })
        .collect();
    if !outside.is_empty() {
        parts.push(table(&["STAYS OUTSIDE", "KIND", ""], &outside));
        parts.push(
            "What was made from these disks keeps the key that it has. Latchkey does not change it."
                .to_owned(),
        );
    }
    if answer["window"].is_object() {
        parts.push(window(&answer["window"]));
    }
    parts.join("\n\n")
}

fn window(window: &Json) -> String {
    let head = format!(
        "window {} to {}, {} at a time: {}",
        text(&window["opens"]),
        text(&window["closes"]),
        window["atOnce"],
        text(&window["phase"])
    );
    let rows: Vec<Vec<String>> = items(&window["machines"])
        .iter()
        .map(|machine| {
            let took =
                machine["seconds"].as_u64().map_or_else(|| "-".to_owned(), |seconds| format!("{seconds} s"));
            vec![name(&machine["machine"]), text(&machine["progress"]), took, text(&machine["why"])]
        })
        .collect();
    format!("{head}\n{}", table(&["MACHINE", "PROGRESS", "TOOK", "WHY"], &rows))
}

/// A list, or nothing.
pub(super) fn items(list: &Json) -> &[Json] {
    list.as_array().map_or(&[], Vec::as_slice)
}

/// A text without what could move the cursor.
pub(super) fn text(value: &Json) -> String {
    value.as_str().map_or_else(|| "-".to_owned(), harmless)
}

fn name(id: &Json) -> String {
    let id = id.as_str().unwrap_or("-");
    harmless(id.rsplit('/').next().unwrap_or(id))
}

fn minutes(seconds: &Json) -> String {
    format!("{} min", seconds.as_u64().unwrap_or_default().div_ceil(60))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_plan_names_machines_in_their_order_and_what_is_not_encrypted() {
        let id =
            |kind: &str, name: &str| format!("/subscriptions/s/providers/Microsoft.Compute/{kind}/{name}");
        let shown = plan(&json!({
            "disks": [
                {"disk": id("disks", "d1"), "becomes": "in-window"},
                {"disk": id("disks", "d2"), "becomes": "not", "why": "machine-shared: m2 also uses d9"},
            ],
            "machines": [
                {"machine": id("virtualMachines", "m1"), "disks": [id("disks", "d1")], "downSeconds": 360, "downAfterSeconds": 0},
            ],
            "outside": [
                {"resource": id("snapshots", "s1"), "kind": "snapshot", "canBeRead": true},
                {"resource": id("images", "i1"), "kind": "image", "canBeRead": false},
            ],
            "atOnce": 2, "totalSeconds": 360, "estimate": "It is assumed.",
            "window": {"opens": "a", "closes": "b", "atOnce": 2, "phase": "ended", "machines": [
                {"machine": id("virtualMachines", "m0"), "progress": "left-out", "seconds": null, "why": "the window was over"},
            ]},
        }));
        for words in [
            "2 disks: 0 encrypted, 0 without a window, 1 in a window, 1 not",
            "6 min",
            "machine-shared: m2 also uses d9",
            "2 at a time: about 6 min in all. It is assumed.",
            "left-out",
            "s1             snapshot",
            "cannot be read; it may be of these disks",
            "the window was over",
        ] {
            assert!(shown.contains(words), "{words}: {shown}");
        }
    }
}
