//! A simulated Azure with an empty vendor's tenant, and the command as a process of its own.

use std::{
    os::unix::fs::PermissionsExt as _,
    path::PathBuf,
    process::{Output, Stdio},
    sync::{Arc, atomic::AtomicI64},
    time::Duration,
};

use reqwest::{Certificate, Client, Method, Proxy};
use sandbox::{Lags, Options, Sandbox, SeedTenant};
use serde_json::{Value, json};
use tokio::process::Command;

/// How long anything may take: generous, because the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(300);

pub(crate) const URL: &str = "https://contoso.azurewebsites.net";
pub(crate) const GRAPH: &str = "https://graph.microsoft.com";
pub(crate) const ARM: &str = "https://management.azure.com";

/// Plays Azure CLI for whoever is signed in: `az` itself is a judge of its own, where it is installed.
const AZ: &str = r#"#!/bin/sh
case "$*" in
  "account show "*) printf '{"tenantId":"%s","id":"%s"}' "$TENANT" "$SUBSCRIPTION" ;;
  "account get-access-token --resource https://graph.microsoft.com --tenant $TENANT "*)
    printf '{"accessToken":"%s"}' "$GRAPH_TOKEN" ;;
  "account get-access-token --resource https://management.azure.com --tenant $TENANT "*)
    printf '{"accessToken":"%s"}' "$ARM_TOKEN" ;;
  *) echo "az: what is $*" >&2; exit 2 ;;
esac
"#;

pub(crate) struct Estate {
    pub(crate) sandbox: Sandbox,
    pub(crate) vendor: SeedTenant,
    pub(crate) http: Client,
    pub(crate) folder: tempfile::TempDir,
}

/// How a run ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) status: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    /// How many calls changed something, or tried to.
    pub(crate) writes: usize,
}

impl Estate {
    /// New objects of the directory are unknown for a moment, as in Azure.
    pub(crate) async fn empty() -> Self {
        Self::at(None).await
    }

    /// The same, with a clock that is so many milliseconds ahead of this machine's.
    pub(crate) async fn at(ahead_milliseconds: Option<Arc<AtomicI64>>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let lags = Lags { directory_object: Duration::from_millis(1500), ..Lags::default() };
        let run_folder = folder.path().join("run");
        let options = Options { state: None, run_folder, lags, har: true, ahead_milliseconds };
        let sandbox = Sandbox::start(options).await.unwrap();
        let authority = Certificate::from_pem(&std::fs::read(sandbox.ca_file()).unwrap()).unwrap();
        let proxy = Proxy::https(sandbox.proxy_url()).unwrap();
        let http = Client::builder().proxy(proxy).tls_certs_only([authority]).build().unwrap();
        let az = folder.path().join("bin/az");
        std::fs::create_dir_all(az.parent().unwrap()).unwrap();
        std::fs::write(&az, AZ).unwrap();
        std::fs::set_permissions(&az, std::fs::Permissions::from_mode(0o755)).unwrap();
        let vendor = sandbox.seed().vendor;
        Self { sandbox, vendor, http, folder }
    }

    pub(crate) fn group(&self) -> String {
        format!("/subscriptions/{}/resourceGroups/rg-latchkey", self.vendor.subscription_id)
    }

    pub(crate) fn identity(&self) -> String {
        format!("{}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/id-latchkey", self.group())
    }

    /// Everything, without a deployment of infra/.
    pub(crate) fn all(&self) -> Vec<String> {
        let identity = self.identity();
        let all = [
            "--public-url",
            URL,
            "--identity",
            &identity,
            "--make-resources",
            "--region",
            "westeurope",
            "--json",
        ];
        all.map(str::to_owned).into()
    }

