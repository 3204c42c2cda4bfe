//! A sandbox with a client that reaches it as every client does: real names, through the proxy, over TLS.
#![allow(dead_code, reason = "each test file uses its own part of this")]
#![allow(
    clippy::unwrap_used,
    reason = "this is a test, though clippy only knows functions that are marked as one"
)]

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use reqwest::{Certificate, Method, Proxy, StatusCode};
use sandbox::{Lags, Options, Sandbox, Seed, SeedTenant};
use serde_json::{Value, json};
use uuid::Uuid;

pub(crate) const ARM: &str = "https://management.azure.com";
pub(crate) const VAULT: &str = "https://vault.azure.net";
pub(crate) const GRAPH: &str = "https://graph.microsoft.com";
pub(crate) const MARKETPLACE: &str = "20e940b3-4c77-4b0b-9a53-9e16a1b010a7";
pub(crate) const COMPUTE: &str = "api-version=2023-04-02";
pub(crate) const KEYS: &str = "api-version=7.5";

pub(crate) struct Cloud {
    pub(crate) sandbox: Sandbox,
    pub(crate) seed: Seed,
    http: reqwest::Client,
    tokens: Mutex<HashMap<(Uuid, String), String>>,
    folder: tempfile::TempDir,
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) body: Value,
}

impl Answer {
    /// The service's error code, the finer one where there is one.
    pub(crate) fn code(&self) -> &str {
        let error = &self.body["error"];
        error["innererror"]["code"].as_str().or(error["code"].as_str()).unwrap_or("")
    }

    pub(crate) fn message(&self) -> &str {
        self.body["error"]["message"].as_str().unwrap_or("")
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("")
    }

    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.body);
        self
    }

    #[track_caller]
    pub(crate) fn expect_error(self, status: u16, code: &str) -> Self {
        assert_eq!((self.status, self.code()), (status, code), "{}", self.body);
        self
    }
}

impl Cloud {
    pub(crate) async fn start() -> Self {
        Self::with_lags(Lags::default()).await
    }

