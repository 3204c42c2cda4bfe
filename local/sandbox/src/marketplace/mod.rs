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
mod publisher;
mod subscription;
mod webhook;

use axum::Router;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::tracked::Tracked;
use crate::world::SharedWorld;

pub(crate) use self::buying::buy;
pub use self::buying::{Listing, Purchase, PurchaseOutcome};
pub use self::operation::MarketplaceAction;
pub(crate) use self::operation::Source;
pub use self::webhook::{MarketplaceFault, WebhookDelivery};
pub(crate) use self::webhook::{TokenForm, begin, deliver};

use self::operation::Operation;
use self::subscription::Subscription;

/// Everything the marketplace remembers.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct MarketplaceState {
    /// What the publisher entered for its offers; nobody may call before that.
    listing: Option<Listing>,
    subscriptions: Tracked<Uuid, Subscription>,
    operations: Tracked<Uuid, Operation>,
    /// By the SHA-256 of the token: what is stored cannot be used.
    landing_tokens: Tracked<String, LandingToken>,
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
    /// Lets time do its work: changes that the publisher has not answered in ten seconds are accepted for it, and a
    /// subscription that was not activated for 30 days, or stayed suspended for 30, comes to its end.
    fn settle(&mut self, now: OffsetDateTime) {
        self.subscriptions.values_mut_where(|one| one.is_over(now)).for_each(|one| one.end(now));
        for operation in self.operations.values_mut_where(|operation| operation.is_overdue(now)) {
            if let Some(subscription) = self.subscriptions.get_mut(&operation.subscription) {
                operation.succeed(subscription, now);
            }
        }
    }

    /// What the marketplace knows, for the control API. It holds no token.
    pub(crate) fn overview(&self, now: OffsetDateTime) -> serde_json::Value {
        let operations = |id: Uuid| {
            let own = self.operations.values().filter(move |operation| operation.subscription == id);
            let listed = own.filter_map(|operation| Some(operation.listed(self.subscriptions.get(&id)?)));
            listed.collect::<Vec<_>>()
        };
        let subscriptions: Vec<_> = self
            .subscriptions
            .values()
            .map(|subscription| {
                let mut shown = subscription.shown_tidily(now);
                shown["operations"] = operations(subscription.id).into();
                shown
            })
            .collect();
        serde_json::json!({ "listing": self.listing, "subscriptions": subscriptions })
    }

    /// Whether there is such an operation.
    pub(crate) fn has_operation(&self, id: Uuid) -> bool {
        self.operations.contains_key(&id)
    }

    /// Lists an offer.
    pub(crate) fn list(&mut self, listing: Listing) {
        self.listing = Some(listing);
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
