//! A sandbox with a client, and the steps that several tests take.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::{Certificate, Client, ClientBuilder, Method, Proxy, StatusCode, redirect};
use sandbox::{Lags, Options, Sandbox, SeedTenant};
use serde_json::{Value, json};
use tempfile::TempDir;
use uuid::Uuid;

pub(crate) const EXCHANGE: &str = "api://AzureADTokenExchange";
pub(crate) const VAULT_SCOPE: &str = "https://vault.azure.net/.default";
pub(crate) const CALLBACK: &str = "http://127.0.0.1:4000/api/consent/callback";
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// A started sandbox and a client that trusts it.
pub(crate) struct Cloud {
    pub(crate) sandbox: Sandbox,
    pub(crate) client: Client,
    folder: TempDir,
}

/// A status and a JSON body.
pub(crate) type Answer = (StatusCode, Value);

pub(crate) fn options(folder: &TempDir) -> Options {
    Options {
        state: None,
        run_folder: folder.path().join("run"),
        lags: Lags::default(),
        har: true,
        ahead_milliseconds: None,
    }
}

pub(crate) fn client(sandbox: &Sandbox) -> Client {
    client_builder(sandbox).build().unwrap()
}

pub(crate) fn client_builder(sandbox: &Sandbox) -> ClientBuilder {
    let authority = Certificate::from_pem(&std::fs::read(sandbox.ca_file()).unwrap()).unwrap();
    Client::builder()
        .proxy(Proxy::https(sandbox.proxy_url()).unwrap())
        .tls_certs_only([authority])
        .redirect(redirect::Policy::none())
        .timeout(Duration::from_secs(120))
}

impl Cloud {
    pub(crate) async fn start() -> Self {
        Self::with(|_| {}).await
    }

    pub(crate) async fn with(adjust: impl FnOnce(&mut Options)) -> Self {
        let folder = TempDir::new().unwrap();
        let mut options = options(&folder);
        adjust(&mut options);
        let sandbox = Sandbox::start(options).await.unwrap();
        let client = client(&sandbox);
        Self { sandbox, client, folder }
    }

    pub(crate) fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    pub(crate) fn vendor(&self) -> SeedTenant {
        self.sandbox.seed().vendor
    }

    pub(crate) fn customer(&self) -> SeedTenant {
        self.sandbox.seed().customer
    }

    /// Asks the version 2.0 token endpoint.
    pub(crate) async fn token_request(&self, tenant: &str, form: &[(&str, &str)]) -> Answer {
        let url = format!("https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token");
        let reply = self.client.post(url).form(form).send().await.unwrap();
        (reply.status(), reply.json().await.unwrap())
    }

