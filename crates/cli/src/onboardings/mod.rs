//! `latchkey onboardings`: what the function app knows about its onboardings.

mod changing;
mod shown;

use anyhow::anyhow;
use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::Value as Json;

use crate::{
    End,
    function_app::{App, FunctionApp},
    output::{print, print_json},
};

/// What a command ends with.
pub const EXIT_CODES: &str = "\
Exit codes:
  0    success
  1    something failed; stderr says what, and what to do
  2    the command line is wrong
  3    check: the key does not work
  130  interrupted by Ctrl-C";

/// The key does not work.
const NOT_WORKING: u8 = 3;

/// What to ask.
#[derive(Debug, Subcommand)]
pub enum OnboardingsCommand {
    /// List every onboarding, with its state and what it waits for
    #[command(verbatim_doc_comment, after_help = EXIT_CODES)]
    List(ListArgs),

    /// Show one onboarding: what it waits for, how to fix it, and its history
    #[command(verbatim_doc_comment, after_help = EXIT_CODES)]
    Show(OneArgs),

    /// Verify the history of one onboarding
    ///
    /// Checks that no entry was changed or removed, and says what was checked, up to when, and what no
    /// check can show.
    #[command(verbatim_doc_comment, after_help = EXIT_CODES)]
    Verify(OneArgs),

    /// Check whether the customer's key works now
    ///
    /// The function app asks the customer's key vault, as it does before it uses the key. Nothing is
    /// changed.
    #[command(verbatim_doc_comment, after_help = EXIT_CODES)]
    Check(OneArgs),

    /// Continue one onboarding where it stands, also where a step was refused
    ///
    /// For after you corrected what the dead letter names and discarded it. Its customer cannot do this.
    #[command(verbatim_doc_comment, after_help = EXIT_CODES)]
    Resume(OneArgs),

    /// Freeze one onboarding: no step of the grace ladder is announced or taken
    ///
    /// For when the ladder is about to harm somebody whom it should not. A virtual machine that Azure was
    /// already asked to stop still stops. When the key works again, machines that the ladder had stopped
    /// are started, also while frozen.
    #[command(verbatim_doc_comment, after_help = EXIT_CODES)]
    Freeze(changing::FreezeArgs),

    /// Lift the freeze; each step of the grace ladder is announced again before it is taken
    #[command(verbatim_doc_comment, after_help = EXIT_CODES)]
    Unfreeze(changing::ChangeArgs),

    /// Mark one onboarding as a test, so that "latchkey drill" can be used on it
    ///
    /// The mark stays. Never mark a real customer's onboarding.
    #[command(verbatim_doc_comment, after_help = EXIT_CODES)]
    MarkTest(changing::ChangeArgs),
}

/// What `onboardings list` takes.
#[derive(Debug, Args)]
pub struct ListArgs {
    #[command(flatten)]
    app: App,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// What a command about one onboarding takes.
#[derive(Debug, Args)]
pub struct OneArgs {
    /// The onboarding's id
    #[arg(value_name = "ID", value_parser = id)]
    id: String,

    #[command(flatten)]
    app: App,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Whatever is no GUID is refused before it becomes part of an address.
pub(crate) fn id(text: &str) -> Result<String, String> {
    uuid::Uuid::try_parse(text).map(|id| id.to_string()).map_err(|_| "expected a GUID".to_owned())
}

/// Runs a command.
///
/// # Errors
/// When the function app cannot be reached, or refuses.
pub async fn run(command: OnboardingsCommand) -> anyhow::Result<End> {
    match command {
        OnboardingsCommand::List(args) => {
            let answer = ask(&args.app, Method::GET, "").await?;
            tell(&answer, args.json, shown::list)?;
        }
        OnboardingsCommand::Show(args) => {
            let answer = ask(&args.app, Method::GET, &format!("/{}", args.id)).await?;
            tell(&answer, args.json, shown::history)?;
        }
        OnboardingsCommand::Verify(args) => {
            let answer = ask(&args.app, Method::GET, &format!("/{}/verification", args.id)).await?;
            tell(&answer, args.json, shown::verification)?;
        }
        OnboardingsCommand::Resume(args) => {
            let answer = ask(&args.app, Method::POST, &format!("/{}/resume", args.id)).await?;
            tell(&answer, args.json, shown::message)?;
        }
        OnboardingsCommand::Freeze(args) => changing::freeze(&args).await?,
        OnboardingsCommand::Unfreeze(args) => changing::unfreeze(&args).await?,
        OnboardingsCommand::MarkTest(args) => changing::mark_test(&args).await?,
        OnboardingsCommand::Check(args) => {
            let answer = ask(&args.app, Method::POST, &format!("/{}/check", args.id)).await?;
            tell(&answer, args.json, shown::check)?;
            if answer["works"] != true {
                return Ok(End::Status(NOT_WORKING));
            }
        }
    }
    Ok(End::Well)
}

async fn ask(app: &App, method: Method, path: &str) -> anyhow::Result<Json> {
    let app = FunctionApp::of(app).map_err(|why| anyhow!(why))?;
    app.ask(method, &format!("/api/operations/onboardings{path}"), None).await.map_err(|why| anyhow!(why))
}

fn tell(answer: &Json, json: bool, words: fn(&Json) -> String) -> anyhow::Result<()> {
    if json {
        return print_json(answer);
    }
    print(&words(answer));
    Ok(())
}
