//! Microsoft's own Azure CLI, pointed at the simulated Azure.
//!
//! `LATCHKEY_AZ` names it; `tests/judges/azure/install` installs it. Skipped without, unless `LATCHKEY_REQUIRE_JUDGES=1`.

use std::{io::Write as _, path::PathBuf};

use serde_json::Value;
use tokio::process::Command;

use crate::support::Estate;

pub(crate) struct Az<'a> {
    program: PathBuf,
    estate: &'a Estate,
}

impl<'a> Az<'a> {
    /// Signed in as the administrator.
    pub(crate) async fn signed_in(program: PathBuf, estate: &'a Estate) -> Self {
        let az = Self { program, estate };
        let administrator = &estate.vendor.administrator;
        let (tenant, client) = (estate.vendor.tenant_id.to_string(), administrator.client_id.to_string());
        let secret = administrator.client_secret.as_str();
        az.ask(&["login", "--service-principal", "-u", &client, "-p", secret, "--tenant", &tenant]).await;
        az
    }

    /// Where a command finds it.
    pub(crate) fn path(&self) -> PathBuf {
        let mut path = self.program.parent().unwrap().as_os_str().to_owned();
        path.push(":/usr/bin:/bin");
        PathBuf::from(path)
    }

    pub(crate) fn point(&self, command: &mut Command) {
        command
            .env("AZURE_CONFIG_DIR", self.estate.folder.path().join("azure"))
            .env("AZURE_CORE_COLLECT_TELEMETRY", "0")
            .env("HTTPS_PROXY", self.estate.sandbox.proxy_url())
            .env("NO_PROXY", "127.0.0.1,localhost")
            .env("REQUESTS_CA_BUNDLE", self.estate.sandbox.ca_file());
    }

    pub(crate) async fn ask(&self, arguments: &[&str]) -> Value {
        self.ask_with(arguments, &[]).await
    }

    /// With more in its environment.
    pub(crate) async fn ask_with(&self, arguments: &[&str], more: &[(&str, &str)]) -> Value {
        let mut command = Command::new(&self.program);
        command.envs(more.iter().copied());
        command.args(arguments).args(["--output", "json", "--only-show-errors"]).kill_on_drop(true);
        self.point(&mut command);
        let output = command.output().await.unwrap();
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "az {arguments:?}: {complaint}");
        serde_json::from_slice(&output.stdout).unwrap_or_default()
    }
}

pub(crate) fn installed() -> Option<PathBuf> {
    let program = std::env::var_os("LATCHKEY_AZ").map(PathBuf::from).filter(|program| program.is_file());
    if program.is_none() {
        let required = std::env::var("LATCHKEY_REQUIRE_JUDGES").is_ok_and(|value| value == "1");
        assert!(!required, "LATCHKEY_REQUIRE_JUDGES is set, but LATCHKEY_AZ names no Azure CLI");
        let _ = std::io::stderr().write_all(b"SKIPPED: LATCHKEY_AZ names no Azure CLI\n");
    }
    program
}