    /// Asks for a vault token with an assertion.
    pub(crate) async fn exchange(&self, tenant: Uuid, client_id: &str, assertion: &str) -> Answer {
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", client_id),
            ("scope", VAULT_SCOPE),
            ("client_assertion_type", ASSERTION_TYPE),
            ("client_assertion", assertion),
        ];
        self.token_request(&tenant.to_string(), &form).await
    }

    /// A token of a seeded administrator.
    pub(crate) async fn administrator_token(&self, tenant: &SeedTenant, scope: &str) -> String {
        let client_id = tenant.administrator.client_id.to_string();
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", &client_id),
            ("client_secret", &tenant.administrator.client_secret),
            ("scope", scope),
        ];
        let (status, body) = self.token_request(&tenant.tenant_id.to_string(), &form).await;
        assert_eq!(status, StatusCode::OK, "{body}");
        body["access_token"].as_str().unwrap().to_owned()
    }

    /// A call as a seeded administrator; `url` is whole.
    pub(crate) async fn call(
        &self,
        tenant: &SeedTenant,
        method: Method,
        url: &str,
        body: Option<Value>,
    ) -> Answer {
        let host = url.split('/').nth(2).unwrap();
        let token = self.administrator_token(tenant, &format!("https://{host}/.default")).await;
        let mut request = self.client.request(method, url).bearer_auth(token);
        if let Some(body) = body {
            request = request.json(&body);
        }
        Self::answer(request).await
    }

    async fn answer(request: reqwest::RequestBuilder) -> Answer {
        let reply = request.send().await.unwrap();
        let status = reply.status();
        let text = reply.text().await.unwrap();
        (status, serde_json::from_str(&text).unwrap_or(Value::Null))
    }

    /// Reads from Graph version 1.0, with one header more.
    pub(crate) async fn graph_with(&self, tenant: &SeedTenant, path: &str, header: (&str, &str)) -> Answer {
        let token = self.administrator_token(tenant, "https://graph.microsoft.com/.default").await;
        let url = format!("https://graph.microsoft.com/v1.0/{path}");
        Self::answer(self.client.get(url).bearer_auth(token).header(header.0, header.1)).await
    }

    /// A call to Graph version 1.0.
    pub(crate) async fn graph(
        &self,
        tenant: &SeedTenant,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> Answer {
        self.call(tenant, method, &format!("https://graph.microsoft.com/v1.0/{path}"), body).await
    }

    /// Registers a multi-tenant application of the vendor. Gives it as Graph shows it.
    pub(crate) async fn application(&self) -> Value {
        let body = json!({
            "displayName": "Disks under your key",
            "signInAudience": "AzureADMultipleOrgs",
            "web": {"redirectUris": [CALLBACK]},
        });
        let (status, body) = self.graph(&self.vendor(), Method::POST, "applications", Some(body)).await;
        assert_eq!(status, StatusCode::CREATED, "{body}");
        body
    }

    /// Lets an application into a tenant.
    pub(crate) async fn let_in(&self, tenant: &SeedTenant, app_id: &str) -> Value {
        let (status, body) =
            self.graph(tenant, Method::POST, "servicePrincipals", Some(json!({"appId": app_id}))).await;
        assert_eq!(status, StatusCode::CREATED, "{body}");
        body
    }

    /// Makes a user-assigned identity of a tenant and attaches it. Gives it as ARM shows it.
    pub(crate) async fn identity(&self, tenant: &SeedTenant, name: &str) -> Value {
        let identity = self.unattached_identity(tenant, name).await;
        assert!(self.sandbox.attach_identity(identity["id"].as_str().unwrap()));
        identity
    }

    /// Makes a user-assigned identity of a tenant. Gives it as ARM shows it.
    pub(crate) async fn unattached_identity(&self, tenant: &SeedTenant, name: &str) -> Value {
        let group = format!(
            "https://management.azure.com/subscriptions/{}/resourceGroups/identities",
            tenant.subscription_id
        );
        let location = json!({"location": tenant.region});
        let url = format!("{group}?api-version=2024-11-01");
        let (status, body) = self.call(tenant, Method::PUT, &url, Some(location.clone())).await;
        assert!(status.is_success(), "{body}");
        let provider = "providers/Microsoft.ManagedIdentity/userAssignedIdentities";
        let url = format!("{group}/{provider}/{name}?api-version=2023-01-31");
        let (status, body) = self.call(tenant, Method::PUT, &url, Some(location)).await;
        assert_eq!(status, StatusCode::CREATED, "{body}");
        body
    }

    /// Trusts an identity to speak for an application.
    pub(crate) async fn trust(
        &self,
        application: &Value,
        name: &str,
        issuer: &str,
        subject: &str,
        audience: &str,
    ) {
        let path =
            format!("applications/{}/federatedIdentityCredentials", application["id"].as_str().unwrap());
        let body = json!({"name": name, "issuer": issuer, "subject": subject, "audiences": [audience]});
        let (status, body) = self.graph(&self.vendor(), Method::POST, &path, Some(body)).await;
        assert_eq!(status, StatusCode::CREATED, "{body}");
    }

    /// Trusts an identity of the vendor as one should.
    pub(crate) async fn trust_well(&self, application: &Value, identity: &Value) {
        let subject = identity["properties"]["principalId"].as_str().unwrap();
        self.trust(application, "disks", &self.vendor_issuer(), subject, EXCHANGE).await;
    }

    pub(crate) fn vendor_issuer(&self) -> String {
        format!("https://login.microsoftonline.com/{}/v2.0", self.vendor().tenant_id)
    }

    /// Says what a tenant's administrators forbid from now on.
    pub(crate) async fn forbid(&self, tenant: &SeedTenant, policies: &[&str]) {
        let url = format!("{}/control/tenants/{}/policies", self.sandbox.own_url(), tenant.tenant_id);
        let reply = self.client.put(url).json(&json!({ "policies": policies })).send().await.unwrap();
        let status = reply.status();
        let shown: Value = reply.json().await.unwrap();
        assert_eq!((status, shown["policies"].as_array().unwrap().len()), (StatusCode::OK, policies.len()));
    }

    /// An application that a managed identity speaks for and that the customer has let in. Gives it and an assertion.
    pub(crate) async fn let_in_and_trusted(&self) -> (Value, String) {
        let application = self.application().await;
        let identity = self.identity(&self.vendor(), "function-app").await;
        self.trust_well(&application, &identity).await;
        self.let_in(&self.customer(), application["appId"].as_str().unwrap()).await;
        let assertion = self.assertion(&identity).await;
        (application, assertion)
    }

    /// Asks the managed identity endpoint, past the proxy.
    pub(crate) async fn identity_token(&self, resource: &str, client_id: &str) -> Answer {
        let query = [("api-version", "2019-08-01"), ("resource", resource), ("client_id", client_id)];
        self.identity_request(self.sandbox.identity_header(), &query).await
    }

    pub(crate) async fn identity_request(&self, header: &str, query: &[(&str, &str)]) -> Answer {
        self.identity_request_with(("X-IDENTITY-HEADER", header), query).await
    }

    /// As [`identity_request`](Self::identity_request), with the header's name.
    pub(crate) async fn identity_request_with(
        &self,
        (name, value): (&str, &str),
        query: &[(&str, &str)],
    ) -> Answer {
        let url = reqwest::Url::parse_with_params(&self.sandbox.identity_endpoint(), query).unwrap();
        let reply = self.client.get(url).header(name, value).send().await.unwrap();
        (reply.status(), reply.json().await.unwrap())
    }

    /// The assertion of an identity for the exchange.
    pub(crate) async fn assertion(&self, identity: &Value) -> String {
        let client_id = identity["properties"]["clientId"].as_str().unwrap();
        let (status, body) = self.identity_token(EXCHANGE, client_id).await;
        assert_eq!(status, StatusCode::OK, "{body}");
        body["access_token"].as_str().unwrap().to_owned()
    }
}