    pub(crate) async fn with_lags(lags: Lags) -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self::in_folder(folder, lags).await
    }

    async fn in_folder(folder: tempfile::TempDir, lags: Lags) -> Self {
        let options = Options {
            state: Some(folder.path().join("state")),
            run_folder: folder.path().join("run"),
            lags,
            har: true,
            ahead_milliseconds: None,
        };
        let sandbox = Sandbox::start(options).await.unwrap();
        let authority = std::fs::read(sandbox.ca_file()).unwrap();
        let http = reqwest::Client::builder()
            .add_root_certificate(Certificate::from_pem(&authority).unwrap())
            .proxy(Proxy::https(sandbox.proxy_url()).unwrap())
            .timeout(Duration::from_secs(120))
            .build()
            .unwrap();
        let seed = sandbox.seed();
        Self { sandbox, seed, http, tokens: Mutex::default(), folder }
    }

    /// Stops the sandbox and starts another one with what it saved.
    pub(crate) async fn restart(self) -> Self {
        let Self { sandbox, folder, .. } = self;
        sandbox.stop().await;
        Self::in_folder(folder, Lags::default()).await
    }

    /// Lets time pass for the sandbox. Tokens grow old with it, so that others are asked for.
    pub(crate) fn pass(&self, seconds: u64) {
        self.sandbox.advance_clock(Duration::from_secs(seconds));
        self.tokens.lock().unwrap().clear();
    }

    /// A token of the tenant's administrator.
    pub(crate) async fn token(&self, tenant: &SeedTenant, resource: &str) -> String {
        let key = (tenant.tenant_id, resource.to_owned());
        if let Some(token) = self.tokens.lock().unwrap().get(&key) {
            return token.clone();
        }
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", &tenant.administrator.client_id.to_string()),
            ("client_secret", &tenant.administrator.client_secret),
            ("scope", &format!("{resource}/.default")),
        ];
        let answer = self.entra(tenant.tenant_id, &form).await.expect(200);
        let token = answer.body["access_token"].as_str().unwrap().to_owned();
        self.tokens.lock().unwrap().insert(key, token.clone());
        token
    }

    pub(crate) async fn entra(&self, tenant: Uuid, form: &[(&str, &str)]) -> Answer {
        let url = format!("https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token");
        Self::read(self.http.post(url).form(form).send().await.unwrap()).await
    }

    /// A token of the managed identity with this client id.
    pub(crate) async fn identity_token(&self, client_id: &str, resource: &str) -> String {
        let url = format!(
            "{}?api-version=2019-08-01&resource={resource}&client_id={client_id}",
            self.sandbox.identity_endpoint()
        );
        let request = self.http.get(url).header("X-IDENTITY-HEADER", self.sandbox.identity_header());
        let answer = Self::read(request.send().await.unwrap()).await.expect(200);
        answer.body["access_token"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn send(
        &self,
        method: Method,
        url: impl Into<String>,
        token: Option<&str>,
        body: Option<Value>,
    ) -> Answer {
        Self::read(self.try_send(method, &url.into(), token, body).await.unwrap()).await
    }

    pub(crate) async fn try_send(
        &self,
        method: Method,
        url: &str,
        token: Option<&str>,
        body: Option<Value>,
    ) -> reqwest::Result<reqwest::Response> {
        let mut request = self.http.request(method, url);
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        request.send().await
    }

    /// As [`send`](Self::send), with one header more.
    pub(crate) async fn send_with(
        &self,
        method: Method,
        url: &str,
        token: &str,
        header: (&str, &str),
    ) -> Answer {
        self.send_with_all(method, url, token, &[header]).await
    }

    /// As [`send`](Self::send), with more headers.
    pub(crate) async fn send_with_all(
        &self,
        method: Method,
        url: &str,
        token: &str,
        headers: &[(&str, &str)],
    ) -> Answer {
        let mut request = self.http.request(method, url).bearer_auth(token);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Self::read(request.send().await.unwrap()).await
    }

    async fn read(response: reqwest::Response) -> Answer {
        let (status, headers) = (response.status(), response.headers().clone());
        let text = response.text().await.unwrap();
        let body = if text.is_empty() { Value::Null } else { serde_json::from_str(&text).unwrap() };
        assert_ne!(status, StatusCode::INTERNAL_SERVER_ERROR, "{body}");
        Answer { status: status.as_u16(), headers, body }
    }

    /// As the tenant's administrator, at Resource Manager. `path` begins with a slash.
    pub(crate) async fn arm(
        &self,
        tenant: &SeedTenant,
        method: Method,
        path: impl Into<String>,
        body: Option<Value>,
    ) -> Answer {
        let token = self.token(tenant, ARM).await;
        self.send(method, format!("{ARM}{}", path.into()), Some(&token), body).await
    }

    pub(crate) async fn vault(
        &self,
        tenant: &SeedTenant,
        method: Method,
        url: impl Into<String>,
        body: Option<Value>,
    ) -> Answer {
        let token = self.token(tenant, VAULT).await;
        self.send(method, url, Some(&token), body).await
    }

    pub(crate) async fn graph(&self, tenant: &SeedTenant, path: impl Into<String>, body: Value) -> Answer {
        let token = self.token(tenant, GRAPH).await;
        self.send(Method::POST, format!("{GRAPH}/v1.0{}", path.into()), Some(&token), Some(body)).await
    }

    /// A resource group called `rg`. Gives its id.
    pub(crate) async fn group(&self, tenant: &SeedTenant) -> String {
        let id = format!("/subscriptions/{}/resourceGroups/rg", tenant.subscription_id);
        let body = json!({ "location": tenant.region });
        self.arm(tenant, Method::PUT, &format!("{id}?api-version=2024-03-01"), Some(body)).await.expect(201);
        id
    }

    /// A vault with purge protection that uses roles. Gives its id.
    pub(crate) async fn make_vault(&self, tenant: &SeedTenant, group: &str, name: &str) -> String {
        self.make_vault_with(tenant, group, name, json!({ "enableRbacAuthorization": true })).await
    }

    pub(crate) async fn make_vault_with(
        &self,
        tenant: &SeedTenant,
        group: &str,
        name: &str,
        more: Value,
    ) -> String {
        let id = format!("{group}/providers/Microsoft.KeyVault/vaults/{name}");
        let mut properties = json!({
            "tenantId": tenant.tenant_id,
            "sku": { "family": "A", "name": "standard" },
            "accessPolicies": [],
            "enableSoftDelete": true,
            "enablePurgeProtection": true,
        });
        for (key, value) in more.as_object().unwrap() {
            properties[key] = value.clone();
        }
        let body = json!({ "location": tenant.region, "properties": properties });
        let path = format!("{id}?api-version=2023-07-01");
        self.arm(tenant, Method::PUT, &path, Some(body)).await.expect(200);
        id
    }

    /// An RSA key of 2048 bits. Gives its versioned URL.
    pub(crate) async fn make_key(&self, tenant: &SeedTenant, vault: &str, name: &str) -> String {
        let url = format!("https://{vault}.vault.azure.net/keys/{name}/create?{KEYS}");
        let answer = self.vault(tenant, Method::POST, &url, Some(json!({ "kty": "RSA" }))).await.expect(200);
        answer.body["key"]["kid"].as_str().unwrap().to_owned()
    }

    /// An identity of the customer's without any role: a token for a resource, and its object id. Needs the group `rg`.
    pub(crate) async fn somebody(&self, resource: &str) -> (String, String) {
        let customer = &self.seed.customer;
        let id = format!(
            "/subscriptions/{}/resourceGroups/rg/providers/Microsoft.ManagedIdentity/userAssignedIdentities/somebody",
            customer.subscription_id
        );
        let body = json!({ "location": customer.region });
        let path = at(&id, "api-version=2023-01-31");
        let made = self.arm(customer, Method::PUT, path, Some(body)).await.expect(201);
        assert!(self.sandbox.attach_identity(&id));
        let client_id = made.body["properties"]["clientId"].as_str().unwrap();
        let token = self.identity_token(client_id, resource).await;
        (token, made.body["properties"]["principalId"].as_str().unwrap().to_owned())
    }

    /// Assigns a role, by name, at a scope. Gives the id of the assignment.
    pub(crate) async fn assign(
        &self,
        tenant: &SeedTenant,
        scope: &str,
        role: &str,
        principal: &str,
    ) -> String {
        let filter: String =
            url::form_urlencoded::byte_serialize(format!("roleName eq '{role}'").as_bytes()).collect();
        let path = format!(
            "{scope}/providers/Microsoft.Authorization/roleDefinitions?api-version=2022-04-01&$filter={filter}"
        );
        let found = self.arm(tenant, Method::GET, &path, None).await.expect(200);
        let definition = found.body["value"][0]["id"].clone();
        assert!(definition.is_string(), "no role {role}");
        let id = format!("{scope}/providers/Microsoft.Authorization/roleAssignments/{}", Uuid::new_v4());
        let body = json!({"properties": {
            "roleDefinitionId": definition, "principalId": principal, "principalType": "ServicePrincipal",
        }});
        self.arm(tenant, Method::PUT, &format!("{id}?api-version=2022-04-01"), Some(body)).await.expect(201);
        id
    }

    /// Follows an accepted write to its end by the address it was given. Gives the last answer and the number of
    /// answers that said "in progress".
    pub(crate) async fn follow(&self, tenant: &SeedTenant, accepted: &Answer) -> (Answer, u32) {
        let token = self.token(tenant, ARM).await;
        let url = accepted.header("azure-asyncoperation").to_owned();
        for running in 0..10 {
            let answer = self.send(Method::GET, &url, Some(&token), None).await.expect(200);
            if answer.body["status"] != "InProgress" {
                return (answer, running);
            }
            assert_eq!(answer.header("retry-after"), "1");
        }
        panic!("the operation did not end in ten polls");
    }

    /// Writes the traffic so far for a validator of another kind to judge.
    pub(crate) fn save_har(&self, name: &str) {
        let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.har"));
        std::fs::write(path, self.sandbox.har().to_string()).unwrap();
    }
}

pub(crate) fn at(url: &str, query: &str) -> String {
    format!("{url}?{query}")
}
