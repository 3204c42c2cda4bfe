//! `latchkey drill`: rehearses a revocation on an onboarding that is marked as a test, and reports what happened when.

use std::time::Duration;

use anyhow::{anyhow, ensure};
use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::{Value as Json, json};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use tokio::time::{Instant, sleep};

use crate::{
    End,
    change::{Audit, Change, NOT_CONFIRMED, NotConfirmed, confirm},
    function_app::{App, FunctionApp},
    onboardings::id,
    output::{print, print_json, table},
};

/// What a command ends with.
pub const EXIT_CODES: &str = "\
Exit codes:
  0    the whole drill was seen, from the revocation to the recovery
  1    something failed, or the drill was not over in time; stderr says what
  2    the command line is wrong
  6    not confirmed; nothing was changed
  130  interrupted by Ctrl-C; the drill ends by itself";

/// How often the journal is read.
const PAUSE: Duration = Duration::from_secs(1);

/// What to rehearse.
#[derive(Debug, Subcommand)]
pub enum DrillCommand {
    /// Rehearse a revocation
    ///
    /// Until the drill ends, each look at the key finds it disabled, without a call to the customer's
    /// vault. Everything else is real: the page, the alerts, and the steps of LATCHKEY_GRACE_POLICY at the
    /// pace of the drill, so virtual machines that use the onboarding's disks stop and start again. The
    /// onboarding must be marked with "latchkey onboardings mark-test".
    #[command(verbatim_doc_comment, after_help = EXIT_CODES)]
    Revoke(RevokeArgs),
}

/// What `drill revoke` takes.
#[derive(Debug, Args)]
pub struct RevokeArgs {
    /// The onboarding's id
    #[arg(long, value_name = "ID", value_parser = id)]
    onboarding: String,

    #[command(flatten)]
    app: App,

    /// How long the key is found disabled
    #[arg(long, value_name = "SECONDS", default_value_t = 900)]
    lasts: u64,

    /// The time from the revocation to the first step, and from there to the next
    #[arg(long, value_name = "SECONDS", default_value_t = 120)]
    pace: u64,

    /// How long to wait for the recovery after the drill's end
    #[arg(long, value_name = "SECONDS", default_value_t = 3600)]
    recovery: u64,

