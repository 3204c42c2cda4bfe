//! The tokens of whoever is signed in to Azure CLI.

use std::{io::ErrorKind, process::Stdio};

use anyhow::{Context as _, anyhow, bail};
use async_trait::async_trait;
use serde_json::Value as Json;
use tokio::process::Command;
use uuid::Uuid;

use super::tokens::{Resource, Tokens};

#[cfg(windows)]
const PROGRAM: &str = "az.cmd";
#[cfg(not(windows))]
const PROGRAM: &str = "az";

/// Azure CLI, signed in.
pub(super) struct Az {
    tenant: Uuid,
}

/// What Azure CLI works with at the moment: its tenant and its subscription.
pub(super) async fn account() -> anyhow::Result<(Uuid, Uuid)> {
    let account = ask(&["account", "show"]).await?;
    let id = |name: &str| {
        let text = account[name].as_str().unwrap_or_default();
        Uuid::parse_str(text).with_context(|| format!("`az account show` has no {name}"))
    };
    Ok((id("tenantId")?, id("id")?))
}

impl Az {
    pub(super) const fn of(tenant: Uuid) -> Self {
        Self { tenant }
    }
}

#[async_trait]
impl Tokens for Az {
    async fn token(&self, resource: Resource) -> anyhow::Result<String> {
        let tenant = self.tenant.to_string();
        let arguments =
            ["account", "get-access-token", "--resource", resource.url(), "--tenant", tenant.as_str()];
        let answer = ask(&arguments).await?;
        let token = answer["accessToken"].as_str().map(str::to_owned);
        token.context("`az account get-access-token` gives no token")
    }
}

/// Runs Azure CLI. What it prints may hold a token, so only its complaint is ever told.
async fn ask(arguments: &[&str]) -> anyhow::Result<Json> {
    let mut command = Command::new(PROGRAM);
    command.args(arguments).args(["--output", "json", "--only-show-errors"]);
    command.stdin(Stdio::null()).kill_on_drop(true);
    let output = match command.output().await {
        Ok(output) => output,
        Err(error) if error.kind() == ErrorKind::NotFound => bail!(
            "Azure CLI (az) is not installed, or not on the PATH. Install it and sign in with `az login`, or \
             use --login device-code"
        ),
        Err(error) => return Err(error).context("running Azure CLI (az)"),
    };
    if !output.status.success() {
        let complaint = String::from_utf8_lossy(&output.stderr);
        let complaint = complaint.lines().map(str::trim).filter(|line| !line.is_empty());
        let complaint: Vec<&str> = complaint.take(3).collect();
        return Err(anyhow!(
            "`az {}` failed: {}. Sign in with `az login`, or use --login device-code",
            arguments[..2].join(" "),
            complaint.join(" ").trim_end_matches('.')
        ));
    }
    serde_json::from_slice(&output.stdout).context("Azure CLI's answer is not JSON")
}
