//! A sandbox that Microsoft's clients are pointed at, and the judges of its traffic.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests too, which clippy cannot see")]

use std::ffi::OsString;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use sandbox::{Lags, Options, Sandbox};
use tokio::process::Command;

/// The longest script takes about two minutes on an idle machine.
const PATIENCE: Duration = Duration::from_secs(1200);

/// A client of Microsoft's that is installed.
pub(crate) struct Client {
    /// The variable by which the scripts know it.
    variable: &'static str,
    program: OsString,
}

impl Client {
    /// Azure CLI, if it is there.
    pub(crate) fn azure_cli() -> Option<Self> {
        let program = std::env::var_os("LATCHKEY_AZ").unwrap_or_else(|| "az".into());
        // `az version` would write into the home folder; that the program can be started is all that is asked.
        let there = std::process::Command::new(&program)
            .args(["--version"])
            .env("AZURE_CONFIG_DIR", scratch("az-version"))
            .env("AZURE_CORE_COLLECT_TELEMETRY", "0")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success());
        if there {
            return Some(Self { variable: "AZ", program });
        }
        skip(&format!("{} cannot be run (tests/judges/azure/run installs it)", program.display()));
        None
    }

    /// Microsoft's Bicep compiler, if it is there. No package index has it, so that it is never demanded.
    pub(crate) fn bicep() -> Option<Self> {
        let program = std::env::var_os("LATCHKEY_BICEP").filter(|program| !program.is_empty());
        if program.is_none() {
            note("what infra/ describes is not deployed: LATCHKEY_BICEP names no Bicep compiler");
        }
        Some(Self { variable: "LATCHKEY_BICEP", program: program? })
    }

    /// A Python that has Microsoft's libraries, if it is there.
    pub(crate) fn python_sdk() -> Option<Self> {
        Self::python("azure.identity, azure.keyvault.keys, azure.mgmt.compute, azure.mgmt.msi")
    }

    /// A Python that has Event Grid's library too, if it is there.
    pub(crate) fn event_grid_sdk() -> Option<Self> {
        Self::python("azure.eventgrid, azure.identity, azure.keyvault.keys")
    }

    fn python(modules: &str) -> Option<Self> {
        let program = std::env::var_os("LATCHKEY_AZURE_SDK_PYTHON").unwrap_or_else(|| "python3".into());
        let there = std::process::Command::new(&program)
            .args(["-c", &format!("import {modules}")])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success());
        if there {
            return Some(Self { variable: "PYTHON", program });
        }
        skip(&format!("{} lacks one of {modules} (tests/judges/azure/run installs them)", program.display()));
        None
    }
}

/// One sandbox, its own folder, and what a script is told about both.
pub(crate) struct Judged {
    pub(crate) sandbox: Sandbox,
    folder: tempfile::TempDir,
}

