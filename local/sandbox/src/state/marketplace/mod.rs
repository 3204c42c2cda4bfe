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
use operation::{MarketplaceAction, Operation, OperationStatus, Source};
use subscription::{Status, Subscription};

/// Everything the marketplace remembers.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct MarketplaceState {
    /// What the publisher entered for its offers; nobody may call before that.
    pub(crate) listing: Option<Listing>,
    pub(crate) subscriptions: Tracked<Uuid, Subscription>,
    pub(crate) operations: Tracked<Uuid, Operation>,
    /// What the real marketplace does now and then, and a test wants at will.
    #[serde(default)]
    pub(crate) behaviour: Behaviour,
    /// By the SHA-256 of the token: what is stored cannot be used.
    pub(crate) landing_tokens: Tracked<String, LandingToken>,
}

/// How the marketplace behaves beyond what is documented.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub(crate) struct Behaviour {
    /// How long reading a subscription goes on showing the status from before an operation, in place of what the sandbox
    /// was started with.
    pub(crate) subscription_lag_milliseconds: Option<u32>,
    /// Whether an operation that there is not is 400 in place of 404: the documentation has the one, and the authors of
    /// Microsoft's emulator have seen the other.
    pub(crate) unknown_operation_is_bad_request: bool,
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
                operation.conclude(subscription, now);
            }
        }
        self.fail_what_came_too_late();
    }

    /// What is still open when a subscription ends can never be carried out.
    pub(crate) fn fail_what_came_too_late(&mut self) {
        let Self { subscriptions, operations, .. } = self;
        let ended = |id| subscriptions.get(&id).is_some_and(|one| one.status == Status::Unsubscribed);
        for operation in operations.values_mut_where(|one| one.is_open() && ended(one.subscription)) {
            operation.status = OperationStatus::Failed;
        }
    }

    /// Whether an operation on the subscription is under way, which locks it.
    pub(crate) fn is_locked(&self, subscription: Uuid) -> bool {
        self.operations.values().any(|one| one.subscription == subscription && one.is_open())
    }

    /// The operation that ended a subscription. One whose time ran out has none, and is given one of which nobody is told.
    pub(crate) fn ending(&mut self, subscription: Uuid, now: OffsetDateTime) -> Option<Uuid> {
        let unsubscribed = |one: &&Operation| one.action == MarketplaceAction::Unsubscribe;
        let own = self.operations.values().filter(|one| one.subscription == subscription);
        if let Some(ending) = own.filter(unsubscribed).max_by_key(|one| one.begun) {
            return Some(ending.id);
        }
        let mut ended = self.subscriptions.get(&subscription)?.clone();
        let ending = Operation::begin(&mut ended, MarketplaceAction::Unsubscribe, Source::Azure, now);
        let id = ending.id;
        self.operations.insert(id, ending);
        Some(id)
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
                let mut shown = subscription.shown(now);
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
