//! Changes that the publisher begins: another plan, another quantity, the end.
//!
//! Each answers 202 with `Operation-Location`, and comes back to the publisher as a webhook whose
//! `operationRequestSource` is `Partner` (Microsoft Learn, "Change the plan on the subscription", "Change the quantity of
//! seats on the SaaS subscription", "Cancel a subscription"). Our guess: the webhook comes at once, and a change that the
//! publisher began waits for its own answer, or ten seconds, like any other.

use axum::body::Bytes;
use axum::extract::{Path, State as RouterState};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use uuid::Uuid;

use crate::cloud::SharedCloud;
use crate::state::marketplace::operation::{MarketplaceAction, Source};
use crate::state::marketplace::subscription::Status;

use super::gate::{API_VERSION, Refusal, publisher};
use super::reading::{ROOT, find, object};
use super::webhook::{self, MarketplaceFault, TokenForm};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ChangeBody {
    #[serde(default)]
    plan_id: Option<String>,
    #[serde(default)]
    quantity: Option<u32>,
}

/// `PATCH /{id}`: the plan or the quantity, and not both at once.
pub(super) async fn change(
    RouterState(cloud): RouterState<SharedCloud>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Refusal> {
    let publisher = publisher(&cloud, &headers)?;
    let asked: ChangeBody = object(&body)?;
    let action = match (asked.plan_id, asked.quantity) {
        (Some(plan), None) => MarketplaceAction::ChangePlan { plan },
        (None, Some(quantity)) => MarketplaceAction::ChangeQuantity { quantity },
        _ => return Err(Refusal::bad("Either the planId or the quantity has to be given.")),
    };
    let subscription =
        cloud.read(|state| find(&state.marketplace, &publisher, &id).map(|subscription| subscription.id))?;
    begin(&cloud, subscription, action)
}

/// `DELETE /{id}`. What has ended before is answered as it was then; 409 while something is under way (documented).
pub(super) async fn cancel(
    RouterState(cloud): RouterState<SharedCloud>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let publisher = publisher(&cloud, &headers)?;
    let now = cloud.clock.now();
    let (subscription, status) = cloud.change(|state| {
        state.marketplace.settle(now);
        find(&state.marketplace, &publisher, &id).map(|found| (found.id, found.status))
    })?;
    if status == Status::Unsubscribed {
        let ending = cloud.change(|state| state.marketplace.ending(subscription, now));
        return ending.map(|ending| accepted(subscription, ending)).ok_or_else(|| Refusal::not_found(id));
    }
    begin(&cloud, subscription, MarketplaceAction::Unsubscribe)
}

fn begin(cloud: &SharedCloud, subscription: Uuid, action: MarketplaceAction) -> Result<Response, Refusal> {
    let operation =
        webhook::begin(cloud, subscription, action, Source::Partner).map_err(|fault| match fault {
            MarketplaceFault::Unknown(id) => Refusal::not_found(id),
            MarketplaceFault::Locked { action: "Unsubscribe" } => Refusal(
                StatusCode::CONFLICT,
                "Conflict",
                "Delete cannot be completed because subscription is locked due to pending operation(s)"
                    .into(),
            ),
            // As Microsoft's emulator says it.
            MarketplaceFault::Locked { .. } => Refusal::bad(
                "Patch cannot be completed because the subscription is locked due to pending operations",
            ),
            other => Refusal::bad(other.to_string()),
        })?;
    let teller = cloud.clone();
    cloud.spawn(async move {
        if let Err(error) = webhook::deliver(&teller, operation, TokenForm::V1).await {
            tracing::debug!(%error, "the publisher was not told of the change that it began");
        }
    });
    Ok(accepted(subscription, operation))
}

/// 202, with where the operation can be followed.
fn accepted(subscription: Uuid, operation: Uuid) -> Response {
    let address = format!(
        "https://marketplaceapi.microsoft.com{ROOT}/{subscription}/operations/{operation}?api-version={API_VERSION}"
    );
    (StatusCode::ACCEPTED, [("operation-location", address)]).into_response()
}
