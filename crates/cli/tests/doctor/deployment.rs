//! A deployment of `infra/` in the simulated Azure: what Microsoft's deployment engine predicts of it, written there.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{ARM, Estate, Ran, with};

const SNAPSHOT: &str = include_str!("../../../../infra/snapshots/default.snapshot.json");
/// The subscription of the snapshot.
const PREDICTED: &str = "22222222-bbbb-4444-8888-cccccccccccc";
pub(crate) const TOKEN: &str = "sgrbgq6qpq54e";

/// Where everything is.
pub(crate) struct Deployment {
    pub(crate) estate: Estate,
    pub(crate) group: String,
    pub(crate) principal: String,
}

impl Deployment {
    /// Everything that `infra/` makes, the signing key, and a package with the functions of this version.
    pub(crate) async fn in_azure(estate: Estate) -> Self {
        let snapshot = SNAPSHOT.replace(PREDICTED, &estate.vendor.subscription_id.to_string());
        let snapshot: Value = serde_json::from_str(&snapshot).unwrap();
        let mut all = snapshot["predictedResources"].as_array().unwrap().clone();
        // What stands below another comes after it; what is assigned, last.
        let depth = |one: &Value| one["id"].as_str().unwrap().split('/').count();
        let order = |one: &Value| {
            let kind = one["type"].as_str().unwrap();
            let is_later = kind.ends_with("/roleAssignments") || kind.ends_with("/diagnosticSettings");
            (is_later, depth(one))
        };
        all.sort_by_key(order);
        let group = all[0]["id"].as_str().unwrap().to_owned();
        let mut made = Self { estate, group, principal: String::new() };
        let mut client = String::new();
        for one in &all {
            let id = one["id"].as_str().unwrap();
            let version = one["apiVersion"].as_str().unwrap();
            match one["type"].as_str().unwrap() {
                "Microsoft.ManagedIdentity/userAssignedIdentities" => {
                    let identity = made.put(id, version, one.clone()).await;
                    let text = |name: &str| identity["properties"][name].as_str().unwrap().to_owned();
                    (made.principal, client) = (text("principalId"), text("clientId"));
                }
                _ => drop(made.put(id, version, made.worked_out(one, &client)).await),
            }
        }
        made.put_below(
            "Microsoft.KeyVault/vaults",
            &format!("kv-lk-{TOKEN}/secrets/signing-key"),
            "2024-11-01",
            json!({
                "properties": { "value": "not a key" }
            }),
        )
        .await;
        for function in latchkey_functions::table() {
            let name = format!("func-latchkey-{TOKEN}/functions/{}", function.name);
            made.put_below("Microsoft.Web/sites", &name, "2024-11-01", json!({ "properties": {} })).await;
        }
        made
    }

    /// What the engine leaves to Azure: the values that only exist there.
    fn worked_out(&self, value: &Value, client: &str) -> Value {
        match value {
            Value::String(text) if text.starts_with('[') => json!(self.expression(text, client)),
            Value::Array(items) => items.iter().map(|item| self.worked_out(item, client)).collect(),
            Value::Object(members) => {
                let worked =
                    members.iter().map(|(name, value)| (name.clone(), self.worked_out(value, client)));
                worked.collect::<Value>()
            }
            plain => plain.clone(),
        }
    }

    fn expression(&self, text: &str, client: &str) -> String {
        let vault = format!("https://kv-lk-{TOKEN}.vault.azure.net/");
        let known = [
            ("tenant().tenantId", self.estate.vendor.tenant_id.to_string()),
            (".principalId)", self.principal.clone()),
            (").principalId]", self.principal.clone()),
            ("'ClientId={0};", format!("ClientId={client};Authorization=AAD")),
            (").clientId]", client.to_owned()),
            ("secrets/signing-key", format!("@Microsoft.KeyVault(SecretUri={vault}secrets/signing-key)")),
            ("{0}keys/evidence", format!("{vault}keys/evidence")),
            ("defaultHostName", format!("https://func-latchkey-{TOKEN}.azurewebsites.net")),
            ("primaryEndpoints.blob", format!("https://sthost{TOKEN}.blob.core.windows.net/packages")),
            ("ConnectionString", "InstrumentationKey=x".to_owned()),
        ];
        let found = known.into_iter().find(|(part, _)| text.contains(part));
        found.unwrap_or_else(|| panic!("what is {text}?")).1
    }

    pub(crate) fn id(&self, kind: &str, name: &str) -> String {
        format!("{}/providers/{kind}/{name}", self.group)
    }

    pub(crate) async fn put(&self, id: &str, version: &str, body: Value) -> Value {
        self.estate.azure(Method::PUT, &format!("{ARM}{id}?api-version={version}"), Some(body)).await
    }

    pub(crate) async fn put_below(&self, kind: &str, name: &str, version: &str, body: Value) -> Value {
        self.put(&self.id(kind, name), version, body).await
    }

    pub(crate) async fn get(&self, id: &str, version: &str) -> Value {
        self.estate.azure(Method::GET, &format!("{ARM}{id}?api-version={version}"), None).await
    }

    pub(crate) async fn delete(&self, id: &str, version: &str) {
        self.estate.azure(Method::DELETE, &format!("{ARM}{id}?api-version={version}"), None).await;
    }

    /// Runs doctor with this token for Azure Resource Manager.
    pub(crate) async fn doctor_with(&self, token: &str) -> Ran {
        self.doctor(token, &[]).await
    }

    pub(crate) async fn doctor(&self, token: &str, more: &[&str]) -> Ran {
        let group = self.group.rsplit('/').next().unwrap();
        let subscription = self.estate.vendor.subscription_id.to_string();
        let arguments = ["--json", "--subscription", &subscription, "--resource-group", group];
        let arguments = with(&arguments.map(str::to_owned), more);
        let ran = self.estate.latchkey("doctor", &arguments, token).await;
        // One call is a POST, and that is how Azure is asked for settings.
        assert!(ran.writes <= 1, "doctor changes nothing: {}", ran.writes);
        ran
    }

    /// The checks that are not good: name, verdict and what was seen. Without an app, one is always there.
    pub(crate) async fn not_good(&self) -> Vec<(String, String, String)> {
        let ran = self.doctor_with(&self.estate.token(ARM).await).await;
        let text = |check: &Value, name: &str| check[name].as_str().unwrap().to_owned();
        let document = ran.document();
        let checks = document["checks"].as_array().unwrap().iter();
        let told = checks.map(|check| (text(check, "check"), text(check, "is"), text(check, "saw")));
        let all: Vec<_> = told.filter(|(_, is, _)| is != "good").collect();
        let is_wrong = all.iter().any(|(_, is, _)| is == "wrong");
        assert_eq!(ran.status, if is_wrong { 3 } else { 0 }, "{all:?}");
        let (app, rest) = all.split_first().unwrap();
        assert_eq!((app.0.as_str(), app.1.as_str()), ("function-app", "not-checked"));
        rest.to_vec()
    }
}
