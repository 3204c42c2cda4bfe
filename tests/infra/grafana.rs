//! The dashboard for Grafana is written from the same list of queries as the workbook.

use std::fs;

use serde_json::{Value, json};

use crate::{infra, read};

const SOURCE: &str = "grafana-azure-monitor-datasource";
/// Grafana's grid has 24 columns.
const WIDTH: u64 = 24;
const HEIGHT: u64 = 8;

#[test]
fn the_dashboard_for_grafana_is_written_from_the_list_of_queries() {
    let expected = dashboard(read("dashboard.json").as_array().unwrap());
    if std::env::var_os("LATCHKEY_WRITE_INFRA").is_some() {
        fs::write(infra("grafana.json"), format!("{expected:#}\n")).unwrap();
    }
    assert_eq!(
        read("grafana.json"),
        expected,
        "LATCHKEY_WRITE_INFRA=1 cargo test --workspace --test infra writes it"
    );
}

/// Grafana shows nothing of a series whose times are not in order; a workbook sorts by itself.
#[test]
fn a_chart_over_time_is_in_the_order_of_time() {
    for chart in read("dashboard.json").as_array().unwrap() {
        let last = chart["query"].as_array().unwrap().last().unwrap();
        assert!(
            chart["chart"] != "timechart" || last == "| order by TimeGenerated asc",
            "{}: ends with {last}",
            chart["title"]
        );
    }
}

fn dashboard(charts: &[Value]) -> Value {
    let mut panels = vec![json!({
        "id": 1,
        "type": "text",
        "title": "",
        "gridPos": { "x": 0, "y": 0, "w": WIDTH, "h": 2 },
        "options": {
            "mode": "markdown",
            "content": "What each line means, and what to do, is in the runbook and in docs/operate.",
        },
    })];
    for (number, chart) in (0..).zip(charts) {
        let place = json!({ "x": number % 2 * (WIDTH / 2), "y": 2 + number / 2 * HEIGHT, "w": WIDTH / 2, "h": HEIGHT });
        panels.push(panel(number + 2, place, chart));
    }
    json!({
        "uid": "latchkey",
        "title": "Latchkey",
        "description": "Written from infra/dashboard.json, as the workbook is. Import it, then select the data source, the \
                        subscription and the workspace.",
        "tags": ["latchkey"],
        "editable": true,
        "schemaVersion": 39,
        "refresh": "5m",
        "time": { "from": "now-24h", "to": "now" },
        "templating": { "list": variables() },
        "panels": panels,
    })
}

fn panel(id: u64, place: Value, chart: &Value) -> Value {
    let query: Vec<&str> =
        chart["query"].as_array().unwrap().iter().map(|line| line.as_str().unwrap()).collect();
    let (kind, format) = match chart["chart"].as_str().unwrap() {
        "timechart" => ("timeseries", "time_series"),
        "table" => ("table", "table"),
        other => panic!("{}: no panel for {other}", chart["title"]),
    };
    json!({
        "id": id,
        "type": kind,
        "title": chart["title"],
        "description": chart["about"],
        "gridPos": place,
        "datasource": source(),
        "targets": [{
            "refId": "A",
            "datasource": source(),
            "queryType": "Azure Log Analytics",
            "azureLogAnalytics": {
                "query": query.join("\n"),
                "resultFormat": format,
                "resources": ["$workspace"],
                "dashboardTime": true,
                "timeColumn": "TimeGenerated",
            },
        }],
    })
}

/// What whoever imports it selects: nothing in the file names a vendor's subscription.
fn variables() -> Value {
    let asked = |name: &str, label: &str, query: Value| {
        json!({
            "type": "query",
            "name": name,
            "label": label,
            "datasource": source(),
            "query": query,
            "refresh": 1,
            "sort": 5,
        })
    };
    let workspaces = json!({
        "refId": "workspaces",
        "queryType": "Azure Workspaces",
        "subscription": "$subscription",
    });
    json!([
        { "type": "datasource", "name": "source", "label": "Data source", "query": SOURCE },
        asked("subscription", "Subscription", json!({ "refId": "subscriptions", "queryType": "Azure Subscriptions" })),
        asked("workspace", "Workspace", workspaces),
    ])
}

fn source() -> Value {
    json!({ "type": SOURCE, "uid": "${source}" })
}
