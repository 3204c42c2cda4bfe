//! `latchkey onboardings leave`, `stay`, `approve-leaving` and `leaving`: what ends an onboarding shows what it will undo
//! before it asks, and asks twice.

use anyhow::anyhow;
use clap::Args;
use reqwest::Method;
use serde_json::{Value as Json, json};

use super::{ChangeArgs, OneArgs, id, shown::items, shown::text, tell};
use crate::{
    End,
    change::{Audit, Change, NOT_CONFIRMED, NotConfirmed, confirm, who},
    function_app::{App, FunctionApp},
    output::print,
};

/// What `release-claim` takes.
#[derive(Debug, Args)]
pub struct ReleaseArgs {
    /// The key's URL, with or without a version
    #[arg(value_name = "KEY")]
    key: String,

    #[command(flatten)]
    app: App,

    #[command(flatten)]
    change: Change,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Shows what is or would be undone.
pub(super) async fn show(args: &OneArgs) -> anyhow::Result<End> {
    let app = FunctionApp::of(&args.app).map_err(|why| anyhow!(why))?;
    let answer = ask(&app, Method::GET, &args.id, "leaving", None).await?;
    tell(&answer, args.json, plan)?;
    Ok(End::Well)
}

/// Has an onboarding leave.
pub(super) async fn leave(args: &ChangeArgs) -> anyhow::Result<End> {
    let Some(why) = &args.change.why else {
        eprintln!("latchkey: say why, with --why. Nothing was changed.");
        return Ok(End::Status(NOT_CONFIRMED));
    };
    let app = FunctionApp::of(&args.one.app).map_err(|why| anyhow!(why))?;
    show_to_people(&app, args).await?;
    let id = &args.one.id;
    let questions = [
        format!("Have onboarding {id} leave?"),
        "After the hold and an approval this cannot be withdrawn. Sure?".to_owned(),
    ];
    let body = json!({ "reason": why });
    change(&app, args, "leave", "leave", &questions, &body).await
}

/// Withdraws it.
pub(super) async fn stay(args: &ChangeArgs) -> anyhow::Result<End> {
    let app = FunctionApp::of(&args.one.app).map_err(|why| anyhow!(why))?;
    let question = format!("Have onboarding {} stay?", args.one.id);
    change(&app, args, "stay", "stay", &[question], &Json::Null).await
}

/// Approves the plan that was shown, and no other.
pub(super) async fn approve(args: &ChangeArgs) -> anyhow::Result<End> {
    let app = FunctionApp::of(&args.one.app).map_err(|why| anyhow!(why))?;
    let seen = show_to_people(&app, args).await?;
    let Some(entry) = seen["plan"]["entry"].as_u64() else {
        eprintln!("latchkey: there is no plan to approve. Nothing was changed.");
        return Ok(End::Status(1));
    };
    let questions = [
        format!("Approve this plan for onboarding {}?", args.one.id),
        "It is carried out when the hold is over, and cannot be withdrawn then. Sure?".to_owned(),
    ];
    let body = json!({ "who": who(&args.change), "plan": entry });
    change(&app, args, "approve leaving", "approve-leaving", &questions, &body).await
}

/// Releases the claim of a key.
pub(super) async fn release(args: &ReleaseArgs) -> anyhow::Result<End> {
    let Some(why) = &args.change.why else {
        eprintln!("latchkey: say why, with --why. Nothing was changed.");
        return Ok(End::Status(NOT_CONFIRMED));
    };
    let question = format!("Release the claim of the key {}?", args.key);
    if let Err(NotConfirmed(why)) = confirm(&args.change, &question) {
        eprintln!("latchkey: {why}");
        return Ok(End::Status(NOT_CONFIRMED));
    }
    let app = FunctionApp::of(&args.app).map_err(|why| anyhow!(why))?;
    let audit = Audit::new(&args.change, app.base(), "release claim", format!("key {}", args.key));
    audit.begins(&args.key)?;
    let body = json!({ "key": args.key, "reason": why });
    let answer = app.ask(Method::POST, "/api/operations/claims/release", Some(&body)).await;
    let answer = answer.map_err(|why| anyhow!(why));
    audit.ended(&args.key, result_of(&answer))?;
    tell(&answer?, args.json, super::shown::message)?;
    Ok(End::Well)
}

/// On stderr, where the questions are, so that `--json` stays JSON.
async fn show_to_people(app: &FunctionApp, args: &ChangeArgs) -> anyhow::Result<Json> {
    let seen = ask(app, Method::GET, &args.one.id, "leaving", None).await?;
    if args.one.json {
        eprintln!("{}", plan(&seen));
    } else {
        print(&plan(&seen));
    }
    Ok(seen)
}

async fn change(
    app: &FunctionApp,
    args: &ChangeArgs,
    what: &'static str,
    path: &str,
    questions: &[String],
    body: &Json,
) -> anyhow::Result<End> {
    for question in questions {
        if let Err(NotConfirmed(why)) = confirm(&args.change, question) {
            eprintln!("latchkey: {why}");
            return Ok(End::Status(NOT_CONFIRMED));
        }
    }
    let id = &args.one.id;
    let audit = Audit::new(&args.change, app.base(), what, format!("onboarding {id}"));
    audit.begins(id)?;
    let body = Some(body).filter(|body| !body.is_null());
    let answer = ask(app, Method::POST, id, path, body).await;
    audit.ended(id, result_of(&answer))?;
    tell(&answer?, args.one.json, super::shown::message)?;
    Ok(End::Well)
}

fn result_of(answer: &anyhow::Result<Json>) -> Json {
    answer.as_ref().map_or_else(|error| json!({"error": error.to_string()}), Json::clone)
}

async fn ask(
    app: &FunctionApp,
    method: Method,
    onboarding: &str,
    path: &str,
    body: Option<&Json>,
) -> anyhow::Result<Json> {
    let onboarding = id(onboarding).map_err(|why| anyhow!(why))?;
    let path = format!("/api/operations/onboardings/{onboarding}/{path}");
    app.ask(method, &path, body).await.map_err(|why| anyhow!(why))
}

/// What is undone, when, and what stands in the way.
fn plan(answer: &Json) -> String {
    let (leaving, plan) = (&answer["leaving"], &answer["plan"]);
    let mut lines = vec![format!("onboarding  {} ({})", text(&answer["onboarding"]), text(&answer["state"]))];
    if leaving.is_null() {
        let days = answer["holdSeconds"].as_u64().unwrap_or_default() as f64 / 86_400.0;
        lines.push(format!("leaving     no; nothing would be undone for {days} days"));
    } else {
        lines.push(format!("leaving     since {} ({})", text(&leaving["since"]), text(&leaving["why"])));
        lines.push(format!("hold        nothing is undone before {}", text(&leaving["holdUntil"])));
        lines.push(format!("approval    {}", approval(&leaving["approval"])));
        if leaving["undoneSince"].is_string() {
            lines.push(format!("undone      since {}", text(&leaving["undoneSince"])));
        }
        if leaving["access"].is_object() {
            let gone = if leaving["access"]["isGone"] == true { "gone" } else { "not proven to be gone" };
            lines.push(format!("access      {gone}, at {}", text(&leaving["access"]["at"])));
        }
    }
    if plan.is_null() {
        lines.push("plan        none yet".to_owned());
        return lines.join("\n");
    }
    lines.push(String::new());
    lines.push(format!("What is undone, in this order (looked at {}):", text(&plan["at"])));
    let disks = items(&plan["disks"]);
    lines.push(format!("1. {} back to platform-managed keys; the data stays:", count(disks.len(), "disk")));
    lines.extend(disks.iter().map(user));
    lines.push(format!("2. the disk encryption set is deleted:\n     {}{}", text(&plan["set"]), set(plan)));
    lines.push("3. the claim of the customer's key is released".to_owned());
    lines.push("4. a probe with a new token proves that our access to the key is gone".to_owned());
    let in_the_way = items(&plan["inTheWay"]);
    if !in_the_way.is_empty() {
        lines.push(String::new());
        lines.push(
            "In the way of 2. Latchkey does not change these; you decide what becomes of them:".to_owned(),
        );
        lines.extend(in_the_way.iter().map(user));
    }
    if plan["keyHeldBy"].is_string() {
        lines.push(format!("In the way: onboarding {} holds the key", text(&plan["keyHeldBy"])));
    }
    lines.join("\n")
}

fn approval(approval: &Json) -> String {
    match (approval["by"].as_str(), approval["who"].as_str()) {
        (Some("person"), _) => format!("by {}, at {}", text(&approval["who"]), text(&approval["at"])),
        (Some(_), _) => format!("by the setting LATCHKEY_LEAVING_APPROVAL, at {}", text(&approval["at"])),
        (None, _) => "none".to_owned(),
    }
}

fn set(plan: &Json) -> &'static str {
    match plan["setIs"].as_str() {
        Some("not-ours") => "  (in the way: it is not this onboarding's)",
        Some("not-there") => "  (it is not there)",
        _ => "",
    }
}

