//! `latchkey doctor`: whether a deployment works, tried by the function app itself and from here.

mod outside;
mod shown;

use std::time::Duration;

use anyhow::anyhow;
use clap::Args;
use reqwest::Method;
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, sleep};

use crate::{
    End,
    function_app::{App, FunctionApp},
    output::{print, print_json},
};

/// What a command ends with.
pub const EXIT_CODES: &str = "\
Exit codes:
  0    nothing is wrong; what could not be checked is listed
  1    the function app did not answer; stderr says what to do
  2    the command line is wrong
  3    something is wrong; the output says what, who can mend it, and how";

/// Something is wrong.
const WRONG: u8 = 3;

/// How long to wait before everything is tried again.
const PAUSE: Duration = Duration::from_secs(20);

/// What `doctor` takes.
#[derive(Debug, Args)]
pub struct DoctorArgs {
    #[command(flatten)]
    app: App,

    /// Try again for so long while something is wrong: new roles take up to ten minutes to work
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    wait: u64,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// What the function app says of what it stands on.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Health {
    at: String,
    version: String,
    public_url: String,
    checks: Vec<Check>,
}

/// What came of one check.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub(crate) struct Check {
    check: String,
    is: Verdict,
    saw: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    owner: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    mend: Option<String>,
}

/// How a check went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Verdict {
    Wrong,
    NotChecked,
    Good,
}

/// Runs the command.
///
/// # Errors
/// When the function app cannot be reached, or refuses.
pub async fn run(args: &DoctorArgs) -> anyhow::Result<End> {
    let app = FunctionApp::of(&args.app).map_err(|why| anyhow!(why))?;
    let limit = Instant::now() + Duration::from_secs(args.wait);
    let health = loop {
        let health = look(&app).await?;
        if !health.is_wrong() || Instant::now() + PAUSE > limit {
            break health;
        }
        eprintln!("latchkey: {}; trying again", shown::summary(&health.checks));
        sleep(PAUSE).await;
    };
    if args.json {
        print_json(&health)?;
    } else {
        print(&shown::report(&health));
    }
    Ok(if health.is_wrong() { End::Status(WRONG) } else { End::Well })
}

async fn look(app: &FunctionApp) -> anyhow::Result<Health> {
    let answer = app.ask_whatever_status(Method::GET, "/api/operations/health").await;
    let mut health: Health = serde_json::from_slice(&answer.map_err(|why| anyhow!(why))?)?;
    health.checks.extend(outside::checks(app, &health).await);
    Ok(health)
}

impl Health {
    fn is_wrong(&self) -> bool {
        self.checks.iter().any(|check| check.is == Verdict::Wrong)
    }
}

impl Check {
    fn good(check: &str, saw: impl Into<String>) -> Self {
        Self { check: check.to_owned(), is: Verdict::Good, saw: saw.into(), owner: None, mend: None }
    }

    fn not_checked(check: &str, saw: impl Into<String>) -> Self {
        Self { is: Verdict::NotChecked, ..Self::good(check, saw) }
    }

    fn wrong(check: &str, saw: impl Into<String>, owner: &str, mend: impl Into<String>) -> Self {
        let (owner, mend) = (Some(owner.to_owned()), Some(mend.into()));
        Self { is: Verdict::Wrong, owner, mend, ..Self::good(check, saw) }
    }
}
