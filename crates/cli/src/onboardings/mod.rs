//! `latchkey onboardings`: what the function app knows about its onboardings.

mod freeze_all;
mod leaving;
mod shown;

use std::io::Write as _;

use anyhow::{Context as _, anyhow, bail};
use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::{Value as Json, json};

use crate::{
    End,
    change::{Audit, Change, NOT_CONFIRMED, NotConfirmed, confirm},
    function_app::{App, FunctionApp},
    output::{print, print_json},
};

/// What a command ends with.
pub const EXIT_CODES: &str = "\
Exit codes:
  0    success
  1    something failed; stderr says what, and what to do
  2    the command line is wrong
  3    check, replace: the key does not work
  6    a change that was not confirmed; nothing changed
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

    /// Write the evidence pack of one onboarding to stdout
    ///
    /// Its history, for an auditor: signed by a key in your own key vault (LATCHKEY_EVIDENCE_KEY). No
    /// personal data and no secret is in it. "latchkey evidence" verifies and renders it.
    ///
    ///   latchkey onboardings evidence 5d4c9a0e-72f3-4c1d-8b6a-0e3f51c29d87 > pack.json
    #[command(verbatim_doc_comment, after_help = EXIT_CODES)]
    Evidence(EvidenceArgs),

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

    /// Issue a new link to the page of one onboarding
    ///
    /// Whoever has the link can act for the customer: hand it over the way you hand over a password. It
    /// works for 60 days, or until it is withdrawn.
    #[command(verbatim_doc_comment, after_help = EXIT_CODES)]
    Link(OneArgs),

    /// Withdraw every link to the page of one onboarding
    ///
    /// For when a link got into the wrong hands. The customer gets a new one by opening the product's
    /// landing page again. Asks first, or needs --yes.
    #[command(verbatim_doc_comment, after_help = EXIT_CODES)]
    WithdrawLinks(ChangeArgs),

    /// Freeze one onboarding, or all: no step of the grace ladder is announced or taken
    ///
    /// For when the ladder is about to harm somebody whom it should not. A virtual machine that Azure was
    /// already asked to stop still stops. When the key works again, machines that the ladder had stopped
    /// are started, also while frozen. With --all, every onboarding that has not ended is frozen, one by
    /// one; one that begins later is not.
    #[command(verbatim_doc_comment, after_help = EXIT_CODES)]
    Freeze(FreezeArgs),

    /// Lift the freeze; each step of the grace ladder is announced again first
    #[command(verbatim_doc_comment, after_help = EXIT_CODES)]
    Unfreeze(ChangeArgs),

    /// Replace the customer's key by another key of the same customer
    ///
    /// Checks the other key, shows what will be changed, and asks. The disks use the key in use until the
    /// disk encryption set was changed, and after any failure. The customer can do this on the
    /// onboarding's page.
    #[command(verbatim_doc_comment, after_help = EXIT_CODES)]
    Replace(ReplaceArgs),

    /// Mark one onboarding as a test, so that "latchkey drill" can be used on it
    ///
    /// The mark stays. Never mark a real customer's onboarding.
    #[command(verbatim_doc_comment, after_help = EXIT_CODES)]
    MarkTest(ChangeArgs),

    /// Show what is undone for one onboarding that leaves, or what would be
    ///
    /// Looks at everything that uses its disk encryption set. Nothing is changed.
    #[command(verbatim_doc_comment, after_help = EXIT_CODES)]
    Leaving(OneArgs),

    /// End one onboarding: after a hold and an approval, everything that uses the key is undone
    ///
    /// Disks go back to platform-managed keys, the disk encryption set is deleted, the claim of the key is
    /// released. Nothing that holds data is deleted. Shows the plan, then asks twice. Needs --why. The
    /// marketplace subscription is not canceled by this.
    #[command(verbatim_doc_comment, after_help = EXIT_CODES)]
    Leave(ChangeArgs),

    /// Withdraw "leave", as long as nothing was undone
    #[command(verbatim_doc_comment, after_help = EXIT_CODES)]
    Stay(ChangeArgs),

    /// Approve what is undone for one onboarding that leaves
    ///
    /// Shows the plan, then asks twice. Only the plan that was shown is approved: one that grows has to be
    /// approved again.
    #[command(verbatim_doc_comment, after_help = EXIT_CODES)]
    ApproveLeaving(ChangeArgs),

    /// Release the claim of a key by hand
    ///
    /// For a key whose holder does not use it, or whose holder's journal cannot be read any more. A key in
    /// use is not released. Needs --why.
    #[command(verbatim_doc_comment, after_help = EXIT_CODES)]
    ReleaseClaim(leaving::ReleaseArgs),
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

/// What `onboardings evidence` takes.
#[derive(Debug, Args)]
pub struct EvidenceArgs {
    /// The onboarding's id
    #[arg(value_name = "ID", value_parser = id)]
    id: String,

    #[command(flatten)]
    app: App,
}

/// What a command that changes something about one onboarding takes.
#[derive(Debug, Args)]
pub struct ChangeArgs {
    #[command(flatten)]
    one: OneArgs,

    #[command(flatten)]
    change: Change,
}

/// What `onboardings replace` takes.
#[derive(Debug, Args)]
pub struct ReplaceArgs {
    #[command(flatten)]
    args: ChangeArgs,

    /// The other key, in any key vault of the customer's tenant in the same region
    #[arg(long, value_name = "URL")]
    key: String,
}

/// What `onboardings freeze` takes.
#[derive(Debug, Args)]
pub struct FreezeArgs {
    /// The onboarding's id
    #[arg(value_name = "ID", value_parser = id, required_unless_present = "all", conflicts_with = "all")]
    id: Option<String>,

