//! The customer's administrator: signs up, consents, makes a key that only the customer holds, and shares its address.

use std::time::Duration;

use anyhow::{Context, ensure};
use reqwest::header::ACCEPT;
use reqwest::{Client, Method, StatusCode};
use serde_json::json;
use tokio::time::{Instant, sleep};
use url::Url;
use uuid::Uuid;

use super::names::{KEY_VAULT_CRYPTO_SERVICE_ENCRYPTION_USER, RESOURCE_GROUPS_API, VAULTS_API};
use super::roles::{assign_role, remove_role};
use super::{Azure, Browser, Network, OnboardingPage, OnboardingView, Page};
use crate::story::{Story, Who};

const RESOURCE_GROUP: &str = "rg-keys";
const KEY: &str = "disks";
/// The new service principal may take this long to be seen in the directory.
const SPREADING_LIMIT: Duration = Duration::from_secs(120);
const PAUSE: Duration = Duration::from_millis(200);

/// The customer's administrator, with a browser of their own.
#[derive(Debug)]
pub struct Customer {
    azure: Azure,
    browser: Browser,
    /// For what a page's script would ask as JSON: no cookies.
    http: Client,
    story: Story,
}

/// A key that the customer made.
#[derive(Debug, Clone)]
pub struct CustomerKey {
    /// The vault's name.
    pub vault: String,
    /// ARM id of the key: what the grant is made on.
    pub scope: String,
    /// The key's address with its version: what is shared.
    pub url: String,
}

impl Customer {
    /// Sits down in front of an empty browser.
    ///
    /// # Errors
    ///
    /// No HTTP client can be built for this network.
    pub fn new(azure: Azure, network: &Network, story: Story) -> anyhow::Result<Self> {
        Ok(Self { azure, browser: Browser::new(network)?, http: network.client()?, story })
    }

    /// The customer's hands on Azure, for what a test wants to do besides.
    #[must_use]
    pub fn azure(&self) -> &Azure {
        &self.azure
    }

    /// The customer's browser.
    #[must_use]
    pub fn browser(&self) -> &Browser {
        &self.browser
    }

    /// Opens the landing page, as the marketplace's "Configure account now" does.
    ///
    /// # Errors
    ///
    /// The landing page does not lead to an onboarding.
    pub async fn sign_up(&self, landing: &Url) -> anyhow::Result<OnboardingPage> {
        let since = Instant::now();
        let page = self.browser.open(landing.clone()).await?;
        ensure!(
            page.status.is_success() && page.url.path().starts_with("/api/onboarding/"),
            "the landing page led to {} with status {}",
            page.url.path(),
            page.status
        );
        let page = OnboardingPage::new(page.url);
        let what = format!("opens the landing page and is redirected to onboarding {}", page.onboarding());
        self.story.tell_since(since, Who::Customer, what);
        Ok(page)
    }

    /// Reads the onboarding's page as JSON.
    ///
    /// # Errors
    ///
    /// The page refuses, does not answer, or answers with something else.
    pub async fn look(&self, page: &OnboardingPage) -> anyhow::Result<OnboardingView> {
        let request = self.http.get(page.url().clone()).header(ACCEPT, "application/json");
        let response = request.send().await.map_err(reqwest::Error::without_url)?;
        let status = response.status();
        let text = response.text().await.map_err(reqwest::Error::without_url)?;
        ensure!(status.is_success(), "the onboarding's page could not be read: {status}");
        serde_json::from_str(&text).context("the onboarding's page is not the expected JSON")
    }

