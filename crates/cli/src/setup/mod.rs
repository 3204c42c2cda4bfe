//! `latchkey setup`: the applications, the federated credential and the roles that a deployment stands on.
//!
//! Everything is looked at first. What is right stays, what is missing is made, and what is wrong is named and changed
//! with consent only. A second run changes nothing.

mod app_roles;
mod application;
mod args;
mod credential;
mod piece;
mod plan;
mod redirect;
mod report;
mod resources;
mod role;
mod service_principal;
mod wanted;
mod words;

use std::{
    collections::BTreeSet,
    io::{IsTerminal as _, stdin},
};

use anyhow::Context as _;
use serde_json::json;
use uuid::Uuid;

use self::report::Report;
pub use self::{
    args::SetupArgs,
    piece::{Application, Difference, Found, Identity, Piece, Seen},
    plan::{Done, Line, Pieces, Plan},
    wanted::{Named, Wanted},
};
use crate::{
    End,
    azure::Azure,
    change::{Audit, NOT_CONFIRMED, NotConfirmed, confirm},
    output::{print, print_json},
};

/// What the command ends with.
pub const EXIT_CODES: &str = "\
Exit codes:
  0    nothing is wrong, and nothing is missing any more; with --dry-run: nothing is wrong
  1    something failed; stderr says what. What was made stays, and the next run goes on from there
  2    the command line is wrong
  3    something is wrong and was left as it is
  6    not confirmed, nothing changed: the answer was no, or there is no terminal to ask on and
       --yes was not given
  130  interrupted by Ctrl-C";

/// The exit code when something wrong was left.
const WRONG: u8 = 3;

/// Runs the command.
///
/// # Errors
/// Nobody is signed in, Azure refuses or cannot be reached, or what is given is not there.
pub async fn run(args: SetupArgs) -> anyhow::Result<End> {
    let session = args.who.sign_in().await?;
    let tenant = session.tenant;
    let azure = session.azure();
    let ran = Box::pin(set_up(&args, tenant, &azure));
    tokio::select! {
        end = ran => end,
        interrupted = tokio::signal::ctrl_c() => {
            interrupted.context("listening for Ctrl-C")?;
            Ok(End::Interrupted)
        }
    }
}

async fn set_up(args: &SetupArgs, tenant: Uuid, azure: &Azure<'_>) -> anyhow::Result<End> {
    let wanted = args.wanted(tenant)?;
    let pieces = Pieces::of(&wanted);
    let mut plan = pieces.look(azure).await?;
    if !args.dry_run {
        let agreed = match agree(args, &plan) {
            Ok(agreed) => agreed,
            Err(NotConfirmed(why)) => {
                show(args, &Report::of(&wanted, &plan, true))?;
                eprintln!("latchkey: {why}");
                return Ok(End::Status(NOT_CONFIRMED));
            }
        };
        if agreed.changes_something {
            let audit = Audit::new(&args.change, &tenant.to_string(), "setup", "setup".to_owned());
            audit.begins(&wanted.application.name)?;
            let brought_about = pieces.bring_about(azure, &agreed.mend).await;
            let failed = |error: &anyhow::Error| json!({ "error": error.to_string() });
            let result = brought_about.as_ref().map_or_else(failed, report::outcome);
            audit.ended(&wanted.application.name, result)?;
            plan = brought_about?;
        }
    }
    show(args, &Report::of(&wanted, &plan, args.dry_run))?;
    let wrong = plan.lines.iter().any(|line| matches!(line.found, Found::Wrong(_)));
    Ok(if wrong { End::Status(WRONG) } else { End::Well })
}

/// What somebody agreed to.
struct Agreed {
    changes_something: bool,
    /// The places of the pieces that may be put right.
    mend: BTreeSet<usize>,
}

/// Shows the plan and asks: once for what is missing, and for each thing that is wrong.
fn agree(args: &SetupArgs, plan: &Plan) -> Result<Agreed, NotConfirmed> {
    let missing = plan.lines.iter().filter(|line| line.found == Found::Missing).count();
    let wrong = || (0..).zip(&plan.lines).filter(|(_, line)| line.can_be_mended());
    let mut mend: BTreeSet<usize> = BTreeSet::new();
    if args.mend {
        mend.extend(wrong().map(|(place, _)| place));
    }
    let may_ask = !args.change.yes && stdin().is_terminal();
    if may_ask && (missing > 0 || wrong().next().is_some()) {
        eprintln!("{}\n", report::plan_for_people(&plan.lines));
    }
    if missing + mend.len() > 0 {
        let question = match (missing, mend.len()) {
            (missing, 0) => format!("Make what is missing ({missing})?"),
            (0, wrong) => format!("Put right what is wrong ({wrong})?"),
            (missing, wrong) => {
                format!("Make what is missing ({missing}), and put right what is wrong ({wrong})?")
            }
        };
        confirm(&args.change, &question)?;
    }
    if may_ask && !args.mend {
        for (place, line) in wrong() {
            let question =
                format!("Put right what is wrong with the {} {}?", words::of(line.kind), line.name);
            if confirm(&args.change, &question).is_ok() {
                mend.insert(place);
            }
        }
    }
    Ok(Agreed { changes_something: missing + mend.len() > 0, mend })
}

fn show(args: &SetupArgs, report: &Report) -> anyhow::Result<()> {
    if args.json {
        return print_json(report);
    }
    print(&report.shown());
    Ok(())
}
