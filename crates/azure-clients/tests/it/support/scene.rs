//! The sandbox with a vendor and a customer in it, each set up by its own administrator.

use std::sync::Arc;

use azure_clients::{
    Compute, IdentitySettings, KeyVault, Marketplace, ProxyChoice, SystemClock, TokenCredential, Transport,
    TransportOptions, WorkloadIdentity,
};
use azure_core::credentials::{AccessToken, TokenRequestOptions};
use azure_ids::{ApplicationId, ArmId, KeyUrl, ObjectId, SubscriptionId, TenantId};
use reqwest::Method;
use sandbox::{Lags, Listing, Options, Purchase, PurchaseOutcome, Sandbox, SeedTenant};
use serde_json::{Value, json};
use uuid::Uuid;

const ARM: &str = "https://management.azure.com";
const GRAPH: &str = "https://graph.microsoft.com";
const VAULT: &str = "https://vault.azure.net";

/// The name of the customer's vault, and of a vault of the vendor's own.
pub(crate) const CUSTOMER_VAULT: &str = "kv-customer";
pub(crate) const VENDOR_VAULT: &str = "kv-vendor";

/// Everything stands but the customer's consent and grant.
pub(crate) struct Scene {
    pub(crate) sandbox: Sandbox,
    pub(crate) vendor: SeedTenant,
    pub(crate) customer: SeedTenant,
    pub(crate) application: ApplicationId,
    pub(crate) identity_client: ApplicationId,
    pub(crate) identity_id: ArmId,
    group: String,
    vault_id: String,
    folder: tempfile::TempDir,
}

