//! Telling the publisher: a POST with a real token, which the publisher has to check.
//!
//! Claims and body: Microsoft Learn, "Implementing a webhook on the SaaS service".

use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http_body_util::Full;
use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

use crate::cloud::Cloud;
use crate::outgoing::{self, OutgoingFault};
use crate::state::marketplace::MarketplaceState;
use crate::state::marketplace::operation::{MarketplaceAction, Operation, Source};
use crate::tokens;

/// The application that the marketplace calls as (documented).
const MARKETPLACE_APPLICATION: &str = "20e940b3-4c77-4b0b-9a53-9e16a1b010a7";
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// One webhook that was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WebhookDelivery {
    /// Which operation it announced: pass it to `deliver_webhook` to send the same one again.
    pub operation_id: Uuid,
    /// The HTTP status that the publisher answered with.
    pub status: u16,
}

/// Why the marketplace could not do what it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum MarketplaceFault {
    /// No such subscription or operation.
    #[error("the marketplace does not know {0}")]
    Unknown(Uuid),
    /// The subscription is not in a state in which this can happen.
    #[error("{action} cannot happen to a subscription that is {status}")]
    DoesNotFit {
        /// The action.
        action: &'static str,
        /// The state of the subscription.
        status: &'static str,
    },
    /// There is no such plan, or the subscription has it already.
    #[error("the plan '{0}' is not available for this subscription")]
    NoSuchPlan(String),
    /// It would change nothing.
    #[error("The new quantity is the same as the current quantity")]
    SameQuantity,
    /// The plan has no seats, or none are wanted.
    #[error("the quantity {0} is not possible for this subscription")]
    NoSuchQuantity(u32),
    /// Something is under way that has to end first.
    #[error("{action} cannot be completed because the subscription is locked due to pending operations")]
    Locked {
        /// The action.
        action: &'static str,
    },
    /// The publisher has listed nothing yet.
    #[error("no offer has been listed")]
    NotListed,
    /// The address is not plain HTTP on this machine, which is all that the sandbox talks to.
    #[error("the webhook address must be http:// on 127.0.0.1 or localhost")]
    Address,
    /// Nobody answered within 30 seconds.
    #[error("the webhook was not answered")]
    Unanswered(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Which version of tokens a webhook carries: both are in use, and a receiver has to take either.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum TokenForm {
    /// The caller in `appid`, the issuer at `sts.windows.net`.
    #[default]
    V1,
    /// The caller in `azp`, the issuer at `login.microsoftonline.com`.
    V2,
    /// [`V1`](Self::V1) without `nbf` and `idtyp`, which a publisher has not found in a real token (reported).
    V1Spare,
    /// [`V2`](Self::V2) in the same way.
    V2Spare,
}

/// Lets something happen to a subscription. Gives the operation.
pub(crate) fn begin(
    cloud: &Cloud,
    subscription_id: Uuid,
    action: MarketplaceAction,
    source: Source,
) -> Result<Uuid, MarketplaceFault> {
    let now = cloud.clock.now();
    cloud.change(|state| {
        let marketplace = &mut state.marketplace;
        marketplace.settle(now);
        let subscription = marketplace
            .subscriptions
            .get(&subscription_id)
            .ok_or(MarketplaceFault::Unknown(subscription_id))?;
        if !action.fits(subscription.status) {
            let (action, status) = (action.name(), subscription.status.name());
            return Err(MarketplaceFault::DoesNotFit { action, status });
        }
        check_changes(marketplace, subscription_id, &action)?;
        let locks = action.awaits_an_answer() || source == Source::Partner;
        if locks && marketplace.is_locked(subscription_id) {
            return Err(MarketplaceFault::Locked { action: action.name() });
        }
        let lag = subscription_lag(cloud, marketplace);
        let subscription = marketplace
            .subscriptions
            .get_mut(&subscription_id)
            .ok_or(MarketplaceFault::Unknown(subscription_id))?;
        let before = subscription.visible_status(now);
        let operation = Operation::begin(subscription, action, source, now);
        subscription.lag_behind(before, now + lag);
        let id = operation.id;
        marketplace.operations.insert(id, operation);
        marketplace.fail_what_came_too_late();
        Ok(id)
    })
}

/// How long the status from before an operation goes on being shown.
pub(super) fn subscription_lag(cloud: &Cloud, marketplace: &MarketplaceState) -> Duration {
    let told = marketplace.behaviour.subscription_lag_milliseconds;
    told.map_or(cloud.lags.subscription, |milliseconds| Duration::from_millis(milliseconds.into()))
}

/// A change has to lead to something else that can be bought.
fn check_changes(
    marketplace: &MarketplaceState,
    id: Uuid,
    action: &MarketplaceAction,
) -> Result<(), MarketplaceFault> {
    let subscription = marketplace.subscriptions.get(&id).ok_or(MarketplaceFault::Unknown(id))?;
    match action {
        MarketplaceAction::ChangePlan { plan } => {
            let plans = marketplace.listing.as_ref().map(|listing| &listing.plans);
            if plans.is_some_and(|plans| !plans.contains(plan)) || *plan == subscription.plan {
                return Err(MarketplaceFault::NoSuchPlan(plan.clone()));
            }
        }
        MarketplaceAction::ChangeQuantity { quantity } => match subscription.quantity {
            Some(present) if present == *quantity => return Err(MarketplaceFault::SameQuantity),
            Some(_) if *quantity > 0 => {}
            _ => return Err(MarketplaceFault::NoSuchQuantity(*quantity)),
        },
        _ => {}
    }
    Ok(())
}

/// As [`begin`], with an id in the webhook that leads to no operation.
pub(crate) fn name_by_organisation(cloud: &Cloud, operation: Uuid) {
    cloud.change(|state| {
        if let Some(operation) = state.marketplace.operations.get_mut(&operation) {
            operation.name_by_organisation();
        }
    });
}

/// Sends the webhook of an operation. Gives the status of the answer.
pub(crate) async fn deliver(
    cloud: &Cloud,
    operation_id: Uuid,
    form: TokenForm,
) -> Result<u16, MarketplaceFault> {
    let body = cloud
        .read(|state| {
            state.marketplace.operations.get(&operation_id).map(|operation| operation.webhook.to_string())
        })
        .ok_or(MarketplaceFault::Unknown(operation_id))?;
    let listing = cloud.read(|state| state.marketplace.listing.clone()).ok_or(MarketplaceFault::NotListed)?;
    let address = outgoing::check_address(&listing.webhook_url).map_err(|_| MarketplaceFault::Address)?;
    let token = token(cloud, listing.publisher_tenant, listing.publisher_application, form);
    let request = Request::post(address)
        .header(AUTHORIZATION, format!("Bearer {token}"))
        .header(CONTENT_TYPE, "application/json; charset=utf-8")
        .header("x-ms-correlationid", Uuid::new_v4().to_string())
        .body(Full::new(Bytes::from(body)))
        .map_err(|_| MarketplaceFault::Address)?;
    let answer = outgoing::send(request, LONGEST_WAIT).await.map_err(|fault| match fault {
        OutgoingFault::Address => MarketplaceFault::Address,
        OutgoingFault::Unanswered(source) => MarketplaceFault::Unanswered(source),
    })?;
    if answer.status.is_client_error() {
        refuse(cloud, operation_id);
    }
    Ok(answer.status.as_u16())
}

/// A publisher may refuse a change by answering its webhook with 4xx within ten seconds (documented).
fn refuse(cloud: &Cloud, operation_id: Uuid) {
    let now = cloud.clock.now();
    cloud.change(|state| {
        state.marketplace.settle(now);
        if let Some(operation) = state.marketplace.operations.get_mut(&operation_id) {
            operation.refuse_by_answer();
        }
    });
}

/// A token of the publisher's tenant, made out to the publisher's application, for the marketplace as caller.
fn token(cloud: &Cloud, tenant: Uuid, application: Uuid, form: TokenForm) -> String {
    let now = cloud.clock.now().unix_timestamp();
    // The marketplace's service principal in the publisher's tenant. Our guess: any stable id serves.
    let principal = Uuid::from_u128(tenant.as_u128() ^ 0x20e9_40b3_4c77_4b0b);
    let mut claims = json!({
        "aud": application,
        "iat": now,
        "nbf": now,
        "exp": now + 3_600,
        "idtyp": "app",
        "oid": principal,
        "sub": principal,
        "tid": tenant,
        "uti": Uuid::new_v4().simple().to_string(),
    });
    let more = match form {
        TokenForm::V1 | TokenForm::V1Spare => json!({
            "iss": tokens::issuer(tenant),
            "appid": MARKETPLACE_APPLICATION,
            "appidacr": "2",
            "idp": tokens::issuer(tenant),
            "ver": "1.0",
        }),
        TokenForm::V2 | TokenForm::V2Spare => json!({
            "iss": tokens::issuer_v2(tenant),
            "azp": MARKETPLACE_APPLICATION,
            "azpacr": "2",
            "ver": "2.0",
        }),
    };
    let more = more.as_object().cloned().unwrap_or_default();
    more.into_iter().for_each(|(name, value)| claims[name] = value);
    if let (TokenForm::V1Spare | TokenForm::V2Spare, Some(claims)) = (form, claims.as_object_mut()) {
        claims.retain(|name, _| !["nbf", "idtyp"].contains(&name.as_str()));
    }
    cloud.tokens.sign(&claims)
}
