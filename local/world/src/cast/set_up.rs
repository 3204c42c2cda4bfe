//! The vendor's one-time set-up, step by step. Everything in it can be repeated: what is already there is used.

use std::time::Duration;

use anyhow::{Context, ensure};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use super::names::{
    CONTRIBUTOR, GRAPH_RESOURCE, GRAPH_USER_READ, IDENTITIES_API, IDENTITY_EXCHANGE, KEY_VAULT_CRYPTO_USER,
    MANAGED_IDENTITY_OPERATOR, RESOURCE_GROUP, RESOURCE_GROUPS_API, VAULTS_API,
};
use super::roles::{already_there_is_fine, assign_role};
use super::vendor::{Estate, ManagedIdentity};
use super::{Azure, AzureResponse};
use crate::story::{Story, Who};

const APPLICATION: &str = "Latchkey";
const IDENTITY: &str = "id-latchkey";
/// Holds the key that signs evidence.
const VAULT: &str = "kv-latchkey-evidence";
const EVIDENCE_KEY: &str = "evidence";
const FEDERATED_CREDENTIAL: &str = "latchkey-managed-identity";
/// A new directory object may be unknown to the next request for a while.
const REPLICATION_LIMIT: Duration = Duration::from_secs(120);
const REPLICATION_PAUSE: Duration = Duration::from_millis(200);

/// Does the set-up, or finds it done.
pub(super) async fn set_up(azure: &Azure, redirect_uri: &str, story: &Story) -> anyhow::Result<Estate> {
    let region = azure.region.clone();
    let engineer = Engineer { azure, story };
    let application = engineer.application(redirect_uri).await?;
    engineer.resource_group(&region).await?;
    let identity = engineer.identity(&region).await?;
    engineer.federated_credential(&application, &identity).await?;
    engineer.roles(&identity).await?;
    let evidence_key = engineer.evidence_key(&region, &identity).await?;
    Ok(Estate {
        application_id: application.application_id,
        resource_group: RESOURCE_GROUP.to_owned(),
        region,
        identity,
        evidence_key,
    })
}

/// The application, by both of its ids.
struct Application {
    object_id: String,
    application_id: Uuid,
}

/// The steps of the set-up.
struct Engineer<'a> {
    azure: &'a Azure,
    story: &'a Story,
}

