//! What the marketplace remembers.

pub(crate) mod listing;
pub(crate) mod operation;
pub(crate) mod subscription;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::secrets::digest;
use crate::tracked::Tracked;

use listing::Listing;
use operation::Operation;
use subscription::Subscription;

/// Everything the marketplace remembers.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct MarketplaceState {
    /// What the publisher entered for its offers; nobody may call before that.
    pub(crate) listing: Option<Listing>,
    pub(crate) subscriptions: Tracked<Uuid, Subscription>,
    pub(crate) operations: Tracked<Uuid, Operation>,
    /// By the SHA-256 of the token: what is stored cannot be used.
    pub(crate) landing_tokens: Tracked<String, LandingToken>,
}

/// What a landing page token stands for.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct LandingToken {
    pub(crate) subscription: Uuid,
    #[serde(with = "time::serde::rfc3339")]
    pub(crate) expires: OffsetDateTime,
}

impl MarketplaceState {
    /// Lets time do its work: changes that the publisher has not answered in ten seconds are accepted for it, and a
    /// subscription that was not activated for 30 days, or stayed suspended for 30, comes to its end.
    pub(crate) fn settle(&mut self, now: OffsetDateTime) {
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
    pub(crate) fn resolve(&self, token: &str, now: OffsetDateTime) -> Option<&Subscription> {
        let held = self.landing_tokens.get(&digest(token)).filter(|held| now < held.expires)?;
        self.subscriptions.get(&held.subscription)
    }
}
