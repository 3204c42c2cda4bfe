//! The marketplace's own side: listing an offer, and a customer buying it.

use aws_lc_rs::rand;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use crate::cloud::Cloud;
use crate::secrets::digest;
use crate::state::marketplace::subscription::{Person, Status, Subscription};
use crate::state::marketplace::{LandingToken, MarketplaceState};

/// How long a landing page token can be resolved (Microsoft Learn, "Resolve a purchased subscription").
const TOKEN_LIFETIME: Duration = Duration::hours(24);

/// A customer buys. Not printed whole: it holds an e-mail address.
#[derive(Clone)]
pub struct Purchase {
    /// The tenant that the subscription is for.
    pub tenant_id: Uuid,
    /// The tenant of whoever buys, where that is another: a partner that sells to the customer.
    pub purchaser_tenant_id: Option<Uuid>,
    /// The offer, such as `cmk-offer`.
    pub offer: String,
    /// The plan, such as `silver`.
    pub plan: String,
    /// Number of seats; none for a plan with a flat price.
    pub quantity: Option<u32>,
    /// What the customer calls the subscription.
    pub name: String,
    /// The address of whoever buys.
    pub email: String,
}

impl std::fmt::Debug for Purchase {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Purchase")
            .field("tenant_id", &self.tenant_id)
            .field("offer", &self.offer)
            .field("plan", &self.plan)
            .finish_non_exhaustive()
    }
}

/// What a buyer's browser gets. Not printed whole: the token is a credential.
#[derive(Clone, PartialEq, Eq)]
pub struct PurchaseOutcome {
    /// The new subscription.
    pub subscription_id: Uuid,
    /// The token for the landing page, as the publisher resolves it: not percent-encoded.
    pub landing_token: String,
    /// The landing page with the token in its query, once there is a listing.
    pub landing_url: Option<String>,
}

impl std::fmt::Debug for PurchaseOutcome {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("PurchaseOutcome")
            .field("subscription_id", &self.subscription_id)
            .finish_non_exhaustive()
    }
}

/// Lets a customer buy.
pub(crate) fn buy(cloud: &Cloud, purchase: Purchase) -> PurchaseOutcome {
    let now = cloud.clock.now();
    cloud.change(|state| {
        let marketplace = &mut state.marketplace;
        let subscription = new_subscription(marketplace, purchase, now);
        let id = subscription.id;
        marketplace.subscriptions.insert(id, subscription);
        landing(marketplace, id, now)
    })
}

fn new_subscription(marketplace: &MarketplaceState, purchase: Purchase, now: OffsetDateTime) -> Subscription {
    let buyer = Person { email: purchase.email, object_id: Uuid::new_v4(), tenant_id: purchase.tenant_id };
    let purchaser = match purchase.purchaser_tenant_id {
        None => buyer.clone(),
        Some(tenant_id) => Person { object_id: Uuid::new_v4(), tenant_id, ..buyer.clone() },
    };
    Subscription {
        id: Uuid::new_v4(),
        name: purchase.name,
        publisher: marketplace.listing.as_ref().map(|listing| listing.publisher.clone()).unwrap_or_default(),
        offer: purchase.offer,
        plan: purchase.plan,
        quantity: purchase.quantity,
        beneficiary: buyer,
        purchaser,
        status: Status::PendingFulfillmentStart,
        created: now,
        modified: None,
        term_start: None,
        shown_active_from: None,
        shown_before: None,
    }
}

/// A new token for a subscription. Standard base64, so that it holds characters which must be encoded in a URL:
/// whoever forgets to decode it is found out.
pub(crate) fn landing(
    marketplace: &mut MarketplaceState,
    subscription: Uuid,
    now: OffsetDateTime,
) -> PurchaseOutcome {
    let mut random = [0_u8; 48];
    rand::fill(&mut random).expect("the machine gave randomness when this sandbox made its keys");
    let landing_token = format!("{}+/=", STANDARD.encode(random));
    let held = LandingToken { subscription, expires: now + TOKEN_LIFETIME };
    marketplace.landing_tokens.insert(digest(&landing_token), held);
    let landing_url = marketplace.listing.as_ref().map(|listing| {
        let encoded: String = url::form_urlencoded::byte_serialize(landing_token.as_bytes()).collect();
        let separator = if listing.landing_page_url.contains('?') { '&' } else { '?' };
        format!("{}{separator}token={encoded}", listing.landing_page_url)
    });
    PurchaseOutcome { subscription_id: subscription, landing_token, landing_url }
}