impl Engineer<'_> {
    /// The multi-tenant application, with the redirect address that consent comes back to.
    async fn application(&self, redirect_uri: &str) -> anyhow::Result<Application> {
        let since = Instant::now();
        let filter = format!("/applications?$filter=startswith(displayName,'{APPLICATION}')");
        let found = self.azure.graph(Method::GET, &filter, None).await?.ok("looking for the application")?;
        let application = match found["value"].as_array().and_then(|all| all.first()) {
            Some(application) => {
                let application = Application::read(application)?;
                self.set_redirect(&application, redirect_uri).await?;
                application
            }
            None => self.new_application(redirect_uri).await?,
        };
        self.service_principal(&application).await?;
        self.story.tell_since(since, Who::Vendor, "registers the multi-tenant application Latchkey");
        Ok(application)
    }

    async fn new_application(&self, redirect_uri: &str) -> anyhow::Result<Application> {
        let body = json!({
            "displayName": APPLICATION,
            "signInAudience": "AzureADMultipleOrgs",
            "web": { "redirectUris": [redirect_uri] },
            "requiredResourceAccess": [{
                "resourceAppId": GRAPH_RESOURCE,
                "resourceAccess": [{ "id": GRAPH_USER_READ, "type": "Scope" }],
            }],
        });
        let reply = self.azure.graph(Method::POST, "/applications", Some(&body)).await?;
        Application::read(&reply.ok("registering the application")?)
    }

    /// The port of the local world may differ from the last time.
    async fn set_redirect(&self, application: &Application, redirect_uri: &str) -> anyhow::Result<()> {
        let body = json!({ "web": { "redirectUris": [redirect_uri] } });
        let path = format!("/applications/{}", application.object_id);
        self.once_replicated(Method::PATCH, &path, &body).await?.ok("setting the redirect address")?;
        Ok(())
    }

    /// An application acts in its own tenant through a service principal too.
    async fn service_principal(&self, application: &Application) -> anyhow::Result<()> {
        let body = json!({ "appId": application.application_id, "accountEnabled": true });
        let reply = self.once_replicated(Method::POST, "/servicePrincipals", &body).await?;
        already_there_is_fine(reply, "making the application's service principal")
    }

    async fn resource_group(&self, region: &str) -> anyhow::Result<()> {
        let since = Instant::now();
        let id = self.azure.resource_group_id(RESOURCE_GROUP);
        let body = json!({ "location": region });
        self.azure
            .arm(Method::PUT, &id, RESOURCE_GROUPS_API, Some(&body))
            .await?
            .ok("making the resource group")?;
        self.story.tell_since(
            since,
            Who::Vendor,
            format!("creates the resource group {RESOURCE_GROUP} in {region}"),
        );
        Ok(())
    }

    async fn identity(&self, region: &str) -> anyhow::Result<ManagedIdentity> {
        let since = Instant::now();
        let group = self.azure.resource_group_id(RESOURCE_GROUP);
        let id = format!("{group}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/{IDENTITY}");
        let body = json!({ "location": region });
        let reply = self.azure.arm(Method::PUT, &id, IDENTITIES_API, Some(&body)).await?;
        let made = reply.ok("making the managed identity")?;
        let identity = ManagedIdentity {
            client_id: guid(&made["properties"]["clientId"], "clientId")?,
            principal_id: guid(&made["properties"]["principalId"], "principalId")?,
            id: made["id"].as_str().context("the managed identity has no id")?.to_owned(),
        };
        self.story.tell_since(since, Who::Vendor, format!("creates the managed identity {IDENTITY}"));
        Ok(identity)
    }

    /// Adds a federated credential for the managed identity to the application, in place of a secret.
    async fn federated_credential(
        &self,
        application: &Application,
        identity: &ManagedIdentity,
    ) -> anyhow::Result<()> {
        let since = Instant::now();
        let path = format!("/applications/{}/federatedIdentityCredentials", application.object_id);
        let body = json!({
            "name": FEDERATED_CREDENTIAL,
            "issuer": format!("https://login.microsoftonline.com/{}/v2.0", self.azure.tenant_id),
            "subject": identity.principal_id,
            "audiences": [IDENTITY_EXCHANGE],
            "description": "The function app signs in as this application",
        });
        let found = self.once_replicated(Method::GET, &path, &Value::Null).await?;
        let found = found.ok("listing the federated credentials")?;
        let mut all = found["value"].as_array().into_iter().flatten();
        if let Some(there) = all.find(|credential| credential["name"] == FEDERATED_CREDENTIAL) {
            let same = ["issuer", "subject", "audiences"].iter().all(|field| there[field] == body[field]);
            ensure!(
                same,
                "the application's federated credential names another identity; start again in an empty folder"
            );
        } else {
            let reply = self.once_replicated(Method::POST, &path, &body).await?;
            reply.ok("making the federated credential")?;
        }
        self.story.tell_since(
            since,
            Who::Vendor,
            "adds a federated credential for the managed identity to the application",
        );
        Ok(())
    }

    async fn roles(&self, identity: &ManagedIdentity) -> anyhow::Result<()> {
        let since = Instant::now();
        let group = self.azure.resource_group_id(RESOURCE_GROUP);
        assign_role(self.azure, &group, identity.principal_id, CONTRIBUTOR).await?;
        assign_role(self.azure, &identity.id, identity.principal_id, MANAGED_IDENTITY_OPERATOR).await?;
        self.story.tell_since(
            since,
            Who::Vendor,
            "assigns the identity the roles it needs in the resource group",
        );
        Ok(())
    }

    /// A vault of the vendor's own, with the key that signs evidence. Another run uses the key that is there, so that packs
    /// of both are signed by the same.
    async fn evidence_key(&self, region: &str, identity: &ManagedIdentity) -> anyhow::Result<String> {
        let since = Instant::now();
        let group = self.azure.resource_group_id(RESOURCE_GROUP);
        let vault = format!("{group}/providers/Microsoft.KeyVault/vaults/{VAULT}");
        let body = json!({
            "location": region,
            "properties": {
                "tenantId": self.azure.tenant_id,
                "sku": { "name": "standard", "family": "A" },
                "accessPolicies": [],
                "enableRbacAuthorization": true,
                "enableSoftDelete": true,
                "enablePurgeProtection": true,
            },
        });
        self.azure
            .arm(Method::PUT, &vault, VAULTS_API, Some(&body))
            .await?
            .ok("making the vault for evidence")?;
        let path = format!("/keys/{EVIDENCE_KEY}");
        let there = self.azure.vault(Method::GET, VAULT, &path, None).await?;
        if there.status == StatusCode::NOT_FOUND {
            let body = json!({ "kty": "EC", "crv": "P-256", "key_ops": ["sign", "verify"] });
            let made = self.azure.vault(Method::POST, VAULT, &format!("{path}/create"), Some(&body)).await?;
            made.ok("making the key that signs evidence")?;
        } else {
            there.ok("reading the key that signs evidence")?;
        }
        let scope = format!("{vault}{path}");
        assign_role(self.azure, &scope, identity.principal_id, KEY_VAULT_CRYPTO_USER).await?;
        self.story.tell_since(since, Who::Vendor, "creates a key that signs evidence, in a vault of its own");
        Ok(format!("https://{VAULT}.vault.azure.net{path}"))
    }

    /// Asks again while Graph answers 404 about an object made a moment ago.
    async fn once_replicated(
        &self,
        method: Method,
        path: &str,
        body: &Value,
    ) -> anyhow::Result<AzureResponse> {
        let body = Some(body).filter(|body| !body.is_null());
        let limit = Instant::now() + REPLICATION_LIMIT;
        loop {
            let reply = self.azure.graph(method.clone(), path, body).await?;
            if reply.status != StatusCode::NOT_FOUND || Instant::now() > limit {
                return Ok(reply);
            }
            sleep(REPLICATION_PAUSE).await;
        }
    }
}

impl Application {
    fn read(value: &Value) -> anyhow::Result<Self> {
        let object_id = value["id"].as_str().context("the application has no id")?.to_owned();
        Ok(Self { object_id, application_id: guid(&value["appId"], "appId")? })
    }
}

fn guid(value: &Value, name: &str) -> anyhow::Result<Uuid> {
    let text = value.as_str().with_context(|| format!("Azure's answer has no {name}"))?;
    Uuid::parse_str(text).with_context(|| format!("{name} is not a GUID"))
}