/// The claims of a token, unchecked.
pub(crate) fn claims(token: &str) -> Value {
    let part = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

/// The HTTP status and the OAuth 2.0 word that each number of Entra's comes with, where nothing else is said.
const NUMBERS: [(u16, &str, &[u64]); 10] = [
    (
        400,
        "invalid_request",
        &[50_011, 50_020, 50_027, 50_059, 50_194, 70_021, 90_002, 501_461, 700_222, 700_236, 900_144],
    ),
    (400, "unauthorized_client", &[700_016, 7_000_112]),
    (400, "invalid_scope", &[1_002_012]),
    (400, "invalid_resource", &[500_011]),
    (400, "unsupported_grant_type", &[70_003]),
    (
        400,
        "invalid_grant",
        &[
            50_034, 53_003, 54_005, 65_001, 70_000, 70_008, 90_094, 500_212, 500_213, 501_481, 700_082,
            900_941,
        ],
    ),
    (400, "authorization_pending", &[70_016]),
    (400, "bad_verification_code", &[70_018]),
    (400, "expired_token", &[70_019]),
    (
        401,
        "invalid_client",
        &[700_024, 700_027, 700_211, 700_212, 700_213, 7_000_215, 7_000_218, 7_000_222, 7_000_229, 7_002_138],
    ),
];

/// The number of Entra's refusal, once its envelope has been found complete, and its status and word the number's own.
#[track_caller]
pub(crate) fn refusal((status, body): &Answer) -> u64 {
    let code = body["error_codes"][0].as_u64().unwrap();
    let text = body["error_description"].as_str().unwrap();
    assert!(text.starts_with(&format!("AADSTS{code}: ")), "{text}");
    assert!(text.contains(body["trace_id"].as_str().unwrap()), "{text}");
    assert!(text.contains(body["correlation_id"].as_str().unwrap()), "{text}");
    assert!(text.contains(body["timestamp"].as_str().unwrap()), "{text}");
    assert_eq!(body["error_uri"], format!("https://login.microsoftonline.com/error?code={code}"));
    let known = NUMBERS.iter().find(|(.., codes)| codes.contains(&code));
    let (expected, word, _) =
        known.unwrap_or_else(|| panic!("{code} has no status and word: {status} {body}"));
    assert_eq!((status.as_u16(), body["error"].as_str()), (*expected, Some(*word)), "{code}");
    code
}
