//! `latchkey onboardings freeze --all`: for when nobody knows yet whom the grace ladder is about to harm.

use anyhow::anyhow;
use reqwest::Method;
use serde_json::{Value as Json, json};

use crate::{
    End,
    change::{Audit, Change, NOT_CONFIRMED, NotConfirmed, confirm},
    function_app::{App, FunctionApp},
    output::{print, print_json},
};

/// Freezes every onboarding that has not ended, also when one of them cannot be frozen.
pub(super) async fn run(app: &App, change: &Change, as_json: bool) -> anyhow::Result<End> {
    let app = FunctionApp::of(app).map_err(|why| anyhow!(why))?;
    let known =
        app.ask(Method::GET, "/api/operations/onboardings", None).await.map_err(|why| anyhow!(why))?;
    let ids = not_ended(&known);
    let question = format!("Freeze all {} onboardings that have not ended?", ids.len());
    if let Err(NotConfirmed(why)) = confirm(change, &question) {
        eprintln!("latchkey: {why}");
        return Ok(End::Status(NOT_CONFIRMED));
    }
    let audit = Audit::new(change, app.base(), "freeze all", format!("{} onboardings", ids.len()));
    audit.begins("all")?;
    let reason = json!({"reason": change.why});
    let (mut frozen, mut failed) = (vec![], vec![]);
    for id in ids {
        let path = format!("/api/operations/onboardings/{id}/freeze");
        match app.ask(Method::POST, &path, Some(&reason)).await {
            Ok(_) => frozen.push(id),
            Err(why) => failed.push(json!({"onboarding": id, "why": why.to_string()})),
        }
    }
    let result = json!({"frozen": frozen, "failed": failed});
    audit.ended("all", result.clone())?;
    if as_json {
        print_json(&result)?;
    } else {
        print(&shown(&result));
    }
    if failed.is_empty() { Ok(End::Well) } else { Err(anyhow!("{} could not be frozen", failed.len())) }
}

fn not_ended(known: &Json) -> Vec<String> {
    let all = known["onboardings"].as_array().into_iter().flatten();
    let running = all.filter(|one| one["state"] != "ended");
    running.filter_map(|one| one["onboarding"].as_str().map(str::to_owned)).collect()
}

fn shown(result: &Json) -> String {
    let count = |name: &str| result[name].as_array().map_or(0, Vec::len);
    let mut lines = vec![format!("{} frozen, {} not", count("frozen"), count("failed"))];
    for failed in result["failed"].as_array().into_iter().flatten() {
        let text = |name: &str| failed[name].as_str().unwrap_or_default();
        lines.push(format!("{}: {}", text("onboarding"), text("why")));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_ended_is_not_frozen_and_what_failed_is_named() {
        let known = json!({"onboardings": [
            {"onboarding": "a", "state": "active"},
            {"onboarding": "b", "state": "ended"},
            {"onboarding": "c", "state": "awaiting-key"},
        ]});
        assert_eq!(not_ended(&known), ["a", "c"]);
        let result = json!({"frozen": ["a"], "failed": [{"onboarding": "c", "why": "no answer"}]});
        assert_eq!(shown(&result), "1 frozen, 1 not\nc: no answer");
    }
}
