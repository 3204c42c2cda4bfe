//! Which functions are loaded, and which of them a path leads to.

use std::time::Duration;

use functions_host::StartError;
use serde_json::{Value, json};

use crate::app::App;
use crate::exchange::{Response, send};
use crate::judge::{Judge, compare};
use crate::recordings::{named_cases, recording};

const SETTINGS: &[(&str, &str)] = &[("AzureWebJobs.disset.Disabled", "true"), ("MYDIS", "true")];

#[tokio::test]
async fn paths_lead_to_functions() {
    let (Some(cases), Some(apps)) = (recording("08-validation.json"), recording("apps.json")) else { return };
    let app = App::start(&apps["apps"]["a8"], SETTINGS).await;
    let mut judge = Judge::of("08-validation");
    for (name, case) in named_cases(&cases).filter(|(_, case)| case.get("fn").is_some()) {
        app.recorder.play(None);
        let request = format!("{name} HTTP/1.1\r\nHost: app.test\r\nContent-Length: 0\r\n\r\n");
        let response = send(&app.host.url(), request.as_bytes(), Duration::from_secs(20)).await;
        let Response::Whole { first, .. } = response else { panic!("{name}: {response:?}") };
        let seen = format!("{first} {}", function(&app));
        let expected = format!("{} {}", case["status"].as_str().unwrap(), case["fn"]);
        judge.case(name, &compare("route", &expected, &seen).into_iter().collect::<Vec<_>>());
    }
    let errors: Vec<String> = app.host.function_errors().iter().map(|error| error.function.clone()).collect();
    for (name, status) in named_cases(&cases["status"]) {
        let in_error = status.as_str().unwrap().contains("errors");
        let seen = errors.contains(&name.to_owned());
        let problem =
            (in_error != seen).then(|| format!("in error: recorded {in_error}, seen {seen}: {status}"));
        judge.case(&format!("function {name}"), &problem.into_iter().collect::<Vec<_>>());
    }
    judge.ends();
}

/// The function that was asked, and its route's values.
fn function(app: &App) -> Value {
    let Some(request) = app.recorder.requests().pop() else { return Value::Null };
    let body: Value = serde_json::from_slice(&request.body).unwrap();
    json!([request.head.lines().next(), body["Data"]["req"]["Params"]])
}

#[tokio::test]
async fn one_malformed_route_stops_the_whole_app() {
    let (Some(cases), Some(apps)) = (recording("08-validation-fatal.json"), recording("apps.json")) else {
        return;
    };
    let mut judge = Judge::of("08-validation-fatal");
    for (name, _) in named_cases(&cases) {
        let function = &apps["apps"]["a8_fatal"]["functions"][name];
        let app = json!({ "functions": { name: function, "well": WELL } });
        // Microsoft's host answers 503 to everything from then on; this one says why and does not start.
        let is_down = matches!(App::try_start(&app, &[]).await, Err(StartError::Route(_)));
        let problem = (!is_down).then(|| "the other function is served".to_owned());
        judge.case(name, &problem.into_iter().collect::<Vec<_>>());
    }
    judge.ends();
}

const WELL: &str = r#"{"bindings":[{"type":"httpTrigger","direction":"in","name":"req"}]}"#;
