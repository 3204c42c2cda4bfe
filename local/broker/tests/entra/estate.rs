//! A simulated Azure with a namespace and an identity in it, and the way there.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use azure_core::credentials::{AccessToken, TokenCredential, TokenRequestOptions};
use broker::{Broker, Certificate, Entra, EntraTokens, Options, QueueOptions};
use reqwest::{Client, Method, Proxy};
use sandbox::{Lags, Sandbox};
use serde_json::{Value, json};
use service_bus::{ClientOptions, ServiceBusClient};
use tempfile::TempDir;
use uuid::Uuid;

pub(crate) const SENDER: &str = "69a216fc-b8fb-44d8-bc22-1f3c2cd27a39";
pub(crate) const RECEIVER: &str = "4f6d3b9b-027b-4f4c-9142-0e5a2a2247e0";

/// Whose token a client presents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Who {
    /// The managed identity.
    Identity,
    /// The same, with a token for another service.
    IdentityForStorage,
    /// Somebody of another tenant.
    CustomersAdministrator,
    /// The identity's token with other claims in it.
    Forged,
    /// Whoever has the namespace's key.
    Key,
}

pub(crate) struct Estate {
    pub(crate) sandbox: Sandbox,
    /// The ARM id of the namespace.
    pub(crate) namespace: String,
    pub(crate) identity: Value,
    http: Client,
    _folder: TempDir,
}

impl Estate {
    pub(crate) async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let options = sandbox::Options {
            state: None,
            run_folder: folder.path().join("run"),
            lags: Lags::default(),
            har: false,
            ahead_milliseconds: None,
        };
        let sandbox = Sandbox::start(options).await.unwrap();
        let authority = reqwest::Certificate::from_pem(&std::fs::read(sandbox.ca_file()).unwrap()).unwrap();
        let http = Client::builder()
            .tls_certs_only([authority])
            .proxy(Proxy::https(sandbox.proxy_url()).unwrap())
            .build()
            .unwrap();
        let group = format!("/subscriptions/{}/resourceGroups/rg", sandbox.seed().vendor.subscription_id);
        let namespace = format!("{group}/providers/Microsoft.ServiceBus/namespaces/contoso-bus");
        let mut estate = Self { sandbox, namespace, identity: Value::Null, http, _folder: folder };
        estate.put(&group, json!({})).await;
        let locked = json!({ "properties": { "disableLocalAuth": true } });
        estate.put(&estate.namespace, locked).await;
        let identity = format!("{group}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/id-app");
        estate.identity = estate.put(&identity, json!({})).await;
        assert!(estate.sandbox.attach_identity(&identity));
        estate
    }

    async fn put(&self, id: &str, mut body: Value) -> Value {
        body["location"] = json!(self.sandbox.seed().vendor.region);
        self.arm(Method::PUT, id, Some(body)).await
    }

    async fn arm(&self, method: Method, id: &str, body: Option<Value>) -> Value {
        let vendor = self.sandbox.seed().vendor;
        let token = self.token_of(&vendor, "https://management.azure.com/.default").await;
        let version = if id.contains("roleAssignments") { "2022-04-01" } else { "2024-01-01" };
        let url = format!("https://management.azure.com{id}?api-version={version}");
        let mut request = self.http.request(method, url).bearer_auth(token);
        if let Some(body) = body {
            request = request.json(&body);
        }
        let response = request.send().await.unwrap();
        let status = response.status();
        let answer: Value = response.json().await.unwrap();
        assert!(status.is_success(), "{id}: {status} {answer}");
        answer
    }

    /// Gives the identity a role. Returns the assignment's id.
    pub(crate) async fn assign(&self, scope: &str, role: &str) -> String {
        let id = format!("{scope}/providers/Microsoft.Authorization/roleAssignments/{}", Uuid::new_v4());
        let definition = format!("/providers/Microsoft.Authorization/roleDefinitions/{role}");
        let properties = json!({
            "roleDefinitionId": definition,
            "principalId": self.identity["properties"]["principalId"],
            "principalType": "ServicePrincipal",
        });
        self.arm(Method::PUT, &id, Some(json!({ "properties": properties }))).await;
        id
    }

    pub(crate) async fn take_away(&self, assignment: &str) {
        self.arm(Method::DELETE, assignment, None).await;
    }

    pub(crate) fn entra(&self) -> Entra {
        let vendor = self.sandbox.seed().vendor;
        let administrator = vendor.administrator;
        Entra {
            tenant: vendor.tenant_id,
            namespace_id: self.namespace.clone(),
            reader: (administrator.client_id, administrator.client_secret),
            proxy: Some(self.sandbox.proxy_url()),
            authority: std::fs::read(self.sandbox.ca_file()).unwrap(),
            interval: Duration::from_millis(100),
        }
    }

    pub(crate) fn options(&self, entra: Entra) -> Options {
        let issued = self.sandbox.issue_certificate().unwrap();
        Options {
            queues: ["orders", "other"].map(QueueOptions::new).to_vec(),
            key: Some("a-key".to_owned()),
            entra_tokens: EntraTokens::Verify(entra),
            tls: Some(Certificate { chain: issued.chain, key: issued.key }),
            ..Options::default()
        }
    }

    pub(crate) async fn broker(&self) -> Broker {
        Broker::start(self.options(self.entra())).await.unwrap()
    }

    pub(crate) fn ca_file(&self) -> &Path {
        self.sandbox.ca_file()
    }

    pub(crate) fn client(&self, broker: &Broker, who: Who) -> ServiceBusClient {
        let options = ClientOptions { attempts: 1, ..ClientOptions::default() };
        let options = options.trusting_file(self.ca_file()).unwrap();
        if who == Who::Key {
            let string = broker.connection_string();
            assert!(!string.contains("UseDevelopmentEmulator"), "{string}");
            return ServiceBusClient::from_parsed_connection_string(string.parse().unwrap(), options);
        }
        let (identity, seed) = (self.identity.clone(), self.sandbox.seed());
        let credential = Tokens {
            http: self.http.clone(),
            endpoint: self.sandbox.identity_endpoint(),
            header: self.sandbox.identity_header().to_owned(),
            client_id: identity["properties"]["clientId"].as_str().unwrap().to_owned(),
            customer: seed.customer,
            who,
        };
        ServiceBusClient::with_options(&broker.address().to_string(), Arc::new(credential), options)
    }

    async fn token_of(&self, tenant: &sandbox::SeedTenant, scope: &str) -> String {
        token_of(&self.http, tenant, scope).await
    }
}