    /// Opens the consent link and approves in Entra. Returns the page that the callback shows.
    ///
    /// # Errors
    ///
    /// A page on the way refuses, or Entra asks something unexpected.
    pub async fn consent(&self, page: &OnboardingPage) -> anyhow::Result<Page> {
        let since = Instant::now();
        let question = self.browser.open(page.below("consent")).await?;
        ensure!(
            question.status.is_success() && question.url.host_str() == Some("login.microsoftonline.com"),
            "the consent link led to {} with status {} instead of Entra's question",
            question.url.path(),
            question.status
        );
        self.story.tell_since(since, Who::Customer, "opens the consent link; Entra asks to approve Latchkey");
        let since = Instant::now();
        let after = self.browser.press(&question, &["approve", "accept"]).await?;
        ensure!(
            after.status.is_success() && after.url.host_str() == page.url().host_str(),
            "approving led to {} with status {}",
            after.url.path(),
            after.status
        );
        self.story.tell_since(since, Who::Customer, "approves, and is redirected to Latchkey");
        Ok(after)
    }

    /// Makes a resource group, a vault guarded by Azure RBAC with purge protection, and an RSA key.
    ///
    /// # Errors
    ///
    /// Azure refuses, or does not answer.
    pub async fn make_key(&self, vault: &str) -> anyhow::Result<CustomerKey> {
        let since = Instant::now();
        let vault_id = self.make_vault(vault).await?;
        self.story.tell_since(
            since,
            Who::Customer,
            format!("creates the vault {vault} with purge protection"),
        );
        let since = Instant::now();
        let url = self.make_rsa_key(vault).await?;
        self.story.tell_since(since, Who::Customer, format!("creates the RSA key {url}"));
        Ok(CustomerKey { vault: vault.to_owned(), scope: format!("{vault_id}/keys/{KEY}"), url })
    }

    /// Finds the service principal that consent made in the customer's own tenant.
    ///
    /// # Errors
    ///
    /// There is none after a while, or Graph refuses.
    pub async fn service_principal(&self, application_id: Uuid) -> anyhow::Result<Uuid> {
        let path = format!("/servicePrincipals?$filter=appId eq '{application_id}'");
        let limit = Instant::now() + SPREADING_LIMIT;
        loop {
            let found =
                self.azure.graph(Method::GET, &path, None).await?.ok("finding the service principal")?;
            if let Some(id) = found["value"][0]["id"].as_str() {
                return Uuid::parse_str(id).context("the service principal's id is not a GUID");
            }
            ensure!(Instant::now() < limit, "the tenant has no service principal of {application_id}");
            sleep(PAUSE).await;
        }
    }

    /// Grants the application the use of the key, and of nothing else.
    ///
    /// # Errors
    ///
    /// Azure refuses, or does not answer.
    pub async fn grant(&self, key: &CustomerKey, service_principal: Uuid) -> anyhow::Result<()> {
        let since = Instant::now();
        let role = KEY_VAULT_CRYPTO_SERVICE_ENCRYPTION_USER;
        assign_role(&self.azure, &key.scope, service_principal, role).await?;
        let what =
            "grants Key Vault Crypto Service Encryption User on the key to Latchkey's service principal";
        self.story.tell_since(since, Who::Customer, what);
        Ok(())
    }

    /// Takes the use of the key away from the application.
    ///
    /// # Errors
    ///
    /// Azure refuses, or does not answer.
    pub async fn take_back(&self, key: &CustomerKey, service_principal: Uuid) -> anyhow::Result<()> {
        let since = Instant::now();
        let role = KEY_VAULT_CRYPTO_SERVICE_ENCRYPTION_USER;
        remove_role(&self.azure, &key.scope, service_principal, role).await?;
        let what = "removes the role assignment on the key, as the page says";
        self.story.tell_since(since, Who::Customer, what);
        Ok(())
    }

    /// Enables or disables the key, whatever its version.
    ///
    /// # Errors
    ///
    /// Azure refuses, or does not answer.
    pub async fn enable_key(&self, key: &CustomerKey, enabled: bool) -> anyhow::Result<()> {
        let since = Instant::now();
        let body = json!({ "attributes": { "enabled": enabled } });
        let path = format!("/keys/{KEY}");
        self.azure.vault(Method::PATCH, &key.vault, &path, Some(&body)).await?.ok("changing the key")?;
        let what = if enabled { "enables the key again" } else { "disables the key" };
        self.story.tell_since(since, Who::Customer, what);
        Ok(())
    }

