//! The commercial marketplace: the SaaS fulfilment API, version 2, and what it does to a publisher's web pages.
//!
//! A purchase puts a token into the address of the publisher's landing page; the publisher trades the token for
//! the subscription, activates it once it has done its part, and hears of later changes by webhook.
//! Paths, bodies and rules: Microsoft Learn, "SaaS fulfillment APIs", "Implementing a webhook on the SaaS service"
//! and "Managing the SaaS subscription life cycle".

mod api;
mod buying;
mod gate;
mod operation;
mod subscription;
mod webhook;

use std::collections::BTreeMap;

use axum::Router;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::world::SharedWorld;

pub use self::buying::{Listing, Purchase, PurchaseOutcome};
pub use self::operation::MarketplaceAction;
pub use self::webhook::{MarketplaceFault, WebhookDelivery};

use self::operation::Operation;
use self::subscription::Subscription;

/// Everything the marketplace remembers.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct MarketplaceState {
    /// What the publisher entered for its offers; nobody may call before that.
    listing: Option<Listing>,
    subscriptions: BTreeMap<Uuid, Subscription>,
    operations: BTreeMap<Uuid, Operation>,
    /// By the SHA-256 of the token: what is stored cannot be used.
    landing_tokens: BTreeMap<String, LandingToken>,
}

/// What a landing page token stands for.
#[derive(Debug, Serialize, Deserialize)]
struct LandingToken {
    subscription: Uuid,
    #[serde(with = "time::serde::rfc3339")]
    expires: OffsetDateTime,
}

/// Everything under `https://marketplaceapi.microsoft.com`.
pub(crate) fn router(world: SharedWorld) -> Router {
    api::routes().with_state(world)
}

impl MarketplaceState {
    /// Lets time do its work: changes that the publisher has not answered in ten seconds are accepted for it.
    fn settle(&mut self, now: OffsetDateTime) {
        for operation in self.operations.values_mut().filter(|operation| operation.is_overdue(now)) {
            if let Some(subscription) = self.subscriptions.get_mut(&operation.subscription) {
                operation.succeed(subscription, now);
            }
        }
    }

    /// The subscription that a landing page token stands for, while the token is valid.
    fn resolve(&self, token: &str, now: OffsetDateTime) -> Option<&Subscription> {
        let held = self.landing_tokens.get(&digest(token)).filter(|held| now < held.expires)?;
        self.subscriptions.get(&held.subscription)
    }
}

/// SHA-256 in hexadecimal digits.
fn digest(text: &str) -> String {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes());
    digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}