impl Judged {
    pub(crate) async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let options = Options {
            state: None,
            run_folder: folder.path().join("run"),
            lags: Lags::default(),
            har: true,
            ahead_milliseconds: None,
        };
        Self { sandbox: Sandbox::start(options).await.unwrap(), folder }
    }

    /// Runs one of the scripts under `tests/judges/azure` to its end, which must be a good one.
    pub(crate) async fn run(&self, script: &str, client: &Client) {
        let path = judges_folder().join(script);
        let mut command = match script.rsplit_once('.') {
            Some((_, "py")) => Command::new(&client.program),
            _ => Command::new("bash"),
        };
        command.arg(&path).env(client.variable, &client.program);
        self.point(&mut command);
        let output = finished(command, script).await;
        let (said, logged) = (text(&output.stdout), text(&output.stderr));
        assert!(output.status.success(), "{script} was not satisfied:\n{logged}\n{said}");
        let passed: Vec<&str> = said.lines().filter(|line| line.starts_with("passed  ")).collect();
        assert!(!passed.is_empty(), "{script} says what it looked at:\n{said}");
        println!("{}", passed.join("\n"));
    }

    /// Lets "the function app" have the identity that article.sh made.
    pub(crate) fn attach_identity(&self) {
        let names = std::fs::read_to_string(self.folder.path().join("names")).unwrap();
        let id = names.lines().find_map(|line| line.strip_prefix("myAssignedId=")).unwrap();
        assert!(self.sandbox.attach_identity(id), "{id}");
    }

    /// Judges everything said so far by Microsoft's descriptions, if they are there.
    pub(crate) async fn judge(self, name: &str) {
        self.judge_by(name, &["OpenAPI", "CSDL"]).await;
    }

    /// The same where nobody spoke to Graph: a judge that has nothing to judge is not content.
    pub(crate) async fn judge_without_graph(self, name: &str) {
        self.judge_by(name, &["OpenAPI"]).await;
    }

    async fn judge_by(self, name: &str, judges: &[&str]) {
        let har = recording(name);
        std::fs::write(&har, self.sandbox.har().to_string()).unwrap();
        self.sandbox.stop().await;
        let Some(descriptions) = descriptions() else {
            return note(&format!(
                "the traffic of {name} is not judged: LATCHKEY_API_DESCRIPTIONS names no descriptions"
            ));
        };
        let mut openapi = javascript("descriptions.js", &descriptions, &har);
        openapi.args(["--run", name]);
        let mut csdl = Command::new("python3");
        csdl.arg(judges_folder().join("graph.py")).arg(descriptions.join("graph/v1.0-Prod.csdl")).arg(&har);
        let all = [("OpenAPI", openapi), ("CSDL", csdl)];
        for (judge, command) in all.into_iter().filter(|(judge, _)| judges.contains(judge)) {
            satisfied(command, &format!("{judge} on {}", har.display())).await;
        }
    }

    /// Lets a program reach this sandbox under Azure's real names, and nothing else.
    fn point(&self, command: &mut Command) {
        let seed = self.sandbox.seed();
        let administrator = |domain: &str| format!("administrator@{domain}");
        command
            .env("WORK", self.folder.path())
            .env("VENDOR_USER", administrator(&seed.vendor.domain))
            .env("CUSTOMER_USER", administrator(&seed.customer.domain))
            .env("VENDOR_TENANT", seed.vendor.tenant_id.to_string())
            .env("VENDOR_CLIENT", seed.vendor.administrator.client_id.to_string())
            .env("VENDOR_SECRET", &seed.vendor.administrator.client_secret)
            .env("CUSTOMER_TENANT", seed.customer.tenant_id.to_string())
            .env("CUSTOMER_CLIENT", seed.customer.administrator.client_id.to_string())
            .env("CUSTOMER_SECRET", &seed.customer.administrator.client_secret)
            .env("OWN_URL", self.sandbox.own_url())
            .env("IDENTITY_ENDPOINT", self.sandbox.identity_endpoint())
            .env("IDENTITY_HEADER", self.sandbox.identity_header())
            .env("HTTPS_PROXY", self.sandbox.proxy_url())
            .env("HTTP_PROXY", self.sandbox.proxy_url())
            .env("NO_PROXY", "127.0.0.1,localhost")
            .env("REQUESTS_CA_BUNDLE", self.sandbox.ca_file())
            .env_remove("https_proxy")
            .env_remove("http_proxy")
            .env_remove("no_proxy")
            .env_remove("ALL_PROXY")
            .env_remove("all_proxy");
    }
}

/// Whether the judge by OpenAPI finds faults that are planted in what was recorded under this name.
pub(crate) async fn finds_planted_faults(name: &str) {
    if let Some(descriptions) = descriptions() {
        satisfied(javascript("controls.js", &descriptions, &recording(name)), "controls.js").await;
    }
}

fn descriptions() -> Option<PathBuf> {
    std::env::var_os("LATCHKEY_API_DESCRIPTIONS").map(PathBuf::from)
}

fn recording(name: &str) -> PathBuf {
    scratch(&format!("microsoft-clients-{name}.har"))
}

/// A judge that is written in JavaScript, with Microsoft's validator at hand.
fn javascript(script: &str, descriptions: &Path, har: &Path) -> Command {
    let mut command = Command::new("node");
    command.arg(judges_folder().join(script)).args([descriptions, har]);
    if let Some(modules) = std::env::var_os("LATCHKEY_OAV") {
        command.env("NODE_PATH", modules);
    }
    command
}

/// Runs a judge, which must have nothing to say against what it looked at.
async fn satisfied(command: Command, judge: &str) {
    let output = finished(command, judge).await;
    let (said, logged) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "findings by {judge}:\n{said}\n{logged}");
    println!("{said}");
}

async fn finished(mut command: Command, name: &str) -> Output {
    command.stdin(Stdio::null()).kill_on_drop(true);
    match tokio::time::timeout(PATIENCE, command.output()).await {
        Ok(Ok(output)) => output,
        Ok(Err(error)) => panic!("{name} cannot be run: {error}"),
        Err(_) => panic!("{name} did not end within {PATIENCE:?}"),
    }
}

fn judges_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/judges/azure")
}

fn scratch(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Says that a client did not judge, or fails when it should have.
fn skip(reason: &str) {
    let required = std::env::var("LATCHKEY_REQUIRE_JUDGES").is_ok_and(|value| value == "1");
    assert!(!required, "LATCHKEY_REQUIRE_JUDGES is set, but {reason}");
    note(&format!("Microsoft's client did not judge the sandbox, because {reason}"));
}

/// Past the test runner's capture: whoever runs the tests is to see it although the test passes.
fn note(line: &str) {
    std::io::stderr()
        .write_all(format!("SKIPPED: {line}\n").as_bytes())
        .expect("standard error can be written");
}
