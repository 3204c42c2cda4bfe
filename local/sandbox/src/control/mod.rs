//! What real Azure does not have: an API that creates tenants, moves the clock, makes calls fail, and acts as the
//! marketplace. Plain HTTP and JSON at the sandbox's own address, under `/control`.
//!
//! Any web page that a browser on this machine shows can make the browser call this address. So the edge answers to no
//! foreign host name, requests with a foreign origin are rejected, and a body must be `application/json`, which a
//! browser does not send to another site without asking first.

pub(crate) mod actions;
mod directory;
mod events;
mod guard;
mod limits;
mod marketplace;
mod reply;
mod run;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::FromRef;
use axum::routing::{any, delete, get, post, put};
use axum::{Json, Router, middleware};
use serde_json::{Value, json};

use crate::cloud::SharedCloud;
use crate::traffic::recorder::Recorder;

pub(crate) use guard::{Own, refuse_strangers};
pub(crate) use reply::ControlError;

/// What every call can reach.
#[derive(Clone)]
struct Controls {
    cloud: SharedCloud,
    recorder: Arc<Recorder>,
}

impl FromRef<Controls> for SharedCloud {
    fn from_ref(controls: &Controls) -> Self {
        controls.cloud.clone()
    }
}

impl FromRef<Controls> for Arc<Recorder> {
    fn from_ref(controls: &Controls) -> Self {
        controls.recorder.clone()
    }
}

/// Everything under `/control`.
pub(crate) fn router(cloud: SharedCloud, recorder: Arc<Recorder>, own: SocketAddr) -> Router {
    Router::new()
        .route("/control", get(index))
        .route("/control/tenants", get(directory::tenants).post(directory::add_tenant))
        .route("/control/tenants/{tenant}/users", post(directory::add_user))
        .route("/control/tenants/{tenant}/subscriptions", post(directory::add_subscription))
        .route("/control/tenants/{tenant}/policies", put(directory::set_policies))
        .route("/control/roles", post(directory::assign_role))
        .route("/control/identities/attach", post(directory::attach_identity))
        .route("/control/clock", get(run::clock).post(run::move_clock))
        .route("/control/faults", get(run::faults).put(run::set_faults).delete(run::clear_faults))
        .route("/control/traffic", get(run::traffic))
        .route("/control/har", get(run::har))
        .route("/control/limits", get(limits::show).put(limits::set))
        .route("/control/evidence", get(run::evidence))
        .route("/control/actions", post(actions::carry_out))
        .route("/control/event-subscriptions", get(events::list).post(events::subscribe))
        .route("/control/event-subscriptions/{id}", delete(events::unsubscribe))
        .route("/control/event-subscriptions/{id}/validate", get(events::validate))
        .route("/control/event-subscriptions/{id}/deliveries", post(events::send_again))
        .route("/control/marketplace", get(marketplace::show))
        .route("/control/marketplace/listing", put(marketplace::set_listing))
        .route("/control/marketplace/behaviour", put(marketplace::set_behaviour))
        .route("/control/marketplace/purchases", post(marketplace::purchase))
        .route("/control/marketplace/subscriptions/{id}/actions", post(marketplace::act))
        .route("/control/marketplace/deliveries", post(marketplace::deliver))
        .route("/control/{*rest}", any(unknown))
        .layer(middleware::from_fn_with_state(Own(own), refuse_strangers))
        .with_state(Controls { cloud, recorder })
}

/// `GET /control`: what there is, for whoever finds this address.
async fn index() -> Json<Value> {
    Json(json!({
        "what": "The control API of a simulated Azure. Use sandbox credentials only.",
        "calls": {
            "GET /control/tenants": "all tenants with their users and subscriptions",
            "POST /control/tenants": "create a tenant: {\"displayName\", \"domain\"?, \"region\"?}; returns its administrator's secret",
            "POST /control/tenants/{tenant}/users": "create a user: {\"displayName\", \"userPrincipalName\"?, \"administrator\"?}",
            "POST /control/tenants/{tenant}/subscriptions": "create a subscription: {\"displayName\"}",
            "PUT /control/tenants/{tenant}/policies": "set the tenant's policies; replaces the list: {\"policies\": [\"conditionalAccess\", ...]}",
            "POST /control/roles": "assign a role that takes effect immediately: {\"principalId\", \"role\", \"scope\"}",
            "POST /control/identities/attach": "let the function app use a managed identity: {\"resourceId\"}",
            "GET /control/clock": "the sandbox's time",
            "POST /control/clock": "move the clock forward: {\"forwardSeconds\"}",
            "GET /control/faults": "how often each fault has matched and fired",
            "PUT /control/faults": "load a fault script, see docs/sandbox-faults.md",
            "DELETE /control/faults": "remove the fault script",
            "GET /control/traffic": "the latest calls, newest first",
            "GET /control/har": "all calls as HAR 1.2, if recording is on",
            "GET /control/limits": "the limits: calls of one caller, calls to Compute, disk encryption sets",
            "PUT /control/limits": "set the limits that are named; the others are Azure's: {\"subscriptionReads\"?, \"compute\"?, ...}",
            "GET /control/evidence": "the source of each simulated behaviour",
            "POST /control/actions": "change a key, role assignment, service principal or policy: {\"action\", ...}",
            "GET /control/event-subscriptions": "the subscriptions to key events",
            "POST /control/event-subscriptions": "send a vault's key events to a webhook: {\"vault\", \"endpoint\", \"schema\"?, \"eventTypes\"?}",
            "DELETE /control/event-subscriptions/{id}": "delete the subscription",
            "POST /control/event-subscriptions/{id}/deliveries": "send events again, in this order: {\"events\": [...], \"topic\"?}",
            "GET /control/marketplace": "the listing, the subscriptions and their operations",
            "PUT /control/marketplace/listing": "what the publisher enters in Partner Center",
            "PUT /control/marketplace/behaviour": "what it does now and then: {\"subscriptionLagMilliseconds\"?, \"unknownOperationIsBadRequest\"?}",
            "POST /control/marketplace/purchases": "make a purchase: {\"tenantId\", \"purchaserTenantId\"?, \"offer\", \"plan\", ...}; returns the landing page",
            "POST /control/marketplace/subscriptions/{id}/actions": "change a subscription: {\"action\", \"deliver\"?, \"token\"?, \"organisationId\"?, ...}",
            "POST /control/marketplace/deliveries": "send webhooks again, in this order: {\"operations\": [...], \"attempts\"?, ...}",
        },
    }))
}

async fn unknown() -> ControlError {
    ControlError::not_found("there is no such call; GET /control lists them")
}