    #[command(flatten)]
    change: Change,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Runs a command.
///
/// # Errors
/// When the function app refuses or cannot be reached, or the drill is not over in time.
pub async fn run(command: DrillCommand) -> anyhow::Result<End> {
    let DrillCommand::Revoke(args) = command;
    let question = format!(
        "Rehearse a revocation on onboarding {}? Its service may be suspended, and its virtual machines stopped.",
        args.onboarding
    );
    if let Err(NotConfirmed(why)) = confirm(&args.change, &question) {
        eprintln!("latchkey: {why}");
        return Ok(End::Status(NOT_CONFIRMED));
    }
    let app = FunctionApp::of(&args.app).map_err(|why| anyhow!(why))?;
    let path = format!("/api/operations/onboardings/{}", args.onboarding);
    let audit = Audit::new(&args.change, app.base(), "drill", format!("onboarding {}", args.onboarding));
    let before = entries(&app, &path).await?.len();
    audit.begins(&args.onboarding)?;
    let body = json!({"lastsSeconds": args.lasts, "paceSeconds": args.pace});
    let outcome = rehearse(&args, &app, &path, before, &body).await;
    let result = outcome
        .as_ref()
        .map_or_else(|error| json!({"error": error.to_string()}), |happened| report(happened));
    audit.ended(&args.onboarding, result)?;
    let happened = outcome?;
    let report = report(&happened);
    if args.json {
        print_json(&report)?
    } else {
        print(&shown(&report))
    }
    ensure!(
        was_revoked(&happened),
        "the key was not found disabled while the drill lasted: give it more time with --lasts"
    );
    Ok(End::Well)
}

/// Begins the drill, and answers the entries of the journal from its beginning to its end.
async fn rehearse(
    args: &RevokeArgs,
    app: &FunctionApp,
    path: &str,
    before: usize,
    body: &Json,
) -> anyhow::Result<Vec<Json>> {
    app.ask(Method::POST, &format!("{path}/drill"), Some(body)).await.map_err(|why| anyhow!(why))?;
    let limit = Instant::now() + Duration::from_secs(args.lasts.saturating_add(args.recovery));
    loop {
        let mut happened = entries(app, path).await?.split_off(before);
        // Interest ends with the entry that ends the drill.
        if let Some(last) = happened.iter().position(|entry| entry["state"]["grace"]["drill"].is_null()) {
            happened.truncate(last + 1);
            return Ok(happened);
        }
        ensure!(
            Instant::now() < limit,
            "the drill is not over; see: latchkey onboardings show {}",
            args.onboarding
        );
        sleep(PAUSE).await;
    }
}

async fn entries(app: &FunctionApp, path: &str) -> anyhow::Result<Vec<Json>> {
    let mut history = app.ask(Method::GET, path, None).await.map_err(|why| anyhow!(why))?;
    match history["entries"].take() {
        Json::Array(entries) => Ok(entries),
        _ => Err(anyhow!("the function app returned no history")),
    }
}

fn was_revoked(entries: &[Json]) -> bool {
    entries.iter().any(|entry| entry["stage"] == "revoked")
}

/// What happened, and how many seconds after the beginning.
fn report(entries: &[Json]) -> Json {
    let at = |entry: &Json| OffsetDateTime::parse(entry["at"].as_str().unwrap_or_default(), &Rfc3339).ok();
    let begun = entries.first().and_then(at);
    let events: Vec<Json> = entries
        .iter()
        .map(|entry| {
            let after = at(entry).zip(begun).map(|(at, begun)| (at - begun).whole_seconds());
            json!({
                "at": entry["at"],
                "seconds": after,
                "happened": happened(&entry["fact"]),
                "state": entry["stage"],
                "entry": entry["number"],
            })
        })
        .collect();
    json!({"drill": true, "events": events})
}

fn happened(fact: &Json) -> String {
    let text = |value: &Json| value.as_str().unwrap_or_default().to_owned();
    let kind = text(&fact["fact"]);
    match kind.as_str() {
        "found" => format!("found: {}", text(&fact["finding"]["code"])),
        "rung-announced" => format!("announced: {}, for {}", text(&fact["rung"]), text(&fact["due"])),
        "rung-taken" => format!("taken: {}", text(&fact["rung"])),
        "machine" => {
            let machine = text(&fact["machine"]);
            format!("machine {}: {}", machine.rsplit('/').next().unwrap_or_default(), text(&fact["learnt"]))
        }
        _ => kind,
    }
}

fn shown(report: &Json) -> String {
    let rows: Vec<Vec<String>> = report["events"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|event| {
            let text = |name: &str| event[name].as_str().unwrap_or("-").to_owned();
            vec![event["seconds"].to_string(), text("happened"), text("state")]
        })
        .collect();
    table(&["SECONDS", "WHAT", "STATE"], &rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_says_what_happened_how_long_after_the_beginning() {
        let entry =
            |at: &str, fact: Json, stage: &str| json!({"at": at, "fact": fact, "stage": stage, "number": 9});
        let entries = [
            entry("2026-02-01T12:00:00Z", json!({"fact": "drill-started"}), "active"),
            entry(
                "2026-02-01T12:00:07Z",
                json!({"fact": "found", "finding": {"code": "key-disabled"}}),
                "revoked",
            ),
            entry(
                "2026-02-01T12:02:07Z",
                json!({"fact": "machine", "machine": "/x/virtualMachines/m1", "learnt": "stopped"}),
                "revoked",
            ),
        ];
        let report = report(&entries);
        let of = |place: usize| {
            (report["events"][place]["seconds"].clone(), report["events"][place]["happened"].clone())
        };
        assert_eq!(of(0), (json!(0), json!("drill-started")));
        assert_eq!(of(1), (json!(7), json!("found: key-disabled")));
        assert_eq!(of(2), (json!(127), json!("machine m1: stopped")));
        assert!(was_revoked(&entries) && !was_revoked(&entries[..1]));
    }
}
