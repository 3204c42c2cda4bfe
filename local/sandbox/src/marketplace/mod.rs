//! The commercial marketplace: the SaaS fulfilment API, version 2, and what it does to a publisher's web pages.
//!
//! A purchase puts a token into the address of the publisher's landing page; the publisher trades the token for
//! the subscription, activates it once it has done its part, and hears of later changes by webhook.
//! Paths, bodies and rules: Microsoft Learn, "SaaS fulfillment APIs", "Implementing a webhook on the SaaS service"
//! and "Managing the SaaS subscription life cycle".

mod api;
mod buying;
mod gate;
mod publisher;
mod reading;
mod webhook;

use axum::Router;

use crate::cloud::SharedCloud;

pub use buying::{Purchase, PurchaseOutcome};
pub use webhook::{MarketplaceFault, WebhookDelivery};

pub(crate) use buying::{buy, landing};
pub(crate) use webhook::{TokenForm, begin, deliver, name_by_organisation};

/// Everything under `https://marketplaceapi.microsoft.com`.
pub(crate) fn router(cloud: SharedCloud) -> Router {
    api::routes().with_state(cloud)
}
