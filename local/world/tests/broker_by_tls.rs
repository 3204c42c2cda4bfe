//! `latchkey broker` beside `latchkey sandbox`, each a process of its own: by TLS, with tokens of Entra and roles.
#![expect(clippy::unwrap_used, reason = "a test's helpers fail the test")]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use azure_core::credentials::{AccessToken, TokenCredential, TokenRequestOptions};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use local_world::world::read_exports;
use reqwest::{Certificate, Client, Proxy};
use serde_json::{Value, json};
use service_bus::{ClientOptions, ServiceBusClient, ServiceBusError};
use time::OffsetDateTime;
use tokio::time::{Instant, sleep};

const PATIENCE: Duration = Duration::from_secs(120);
const CONFIG: &str = r#"{"UserConfig": {"Namespaces": [{"Name": "local", "Queues": [{"Name": "orders"}]}]}}"#;
const SENDER: &str = "69a216fc-b8fb-44d8-bc22-1f3c2cd27a39";

/// A process that is killed when the test ends, however it ends, and the document that it printed first.
struct Running(Child, Value);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn latchkey(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_latchkey-local"));
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped());
    command
}

fn start(mut command: Command) -> Running {
    let mut child = command.spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    let started = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
    Running(child, started)
}

/// Somebody of the vendor's tenant, by secret.
#[derive(Clone)]
struct Vendor {
    http: Client,
    tenant: String,
    client: String,
    secret: String,
    subscription: String,
}

impl std::fmt::Debug for Vendor {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Vendor")
    }
}

impl Vendor {
    fn of(dir: &Path, env: &BTreeMap<String, String>) -> Self {
        let authority = Certificate::from_pem(&std::fs::read(&env["SSL_CERT_FILE"]).unwrap()).unwrap();
        let proxy = Proxy::https(&env["HTTPS_PROXY"]).unwrap();
        Self {
            http: Client::builder().tls_certs_only([authority]).proxy(proxy).build().unwrap(),
            tenant: env["SANDBOX_VENDOR_TENANT_ID"].clone(),
            client: env["SANDBOX_VENDOR_CLIENT_ID"].clone(),
            secret: std::fs::read_to_string(dir.join("vendor-secret")).unwrap(),
            subscription: env["SANDBOX_VENDOR_SUBSCRIPTION_ID"].clone(),
        }
    }

    async fn token(&self, scope: &str) -> String {
        let url = format!("https://login.microsoftonline.com/{}/oauth2/v2.0/token", self.tenant);
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", &self.client),
            ("client_secret", &self.secret),
            ("scope", scope),
        ];
        let answer: Value = self.http.post(url).form(&form).send().await.unwrap().json().await.unwrap();
        answer["access_token"].as_str().unwrap().to_owned()
    }

    async fn put(&self, id: &str, version: &str, body: &Value) {
        let url = format!("https://management.azure.com{id}?api-version={version}");
        let token = self.token("https://management.azure.com/.default").await;
        let answer = self.http.put(url).bearer_auth(token).json(body).send().await.unwrap();
        assert!(answer.status().is_success(), "{id}: {}", answer.text().await.unwrap());
    }
}

#[async_trait::async_trait]
impl TokenCredential for Vendor {
    async fn get_token(
        &self,
        scopes: &[&str],
        _: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<AccessToken> {
        let ends = OffsetDateTime::now_utc() + Duration::from_secs(3_000);
        Ok(AccessToken::new(self.token(scopes[0]).await, ends))
    }
}

fn claim(token: &str, name: &str) -> String {
    let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
    serde_json::from_slice::<Value>(&claims).unwrap()[name].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_broker_lets_in_whom_a_sandbox_beside_it_gives_a_role() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("box");
    let _sandbox = start(latchkey(&["sandbox", "--json", "--dir", dir.to_str().unwrap()]));
    let env: BTreeMap<String, String> = read_exports(&dir.join("env")).unwrap().into_iter().collect();
    let vendor = Vendor::of(&dir, &env);
    let group = format!("/subscriptions/{}/resourceGroups/rg", vendor.subscription);
    let location = json!({ "location": "westeurope" });
    vendor.put(&group, "2024-11-01", &location).await;
    let namespace = format!("{group}/providers/Microsoft.ServiceBus/namespaces/contoso-bus");
    vendor.put(&namespace, "2024-01-01", &location).await;

    let file = |name: &str| dir.join(name).to_str().unwrap().to_owned();
    std::fs::write(file("Config.json"), CONFIG).unwrap();
    let (config, certificate, key) =
        (file("Config.json"), file("certificate.pem"), file("certificate-key.pem"));
    let broker = |proxy: &str| {
        let mut command = latchkey(&["broker", "--port", "0", "--json", "--entra-namespace", &namespace]);
        command.args(["--config", &config, "--tls-certificate", &certificate, "--tls-key", &key]);
        command
            .env("HTTPS_PROXY", proxy)
            .env("SSL_CERT_FILE", &env["SSL_CERT_FILE"])
            .env("AZURE_TENANT_ID", &vendor.tenant)
            .env("AZURE_CLIENT_ID", &vendor.client)
            .env("AZURE_CLIENT_SECRET", &vendor.secret);
        command
    };
    let elsewhere = broker("http://proxy.example.org:8080").output().unwrap();
    assert_eq!(elsewhere.status.code(), Some(1));
    let complaint = String::from_utf8(elsewhere.stderr).unwrap();
    assert!(complaint.contains("not a sandbox on this machine"), "{complaint}");

    let broker = start(broker(&env["HTTPS_PROXY"]));
    assert!(!broker.1["connectionString"].as_str().unwrap().contains("UseDevelopmentEmulator"));
    let options = ClientOptions { attempts: 1, ..ClientOptions::default() };
    let options = options.trusting_file(Path::new(&env["SSL_CERT_FILE"])).unwrap();
    let address = broker.1["address"].as_str().unwrap();
    let client = ServiceBusClient::with_options(address, Arc::new(vendor.clone()), options);
    let refused = client.sender("orders").open().await.unwrap_err();
    let ServiceBusError::Unauthorized { description } = &refused else { panic!("{refused:?}") };
    assert!(description.contains("'Send' claim(s) are required"), "{description}");

    let principal = claim(&vendor.token("https://servicebus.azure.net/.default").await, "oid");
    let assignment = format!(
        "{namespace}/queues/orders/providers/Microsoft.Authorization/roleAssignments/{}",
        uuid::Uuid::new_v4()
    );
    let role = format!("/providers/Microsoft.Authorization/roleDefinitions/{SENDER}");
    let properties = json!({ "roleDefinitionId": role, "principalId": principal });
    vendor.put(&assignment, "2022-04-01", &json!({ "properties": properties })).await;
    let deadline = Instant::now() + PATIENCE;
    while let Err(error) = client.sender("orders").open().await {
        assert!(Instant::now() < deadline, "{error:?}");
        sleep(Duration::from_millis(100)).await;
    }
    client.close().await;
}
