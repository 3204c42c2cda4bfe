//! The marketplace as a customer, a payment and an unreliable network have it.

use std::time::Duration;

use axum::Json;
use axum::extract::{Path, State as RouterState};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::cloud::{Cloud, SharedCloud};
use crate::marketplace::{self, MarketplaceFault, Purchase, TokenForm};
use crate::outgoing;
use crate::state::marketplace::Behaviour;
use crate::state::marketplace::listing::Listing;
use crate::state::marketplace::operation::{MarketplaceAction, Source};

use super::ControlError;
use super::reply::Body;

/// The real marketplace tries 500 times in eight hours; who plays it does not wait that long.
const MOST_ATTEMPTS: u32 = 500;
const LONGEST_PAUSE_MILLISECONDS: u64 = 60_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct ListingBody {
    publisher_tenant: Uuid,
    publisher_application: Uuid,
    publisher: String,
    landing_page_url: String,
    webhook_url: String,
    plans: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct PurchaseBody {
    tenant_id: Uuid,
    /// Where a partner buys for the customer: the partner's tenant.
    purchaser_tenant_id: Option<Uuid>,
    offer: String,
    plan: String,
    quantity: Option<u32>,
    #[serde(default = "unnamed")]
    name: String,
    #[serde(default = "buyer")]
    email: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct ActionBody {
    action: ActionName,
    plan: Option<String>,
    quantity: Option<u32>,
    /// Whether the webhook is sent at once. If not, `deliveries` sends it, in whatever order and as often as wanted.
    #[serde(default = "yes")]
    deliver: bool,
    #[serde(default = "once")]
    attempts: u32,
    #[serde(default)]
    pause_milliseconds: u64,
    #[serde(default)]
    token: TokenForm,
    /// Whether the webhook's id has the form `org:GUID,GUID` and leads to no operation.
    #[serde(default)]
    organisation_id: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct DeliveriesBody {
    operations: Vec<Uuid>,
    #[serde(default = "once")]
    attempts: u32,
    #[serde(default)]
    pause_milliseconds: u64,
    #[serde(default)]
    token: TokenForm,
}

/// How a webhook is delivered.
#[derive(Clone, Copy)]
struct How {
    /// How often it is tried until it is answered with 2xx.
    attempts: u32,
    pause_milliseconds: u64,
    token: TokenForm,
}

#[derive(Clone, Copy, Deserialize)]
enum ActionName {
    Subscribe,
    ChangePlan,
    ChangeQuantity,
    Renew,
    Suspend,
    Reinstate,
    Unsubscribe,
}

fn unnamed() -> String {
    "A subscription".to_owned()
}

fn buyer() -> String {
    "buyer@contoso.example".to_owned()
}

fn yes() -> bool {
    true
}

fn once() -> u32 {
    1
}

/// `GET /control/marketplace`.
pub(super) async fn show(RouterState(cloud): RouterState<SharedCloud>) -> Json<Value> {
    let now = cloud.clock.now();
    Json(cloud.read(|state| state.marketplace.overview(now)))
}

/// `PUT /control/marketplace/listing`.
pub(super) async fn set_listing(
    RouterState(cloud): RouterState<SharedCloud>,
    Body(body): Body<ListingBody>,
) -> Result<StatusCode, ControlError> {
    outgoing::check_address(&body.webhook_url)
        .map_err(|fault| ControlError::at("webhookUrl", fault.to_string()))?;
    let listing = Listing {
        publisher_tenant: body.publisher_tenant,
        publisher_application: body.publisher_application,
        publisher: body.publisher,
        landing_page_url: body.landing_page_url,
        webhook_url: body.webhook_url,
        plans: body.plans,
    };
    cloud.change(|state| state.marketplace.list(listing));
    Ok(StatusCode::NO_CONTENT)
}

/// `PUT /control/marketplace/behaviour`: what is not named is as it was when the sandbox started.
pub(super) async fn set_behaviour(
    RouterState(cloud): RouterState<SharedCloud>,
    Body(behaviour): Body<Behaviour>,
) -> StatusCode {
    cloud.change(|state| state.marketplace.behaviour = behaviour);
    StatusCode::NO_CONTENT
}

/// `POST /control/marketplace/purchases`: what the buyer's browser gets.
pub(super) async fn purchase(
    RouterState(cloud): RouterState<SharedCloud>,
    Body(body): Body<PurchaseBody>,
) -> Result<(StatusCode, Json<Value>), ControlError> {
    if cloud.read(|state| !state.directory.tenants.contains_key(&body.tenant_id)) {
        return Err(ControlError::at("tenantId", "there is no tenant with this id"));
    }
    let purchase = Purchase {
        tenant_id: body.tenant_id,
        purchaser_tenant_id: body.purchaser_tenant_id,
        offer: body.offer,
        plan: body.plan,
        quantity: body.quantity,
        name: body.name,
        email: body.email,
    };
    let bought = marketplace::buy(&cloud, purchase);
    let made = json!({
        "subscriptionId": bought.subscription_id,
        "landingToken": bought.landing_token,
        "landingUrl": bought.landing_url,
    });
    Ok((StatusCode::CREATED, Json(made)))
}

/// `POST /control/marketplace/subscriptions/{id}/actions`.
pub(super) async fn act(
    RouterState(cloud): RouterState<SharedCloud>,
    Path(id): Path<Uuid>,
    Body(body): Body<ActionBody>,
) -> Result<Json<Value>, ControlError> {
    let how = How::checked(body.attempts, body.pause_milliseconds, body.token)?;
    let action = match (body.action, body.plan, body.quantity) {
        (ActionName::ChangePlan, Some(plan), None) => MarketplaceAction::ChangePlan { plan },
        (ActionName::ChangePlan, ..) => {
            return Err(ControlError::at("plan", "a change of plan needs a plan"));
        }
        (ActionName::ChangeQuantity, None, Some(quantity)) => MarketplaceAction::ChangeQuantity { quantity },
        (ActionName::ChangeQuantity, ..) => {
            return Err(ControlError::at("quantity", "a change of quantity needs a quantity"));
        }
        (_, Some(_), _) => return Err(ControlError::at("plan", "only ChangePlan has a plan")),
        (_, _, Some(_)) => return Err(ControlError::at("quantity", "only ChangeQuantity has a quantity")),
        (ActionName::Subscribe, ..) => MarketplaceAction::Subscribe,
        (ActionName::Renew, ..) => MarketplaceAction::Renew,
        (ActionName::Suspend, ..) => MarketplaceAction::Suspend,
        (ActionName::Reinstate, ..) => MarketplaceAction::Reinstate,
        (ActionName::Unsubscribe, ..) => MarketplaceAction::Unsubscribe,
    };
    let operation = marketplace::begin(&cloud, id, action, Source::Azure).map_err(|fault| match fault {
        MarketplaceFault::Unknown(_) => ControlError::not_found(fault.to_string()),
        MarketplaceFault::NoSuchPlan(_) => ControlError::at("plan", fault.to_string()),
        MarketplaceFault::SameQuantity | MarketplaceFault::NoSuchQuantity(_) => {
            ControlError::at("quantity", fault.to_string())
        }
        other => ControlError::conflict(other.to_string()),
    })?;
    if body.organisation_id {
        marketplace::name_by_organisation(&cloud, operation);
    }
    let mut done = json!({ "operationId": operation });
    if body.deliver {
        done["delivery"] = deliver_one(&cloud, operation, how).await;
    }
    Ok(Json(done))
}

/// `POST /control/marketplace/deliveries`: one after the other, as they are listed. The same one twice is a duplicate;
/// an older one after a newer one is out of order.
pub(super) async fn deliver(
    RouterState(cloud): RouterState<SharedCloud>,
    Body(body): Body<DeliveriesBody>,
) -> Result<Json<Value>, ControlError> {
    let how = How::checked(body.attempts, body.pause_milliseconds, body.token)?;
    let unknown = cloud.read(|state| {
        body.operations.iter().position(|operation| !state.marketplace.has_operation(*operation))
    });
    if let Some(number) = unknown {
        return Err(ControlError::at(format!("operations[{number}]"), "there is no operation with this id"));
    }
    let mut deliveries = Vec::with_capacity(body.operations.len());
    for operation in body.operations {
        let mut delivery = deliver_one(&cloud, operation, how).await;
        delivery["operationId"] = json!(operation);
        deliveries.push(delivery);
    }
    Ok(Json(json!({ "deliveries": deliveries })))
}

impl How {
    fn checked(attempts: u32, pause_milliseconds: u64, token: TokenForm) -> Result<Self, ControlError> {
        if !(1..=MOST_ATTEMPTS).contains(&attempts) {
            return Err(ControlError::at("attempts", format!("a whole number from 1 to {MOST_ATTEMPTS}")));
        }
        if pause_milliseconds > LONGEST_PAUSE_MILLISECONDS {
            let problem = format!("at most {LONGEST_PAUSE_MILLISECONDS}");
            return Err(ControlError::at("pauseMilliseconds", problem));
        }
        Ok(Self { attempts, pause_milliseconds, token })
    }
}

/// Tries until the webhook is answered with 2xx, or refused with 4xx, or the attempts are over.
async fn deliver_one(cloud: &Cloud, operation: Uuid, how: How) -> Value {
    let mut attempts = Vec::new();
    for attempt in 1..=how.attempts {
        if attempt > 1 {
            tokio::time::sleep(Duration::from_millis(how.pause_milliseconds)).await;
        }
        match marketplace::deliver(cloud, operation, how.token).await {
            Ok(status) => {
                attempts.push(json!({ "status": status }));
                if status < 500 {
                    break;
                }
            }
            Err(fault) => attempts.push(json!({ "error": fault.to_string() })),
        }
    }
    let accepted =
        attempts.last().and_then(|last| last["status"].as_u64()).is_some_and(|status| status < 300);
    json!({ "accepted": accepted, "attempts": attempts })
}
