//! How fast the sandbox is when there is a lot in it: makes sets and keys over the wire, and tells the rate.
//!
//! ```sh
//! cargo run --release --package sandbox --example many -- 10000
//! ```
//!
//! makes 10,000 disk encryption sets, each under a key of its own, by real calls (PUT of the set, with its exchange, wrap
//! and unwrap; its operation; a GET), with the state saved on disk as `latchkey sandbox --dir` saves it.
//!
//! The keys share the material of one that is made over the wire, and are planted in the saved state: making 10,000 RSA
//! keys takes the processor many minutes and says nothing about the sandbox.
#![expect(clippy::unwrap_used, reason = "a measurement that meets an error has failed")]

use std::time::{Duration, Instant};

use futures::{StreamExt as _, stream};
use reqwest::{Certificate, Client, Method, Proxy};
use sandbox::{Lags, Limits, Options, Sandbox, SeedTenant};
use serde_json::{Value, json};
use uuid::Uuid;

const ARM: &str = "https://management.azure.com";
const AT_A_TIME: usize = 8;

struct Bench {
    sandbox: Sandbox,
    http: Client,
    vendor: String,
    customer: String,
    vault: String,
}

#[tokio::main]
async fn main() {
    let count: usize = std::env::args().nth(1).map_or(10_000, |text| text.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let bench = Bench::start(folder.path()).await;
    let estate = bench.set_up().await;
    let key = bench.make_key(0).await;
    bench.sandbox.stop().await;
    // The start writes the whole state into one file.
    start(folder.path()).await.stop().await;
    plant(folder.path(), count);
    let bench = Bench::start(folder.path()).await;
    let keys: Vec<String> =
        (0..count).map(|number| key.replace("/key-0/", &format!("/key-{number}/"))).collect();

    let since = Instant::now();
    let mut slowest = Duration::ZERO;
    let mut times = stream::iter(keys.iter().enumerate())
        .map(|(number, key)| bench.make_set(&estate, number, key))
        .buffer_unordered(AT_A_TIME);
    let mut all = Vec::with_capacity(count);
    while let Some(time) = times.next().await {
        slowest = slowest.max(time);
        all.push(time);
    }
    drop(times);
    tell("sets made, each followed to its end", count, since);
    all.sort_unstable();
    println!(
        "  a set took {:?} in the middle, {:?} at 99 %, {slowest:?} at most",
        all[count / 2],
        all[count * 99 / 100]
    );

    for (what, method, path) in [
        (
            "GET of one set",
            Method::GET,
            format!("{}/providers/Microsoft.Compute/diskEncryptionSets/set-0", estate.group),
        ),
        (
            "PATCH of one set's tags",
            Method::PATCH,
            format!("{}/providers/Microsoft.Compute/diskEncryptionSets/set-0", estate.group),
        ),
    ] {
        let since = Instant::now();
        for _ in 0..200 {
            let body = (method == Method::PATCH).then(|| json!({ "tags": { "a": "b" } }));
            bench.arm(method.clone(), &format!("{path}?api-version=2023-04-02"), body, 200).await;
        }
        tell(&format!("{what}, one after the other"), 200, since);
    }
    let since = Instant::now();
    let page = bench.own().get(bench.sandbox.own_url()).send().await.unwrap().text().await.unwrap();
    println!("the page: {} bytes in {:?}", page.len(), since.elapsed());

    let state = std::fs::read_dir(folder.path().join("state")).unwrap();
    let bytes: u64 = state.map(|file| file.unwrap().metadata().unwrap().len()).sum();
    bench.sandbox.stop().await;
    let since = Instant::now();
    let again = start(folder.path()).await;
    println!("started again from {} MB in {:?}", bytes / 1_000_000, since.elapsed());
    again.stop().await;
}

/// Copies the one key under as many names.
fn plant(folder: &std::path::Path, count: usize) {
    let file = folder.join("state/sandbox.json");
    let mut state: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    let keys = state["key_vault"]["vaults"]["many-keys"]["keys"].as_object_mut().unwrap();
    let first = keys["key-0"].clone();
    for number in 0..count {
        let name = format!("key-{number}");
        let mut key = first.clone();
        key["name"] = json!(name);
        keys.insert(name, key);
    }
    std::fs::write(&file, state.to_string()).unwrap();
}

fn tell(what: &str, count: usize, since: Instant) {
    let elapsed = since.elapsed();
    println!("{what}: {count} in {elapsed:.1?}, {:.0} a second", count as f64 / elapsed.as_secs_f64());
}

async fn start(folder: &std::path::Path) -> Sandbox {
    let lags = Lags { operation_polls: 0, ..Lags::default() };
    let options = Options {
        state: Some(folder.join("state")),
        run_folder: folder.join("run"),
        lags,
        har: false,
        ahead_milliseconds: None,
    };
    let sandbox = Sandbox::start(options).await.unwrap();
    sandbox.set_limits(Limits::none());
    sandbox
}

/// Where the sets are made, and as whom they reach their keys.
struct Estate {
    group: String,
    identity: String,
    application: Value,
}

impl Bench {
    async fn start(folder: &std::path::Path) -> Self {
        let sandbox = start(folder).await;
        let authority = std::fs::read(sandbox.ca_file()).unwrap();
        let http = Client::builder()
            .add_root_certificate(Certificate::from_pem(&authority).unwrap())
            .proxy(Proxy::https(sandbox.proxy_url()).unwrap())
            .build()
            .unwrap();
        let seed = sandbox.seed();
        let vendor = token(&http, &seed.vendor, ARM).await;
        let customer = token(&http, &seed.customer, ARM).await;
        let vault = token(&http, &seed.customer, "https://vault.azure.net").await;
        Self { sandbox, http, vendor, customer, vault }
    }

    /// One vendor's application and identity, let into the customer's tenant with a role on the one vault.
    async fn set_up(&self) -> Estate {
        let seed = self.sandbox.seed();
        let (vendor, customer) = (&seed.vendor, &seed.customer);
        let group = format!("/subscriptions/{}/resourceGroups/many", vendor.subscription_id);
        let location = json!({ "location": vendor.region });
        self.arm(Method::PUT, &format!("{group}?api-version=2024-03-01"), Some(location.clone()), 201).await;
        let identity = format!("{group}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/many");
        let made =
            self.arm(Method::PUT, &format!("{identity}?api-version=2023-01-31"), Some(location), 201).await;
        let graph = "https://graph.microsoft.com";
        let (as_vendor, as_customer) =
            (token(&self.http, vendor, graph).await, token(&self.http, customer, graph).await);
        let application = json!({ "displayName": "Many", "signInAudience": "AzureADMultipleOrgs" });
        let application = self
            .send(Method::POST, &format!("{graph}/v1.0/applications"), &as_vendor, Some(application), 201)
            .await;
        let credential = json!({
            "name": "many",
            "issuer": format!("https://login.microsoftonline.com/{}/v2.0", vendor.tenant_id),
            "subject": made["properties"]["principalId"],
            "audiences": ["api://AzureADTokenExchange"],
        });
        let path = format!(
            "{graph}/v1.0/applications/{}/federatedIdentityCredentials",
            application["id"].as_str().unwrap()
        );
        self.send(Method::POST, &path, &as_vendor, Some(credential), 201).await;
        let principal = json!({ "appId": application["appId"] });
        let url = format!("{graph}/v1.0/servicePrincipals");
        let principal = self.send(Method::POST, &url, &as_customer, Some(principal), 201).await;

        let theirs = format!("/subscriptions/{}/resourceGroups/many", customer.subscription_id);
        let location = json!({ "location": customer.region });
        let url = format!("{ARM}{theirs}?api-version=2024-03-01");
        self.send(Method::PUT, &url, &self.customer, Some(location), 201).await;
        let vault = json!({ "location": customer.region, "properties": {
            "tenantId": customer.tenant_id, "sku": { "family": "A", "name": "standard" }, "accessPolicies": [],
            "enableRbacAuthorization": true, "enablePurgeProtection": true,
        }});
        let id = format!("{theirs}/providers/Microsoft.KeyVault/vaults/many-keys");
        let url = format!("{ARM}{id}?api-version=2023-07-01");
        self.send(Method::PUT, &url, &self.customer, Some(vault), 200).await;
        let role = "e147488a-f6f5-4113-8e2d-b22465e65bf6";
        let assignment = json!({ "properties": {
            "roleDefinitionId": format!("/subscriptions/{}/providers/Microsoft.Authorization/roleDefinitions/{role}", customer.subscription_id),
            "principalId": principal["id"], "principalType": "ServicePrincipal",
        }});
        let url = format!(
            "{ARM}{id}/providers/Microsoft.Authorization/roleAssignments/{}?api-version=2022-04-01",
            Uuid::new_v4()
        );
        self.send(Method::PUT, &url, &self.customer, Some(assignment), 201).await;
        Estate { group, identity, application: application["appId"].clone() }
    }

    async fn make_key(&self, number: usize) -> String {
        let url = format!("https://many-keys.vault.azure.net/keys/key-{number}/create?api-version=7.5");
        let made = self.send(Method::POST, &url, &self.vault, Some(json!({ "kty": "RSA" })), 200).await;
        made["key"]["kid"].as_str().unwrap().to_owned()
    }

    /// Makes a set, follows its operation and reads it back.
    async fn make_set(&self, estate: &Estate, number: usize, key: &str) -> Duration {
        let since = Instant::now();
        let path = format!(
            "{}/providers/Microsoft.Compute/diskEncryptionSets/set-{number}?api-version=2023-04-02",
            estate.group
        );
        let mut identities = json!({});
        identities[&estate.identity] = json!({});
        let body = json!({
            "location": self.sandbox.seed().vendor.region,
            "identity": { "type": "UserAssigned", "userAssignedIdentities": identities },
            "properties": { "activeKey": { "keyUrl": key }, "federatedClientId": estate.application },
        });
        let request = self.http.put(format!("{ARM}{path}")).bearer_auth(&self.vendor).json(&body);
        let accepted = request.send().await.unwrap();
        assert_eq!(accepted.status().as_u16(), 202);
        let operation = accepted.headers()["azure-asyncoperation"].to_str().unwrap().to_owned();
        let ended = self.send(Method::GET, &operation, &self.vendor, None, 200).await;
        assert_eq!(ended["status"], "Succeeded");
        let set = self.arm(Method::GET, &path, None, 200).await;
        assert_eq!(set["properties"]["provisioningState"], "Succeeded");
        since.elapsed()
    }

    async fn arm(&self, method: Method, path: &str, body: Option<Value>, expected: u16) -> Value {
        self.send(method, &format!("{ARM}{path}"), &self.vendor, body, expected).await
    }

    async fn send(
        &self,
        method: Method,
        url: &str,
        token: &str,
        body: Option<Value>,
        expected: u16,
    ) -> Value {
        let request = self.http.request(method, url).bearer_auth(token);
        let request = if let Some(body) = &body { request.json(body) } else { request };
        let answer = request.send().await.unwrap();
        let (status, text) = (answer.status().as_u16(), answer.text().await.unwrap());
        assert_eq!(status, expected, "{url}: {text}");
        serde_json::from_str(&text).unwrap_or_default()
    }

    fn own(&self) -> Client {
        Client::builder().no_proxy().build().unwrap()
    }
}

async fn token(http: &Client, tenant: &SeedTenant, resource: &str) -> String {
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", &tenant.administrator.client_id.to_string()),
        ("client_secret", &tenant.administrator.client_secret),
        ("scope", &format!("{resource}/.default")),
    ];
    let url = format!("https://login.microsoftonline.com/{}/oauth2/v2.0/token", tenant.tenant_id);
    let answer: Value = http.post(url).form(&form).send().await.unwrap().json().await.unwrap();
    answer["access_token"].as_str().unwrap().to_owned()
}