/// The customer's and the vendor's administrators, by plain requests.
impl Scene {
    pub(crate) async fn begin(lags: Lags) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let options = Options {
            state: None,
            run_folder: folder.path().to_owned(),
            lags,
            har: true,
            ahead_milliseconds: None,
        };
        let sandbox = Sandbox::start(options).await.unwrap();
        let sandbox::Seed { vendor, customer } = sandbox.seed();
        let mut scene = Self {
            group: format!("/subscriptions/{}/resourceGroups/latchkey", vendor.subscription_id),
            vault_id: String::new(),
            identity_id: format!("/subscriptions/{}", vendor.subscription_id).parse().unwrap(),
            application: vendor.tenant_id.to_string().parse().unwrap(),
            identity_client: vendor.tenant_id.to_string().parse().unwrap(),
            sandbox,
            vendor,
            customer,
            folder,
        };
        scene.set_up_vendor().await;
        scene.set_up_customer().await;
        scene
    }

    async fn set_up_vendor(&mut self) {
        let vendor = self.vendor.clone();
        let location = json!({ "location": vendor.region });
        self.arm(&vendor, Method::PUT, &self.group, "2024-03-01", location.clone()).await;
        let identity =
            format!("{}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/latchkey", self.group);
        let made = self.arm(&vendor, Method::PUT, &identity, "2023-01-31", location).await;
        assert!(self.sandbox.attach_identity(&identity));
        let principal = made["properties"]["principalId"].as_str().unwrap();
        self.assign(&vendor, &self.group, "Contributor", principal).await;

        let body = json!({ "displayName": "Latchkey", "signInAudience": "AzureADMultipleOrgs" });
        let application = self.graph(&vendor, "/applications", body).await;
        let credential = json!({
            "name": "latchkey",
            "issuer": format!("https://login.microsoftonline.com/{}/v2.0", vendor.tenant_id),
            "subject": principal,
            "audiences": ["api://AzureADTokenExchange"],
        });
        let path =
            format!("/applications/{}/federatedIdentityCredentials", application["id"].as_str().unwrap());
        self.graph(&vendor, &path, credential).await;
        // At home, for the marketplace.
        self.graph(&vendor, "/servicePrincipals", json!({ "appId": application["appId"] })).await;

        self.application = application["appId"].as_str().unwrap().parse().unwrap();
        self.identity_client = made["properties"]["clientId"].as_str().unwrap().parse().unwrap();
        self.identity_id = identity.parse().unwrap();
        self.make_vault(&vendor, &self.group, VENDOR_VAULT).await;
    }

    async fn set_up_customer(&mut self) {
        let customer = self.customer.clone();
        let group = format!("/subscriptions/{}/resourceGroups/keys", customer.subscription_id);
        self.arm(&customer, Method::PUT, &group, "2024-03-01", json!({ "location": customer.region })).await;
        self.vault_id = self.make_vault(&customer, &group, CUSTOMER_VAULT).await;
        self.make_key(&customer, CUSTOMER_VAULT).await;
    }

    async fn make_vault(&self, owner: &SeedTenant, group: &str, name: &str) -> String {
        let id = format!("{group}/providers/Microsoft.KeyVault/vaults/{name}");
        let properties = json!({
            "tenantId": owner.tenant_id, "sku": { "family": "A", "name": "standard" }, "accessPolicies": [],
            "enableSoftDelete": true, "enablePurgeProtection": true, "enableRbacAuthorization": true,
        });
        let body = json!({ "location": owner.region, "properties": properties });
        self.arm(owner, Method::PUT, &id, "2023-07-01", body).await;
        id
    }

    /// Makes the key `disks`, or a new version of it.
    pub(crate) async fn make_key(&self, owner: &SeedTenant, vault: &str) {
        let url = format!("https://{vault}.vault.azure.net/keys/disks/create?api-version=7.4");
        self.send(owner, VAULT, Method::POST, &url, json!({ "kty": "RSA" })).await;
    }

    /// The customer changes the attributes of the key.
    pub(crate) async fn change_key(&self, attributes: Value) {
        let key = self.key_url();
        let versions = format!("{key}/versions?api-version=7.4");
        let versions = self.send(&self.customer, VAULT, Method::GET, &versions, Value::Null).await;
        let kid = versions["value"][0]["kid"].as_str().unwrap();
        let url = format!("{kid}?api-version=7.4");
        self.send(&self.customer, VAULT, Method::PATCH, &url, json!({ "attributes": attributes })).await;
    }

    /// The customer lets the application in. Gives the object id of its service principal.
    pub(crate) async fn consent(&self) -> ObjectId {
        let body = json!({ "appId": self.application });
        let principal = self.graph(&self.customer, "/servicePrincipals", body).await;
        principal["id"].as_str().unwrap().parse().unwrap()
    }

    /// The customer lets a service principal use the key.
    pub(crate) async fn grant(&self, principal: ObjectId) {
        let scope = format!("{}/keys/disks", self.vault_id);
        let role = "Key Vault Crypto Service Encryption User";
        self.assign(&self.customer, &scope, role, &principal.to_string()).await;
    }

    pub(crate) async fn make_disk(&self, name: &str) -> ArmId {
        let id = format!("{}/providers/Microsoft.Compute/disks/{name}", self.group);
        let body = json!({
            "location": self.vendor.region, "sku": { "name": "Premium_LRS" },
            "tags": { "customer": self.customer.tenant_id },
            "properties": { "creationData": { "createOption": "Empty" }, "diskSizeGB": 4 },
        });
        self.arm(&self.vendor, Method::PUT, &id, "2025-01-02", body).await;
        id.parse().unwrap()
    }

    /// The customer buys an offer whose webhook is here.
    pub(crate) fn purchase(&self, webhook_url: &str) -> PurchaseOutcome {
        self.sandbox.configure_marketplace(Listing {
            publisher_tenant: self.vendor.tenant_id,
            publisher_application: self.application.as_uuid(),
            publisher: "fabrikam".into(),
            landing_page_url: "http://127.0.0.1:9/api/signup".into(),
            webhook_url: webhook_url.into(),
            plans: vec!["silver".into()],
        });
        self.sandbox.purchase(Purchase {
            tenant_id: self.customer.tenant_id,
            purchaser_tenant_id: None,
            offer: "cmk-offer".into(),
            plan: "silver".into(),
            quantity: None,
            name: "Contoso".into(),
            email: "buyer@contoso.example".into(),
        })
    }

    async fn assign(&self, owner: &SeedTenant, scope: &str, role: &str, principal: &str) {
        let filter: String =
            url::form_urlencoded::byte_serialize(format!("roleName eq '{role}'").as_bytes()).collect();
        let path = format!("{scope}/providers/Microsoft.Authorization/roleDefinitions");
        let found =
            self.arm(owner, Method::GET, &path, &format!("2022-04-01&$filter={filter}"), Value::Null).await;
        let properties = json!({
            "roleDefinitionId": found["value"][0]["id"], "principalId": principal,
            "principalType": "ServicePrincipal",
        });
        let id = format!("{scope}/providers/Microsoft.Authorization/roleAssignments/{}", Uuid::new_v4());
        self.arm(owner, Method::PUT, &id, "2022-04-01", json!({ "properties": properties })).await;
    }

    async fn arm(&self, owner: &SeedTenant, method: Method, path: &str, version: &str, body: Value) -> Value {
        self.send(owner, ARM, method, &format!("{ARM}{path}?api-version={version}"), body).await
    }

    async fn graph(&self, owner: &SeedTenant, path: &str, body: Value) -> Value {
        self.send(owner, GRAPH, Method::POST, &format!("{GRAPH}/v1.0{path}"), body).await
    }

    async fn send(
        &self,
        owner: &SeedTenant,
        resource: &str,
        method: Method,
        url: &str,
        body: Value,
    ) -> Value {
        let http = self.http();
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", &owner.administrator.client_id.to_string()),
            ("client_secret", &owner.administrator.client_secret),
            ("scope", &format!("{resource}/.default")),
        ];
        let login = format!("https://login.microsoftonline.com/{}/oauth2/v2.0/token", owner.tenant_id);
        let token: Value = http.post(login).form(&form).send().await.unwrap().json().await.unwrap();
        let mut request = http.request(method, url).bearer_auth(token["access_token"].as_str().unwrap());
        if !body.is_null() {
            request = request.json(&body);
        }
        let reply = request.send().await.unwrap();
        let (status, text) = (reply.status(), reply.text().await.unwrap());
        assert!(status.is_success(), "{url}: {status} {text}");
        serde_json::from_str(&text).unwrap_or_default()
    }

    fn http(&self) -> reqwest::Client {
        let ca = reqwest::Certificate::from_pem(&std::fs::read(self.sandbox.ca_file()).unwrap()).unwrap();
        let proxy = reqwest::Proxy::https(self.sandbox.proxy_url()).unwrap();
        reqwest::Client::builder().tls_certs_merge([ca]).proxy(proxy).build().unwrap()
    }
}