    /// The command with the simulated Azure as its only network, in an environment that names nothing else.
    pub(crate) fn command(&self, name: &str, arguments: &[String], path: PathBuf) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_latchkey"));
        command.arg(name).args(arguments).stdin(Stdio::null()).env_clear().kill_on_drop(true);
        command
            .env("PATH", path)
            .env("HOME", self.folder.path())
            .env("LATCHKEY_OPS_DIR", self.folder.path().join("ops"))
            .env("HTTPS_PROXY", self.sandbox.proxy_url())
            .env("NO_PROXY", "127.0.0.1,localhost")
            .env("SSL_CERT_FILE", self.sandbox.ca_file())
            .env("REQUESTS_CA_BUNDLE", self.sandbox.ca_file());
        command
    }

    /// Runs `latchkey setup` as whoever is signed in to the played `az`.
    pub(crate) async fn setup(&self, arguments: &[String]) -> Ran {
        self.latchkey("setup", arguments, &self.token(ARM).await).await
    }

    /// Runs a command with this token for Azure Resource Manager.
    pub(crate) async fn latchkey(&self, name: &str, arguments: &[String], token: &str) -> Ran {
        let mut command = self.command(name, arguments, self.folder.path().join("bin"));
        command
            .env("TENANT", self.vendor.tenant_id.to_string())
            .env("SUBSCRIPTION", self.vendor.subscription_id.to_string())
            .env("GRAPH_TOKEN", self.token(GRAPH).await)
            .env("ARM_TOKEN", token);
        self.run(command).await
    }

    pub(crate) async fn run(&self, mut command: Command) -> Ran {
        let before = self.writes();
        let Output { status, stdout, stderr } =
            tokio::time::timeout(PATIENCE, command.output()).await.unwrap().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        let (stdout, stderr) = (text(stdout), text(stderr));
        assert!(!format!("{stdout}{stderr}").contains("eyJ"), "a token was printed: {stdout}{stderr}");
        Ran { status: status.code().unwrap(), stdout, stderr, writes: self.writes() - before }
    }

    fn writes(&self) -> usize {
        let har = self.sandbox.har();
        let entries = har["log"]["entries"].as_array().unwrap().iter();
        let changes = |entry: &&Value| {
            let url = entry["request"]["url"].as_str().unwrap();
            entry["request"]["method"] != "GET" && (url.starts_with(GRAPH) || url.starts_with(ARM))
        };
        entries.filter(changes).count()
    }

    pub(crate) async fn token(&self, resource: &str) -> String {
        let administrator = &self.vendor.administrator;
        self.token_of(&administrator.client_id.to_string(), &administrator.client_secret, resource).await
    }

    pub(crate) async fn token_of(&self, client: &str, secret: &str, resource: &str) -> String {
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", client),
            ("client_secret", secret),
            ("scope", &format!("{resource}/.default")),
        ];
        let url = format!("https://login.microsoftonline.com/{}/oauth2/v2.0/token", self.vendor.tenant_id);
        let answer: Value = self.http.post(url).form(&form).send().await.unwrap().json().await.unwrap();
        answer["access_token"].as_str().unwrap().to_owned()
    }

    /// Calls Azure as the administrator, behind the command's back.
    pub(crate) async fn azure(&self, method: Method, url: &str, body: Option<Value>) -> Value {
        let resource = if url.starts_with(GRAPH) { GRAPH } else { ARM };
        let request = self.http.request(method, url).bearer_auth(self.token(resource).await);
        let request = match body {
            Some(body) => request.json(&body),
            None => request,
        };
        let answer = request.send().await.unwrap();
        let status = answer.status();
        let text = answer.text().await.unwrap();
        assert!(status.is_success(), "{url}: {status} {text}");
        serde_json::from_str(&text).unwrap_or_default()
    }

    /// The application, as Graph shows it.
    pub(crate) async fn application(&self, name: &str) -> Value {
        let url = format!("{GRAPH}/v1.0/applications?$filter=displayName eq '{name}'");
        let mut found = self.azure(Method::GET, &url, None).await;
        let found = found["value"].as_array_mut().unwrap();
        assert_eq!(found.len(), 1, "{found:?}");
        found.remove(0)
    }

    pub(crate) async fn credentials(&self) -> Vec<Value> {
        let application = self.application("Latchkey").await;
        let url = format!("{GRAPH}/v1.0/applications/{}/federatedIdentityCredentials", id(&application));
        self.azure(Method::GET, &url, None).await["value"].as_array().unwrap().clone()
    }

    pub(crate) fn save_har(&self, name: &str) {
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.har"));
        std::fs::write(path, self.sandbox.har().to_string()).unwrap();
    }
}

impl Ran {
    #[track_caller]
    pub(crate) fn ends(self, status: i32) -> Self {
        assert_eq!(self.status, status, "{}\n{}", self.stderr, self.stdout);
        self
    }

    pub(crate) fn document(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {}", self.stdout))
    }

    /// The state of each piece, by its kind.
    pub(crate) fn states(&self) -> Vec<(String, String)> {
        let document = self.document();
        let plan = document["plan"].as_array().unwrap().iter();
        plan.map(|line| (id_of(line, "kind"), id_of(line, "state"))).collect()
    }
}

pub(crate) fn id(value: &Value) -> String {
    id_of(value, "id")
}

fn id_of(value: &Value, property: &str) -> String {
    value[property].as_str().unwrap_or_else(|| panic!("no {property} in {value}")).to_owned()
}

pub(crate) fn with(arguments: &[String], more: &[&str]) -> Vec<String> {
    arguments.iter().cloned().chain(more.iter().map(|one| (*one).to_owned())).collect()
}

pub(crate) fn credential(name: &str, subject: &str) -> Value {
    json!({
        "name": name,
        "subject": subject,
        "issuer": "https://token.actions.githubusercontent.com",
        "audiences": ["api://AzureADTokenExchange"],
    })
}
