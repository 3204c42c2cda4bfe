//! Microsoft's own Azure CLI: whose login the command uses, and who reads back what was made.
//!
//! `LATCHKEY_AZ` names it; `tests/judges/azure/install` installs it. Skipped without, unless `LATCHKEY_REQUIRE_JUDGES=1`.

use std::{io::Write as _, path::PathBuf};

use serde_json::{Value, json};
use tokio::process::Command;

use crate::support::{Estate, URL, with};

struct Az<'a> {
    program: PathBuf,
    estate: &'a Estate,
}

impl Az<'_> {
    fn point(&self, command: &mut Command) {
        command
            .env("AZURE_CONFIG_DIR", self.estate.folder.path().join("azure"))
            .env("AZURE_CORE_COLLECT_TELEMETRY", "0")
            .env("HTTPS_PROXY", self.estate.sandbox.proxy_url())
            .env("NO_PROXY", "127.0.0.1,localhost")
            .env("REQUESTS_CA_BUNDLE", self.estate.sandbox.ca_file());
    }

    async fn ask(&self, arguments: &[&str]) -> Value {
        let mut command = Command::new(&self.program);
        command.args(arguments).args(["--output", "json", "--only-show-errors"]).kill_on_drop(true);
        self.point(&mut command);
        let output = command.output().await.unwrap();
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "az {arguments:?}: {complaint}");
        serde_json::from_slice(&output.stdout).unwrap_or_default()
    }
}

fn installed() -> Option<PathBuf> {
    let program = std::env::var_os("LATCHKEY_AZ").map(PathBuf::from).filter(|program| program.is_file());
    if program.is_none() {
        let required = std::env::var("LATCHKEY_REQUIRE_JUDGES").is_ok_and(|value| value == "1");
        assert!(!required, "LATCHKEY_REQUIRE_JUDGES is set, but LATCHKEY_AZ names no Azure CLI");
        let _ = std::io::stderr().write_all(b"SKIPPED: LATCHKEY_AZ names no Azure CLI\n");
    }
    program
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn azure_cli_signs_in_and_reads_back_what_was_made() {
    let Some(program) = installed() else { return };
    let estate = Estate::empty().await;
    let az = Az { program, estate: &estate };
    let vendor = &estate.vendor;
    let (tenant, client) = (vendor.tenant_id.to_string(), vendor.administrator.client_id.to_string());
    let secret = vendor.administrator.client_secret.clone();
    az.ask(&["login", "--service-principal", "-u", &client, "-p", &secret, "--tenant", &tenant]).await;

    let mut path = az.program.parent().unwrap().as_os_str().to_owned();
    path.push(":/usr/bin:/bin");
    for writes in [true, false] {
        let mut command = estate.command("setup", &with(&estate.all(), &["--yes"]), PathBuf::from(&path));
        az.point(&mut command);
        let ran = estate.run(command).await.ends(0);
        assert_eq!(ran.writes > 0, writes, "{}", ran.stdout);
        assert!(ran.states().iter().all(|(_, state)| state == "right"), "{}", ran.stdout);
    }

    let application = estate.application("Latchkey").await;
    let id = application["appId"].as_str().unwrap();
    let shown = az.ask(&["ad", "app", "show", "--id", id]).await;
    assert_eq!(shown["signInAudience"], "AzureADMultipleOrgs");
    assert_eq!(shown["web"]["redirectUris"], json!([format!("{URL}/api/consent/callback")]));
    assert_eq!(az.ask(&["ad", "sp", "show", "--id", id]).await["appId"], id);
    let identity = az.ask(&["identity", "show", "--ids", &estate.identity()]).await;
    let credentials = az.ask(&["ad", "app", "federated-credential", "list", "--id", id]).await;
    assert_eq!(credentials[0]["subject"], identity["principalId"]);

    let principal = identity["principalId"].as_str().unwrap();
    let list =
        ["role", "assignment", "list", "--all", "--assignee", principal, "--fill-principal-name", "false"];
    let assigned = az.ask(&list).await;
    let mut scopes: Vec<&str> =
        assigned.as_array().unwrap().iter().map(|one| one["scope"].as_str().unwrap()).collect();
    scopes.sort_unstable();
    assert_eq!(scopes, [estate.group(), estate.identity()]);
    let roles =
        az.ask(&["role", "definition", "list", "--custom-role-only", "--scope", &estate.group()]).await;
    let mut actions: Vec<Value> = Vec::new();
    for role in roles.as_array().unwrap() {
        actions.extend(role["permissions"][0]["actions"].as_array().unwrap().clone());
    }
    let wanted = [
        include_str!("../../../../infra/disk-actions.json"),
        include_str!("../../../../infra/identity-actions.json"),
    ];
    let mut expected: Vec<Value> =
        wanted.iter().flat_map(|file| serde_json::from_str::<Vec<Value>>(file).unwrap()).collect();
    for list in [&mut actions, &mut expected] {
        list.sort_by_key(Value::to_string);
    }
    assert_eq!(actions, expected);
    estate.save_har("setup-with-az");
}