fn user(user: &Json) -> String {
    let machine = user["machine"].as_str().and_then(|id| id.rsplit('/').next());
    let attached = machine.map(|name| format!("  (attached to {name}: deallocate it first)"));
    let kind = user["kind"].as_str().filter(|kind| *kind != "disk");
    let kind = kind.map(|kind| format!("{}  ", kind.replace('-', " "))).unwrap_or_default();
    format!("     {kind}{}{}", text(&user["id"]), attached.unwrap_or_default())
}

fn count(number: usize, what: &str) -> String {
    match number {
        1 => format!("1 {what} goes"),
        number => format!("{number} {what}s go"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_says_what_is_undone_in_which_order_and_what_is_in_the_way() {
        let answer = json!({
            "onboarding": "o-1", "state": "leaving",
            "leaving": {"since": "2026-02-01T12:00:00Z", "why": "unsubscribed", "holdUntil": "2026-02-08T12:00:00Z",
                "approval": {"by": "person", "who": "operator", "at": "2026-02-02T12:00:00Z"}},
            "plan": {"entry": 12, "at": "2026-02-01T12:00:01Z", "set": "/sets/s", "setIs": "ours",
                "disks": [{"id": "/disks/d1", "kind": "disk", "machine": "/machines/m1"}],
                "inTheWay": [{"id": "/snapshots/s1", "kind": "snapshot"}, {"id": "/sets/v", "kind": "scale-set"}]},
        });
        assert_eq!(
            plan(&answer),
            "onboarding  o-1 (leaving)\n\
             leaving     since 2026-02-01T12:00:00Z (unsubscribed)\n\
             hold        nothing is undone before 2026-02-08T12:00:00Z\n\
             approval    by operator, at 2026-02-02T12:00:00Z\n\
             \n\
             What is undone, in this order (looked at 2026-02-01T12:00:01Z):\n\
             1. 1 disk goes back to platform-managed keys; the data stays:\n     \
             /disks/d1  (attached to m1: deallocate it first)\n\
             2. the disk encryption set is deleted:\n     \
             /sets/s\n\
             3. the claim of the customer's key is released\n\
             4. a probe with a new token proves that our access to the key is gone\n\
             \n\
             In the way of 2. Latchkey does not change these; you decide what becomes of them:\n     \
             snapshot  /snapshots/s1\n     \
             scale set  /sets/v"
        );
        let before = plan(&json!({"onboarding": "o-1", "state": "active", "leaving": null, "plan": null,
            "holdSeconds": 604_800}));
        assert!(
            before.contains("nothing would be undone for 7 days") && before.ends_with("none yet"),
            "{before}"
        );
    }
}
