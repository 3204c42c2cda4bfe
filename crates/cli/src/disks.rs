//! `latchkey disks`: what becomes of an onboarding's disks, and a window in which their machines may be stopped.

mod shown;

use anyhow::anyhow;
use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::{Value as Json, json};

use crate::{
    End,
    change::{Audit, Change, NOT_CONFIRMED, NotConfirmed, confirm},
    function_app::{App, FunctionApp},
    onboardings::id,
    output::{print, print_json},
};

/// What a command ends with.
pub const EXIT_CODES: &str = "\
Exit codes:
  0    success
  1    something failed; stderr says what, and what to do
  2    the command line is wrong
  6    apply: not confirmed, nothing changed
  130  interrupted by Ctrl-C";

/// What to do.
#[derive(Debug, Subcommand)]
pub enum DisksCommand {
    /// Show what becomes of each disk, which machines are stopped for it, in which order, how long
    ///
    /// Also shows the window that was set last, and how far its machines are. Nothing is changed.
    #[command(verbatim_doc_comment, after_help = EXIT_CODES)]
    Plan(PlanArgs),

    /// Set the window in which machines are stopped, their disks encrypted, and started again
    ///
    /// Shows the plan and asks twice. In the window, machine by machine: deallocate, change its disks,
    /// start. No machine is begun that cannot be expected to run again before the window ends. What is
    /// not reached waits for another window. To stop a window: latchkey onboardings freeze.
    #[command(verbatim_doc_comment, after_help = EXIT_CODES)]
    Apply(ApplyArgs),
}

/// The onboarding, and how many machines.
#[derive(Debug, Args)]
pub struct PlanArgs {
    /// The onboarding
    #[arg(value_name = "ID", value_parser = id)]
    id: String,

    /// How many machines may be down at a time
    #[arg(long, value_name = "N", default_value_t = 1)]
    at_once: u32,

    #[command(flatten)]
    app: App,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// The window.
#[derive(Debug, Args)]
pub struct ApplyArgs {
    #[command(flatten)]
    plan: PlanArgs,

    /// When machines may be stopped, and when all run again: two times as RFC 3339 has them
    #[arg(long, value_name = "START/END", value_parser = window)]
    window: Window,

    #[command(flatten)]
    change: Change,
}

/// Two times.
#[derive(Debug, Clone)]
struct Window {
    opens: String,
    closes: String,
}

fn window(text: &str) -> Result<Window, String> {
    let expected = || "expected START/END, such as 2026-12-05T22:00:00Z/2026-12-06T04:00:00Z".to_owned();
    let (opens, closes) = text.split_once('/').ok_or_else(expected)?;
    for time in [opens, closes] {
        let rfc3339 = &time::format_description::well_known::Rfc3339;
        time::OffsetDateTime::parse(time, rfc3339).map_err(|_| expected())?;
    }
    Ok(Window { opens: opens.to_owned(), closes: closes.to_owned() })
}

/// Runs a command.
///
/// # Errors
/// When the function app cannot be reached, or refuses.
pub async fn run(command: DisksCommand) -> anyhow::Result<End> {
    match command {
        DisksCommand::Plan(args) => {
            let app = FunctionApp::of(&args.app).map_err(|why| anyhow!(why))?;
            tell(&plan(&app, &args).await?, args.json)?;
            Ok(End::Well)
        }
        DisksCommand::Apply(args) => apply(&args).await,
    }
}

async fn plan(app: &FunctionApp, args: &PlanArgs) -> anyhow::Result<Json> {
    let path = format!("/api/operations/onboardings/{}/disks?atOnce={}", args.id, args.at_once);
    app.ask(Method::GET, &path, None).await.map_err(|why| anyhow!(why))
}

async fn apply(args: &ApplyArgs) -> anyhow::Result<End> {
    let ApplyArgs { plan: one, window: Window { opens, closes }, change } = args;
    let app = FunctionApp::of(&one.app).map_err(|why| anyhow!(why))?;
    let plan = plan(&app, one).await?;
    eprintln!("{}\n", shown::plan(&plan));
    let machines: Vec<&Json> = shown::items(&plan["machines"]).iter().map(|one| &one["machine"]).collect();
    let questions = [
        format!("Stop these {} virtual machines between {opens} and {closes}?", machines.len()),
        format!("Each is down for some minutes, {} at a time. Have you told whoever uses them?", one.at_once),
    ];
    for question in &questions {
        if let Err(NotConfirmed(why)) = confirm(change, question) {
            eprintln!("latchkey: {why}");
            return Ok(End::Status(NOT_CONFIRMED));
        }
    }
    let audit = Audit::new(change, app.base(), "disks apply", format!("onboarding {}", one.id));
    audit.begins(&one.id)?;
    let path = format!("/api/operations/onboardings/{}/disks/window", one.id);
    let body = json!({"opens": opens, "closes": closes, "atOnce": one.at_once, "machines": machines});
    let answer = app.ask(Method::POST, &path, Some(&body)).await.map_err(|why| anyhow!(why));
    let result = match &answer {
        Ok(answer) => json!({"window": answer["window"]}),
        Err(error) => json!({"error": error.to_string()}),
    };
    audit.ended(&one.id, result)?;
    let answer = answer?;
    if one.json {
        print_json(&answer)?;
    } else {
        print(&shown::text(&answer["message"]));
    }
    Ok(End::Well)
}

fn tell(answer: &Json, json: bool) -> anyhow::Result<()> {
    if json {
        return print_json(answer);
    }
    print(&shown::plan(answer));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_is_two_times() {
        let read = window("2026-12-05T22:00:00Z/2026-12-06T04:00:00+01:00").unwrap();
        assert_eq!(
            (read.opens.as_str(), read.closes.as_str()),
            ("2026-12-05T22:00:00Z", "2026-12-06T04:00:00+01:00")
        );
        for wrong in ["", "2026-12-05T22:00:00Z", "22:00/04:00", "2026-12-05/2026-12-06"] {
            assert!(window(wrong).is_err(), "{wrong}");
        }
    }
}
