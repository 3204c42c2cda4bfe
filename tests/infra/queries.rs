//! Alerts and dashboards ask for names that exist: of functions, of lines of the log with their fields, of metrics.

use std::collections::BTreeSet;

use latchkey_functions::table;
use serde_json::Value;

use crate::{lines::Line, read};

/// What Azure Monitor calls the measures of Service Bus that are asked for.
/// <https://learn.microsoft.com/azure/azure-monitor/reference/supported-metrics/microsoft-servicebus-namespaces-metrics>
const SERVICE_BUS_METRICS: [&str; 4] =
    ["ActiveMessages", "DeadletteredMessages", "ServerErrors", "ThrottledRequests"];

/// Every query with its title: of the alerts, of the workbook, and of Grafana.
fn queries() -> Vec<(String, String)> {
    let titled = |one: &Value| one["name"].as_str().or(one["title"].as_str()).unwrap().to_owned();
    let joined = |one: &Value| {
        let lines = one["query"].as_array().unwrap().iter();
        lines.map(|line| line.as_str().unwrap()).collect::<Vec<_>>().join("\n")
    };
    let (alerts, charts, grafana) = (read("alerts.json"), read("dashboard.json"), read("grafana.json"));
    let written = alerts["logs"].as_array().unwrap().iter().chain(charts.as_array().unwrap());
    let mut all: Vec<_> = written.map(|one| (titled(one), joined(one))).collect();
    for panel in grafana["panels"].as_array().unwrap() {
        for target in panel["targets"].as_array().into_iter().flatten() {
            let query = target["azureLogAnalytics"]["query"].as_str().unwrap();
            all.push((format!("grafana: {}", titled(panel)), query.to_owned()));
        }
    }
    all
}

/// What a text in a query is compared with: `Name == 'sweep'`, `tostring(line.level) in ('WARN', 'ERROR')`.
fn comparisons(query: &str) -> Vec<(String, String)> {
    let parts: Vec<&str> = query.split('\'').collect();
    let mut compared = String::new();
    let mut found = Vec::new();
    for (number, part) in parts.iter().enumerate() {
        if number % 2 == 1 {
            found.push((compared.clone(), (*part).to_owned()));
        } else if part.trim() != "," {
            let before = part.trim_end().trim_end_matches("==").trim_end_matches("in (").trim_end();
            let word = before.rsplit(char::is_whitespace).next().unwrap_or_default();
            compared = bare(word).to_owned();
        }
    }
    found
}

/// What is inside of conversions: `tostring(line.level)` is `line.level`.
fn bare(expression: &str) -> &str {
    let inner = expression.rsplit('(').next().unwrap_or_default();
    inner.trim_end_matches([')', ','])
}

/// Every `line.fields.X` of a query.
fn fields(query: &str) -> BTreeSet<&str> {
    let parts = query.split("line.fields.").skip(1);
    parts
        .map(|rest| rest.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default())
        .collect()
}

#[test]
fn every_query_asks_for_lines_that_the_app_writes_and_for_fields_that_they_have() {
    let lines = Line::all();
    let functions: BTreeSet<&str> = table().iter().map(|function| function.name).collect();
    let queries = queries();
    assert!(queries.len() > 30, "{} queries", queries.len());
    for (title, query) in &queries {
        let mut asked: Vec<&Line> = lines.iter().collect();
        for (compared, text) in comparisons(query) {
            match compared.as_str() {
                "Name" | "line.fields.function" => {
                    assert!(functions.contains(text.as_str()), "{title}: no function is called {text}");
                }
                "line.target" => asked.retain(|line| line.target.as_deref() == Some(&text)),
                "line.level" => {
                    assert!(["ERROR", "WARN", "INFO"].contains(&text.as_str()), "{title}: no level {text}");
                }
                "line.fields.event" => asked.retain(|line| line.event.as_deref() == Some(&text)),
                "line.fields.message" => {
                    assert!(
                        lines.iter().any(|line| line.message == text),
                        "{title}: no line of the log says {text:?}"
                    );
                }
                "line.fields.outcome" => {
                    let known = ["done", "retry", "waiting", "refused", "failed", "duplicate"];
                    assert!(known.contains(&text.as_str()), "{title}: no step ends with {text:?}");
                }
                "ResourceProvider" => assert_eq!(text, "MICROSOFT.SERVICEBUS", "{title}"),
                "MetricName" => {
                    assert!(SERVICE_BUS_METRICS.contains(&text.as_str()), "{title}: no metric {text}");
                }
                // What separates words, and compares nothing.
                _ if !text.contains(char::is_alphabetic) => {}
                other => panic!("{title}: what may {other:?} be compared with? It is, with {text:?}"),
            }
        }
        assert!(!asked.is_empty(), "{title}: no line of the log is meant");
        let messages: BTreeSet<String> = comparisons(query)
            .into_iter()
            .filter(|(compared, _)| compared == "line.fields.message")
            .map(|(_, text)| text)
            .collect();
        if !messages.is_empty() {
            asked.retain(|line| messages.contains(&line.message));
        }
        for field in fields(query).into_iter().filter(|field| *field != "message") {
            assert!(
                asked.iter().any(|line| line.fields.contains(field)),
                "{title}: no line that is meant has a field {field}"
            );
        }
    }
}

/// Each outcome that a query may ask for is one that a step can end with.
#[test]
fn the_outcomes_of_steps_are_those_that_are_written() {
    let sources = crate::lines::sources(&["step"]);
    for outcome in ["done", "retry", "waiting", "refused", "failed", "duplicate"] {
        assert!(sources.contains(&format!("\"{outcome}\"")), "no step ends with {outcome:?}");
    }
}

#[test]
fn metric_alerts_ask_for_metrics_of_service_bus() {
    for alert in read("alerts.json")["metrics"].as_array().unwrap() {
        let metric = alert["metric"].as_str().unwrap();
        assert!(SERVICE_BUS_METRICS.contains(&metric), "{}: no metric {metric}", alert["name"]);
    }
}

/// Whoever is woken finds what to do under the name of the alert.
#[test]
fn every_alert_has_its_place_in_the_instructions() {
    let alerts = read("alerts.json");
    let instructions = include_str!("../../docs/operate/alerts.md");
    let headings: Vec<&str> = instructions.lines().filter_map(|line| line.strip_prefix("## ")).collect();
    for alert in ["metrics", "logs"].iter().flat_map(|list| alerts[list].as_array().unwrap()) {
        let (name, severity) = (alert["name"].as_str().unwrap(), alert["severity"].as_u64().unwrap());
        let is = |heading: &&&str| heading.contains(name) && heading.ends_with(&format!("({severity})"));
        assert_eq!(headings.iter().filter(is).count(), 1, "{name} ({severity}) has no heading in alerts.md");
    }
}

#[test]
fn what_a_query_compares_is_found() {
    let found =
        comparisons("T\n| where Name == 'a' and tostring(line.level) in ('b', 'c')\n| where s == 'd'");
    let found: Vec<_> = found.iter().map(|(compared, text)| (compared.as_str(), text.as_str())).collect();
    assert_eq!(found, [("Name", "a"), ("line.level", "b"), ("line.level", "c"), ("s", "d")]);
}