    /// Every onboarding that has not ended
    #[arg(long)]
    all: bool,

    #[command(flatten)]
    app: App,

    /// Print JSON
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    change: Change,
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
        OnboardingsCommand::Evidence(args) => {
            let app = FunctionApp::of(&args.app).map_err(|why| anyhow!(why))?;
            let path = format!("/api/operations/onboardings/{}/evidence", args.id);
            let pack = app.download(&path).await.map_err(|why| anyhow!(why))?;
            // What was changed on its way is not saved as evidence.
            evidence::verify(&pack, None)
                .map_err(|faults| anyhow!("the pack that came does not hold together: {faults}"))?;
            std::io::stdout().lock().write_all(&pack).context("writing the pack")?;
        }
        OnboardingsCommand::Resume(args) => {
            let answer = ask(&args.app, Method::POST, &format!("/{}/resume", args.id)).await?;
            tell(&answer, args.json, shown::message)?;
        }
        OnboardingsCommand::Link(args) => {
            let answer = ask(&args.app, Method::POST, &format!("/{}/link", args.id)).await?;
            tell(&answer, args.json, shown::link)?;
        }
        OnboardingsCommand::WithdrawLinks(args) => {
            let question = format!("Withdraw every link to the page of onboarding {}?", args.one.id);
            return change(&args, "withdraw links", "withdraw-links", &question, None).await;
        }
        OnboardingsCommand::Freeze(FreezeArgs { id, app, json, change: of, all: _ }) => {
            let Some(id) = id else { return freeze_all::run(&app, &of, json).await };
            let question = format!("Freeze onboarding {id}?");
            let reason = json!({"reason": of.why});
            let args = ChangeArgs { one: OneArgs { id, app, json }, change: of };
            return change(&args, "freeze", "freeze", &question, Some(&reason)).await;
        }
        OnboardingsCommand::Unfreeze(args) => {
            let question = format!(
                "Unfreeze onboarding {}? If its key is revoked, the next step is announced and then taken.",
                args.one.id
            );
            return change(&args, "unfreeze", "unfreeze", &question, None).await;
        }
        OnboardingsCommand::Replace(ReplaceArgs { args, key }) => return replace(&args, &key).await,
        OnboardingsCommand::MarkTest(args) => {
            let question = format!(
                "Mark onboarding {} as a test for good? Drills can then suspend its service and stop its virtual machines.",
                args.one.id
            );
            return change(&args, "mark as test", "mark-test", &question, None).await;
        }
        OnboardingsCommand::Leaving(args) => return leaving::show(&args).await,
        OnboardingsCommand::Leave(args) => return leaving::leave(&args).await,
        OnboardingsCommand::Stay(args) => return leaving::stay(&args).await,
        OnboardingsCommand::ApproveLeaving(args) => return leaving::approve(&args).await,
        OnboardingsCommand::ReleaseClaim(args) => return leaving::release(&args).await,
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

/// Checks the other key, and shows the plan, before it asks.
async fn replace(args: &ChangeArgs, key: &str) -> anyhow::Result<End> {
    let ChangeArgs { one, .. } = args;
    let app = FunctionApp::of(&one.app).map_err(|why| anyhow!(why))?;
    let body = json!({"key": key});
    let path = format!("/api/operations/onboardings/{}", one.id);
    let checked = app.ask(Method::POST, &format!("{path}/check"), Some(&body)).await;
    let checked = checked.map_err(|why| anyhow!(why))?;
    if checked["works"] != true {
        tell(&checked, one.json, shown::check)?;
        return Ok(End::Status(NOT_WORKING));
    }
    let all = ask(&one.app, Method::GET, "").await?;
    let onboardings = all["onboardings"].as_array().into_iter().flatten();
    let known = onboardings.clone().find(|known| known["onboarding"] == one.id.as_str());
    let in_use = known.and_then(|known| known["key"].as_str());
    let Some(in_use) = in_use else { bail!("onboarding {} has no key in use", one.id) };
    eprintln!("The other key works. This is what will be done:");
    eprintln!("  key in use       {in_use}");
    eprintln!("  key from now on  {key}");
    eprintln!(
        "  Azure changes the disk encryption set. Running virtual machines keep running. The customer has to keep"
    );
    eprintln!("  the key in use enabled until the onboarding's page says that the disks no longer need it.");
    let question = format!("Replace the key of onboarding {}?", one.id);
    change(args, "replace key", "replace", &question, Some(&body)).await
}

/// Asks first, and writes down who did what, when and why.
async fn change(
    args: &ChangeArgs,
    what: &'static str,
    path: &str,
    question: &str,
    body: Option<&Json>,
) -> anyhow::Result<End> {
    let ChangeArgs { one, change } = args;
    if let Err(NotConfirmed(why)) = confirm(change, question) {
        eprintln!("latchkey: {why}");
        return Ok(End::Status(NOT_CONFIRMED));
    }
    let app = FunctionApp::of(&one.app).map_err(|why| anyhow!(why))?;
    let audit = Audit::new(change, app.base(), what, format!("onboarding {}", one.id));
    audit.begins(&one.id)?;
    let path = format!("/api/operations/onboardings/{}/{path}", one.id);
    let answer = app.ask(Method::POST, &path, body).await.map_err(|why| anyhow!(why));
    let result = answer.as_ref().map_or_else(|error| json!({"error": error.to_string()}), Json::clone);
    audit.ended(&one.id, result)?;
    tell(&answer?, one.json, shown::message)?;
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