    /// Shares the key's address with Latchkey.
    ///
    /// # Errors
    ///
    /// The address is not taken.
    pub async fn share_key(&self, page: &OnboardingPage, key_url: &str) -> anyhow::Result<()> {
        let since = Instant::now();
        let status = self.send_key(page, key_url).await?;
        ensure!(status == StatusCode::ACCEPTED, "submitting the key URL failed: {status}");
        self.story.tell_since(since, Who::Customer, "submits the key URL");
        Ok(())
    }

    /// Sends any text as the key's address and returns what it was answered with.
    ///
    /// # Errors
    ///
    /// No answer.
    pub async fn send_key(&self, page: &OnboardingPage, key_url: &str) -> anyhow::Result<StatusCode> {
        let request = self.http.post(page.share_key()).json(&json!({ "keyUrl": key_url }));
        Ok(request.send().await.map_err(reqwest::Error::without_url)?.status())
    }

    /// Puts another key in use that was shared and works, and answers that this is meant.
    ///
    /// # Errors
    ///
    /// The page refuses, or does not answer.
    pub async fn replace_key(&self, page: &OnboardingPage, key_url: &str) -> anyhow::Result<()> {
        let since = Instant::now();
        let status = self.say_of_key(page, "replace-key", key_url).await?;
        ensure!(status == StatusCode::ACCEPTED, "putting another key in use failed: {status}");
        self.story.tell_since(since, Who::Customer, "confirms twice: use this key from now on");
        Ok(())
    }

    /// Tells one of the page's actions about a key, confirmed, and returns what it was answered with.
    ///
    /// # Errors
    ///
    /// No answer.
    pub async fn say_of_key(
        &self,
        page: &OnboardingPage,
        action: &str,
        key_url: &str,
    ) -> anyhow::Result<StatusCode> {
        let body = json!({ "keyUrl": key_url, "confirmed": true });
        let request = self.http.post(page.below(action)).header(ACCEPT, "application/json").json(&body);
        Ok(request.send().await.map_err(reqwest::Error::without_url)?.status())
    }

    /// Presses "check again".
    ///
    /// # Errors
    ///
    /// The page refuses, or does not answer.
    pub async fn check_again(&self, page: &OnboardingPage) -> anyhow::Result<()> {
        let request = self.http.post(page.below("check")).header(ACCEPT, "application/json");
        let status = request.send().await.map_err(reqwest::Error::without_url)?.status();
        // 200 says that there is nothing to look at, as after a click whose answer was lost.
        ensure!(status.is_success(), "checking again failed: {status}");
        Ok(())
    }

    async fn make_vault(&self, vault: &str) -> anyhow::Result<String> {
        let azure = &self.azure;
        let group = azure.resource_group_id(RESOURCE_GROUP);
        let body = json!({ "location": azure.region });
        azure
            .arm(Method::PUT, &group, RESOURCE_GROUPS_API, Some(&body))
            .await?
            .ok("making the resource group")?;
        let id = format!("{group}/providers/Microsoft.KeyVault/vaults/{vault}");
        let body = json!({
            "location": azure.region,
            "properties": {
                "tenantId": azure.tenant_id,
                "sku": { "name": "standard", "family": "A" },
                "accessPolicies": [],
                "enableRbacAuthorization": true,
                "enableSoftDelete": true,
                "enablePurgeProtection": true,
                "softDeleteRetentionInDays": 90,
            },
        });
        azure.arm(Method::PUT, &id, VAULTS_API, Some(&body)).await?.ok("making the vault")?;
        Ok(id)
    }

    /// The seeded administrator may use the data plane of the vaults they make.
    async fn make_rsa_key(&self, vault: &str) -> anyhow::Result<String> {
        let path = format!("/keys/{KEY}/create");
        let body = json!({ "kty": "RSA", "key_size": 2048, "attributes": { "enabled": true } });
        let made = self.azure.vault(Method::POST, vault, &path, Some(&body)).await?.ok("making the key")?;
        let url = made["key"]["kid"].as_str().context("the new key has no address")?;
        Ok(url.to_owned())
    }
}
