//! HTTP: what the handler is asked for a client's request, and what the client gets for the handler's answer.

use std::time::Duration;

use serde_json::Value;

use crate::app::App;
use crate::exchange::{Response, recorded, send};
use crate::judge::{Judge, compare_requests, compare_responses};
use crate::recordings::{named_cases, recording};

/// The longest that a recorded case took is ten seconds.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long silence is listened to where Microsoft's host was silent.
const SILENCE: Duration = Duration::from_millis(1500);

/// App settings by their names.
type Settings<'a> = &'a [(&'a str, &'a str)];

async fn play(app: &App, case: &Value) -> Vec<String> {
    let client: Vec<u8> = match (&case["client"], case["client"]["latin1"].as_str()) {
        (Value::String(text), _) => text.clone().into_bytes(),
        (_, Some(latin1)) => latin1.chars().map(|byte| u8::try_from(u32::from(byte)).unwrap()).collect(),
        _ => return vec!["it needs a trigger that this host does not have".to_owned()],
    };
    app.settle().await;
    app.recorder.play(Some(&case["script"]));
    let (expected, cut) = recorded(case["response"].as_str().unwrap(), client.starts_with(b"HEAD "));
    let patience = if matches!(expected, Response::Silence | Response::Broken) { SILENCE } else { PATIENCE };
    let mut seen = send(&app.host.url(), &whole_request(client), patience).await;
    if let Some(length) = cut {
        seen.cut_to(length);
    }
    let mut problems: Vec<String> = compare_responses(&expected, &seen).into_iter().collect();
    let handler = case["handler"].as_array().unwrap();
    // What is run by hand is answered before it has run.
    let asked = handler.iter().filter(|event| event["ev"] == "req").count();
    for _ in 0..300 {
        if app.recorder.requests().len() >= asked {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    problems.extend(compare_requests(handler, &app.recorder.requests()));
    problems
}

/// Of large bodies the recording has the beginning, which goes on like that.
fn whole_request(mut client: Vec<u8>) -> Vec<u8> {
    let text = String::from_utf8_lossy(&client).into_owned();
    let (head, _) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: "));
    let length = length.and_then(|length| length.parse::<usize>().ok()).unwrap_or_default();
    if length > 100_000 {
        client.resize(head.len() + 4 + length, *client.last().unwrap());
    }
    client
}

async fn play_all(judge: &mut Judge, prefix: &str, app: &App, cases: &Value) {
    for (name, case) in named_cases(cases) {
        judge.case(&format!("{prefix}{name}"), &play(app, case).await);
    }
}

async fn judge(file: &'static str, app: &str) {
    let (Some(cases), Some(apps)) = (recording(&format!("{file}.json")), recording("apps.json")) else {
        return;
    };
    let app = App::start(&apps["apps"][app], &[]).await;
    let mut judge = Judge::of(file);
    play_all(&mut judge, "", &app, &cases).await;
    judge.ends();
}

#[tokio::test]
async fn requests_in_the_json_envelope() {
    judge("01-http-requests", "a1").await;
}

#[tokio::test]
async fn answers_in_the_json_envelope() {
    judge("02-http-responses", "a1").await;
}

#[tokio::test]
async fn requests_and_answers_that_are_forwarded() {
    judge("03-http-forwarded", "a2").await;
}

#[tokio::test]
async fn retries_and_administration() {
    judge("05-queue-retry-admin", "a5").await;
}

#[tokio::test]
async fn routes_without_a_prefix_host_wide_retries_core_tools_and_the_limit_of_bodies() {
    let (Some(groups), Some(apps)) = (recording("10-misc.json"), recording("apps.json")) else { return };
    let mut judge = Judge::of("10-misc");
    let groups_of_apps: [(&str, &str, Settings<'_>); 5] = [
        ("root", "a10", &[]),
        ("hostretry", "a11", &[]),
        ("coretools", "a1", &[("FUNCTIONS_CORETOOLS_ENVIRONMENT", "1")]),
        ("coretools-fwd", "a2", &[("FUNCTIONS_CORETOOLS_ENVIRONMENT", "1")]),
        ("bodylimit", "a1", &[("FUNCTIONS_REQUEST_BODY_SIZE_LIMIT", "1000")]),
    ];
    for (group, app, settings) in groups_of_apps {
        let app = App::start(&apps["apps"][app], settings).await;
        play_all(&mut judge, &format!("{group}/"), &app, &groups[group]).await;
    }
    judge.ends();
}
