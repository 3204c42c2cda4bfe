//! From a clone to a deployment that works, as docs/operate/deploy.md says it: Microsoft's `az` deploys `infra/` to the
//! simulated Azure, `latchkey setup` makes what is in Entra, the deployed executable runs with the settings and the roles
//! that came of it, and `latchkey doctor` finds nothing wrong. Then one thing is taken away.
//!
//! Needs what `five_processes` needs, `az` (`LATCHKEY_AZ`) and Microsoft's Bicep compiler (`LATCHKEY_BICEP`), which no package
//! index has: without it, the test says so and passes.

use std::{
    collections::BTreeMap,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use local_world::{
    cast::{Estate, Vendor},
    story::Story,
    world::RunningSandbox,
};
use reqwest::Method;
use serde_json::Value;
use tokio::time::{Duration, Instant, sleep};

use crate::{
    as_deployed::azurite_program,
    five_processes::{Ports, azurite, becomes_active, broker, exports, host, prepare},
    package::{Folder, python, unpacked},
    processes::{Running, latchkey},
    support::PATIENCE,
};

/// Microsoft's command line and compiler.
struct Tools {
    az: PathBuf,
    bicep: PathBuf,
}

impl Tools {
    fn at_hand() -> Option<Self> {
        let named =
            |variable: &str| std::env::var_os(variable).map(PathBuf::from).filter(|path| path.is_file());
        let tools = named("LATCHKEY_AZ").zip(named("LATCHKEY_BICEP")).map(|(az, bicep)| Self { az, bicep });
        if tools.is_none() {
            let said = "SKIPPED: infra/ was not deployed: LATCHKEY_AZ and LATCHKEY_BICEP name no `az` and no compiler\n";
            std::io::stderr().write_all(said.as_bytes()).unwrap();
        }
        tools
    }
}

/// A command in the sandbox's environment, signed in as the vendor's administrator.
struct Newcomer<'a> {
    tools: &'a Tools,
    dir: &'a Path,
    work: PathBuf,
}

impl Newcomer<'_> {
    fn point(&self, command: &mut Command) {
        let path = std::env::var("PATH").unwrap_or_default();
        command
            .envs(exports(&self.dir.join("env")))
            .env("AZURE_CONFIG_DIR", self.work.join("az-vendor"))
            .env("PATH", format!("{}:{path}", self.work.join("bin").display()));
    }

    /// Types what the page says.
    fn types_the_page(&self, user: &str, url: &str) -> BTreeMap<String, String> {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/judges/azure/newcomer.sh");
        let mut command = Command::new("bash");
        self.point(&mut command);
        command
            .arg(script)
            .env("AZ", &self.tools.az)
            .env("LATCHKEY_BICEP", &self.tools.bicep)
            .env("LATCHKEY", env!("CARGO_BIN_EXE_latchkey-local"))
            .env("LATCHKEY_CUSTOM_URL", url)
            // Who reads the page is told that doctor notes alerts that reach nobody.
            .env("LATCHKEY_ALERT_EMAILS", "operations@contoso.com")
            .env("WORK", &self.work)
            .env("VENDOR_USER", user)
            .env("CUSTOMER_USER", "nobody")
            .stdin(Stdio::null());
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "the page's commands: {said}");
        let names = std::fs::read_to_string(self.work.join("deployed")).unwrap();
        let named = names.lines().filter_map(|line| line.split_once('='));
        named.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    /// What doctor says of each check: its verdict and what was seen.
    fn asks_doctor(&self, url: &str, made: &BTreeMap<String, String>) -> BTreeMap<String, (String, String)> {
        let mut command = latchkey(&["doctor", "--json", "--app-url", url]);
        self.point(&mut command);
        command.args(["--subscription", &made["SUBSCRIPTION"], "--resource-group", &made["GROUP"]]);
        let output = command.stdin(Stdio::null()).output().unwrap();
        let report: Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
        let text = |check: &Value, name: &str| check[name].as_str().unwrap().to_owned();
        let checks = report["checks"].as_array().unwrap().iter();
        checks.map(|check| (text(check, "check"), (text(check, "is"), text(check, "saw")))).collect()
    }

    /// Asks doctor until exactly these are not good.
    async fn until_not_good(&self, url: &str, made: &BTreeMap<String, String>, expected: &[(&str, &str)]) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let checks = self.asks_doctor(url, made);
            let not_good = checks.iter().filter(|(_, (is, _))| is != "good");
            let found: Vec<(&str, &str)> =
                not_good.map(|(name, (is, _))| (name.as_str(), is.as_str())).collect();
            if found == expected {
                return;
            }
            assert!(Instant::now() < deadline, "expected {expected:?}: {checks:#?}");
            sleep(Duration::from_secs(1)).await;
        }
    }
}

