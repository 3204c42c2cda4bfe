//! Looks up a purchase in the marketplace as its publisher: with the managed identity, as the function app would.

use std::time::Duration;

use anyhow::Context;
use reqwest::Client;
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use super::azure::{reply_to, request_token};
use super::names::{IDENTITY_EXCHANGE, MARKETPLACE_API, MARKETPLACE_SCOPE};
use super::{Estate, Network};

const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// How long a fresh set-up may take to be known everywhere.
const SPREADING_LIMIT: Duration = Duration::from_secs(120);
const PAUSE: Duration = Duration::from_millis(250);

/// The publisher's view of the marketplace.
pub struct Fulfilment {
    http: Client,
    vendor_tenant: Uuid,
    application_id: Uuid,
    identity_client_id: Uuid,
    identity_endpoint: String,
    identity_header: String,
}

impl std::fmt::Debug for Fulfilment {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Fulfilment")
            .field("application_id", &self.application_id)
            .finish_non_exhaustive()
    }
}

impl Fulfilment {
    /// Prepares to ask as the vendor's application.
    ///
    /// # Errors
    ///
    /// No HTTP client can be built for this network.
    pub fn new(network: &Network, sandbox: &sandbox::Sandbox, estate: &Estate) -> anyhow::Result<Self> {
        Ok(Self {
            http: network.client()?,
            vendor_tenant: sandbox.seed().vendor.tenant_id,
            application_id: estate.application_id,
            identity_client_id: estate.identity.client_id,
            identity_endpoint: sandbox.identity_endpoint(),
            identity_header: sandbox.identity_header().to_owned(),
        })
    }

    /// Waits until Entra has taken in the application and whom it lets speak for it: a fresh set-up takes a while to
    /// spread, and until then no customer can land.
    ///
    /// # Errors
    ///
    /// There is still no token for the marketplace after [`SPREADING_LIMIT`].
    pub async fn usable(&self) -> anyhow::Result<()> {
        let limit = Instant::now() + SPREADING_LIMIT;
        loop {
            match self.token().await {
                Ok(_) => return Ok(()),
                Err(error) if Instant::now() > limit => {
                    return Err(error.context("the function app gets no token for the marketplace"));
                }
                Err(_) => sleep(PAUSE).await,
            }
        }
    }

    /// The status of a purchase, such as `Subscribed`, without the blanks that the service pads it with.
    ///
    /// # Errors
    ///
    /// A refusal on the way, or no answer.
    pub async fn subscription_status(&self, subscription: Uuid) -> anyhow::Result<String> {
        let token = self.token().await?;
        let url = format!(
            "https://marketplaceapi.microsoft.com/api/saas/subscriptions/{subscription}?api-version={MARKETPLACE_API}"
        );
        let reply =
            reply_to(self.http.get(&url).bearer_auth(token)).await.context("asking the marketplace")?;
        let body = reply.ok("looking up the purchase")?;
        let status = body["saasSubscriptionStatus"].as_str().context("the purchase has no status")?;
        Ok(status.trim().to_owned())
    }

    async fn token(&self) -> anyhow::Result<String> {
        let assertion = self.assertion().await?;
        let application_id = self.application_id.to_string();
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", &application_id),
            ("client_assertion_type", ASSERTION_TYPE),
            ("client_assertion", &assertion),
            ("scope", MARKETPLACE_SCOPE),
        ];
        Ok(request_token(&self.http, self.vendor_tenant, &form).await?.0)
    }

    async fn assertion(&self) -> anyhow::Result<String> {
        let client_id = self.identity_client_id.to_string();
        let query =
            [("api-version", "2019-08-01"), ("resource", IDENTITY_EXCHANGE), ("client_id", &client_id)];
        let request = self.http.get(url::Url::parse_with_params(&self.identity_endpoint, query)?);
        let reply = reply_to(request.header("X-IDENTITY-HEADER", &self.identity_header)).await?;
        let body = reply.ok("asking for the managed identity's token")?;
        Ok(body["access_token"].as_str().context("the identity endpoint gave no token")?.to_owned())
    }
}
