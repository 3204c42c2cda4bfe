//! A deployment of `infra/` in the simulated Azure: what Microsoft's deployment engine predicts of it, written there.

use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    predicted::{self, Known, TOKEN},
    support::{ARM, Estate, Ran, with},
};

/// Where everything is.
pub(crate) struct Deployment {
    pub(crate) estate: Estate,
    pub(crate) group: String,
    pub(crate) principal: String,
}

impl Deployment {
    /// Everything that `infra/` makes, the signing key, and a package with the functions of this version.
    pub(crate) async fn in_azure(estate: Estate) -> Self {
        let all = predicted::resources(&estate.vendor.subscription_id.to_string());
        let group = all[0]["id"].as_str().unwrap().to_owned();
        let mut made = Self { estate, group, principal: String::new() };
        let mut known = Known::of_tenant(made.estate.vendor.tenant_id);
        for one in &all {
            let id = one["id"].as_str().unwrap();
            let version = one["apiVersion"].as_str().unwrap();
            match one["type"].as_str().unwrap() {
                "Microsoft.ManagedIdentity/userAssignedIdentities" => {
                    let identity = made.put(id, version, one.clone()).await;
                    known.identity(&identity);
                }
                _ => drop(made.put(id, version, known.worked_out(one)).await),
            }
        }
        made.principal = known.principal;
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