async fn estate(azure: &RunningSandbox, app: &BTreeMap<String, String>) -> Vendor {
    let administrator = azure.vendor().unwrap();
    let id = app["LATCHKEY_MANAGED_IDENTITY_ID"].clone();
    let shown = administrator.arm(Method::GET, &id, "2024-11-30", None).await.unwrap();
    let shown = shown.ok("the identity").unwrap();
    let guid = |name: &str| shown["properties"][name].as_str().unwrap().parse().unwrap();
    let identity =
        latchkey_cli::setup::Identity { client_id: guid("clientId"), principal_id: guid("principalId"), id };
    let estate = Estate {
        application_id: app["LATCHKEY_APPLICATION_ID"].parse().unwrap(),
        resource_group: app["LATCHKEY_RESOURCE_GROUP"].clone(),
        region: app["LATCHKEY_REGION"].clone(),
        identity,
        evidence_key: app["LATCHKEY_EVIDENCE_KEY"].clone(),
    };
    Vendor::of(administrator, estate, Story::silent())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_page_on_deploying_says_is_typed_and_what_comes_of_it_works() {
    let (Some(azurite_program), Some(python)) = (azurite_program(), python()) else { return };
    let Some(tools) = Tools::at_hand() else { return };
    let folder = Folder::new();
    let (dir, work) = (folder.path("sandbox"), folder.path("work"));
    std::fs::create_dir(&work).unwrap();
    let ports = Ports::free();
    let url = ports.url();

    let mut sandbox = latchkey(&["sandbox", "--json", "--dir"]);
    sandbox.arg(&dir).stderr(Stdio::null());
    let mut sandbox = Running::start("the sandbox", sandbox);
    let started = sandbox.next("that it is up", |line| line["event"] == "started");
    let newcomer = Newcomer { tools: &tools, dir: &dir, work };
    let user =
        started["vendor"]["users"][0]["userPrincipalName"].as_str().unwrap_or_else(|| panic!("{started:#}"));
    let made = newcomer.types_the_page(user, &url);

    let blobs = azurite(&azurite_program, &dir, ports.blobs);
    let mut blobs = Running::quietly("Azurite", blobs, &folder.path("azurite.log"));
    blobs.listens(ports.blobs).await;
    let prepared = prepare(&dir, &ports, &["--deployed", &made["GROUP"]]);
    let namespace = prepared["serviceBusNamespace"].as_str().unwrap();
    let mut bus = Running::start("the broker", broker(&dir, ports.bus, namespace));
    bus.next("that it listens", |_| true);
    let package = unpacked(&folder, &python);
    let mut host = Running::start("the host", host(&dir, ports.app, &package));
    host.next("that it is ready", |line| line["event"] == "handlerReady");

    let fine = [("telemetry", "not-checked")];
    newcomer.until_not_good(&url, &made, &fine).await;
    let azure = RunningSandbox::at(&dir).unwrap();
    let app = exports(&dir.join("app.env"));
    let vendor = estate(&azure, &app).await;
    becomes_active(&azure, &vendor, &mut host).await;

    // One thing less.
    let queue = format!("{namespace}/queues/key_shared/providers/Microsoft.Authorization/roleAssignments");
    let administrator = azure.vendor().unwrap();
    let listed = administrator.arm(Method::GET, &queue, "2022-04-01", None).await.unwrap();
    let listed = listed.ok("the roles at a queue").unwrap();
    let receives = listed["value"].as_array().unwrap().iter().find(|one| {
        let role = one["properties"]["roleDefinitionId"].as_str().unwrap();
        role.ends_with("4f6d3b9b-027b-4f4c-9142-0e5a2a2247e0")
    });
    let receives = receives.unwrap()["id"].as_str().unwrap();
    administrator.arm(Method::DELETE, receives, "2022-04-01", None).await.unwrap().ok("less").unwrap();
    let expected = [("queues-receive", "wrong"), ("roles", "wrong"), ("telemetry", "not-checked")];
    newcomer.until_not_good(&url, &made, &expected).await;
    for process in [host, bus, sandbox] {
        assert_eq!(process.interrupt(), Some(0));
    }
}
