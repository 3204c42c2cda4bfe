//! Latchkey as it is deployed, in five processes, each started by its own command line: the simulated Azure, Azurite, the
//! Service Bus, the Functions host, and the deployed executable, which the host starts from its package. Nothing has a key.
//!
//! Needs what `as_deployed` needs, and Python to unpack the package.

use std::{collections::BTreeMap, path::Path, process::Command};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use local_world::{
    cast::{Customer, OnboardingPage, Vendor},
    story::Story,
    world::{AzuriteProgram, RunningSandbox, read_exports},
};
use reqwest::Method;
use serde_json::{Value, json};
use service_bus::{ClientOptions, ServiceBusClient, ServiceBusError};
use tokio::time::{Duration, Instant, sleep};
use url::Url;
use uuid::Uuid;

use crate::{
    as_deployed::azurite_program,
    package::{Folder, python, unpacked},
    processes::{Running, free_port, latchkey},
    support::PATIENCE,
};

/// The blob store, with an account whose key nobody is told.
pub(crate) fn azurite(program: &AzuriteProgram, dir: &Path, port: u16) -> Command {
    let key: Vec<u8> = (0..4).flat_map(|_| Uuid::new_v4().into_bytes()).collect();
    let mut command = Command::new(&program.node);
    command
        .arg(program.modules.join("azurite/dist/src/blob/main.js"))
        .args(["--blobHost", "127.0.0.1", "--blobPort", &port.to_string(), "--oauth", "basic"])
        .args(["--disableTelemetry", "--disableProductStyleUrl", "--location"])
        .arg(dir.join("blobs"))
        .arg("--cert")
        .arg(dir.join("certificate.pem"))
        .arg("--key")
        .arg(dir.join("certificate-key.pem"))
        .env("AZURITE_ACCOUNTS", format!("latchkeystore:{}", STANDARD.encode(key)));
    command
}

pub(crate) fn exports(file: &Path) -> BTreeMap<String, String> {
    read_exports(file).unwrap().into_iter().collect()
}

/// The ports of the processes that are told theirs.
pub(crate) struct Ports {
    pub(crate) app: u16,
    pub(crate) bus: u16,
    pub(crate) blobs: u16,
}

impl Ports {
    pub(crate) fn free() -> Self {
        Self { app: free_port(), bus: free_port(), blobs: free_port() }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.app)
    }
}

/// Has the running sandbox prepared, by its command. Gives the document that it prints.
pub(crate) fn prepare(dir: &Path, ports: &Ports, more: &[&str]) -> Value {
    let prepared = latchkey(&["sandbox", "prepare", "--json", "--dir"])
        .arg(dir)
        .args(more)
        .args(["--url", &ports.url()])
        .args(["--service-bus", &format!("127.0.0.1:{}", ports.bus)])
        .args(["--blobs", &format!("https://127.0.0.1:{}/latchkeystore", ports.blobs)])
        .output()
        .unwrap();
    assert!(prepared.status.success(), "{}", String::from_utf8_lossy(&prepared.stderr));
    serde_json::from_slice(&prepared.stdout).unwrap()
}

pub(crate) fn broker(dir: &Path, port: u16, namespace: &str) -> Command {
    let mut command = latchkey(&["broker", "--json", "--port", &port.to_string()]);
    command
        .args(["--entra-namespace", namespace, "--config"])
        .arg(dir.join("Config.json"))
        .arg("--state")
        .arg(dir.join("broker"))
        .arg("--tls-certificate")
        .arg(dir.join("certificate.pem"))
        .arg("--tls-key")
        .arg(dir.join("certificate-key.pem"))
        .envs(exports(&dir.join("broker.env")));
    command
}

pub(crate) fn host(dir: &Path, port: u16, package: &Path) -> Command {
    let mut command = latchkey(&["host", "--json", "--port", &port.to_string(), "--script-root"]);
    command.arg(package).env_clear().envs(exports(&dir.join("app.env")));
    command
}

/// The customer, their page, and the host, whose lines say why when something does not come.
struct Onboarding {
    customer: Customer,
    page: OnboardingPage,
}

impl Onboarding {
    async fn until(&self, state: &str, host: &mut Running) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let found = self.customer.look(&self.page).await;
            if found.as_ref().is_ok_and(|view| view.state == state) {
                return;
            }
            assert!(Instant::now() < deadline, "never {state}: {found:?}\n{}", host.told().join("\n"));
            sleep(Duration::from_millis(100)).await;
        }
    }
}

