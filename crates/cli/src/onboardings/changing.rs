//! The commands that change something about one onboarding: they ask first, and the function app records them.

use anyhow::anyhow;
use clap::Args;
use reqwest::Method;
use serde_json::{Value as Json, json};

use super::{id, shown, tell};
use crate::{
    confirm::confirmed,
    function_app::{App, FunctionApp},
};

/// What a changing command about one onboarding takes.
#[derive(Debug, Args)]
pub struct ChangeArgs {
    /// The onboarding's id
    #[arg(value_name = "ID", value_parser = id)]
    id: String,

    #[command(flatten)]
    app: App,

    /// Do not ask
    #[arg(long)]
    yes: bool,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// What `onboardings freeze` takes.
#[derive(Debug, Args)]
pub struct FreezeArgs {
    #[command(flatten)]
    change: ChangeArgs,

    /// Why, for the journal; the customer does not see it
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

pub(super) async fn freeze(args: &FreezeArgs) -> anyhow::Result<()> {
    let question = format!("Freeze onboarding {}?", args.change.id);
    change(&args.change, "freeze", &question, Some(&json!({"reason": args.reason}))).await
}

pub(super) async fn unfreeze(args: &ChangeArgs) -> anyhow::Result<()> {
    let question = format!(
        "Unfreeze onboarding {}? If its key is revoked, the next step is announced and later taken.",
        args.id
    );
    change(args, "unfreeze", &question, None).await
}

pub(super) async fn mark_test(args: &ChangeArgs) -> anyhow::Result<()> {
    let question = format!(
        "Mark onboarding {} as a test for good? Drills can then suspend its service and stop its virtual machines.",
        args.id
    );
    change(args, "mark-test", &question, None).await
}

async fn change(args: &ChangeArgs, what: &str, question: &str, body: Option<&Json>) -> anyhow::Result<()> {
    confirmed(args.yes, question).map_err(|why| anyhow!(why))?;
    let app = FunctionApp::of(&args.app).map_err(|why| anyhow!(why))?;
    let path = format!("/api/operations/onboardings/{}/{what}", args.id);
    let answer = app.ask(Method::POST, &path, body).await.map_err(|why| anyhow!(why))?;
    tell(&answer, args.json, shown::message)
}