async fn token_of(http: &Client, tenant: &sandbox::SeedTenant, scope: &str) -> String {
    let url = format!("https://login.microsoftonline.com/{}/oauth2/v2.0/token", tenant.tenant_id);
    let client_id = tenant.administrator.client_id.to_string();
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", &client_id),
        ("client_secret", &tenant.administrator.client_secret),
        ("scope", scope),
    ];
    let answer: Value = http.post(url).form(&form).send().await.unwrap().json().await.unwrap();
    answer["access_token"].as_str().unwrap().to_owned()
}

/// Gives the tokens of somebody.
struct Tokens {
    http: Client,
    endpoint: String,
    header: String,
    client_id: String,
    customer: sandbox::SeedTenant,
    who: Who,
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.who.fmt(formatter)
    }
}

impl Tokens {
    async fn of_identity(&self, resource: &str) -> String {
        let query = format!("api-version=2019-08-01&resource={resource}&client_id={}", self.client_id);
        let request =
            self.http.get(format!("{}?{query}", self.endpoint)).header("x-identity-header", &self.header);
        let answer: Value = request.send().await.unwrap().json().await.unwrap();
        answer["access_token"].as_str().unwrap().to_owned()
    }
}

#[async_trait::async_trait]
impl TokenCredential for Tokens {
    async fn get_token(
        &self,
        scopes: &[&str],
        _: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<AccessToken> {
        let resource = scopes[0].strip_suffix("/.default").unwrap();
        let token = match self.who {
            Who::Identity => self.of_identity(resource).await,
            Who::IdentityForStorage => self.of_identity("https://storage.azure.com").await,
            Who::CustomersAdministrator => token_of(&self.http, &self.customer, scopes[0]).await,
            Who::Forged => {
                let (one, another) = (self.of_identity(resource).await, self.of_identity(resource).await);
                let (signed, _) = one.rsplit_once('.').unwrap();
                let (_, signature) = another.rsplit_once('.').unwrap();
                format!("{signed}.{signature}")
            }
            Who::Key => unreachable!("the key signs by itself"),
        };
        Ok(AccessToken::new(token, time::OffsetDateTime::now_utc() + Duration::from_secs(86_400)))
    }
}