/// A customer buys, consents, makes a key and shares it; then their disk is encrypted with it.
pub(crate) async fn becomes_active(azure: &RunningSandbox, vendor: &Vendor, host: &mut Running) {
    let network = azure.network().unwrap();
    let customer = azure.customer().unwrap();
    let order = json!({ "tenantId": customer.tenant_id, "offer": "latchkey", "plan": "standard" });
    let bought = azure.control(Method::POST, "marketplace/purchases", Some(&order)).await.unwrap();
    let purchase: Uuid = bought["subscriptionId"].as_str().unwrap().parse().unwrap();
    vendor.make_disk_for("disk-customer-1", purchase).await.unwrap();

    let customer = Customer::new(customer, &network, Story::silent()).unwrap();
    let landing = Url::parse(bought["landingUrl"].as_str().unwrap()).unwrap();
    let page = customer.sign_up(&landing).await.unwrap();
    let onboarding = Onboarding { customer, page };
    let Onboarding { customer, page } = &onboarding;
    onboarding.until("awaiting-consent", host).await;
    customer.consent(page).await.unwrap();
    onboarding.until("awaiting-key", host).await;
    let key = customer.make_key("contoso-keys").await.unwrap();
    let principal = customer.service_principal(vendor.estate().application_id).await.unwrap();
    customer.grant(&key, principal).await.unwrap();
    customer.share_key(page, &key.url).await.unwrap();
    onboarding.until("active", host).await;

    let set = customer.look(page).await.unwrap().disk_encryption_set.unwrap();
    let disk = vendor.disk_named("disk-customer-1").await.unwrap();
    assert!(disk.is_under_set(&set), "{disk:?} is not under {set}");
    assert_eq!(disk.encryption.as_deref(), Some("EncryptionAtRestWithCustomerKey"));
    let sold = azure.control(Method::GET, "marketplace", None).await.unwrap();
    assert!(sold.to_string().contains("Subscribed"), "{sold:#}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_onboarding_becomes_active_in_five_processes_without_a_key() {
    let (Some(azurite_program), Some(python)) = (azurite_program(), python()) else { return };
    let folder = Folder::new();
    let dir = folder.path("sandbox");
    let ports = Ports::free();

    let mut sandbox = latchkey(&["sandbox", "--json", "--dir"]);
    sandbox.arg(&dir).stderr(std::process::Stdio::null());
    let mut sandbox = Running::start("the sandbox", sandbox);
    sandbox.next("that it is up", |line| line["event"] == "started");
    let blobs = azurite(&azurite_program, &dir, ports.blobs);
    let mut blobs = Running::quietly("Azurite", blobs, &folder.path("azurite.log"));
    blobs.listens(ports.blobs).await;
    let prepared = prepare(&dir, &ports, &[]);
    let settings = exports(&dir.join("app.env"));
    prepare(&dir, &ports, &[]);
    assert!(settings == exports(&dir.join("app.env")), "a second run changes the settings");
    let mut bus = Running::start(
        "the broker",
        broker(&dir, ports.bus, prepared["serviceBusNamespace"].as_str().unwrap()),
    );
    let listening = bus.next("that it listens", |_| true);
    let package = unpacked(&folder, &python);
    let mut host = Running::start("the host", host(&dir, ports.app, &package));
    let functions = host.next("that it listens", |line| line["event"] == "listening");
    assert_eq!(functions["functionErrors"], json!([]));
    let handler = host.next("of its handler", |line| line["event"] == "handlerStarted");
    host.next("that it is ready", |line| line["event"] == "handlerReady");
    let program = std::fs::read_link(format!("/proc/{}/exe", handler["processId"])).unwrap();
    assert_eq!(program, package.canonicalize().unwrap().join("latchkey-functions"));

    let azure = RunningSandbox::at(&dir).unwrap();
    let vendor = Vendor::set_up(azure.vendor().unwrap(), &ports.url(), Story::silent()).await.unwrap();
    becomes_active(&azure, &vendor, &mut host).await;
    nothing_has_a_key(&dir, listening["connectionString"].as_str().unwrap()).await;
    for process in [host, bus, sandbox] {
        assert_eq!(process.interrupt(), Some(0));
    }
}

/// The settings hold none, and the key that the broker starts with opens nothing: the namespace takes no keys.
async fn nothing_has_a_key(dir: &Path, connection: &str) {
    for (name, value) in exports(&dir.join("app.env")) {
        let is_secret =
            ["SharedAccessKey", "AccountKey", "Endpoint=sb"].iter().any(|word| value.contains(word));
        assert!(!is_secret, "{name} holds a key");
    }
    let authority = exports(&dir.join("app.env"))["SSL_CERT_FILE"].clone();
    let options = ClientOptions { attempts: 1, ..ClientOptions::default() };
    let options = options.trusting_file(Path::new(&authority)).unwrap();
    let client = ServiceBusClient::from_parsed_connection_string(connection.parse().unwrap(), options);
    let refused = client.sender("key_shared").open().await.unwrap_err();
    assert!(matches!(refused, ServiceBusError::Unauthorized { .. }), "{refused:?}");
}
