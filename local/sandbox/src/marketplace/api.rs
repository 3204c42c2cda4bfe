//! The calls of the fulfilment API.
//!
//! What stands in front of them is in `gate`.

use axum::body::Bytes;
use axum::extract::{Path, Query, State as RouterState};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router, middleware};
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::cloud::SharedCloud;
use crate::state::marketplace::MarketplaceState;
use crate::state::marketplace::operation::OperationStatus;
use crate::state::marketplace::subscription::{Status, Subscription};

use super::gate::{API_VERSION, Refusal, check_api_version, publisher as publisher_of, tell_ids};
use super::publisher;
use super::reading::{ROOT, find, object};
use super::webhook::subscription_lag;

const PAGE: usize = 100;

#[derive(Debug, Deserialize)]
struct Paging {
    #[serde(rename = "continuationToken", default)]
    continuation: Option<String>,
}

#[derive(Debug, Deserialize)]
struct PlansQuery {
    #[serde(rename = "planId")]
    plan: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ActivateBody {
    #[serde(default)]
    plan_id: Option<String>,
    /// A string or a number, depending on the age of the client.
    #[serde(default)]
    quantity: Option<Value>,
}

#[derive(Debug, Deserialize)]
struct PatchBody {
    status: String,
}

pub(super) fn routes() -> Router<SharedCloud> {
    Router::new()
        .route(&format!("{ROOT}/resolve"), post(resolve))
        .route(ROOT, get(list))
        .route(&format!("{ROOT}/"), get(list))
        .route(&format!("{ROOT}/{{id}}"), get(one).patch(publisher::change).delete(publisher::cancel))
        .route(&format!("{ROOT}/{{id}}/activate"), post(activate))
        .route(&format!("{ROOT}/{{id}}/listAvailablePlans"), get(plans))
        .route(&format!("{ROOT}/{{id}}/operations"), get(operations))
        .route(&format!("{ROOT}/{{id}}/operations/{{operation}}"), get(operation).patch(answer_operation))
        .fallback(|| async { Refusal::not_found("The path") })
        .layer(middleware::from_fn(check_api_version))
        .layer(middleware::from_fn(tell_ids))
}

/// `POST /resolve`: trades the landing page token, percent-decoded, for the subscription.
async fn resolve(
    RouterState(cloud): RouterState<SharedCloud>,
    headers: HeaderMap,
) -> Result<Json<Value>, Refusal> {
    let publisher = publisher_of(&cloud, &headers)?;
    let token =
        headers.get("x-ms-marketplace-token").and_then(|token| token.to_str().ok()).unwrap_or_default();
    if token.is_empty() {
        return Err(Refusal::bad("The x-ms-marketplace-token header is missing."));
    }
    let now = cloud.clock.now();
    cloud.read(|state| {
        let subscription = state.marketplace.resolve(token, now);
        let subscription = subscription
            .ok_or_else(|| Refusal::bad("The x-ms-marketplace-token is malformed, invalid or expired."))?;
        find(&state.marketplace, &publisher, &subscription.id.to_string())?;
        Ok(Json(subscription.resolved(now)))
    })
}

/// `GET /`: 100 a page, in the order of their ids. Subscriptions that have ended stay in the list.
async fn list(
    RouterState(cloud): RouterState<SharedCloud>,
    Query(paging): Query<Paging>,
    headers: HeaderMap,
) -> Result<Json<Value>, Refusal> {
    let publisher = publisher_of(&cloud, &headers)?;
    let after = match paging.continuation.as_deref() {
        None | Some("") => None,
        Some(text) => {
            Some(Uuid::parse_str(text).map_err(|_| Refusal::bad("The continuationToken is invalid."))?)
        }
    };
    let now = cloud.clock.now();
    cloud.change(|state| {
        state.marketplace.settle(now);
        let mut own = state
            .marketplace
            .subscriptions
            .values()
            .filter(|subscription| subscription.publisher == publisher.0 && after.is_none_or(|after| subscription.id > after));
        let page: Vec<&Subscription> = own.by_ref().take(PAGE).collect();
        let last = page.last().map(|subscription| subscription.id).filter(|_| own.next().is_some());
        let next = last.map(|last| {
            format!("https://marketplaceapi.microsoft.com{ROOT}?continuationToken={last}&api-version={API_VERSION}")
        });
        let shown: Vec<Value> = page.into_iter().map(|subscription| subscription.shown(now)).collect();
        Ok(Json(json!({ "subscriptions": shown, "@nextLink": next.unwrap_or_default() })))
    })
}

/// `GET /{id}`.
async fn one(
    RouterState(cloud): RouterState<SharedCloud>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Json<Value>, Refusal> {
    let publisher = publisher_of(&cloud, &headers)?;
    let now = cloud.clock.now();
    cloud.change(|state| {
        state.marketplace.settle(now);
        find(&state.marketplace, &publisher, &id).map(|subscription| Json(subscription.shown(now)))
    })
}

/// `GET /{id}/listAvailablePlans`.
async fn plans(
    RouterState(cloud): RouterState<SharedCloud>,
    Path(id): Path<String>,
    Query(asked): Query<PlansQuery>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let publisher = publisher_of(&cloud, &headers)?;
    cloud.read(|state| {
        let subscription = find(&state.marketplace, &publisher, &id)?;
        let listed = state.marketplace.listing.iter().flat_map(|listing| listing.plans.iter());
        let mut names: Vec<&String> = listed.chain([&subscription.plan]).collect();
        names.sort();
        names.dedup();
        let plans: Vec<Value> = names
            .into_iter()
            .filter(|plan| asked.plan.as_ref().is_none_or(|asked| asked == *plan))
            .map(|plan| json!({ "planId": plan, "displayName": plan, "isPrivate": false, "hasFreeTrials": false }))
            .collect();
        Ok(Json(json!({ "plans": plans })).into_response())
    })
}

/// `POST /{id}/activate`: the moment from which the customer is billed. The body may be left out.
async fn activate(
    RouterState(cloud): RouterState<SharedCloud>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<StatusCode, Refusal> {
    let publisher = publisher_of(&cloud, &headers)?;
    let asked: ActivateBody = if body.is_empty() { ActivateBody::default() } else { object(&body)? };
    let now = cloud.clock.now();
    cloud.change(|state| {
        let subscription = find(&state.marketplace, &publisher, &id)?;
        match subscription.status {
            Status::PendingFulfillmentStart => {}
            Status::Subscribed | Status::Suspended => {
                return Err(Refusal::bad(format!(
                    "The subscription is already {}.",
                    subscription.status.name()
                )));
            }
            Status::Unsubscribed => return Err(Refusal::not_found(&id)),
        }
        check_agrees(subscription, &asked)?;
        let key = subscription.id;
        if let Some(subscription) = state.marketplace.subscriptions.get_mut(&key) {
            subscription.status = Status::Subscribed;
            subscription.term_start = Some(now);
            subscription.modified = Some(now);
            subscription.shown_active_from = Some(now + cloud.lags.activation);
        }
        Ok(StatusCode::OK)
    })
}

/// What is activated must be what was bought.
fn check_agrees(subscription: &Subscription, asked: &ActivateBody) -> Result<(), Refusal> {
    if asked.plan_id.as_ref().is_some_and(|plan| *plan != subscription.plan) {
        return Err(Refusal::bad("The planId is not that of the subscription."));
    }
    let quantity = match &asked.quantity {
        None | Some(Value::Null) => return Ok(()),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    };
    if quantity == subscription.quantity.map(|quantity| quantity.to_string()).unwrap_or_default() {
        return Ok(());
    }
    Err(Refusal::bad("The quantity is not that of the subscription."))
}

/// `GET /{id}/operations`: those that can be answered.
async fn operations(
    RouterState(cloud): RouterState<SharedCloud>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Json<Value>, Refusal> {
    let publisher = publisher_of(&cloud, &headers)?;
    let now = cloud.clock.now();
    cloud.change(|state| {
        state.marketplace.settle(now);
        let subscription = find(&state.marketplace, &publisher, &id)?;
        let open = state.marketplace.operations.values().filter(|operation| operation.is_open());
        let own = open.filter(|operation| operation.subscription == subscription.id);
        let shown: Vec<Value> = own.map(|operation| operation.listed(subscription)).collect();
        Ok(Json(json!({ "operations": shown })))
    })
}

/// `GET /{id}/operations/{operation}`.
async fn operation(
    RouterState(cloud): RouterState<SharedCloud>,
    Path((id, operation)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Json<Value>, Refusal> {
    let publisher = publisher_of(&cloud, &headers)?;
    let now = cloud.clock.now();
    cloud.change(|state| {
        state.marketplace.settle(now);
        let subscription = find(&state.marketplace, &publisher, &id)?;
        let found = Uuid::parse_str(&operation).ok().and_then(|id| state.marketplace.operations.get(&id));
        found
            .filter(|found| found.subscription == subscription.id)
            .map(|found| Json(found.shown(subscription)))
            .ok_or_else(|| match state.marketplace.behaviour.unknown_operation_is_bad_request {
                true => Refusal::bad(format!("{operation} was not found.")),
                false => Refusal::not_found(&operation),
            })
    })
}

/// `PATCH /{id}/operations/{operation}`: the publisher accepts or refuses. 409 when that has been settled already.
async fn answer_operation(
    RouterState(cloud): RouterState<SharedCloud>,
    Path((id, operation)): Path<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<StatusCode, Refusal> {
    let publisher = publisher_of(&cloud, &headers)?;
    let asked: PatchBody = object(&body)?;
    let accept = match asked.status.as_str() {
        "Success" => true,
        "Failure" => false,
        other => return Err(Refusal::bad(format!("The status '{other}' is neither Success nor Failure."))),
    };
    let now = cloud.clock.now();
    cloud.change(|state| {
        state.marketplace.settle(now);
        let owner = find(&state.marketplace, &publisher, &id)?.id;
        let lag = subscription_lag(&cloud, &state.marketplace);
        let MarketplaceState { operations, subscriptions, .. } = &mut state.marketplace;
        let found = Uuid::parse_str(&operation).ok().and_then(|id| operations.get_mut(&id));
        let found = found
            .filter(|found| found.subscription == owner)
            .ok_or_else(|| Refusal::not_found(&operation))?;
        if found.status != OperationStatus::InProgress {
            return Err(settled());
        }
        let subscription = subscriptions.get_mut(&owner).ok_or_else(|| Refusal::not_found(&id))?;
        if accept {
            let before = subscription.visible_status(now);
            if !found.conclude(subscription, now) {
                return Err(settled());
            }
            subscription.lag_behind(before, now + lag);
        } else {
            found.status = OperationStatus::Failed;
        }
        Ok(StatusCode::OK)
    })
}

fn settled() -> Refusal {
    Refusal(StatusCode::CONFLICT, "Conflict", "A newer update has already been fulfilled.".into())
}
