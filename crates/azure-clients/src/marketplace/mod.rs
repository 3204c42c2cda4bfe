//! The commercial marketplace's SaaS fulfillment API, version 2: who bought what, and "you may bill now".
//!
//! Microsoft Learn, "SaaS fulfillment subscription APIs v2" and "SaaS fulfillment operations APIs v2". Its samples
//! disagree with each other about blanks, types and time zones, and it reserves the right to add fields: bodies are
//! read leniently.

mod error;
mod landing_token;
mod subscription;

use reqwest::{Method, StatusCode};
use serde::de::DeserializeOwned;
use serde_json::json;
use uuid::Uuid;

pub use error::{MarketplaceError, MarketplaceRefusal};
pub use landing_token::{LandingToken, LandingTokenError};
pub use subscription::{
    Operation, OperationAction, OperationStatus, Party, ResolvedSubscription, Subscription,
    SubscriptionStatus,
};

use crate::{Transport, WorkloadIdentity, entra::classify, transport::Reply};

const SUBSCRIPTIONS: &str = "https://marketplaceapi.microsoft.com/api/saas/subscriptions";
const API_VERSION: &str = "2018-08-31";

/// The marketplace's own application: the audience of our token, and who signs in to our webhook.
pub(crate) const MARKETPLACE_APPLICATION: &str = "20e940b3-4c77-4b0b-9a53-9e16a1b010a7";

/// Calls the marketplace as the publisher of the offer.
#[derive(Debug, Clone)]
pub struct Marketplace {
    transport: Transport,
    identity: WorkloadIdentity,
}

impl Marketplace {
    /// A client that calls as the vendor's application in the vendor's tenant: both must be those of the offer's
    /// technical configuration, or every call is forbidden.
    #[must_use]
    pub fn new(transport: &Transport, identity: &WorkloadIdentity) -> Self {
        Self { transport: transport.clone(), identity: identity.clone() }
    }

    /// Exchanges the token of a landing page for the purchase that it stands for.
    ///
    /// # Errors
    /// [`MarketplaceRefusal::LandingTokenRefused`] for one that is malformed, unknown or older than 24 hours.
    pub async fn resolve(&self, token: &LandingToken) -> Result<ResolvedSubscription, MarketplaceError> {
        self.call(Method::POST, "/resolve", Some(token), None, |reply| match reply.status {
            StatusCode::BAD_REQUEST => {
                Err(MarketplaceError::Refused(MarketplaceRefusal::LandingTokenRefused))
            }
            _ => decode(reply),
        })
        .await
    }

    /// Reads a subscription: the only trustworthy source of its state.
    ///
    /// # Errors
    /// [`MarketplaceRefusal::NotFound`] if there is none of this id.
    pub async fn subscription(&self, id: Uuid) -> Result<Subscription, MarketplaceError> {
        self.call(Method::GET, &format!("/{id}"), None, None, decode).await
    }

    /// Asks for the subscriptions of the publisher, to know whether we may. Only the first page is read, and nothing of it
    /// is kept.
    ///
    /// # Errors
    /// [`MarketplaceRefusal::Forbidden`] when the offer's technical configuration names another application or tenant.
    pub async fn is_open_to_us(&self) -> Result<(), MarketplaceError> {
        self.call(Method::GET, "", None, None, |_| Ok(())).await
    }

    /// Activates a subscription: from here on the customer is billed.
    ///
    /// # Errors
    /// [`MarketplaceRefusal::BadRequest`] for another plan or quantity than the customer bought, and also for a
    /// subscription that is active already: read it to know. [`MarketplaceRefusal::NotFound`] for one that ended.
    pub async fn activate(
        &self,
        id: Uuid,
        plan: &str,
        quantity: Option<u32>,
    ) -> Result<(), MarketplaceError> {
        let mut body = json!({ "planId": plan });
        if let Some(quantity) = quantity {
            // A string in the documented request, though answers hold numbers too.
            body["quantity"] = quantity.to_string().into();
        }
        self.call(Method::POST, &format!("/{id}/activate"), None, Some(body), |_| Ok(())).await
    }

    /// Reads an operation, by which the payload of a webhook is verified.
    ///
    /// # Errors
    /// [`MarketplaceRefusal::NotFound`] if there is none of this id. The documentation says 404; by the notes in
    /// Microsoft's own emulator the real API answers 400, and nothing else about this call can be a bad request.
    pub async fn operation(
        &self,
        subscription: Uuid,
        operation: Uuid,
    ) -> Result<Operation, MarketplaceError> {
        let path = format!("/{subscription}/operations/{operation}");
        match self.call(Method::GET, &path, None, None, decode).await {
            Err(MarketplaceError::Refused(MarketplaceRefusal::BadRequest { .. })) => {
                Err(MarketplaceError::Refused(MarketplaceRefusal::NotFound))
            }
            read => read,
        }
    }

    /// Agrees to what an operation asks, such as the reinstatement of a suspended subscription.
    ///
    /// # Errors
    /// [`MarketplaceRefusal::Conflict`] when something newer has happened already, which is as good as agreed.
    pub async fn agree(&self, subscription: Uuid, operation: Uuid) -> Result<(), MarketplaceError> {
        let body = json!({ "status": "Success" });
        let path = format!("/{subscription}/operations/{operation}");
        self.call(Method::PATCH, &path, None, Some(body), |_| Ok(())).await
    }

    async fn call<T>(
        &self,
        method: Method,
        path: &str,
        landing_token: Option<&LandingToken>,
        body: Option<serde_json::Value>,
        read: impl FnOnce(&Reply) -> Result<T, MarketplaceError>,
    ) -> Result<T, MarketplaceError> {
        let exchange = async {
            let credential = self.identity.credential_in(self.identity.settings().vendor_tenant);
            let credential = credential.map_err(MarketplaceError::token)?;
            let scope = format!("{MARKETPLACE_APPLICATION}/.default");
            let token = credential.get_token(&[&scope], None).await;
            let token = token.map_err(|error| MarketplaceError::token(classify(error)))?;
            let url = format!("{SUBSCRIPTIONS}{path}?api-version={API_VERSION}");
            let mut request = self.transport.request(method, &url).bearer_auth(token.token.secret());
            if let Some(token) = landing_token {
                request = request.header("x-ms-marketplace-token", token.header_value());
            }
            request = match body {
                Some(body) => request.json(&body),
                None => request.header("content-type", "application/json").body(""),
            };
            let reply = self.transport.send(request).await?;
            match error::read(&reply) {
                // What a bad request means depends on what was asked.
                None | Some(MarketplaceError::Refused(MarketplaceRefusal::BadRequest { .. }))
                    if landing_token.is_some() =>
                {
                    read(&reply)
                }
                None => read(&reply),
                Some(error) => Err(error),
            }
        };
        self.transport.within_time_limit(exchange).await
    }
}

fn decode<T: DeserializeOwned>(reply: &Reply) -> Result<T, MarketplaceError> {
    serde_json::from_slice(&reply.body).map_err(MarketplaceError::undecodable)
}
