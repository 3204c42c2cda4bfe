//! `latchkey doctor`: whether a deployment works, tried by the function app itself and from here, and whether it is what
//! `infra/` makes.

mod deployed;
mod outside;
mod shown;

use std::time::Duration;

use anyhow::anyhow;
use clap::Args;
use reqwest::Method;
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, sleep};

use self::deployed::Deployed;
use crate::{
    End,
    azure::Session,
    function_app::{App, FunctionApp},
    output::{print, print_json},
};

/// What a command ends with.
pub const EXIT_CODES: &str = "\
Exit codes:
  0    nothing is wrong; what could not be checked is listed
  1    the function app did not answer, or nobody is signed in to Azure; stderr says what to do
  2    the command line is wrong
  3    something is wrong; the output says what, who can mend it, and how";

/// Something is wrong.
const WRONG: u8 = 3;

/// Who can mend something: whoever deploys, and whoever assigns roles.
const DEPLOYER: &str = "deployer";
const AZURE_ADMINISTRATOR: &str = "azure-administrator";

/// How long to wait before everything is tried again.
const PAUSE: Duration = Duration::from_secs(20);

/// What `doctor` takes.
#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// Try again for so long while something is wrong: new roles take up to ten minutes to work
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    wait: u64,

    /// Print JSON
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    app: App,

    #[command(flatten)]
    deployed: Deployed,
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
    /// Nothing is wrong, and something is worth knowing.
    Noted,
    NotChecked,
    Good,
}

/// Runs the command.
///
/// # Errors
/// When the function app cannot be reached, or refuses.
pub async fn run(args: &DoctorArgs) -> anyhow::Result<End> {
    let limit = Instant::now() + Duration::from_secs(args.wait);
    let session = args.deployed.sign_in().await?;
    let health = loop {
        let health = look(args, session.as_ref()).await?;
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

async fn look(args: &DoctorArgs, session: Option<&Session>) -> anyhow::Result<Health> {
    let mut health = match asked(&args.app).await {
        Ok(health) => health,
        Err(why) if session.is_some() => Health::without_the_app(args.app.app_url.as_deref(), why),
        Err(why) => return Err(anyhow!(why)),
    };
    health.checks.extend(args.deployed.checks(session).await);
    Ok(health)
}

/// What the function app says, and what is seen of it from outside.
async fn asked(app: &App) -> Result<Health, String> {
    let app = FunctionApp::of(app)?;
    let answer = app.ask_whatever_status(Method::GET, "/api/operations/health").await?;
    let mut health: Health = serde_json::from_slice(&answer).map_err(|error| error.to_string())?;
    health.checks.extend(outside::checks(&app, &health).await);
    Ok(health)
}

impl Health {
    /// What infra/ made can be looked at without the app, and says most when the app does not answer.
    fn without_the_app(url: Option<&str>, why: String) -> Self {
        let check = match url {
            None => Check::not_checked("function-app", why),
            Some(_) => {
                let mend =
                    "See the other checks: site, settings and functions say why an app does not answer.";
                Check::wrong("function-app", why, DEPLOYER, mend)
            }
        };
        let [at, version, public_url] = [(); 3].map(|()| String::new());
        Self { at, version, public_url, checks: vec![check] }
    }

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

    fn noted(check: &str, saw: impl Into<String>, owner: &str, mend: impl Into<String>) -> Self {
        Self { is: Verdict::Noted, ..Self::wrong(check, saw, owner, mend) }
    }

    fn wrong(check: &str, saw: impl Into<String>, owner: &str, mend: impl Into<String>) -> Self {
        let (owner, mend) = (Some(owner.to_owned()), Some(mend.into()));
        Self { is: Verdict::Wrong, owner, mend, ..Self::good(check, saw) }
    }
}
