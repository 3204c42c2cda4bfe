//! The workbook is written from the list of queries.

use std::fs;

use serde_json::{Value, json};

use crate::{infra, read};

const INTRO: &str =
    "# Latchkey\nWhat each line means, and what to do, is in the runbook and in docs/operate.";

#[test]
fn the_workbook_is_written_from_the_list_of_queries() {
    let expected = workbook(read("dashboard.json").as_array().unwrap());
    if std::env::var_os("LATCHKEY_WRITE_INFRA").is_some() {
        fs::write(infra("workbook.json"), format!("{expected:#}\n")).unwrap();
    }
    assert_eq!(
        read("workbook.json"),
        expected,
        "LATCHKEY_WRITE_INFRA=1 cargo test --workspace --test infra writes it; then infra/check --write"
    );
}

/// `{workspace}` is put in when it is deployed.
fn workbook(charts: &[Value]) -> Value {
    let intro = json!({ "type": 1, "name": "intro", "content": { "json": INTRO } });
    let queries = (0..).zip(charts).map(|(number, chart)| query(number, chart));
    let items: Vec<Value> = [intro, time()].into_iter().chain(queries).collect();
    json!({
        "version": "Notebook/1.0",
        "items": items,
        "fallbackResourceIds": ["{workspace}"],
        "$schema": "https://github.com/Microsoft/Application-Insights-Workbooks/blob/master/schema/workbook.json",
    })
}

/// What time is looked at: an hour, a day or a week.
fn time() -> Value {
    let parameter = json!({
        "id": "fb045b1a-dc63-50fa-a9ab-616b212e5ffb",
        "version": "KqlParameterItem/1.0",
        "name": "Time",
        "type": 4,
        "isRequired": true,
        "value": { "durationMs": 86_400_000 },
        "typeSettings": { "selectableValues": [
            { "durationMs": 3_600_000 }, { "durationMs": 86_400_000 }, { "durationMs": 604_800_000 },
        ] },
    });
    json!({
        "type": 9,
        "name": "time",
        "content": { "version": "KqlParameterItem/1.0", "style": "pills", "parameters": [parameter] },
    })
}

fn query(number: u64, chart: &Value) -> Value {
    let lines: Vec<&str> =
        chart["query"].as_array().unwrap().iter().map(|line| line.as_str().unwrap()).collect();
    json!({
        "type": 3,
        "name": format!("query-{number}"),
        "content": {
            "version": "KqlItem/1.0",
            "query": lines.join("\n"),
            "size": 0,
            "title": chart["title"],
            "noDataMessage": "Nothing in this time.",
            "timeContextFromParameter": "Time",
            "queryType": 0,
            "resourceType": "microsoft.operationalinsights/workspaces",
            "crossComponentResources": ["{workspace}"],
            "visualization": chart["chart"],
        },
    })
}