/// What is tried: our clients, pointed at the sandbox.
impl Scene {
    pub(crate) fn tenant(&self) -> TenantId {
        self.customer.tenant_id.to_string().parse().unwrap()
    }

    pub(crate) fn subscription(&self) -> SubscriptionId {
        self.vendor.subscription_id.to_string().parse().unwrap()
    }

    pub(crate) fn resource_group(&self) -> &str {
        self.group.rsplit('/').next().unwrap()
    }

    pub(crate) fn set_id(&self) -> ArmId {
        format!("{}/providers/Microsoft.Compute/diskEncryptionSets/des1", self.group).parse().unwrap()
    }

    pub(crate) fn key_url(&self) -> KeyUrl {
        key_in(CUSTOMER_VAULT)
    }

    pub(crate) fn settings(&self) -> IdentitySettings {
        IdentitySettings {
            application_id: self.application,
            vendor_tenant: self.vendor.tenant_id.to_string().parse().unwrap(),
            managed_identity_client_id: self.identity_client,
        }
    }

    pub(crate) fn transport(&self) -> Transport {
        let options = TransportOptions {
            proxy: ProxyChoice::Through(self.sandbox.proxy_url().parse().unwrap()),
            extra_root_certificates: Some(std::fs::read_to_string(self.sandbox.ca_file()).unwrap()),
            ..TransportOptions::default()
        };
        Transport::new(options).unwrap()
    }

    pub(crate) fn clients(&self) -> Clients {
        let transport = self.transport();
        let endpoint = EndpointIdentity {
            url: self.sandbox.identity_endpoint(),
            header: self.sandbox.identity_header().into(),
            client_id: self.identity_client,
        };
        let identity = WorkloadIdentity::with_managed_identity(
            self.settings(),
            &transport,
            Arc::new(endpoint),
            Arc::new(SystemClock),
        );
        Clients::new(&transport, identity)
    }

    pub(crate) fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    pub(crate) fn calls(&self, host: &str) -> u64 {
        self.sandbox.azure_calls().get(host).copied().unwrap_or_default()
    }
}

pub(crate) fn key_in(vault: &str) -> KeyUrl {
    format!("https://{vault}.vault.azure.net/keys/disks").parse().unwrap()
}

/// All clients of one vendor.
pub(crate) struct Clients {
    pub(crate) identity: WorkloadIdentity,
    pub(crate) key_vault: KeyVault,
    pub(crate) compute: Compute,
    pub(crate) marketplace: Marketplace,
}

impl Clients {
    pub(crate) fn new(transport: &Transport, identity: WorkloadIdentity) -> Self {
        Self {
            key_vault: KeyVault::new(transport, &identity),
            compute: Compute::new(transport, identity.managed_identity()),
            marketplace: Marketplace::new(transport, &identity),
            identity,
        }
    }
}

/// The identity endpoint, told where it is: the SDK would look for it in the process environment, which a test must
/// not change. What the SDK itself does with it is tried in a process of its own.
struct EndpointIdentity {
    url: String,
    header: String,
    client_id: ApplicationId,
}

impl std::fmt::Debug for EndpointIdentity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EndpointIdentity").finish_non_exhaustive()
    }
}

#[async_trait::async_trait]
impl TokenCredential for EndpointIdentity {
    async fn get_token(
        &self,
        scopes: &[&str],
        _options: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<AccessToken> {
        let resource = scopes[0].trim_end_matches("/.default");
        let url =
            format!("{}?api-version=2019-08-01&resource={resource}&client_id={}", self.url, self.client_id);
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let reply = http.get(url).header("X-IDENTITY-HEADER", &self.header).send().await.unwrap();
        let body: Value = reply.json().await.unwrap();
        let expires = body["expires_on"].as_str().unwrap().parse().unwrap();
        let expires = time::OffsetDateTime::from_unix_timestamp(expires).unwrap();
        Ok(AccessToken::new(body["access_token"].as_str().unwrap().to_owned(), expires))
    }
}
