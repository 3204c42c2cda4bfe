//! What real Azure does not have: an API that makes organisations, moves the clock, lets things go wrong, and plays
//! the marketplace. Plain HTTP and JSON at the sandbox's own address, under `/control`.
//!
//! A browser on this machine may show a page of anybody, and such a page can make the browser call this address. So
//! the edge answers to no foreign host name, every request that names a foreign origin is refused, and a body has to
//! be `application/json`, which a browser sends nowhere without asking first.

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
        "what": "The control API of a simulated Azure. Only sandbox credentials belong here.",
        "calls": {
            "GET /control/tenants": "every tenant with its users and subscriptions",
            "POST /control/tenants": "a new tenant: {\"displayName\", \"domain\"?, \"region\"?}; answers its administrator's secret",
            "POST /control/tenants/{tenant}/users": "a new user: {\"displayName\", \"userPrincipalName\"?, \"administrator\"?}",
            "POST /control/tenants/{tenant}/subscriptions": "a new subscription: {\"displayName\"}",
            "PUT /control/tenants/{tenant}/policies": "what its administrators forbid, all of it: {\"policies\": [\"conditionalAccess\", ...]}",
            "POST /control/roles": "a role that counts at once: {\"principalId\", \"role\", \"scope\"}",
            "POST /control/identities/attach": "lets the function app use a managed identity: {\"resourceId\"}",
            "GET /control/clock": "what time it is here",
            "POST /control/clock": "lets time pass: {\"forwardSeconds\"}",
            "GET /control/faults": "how often each fault has struck",
            "PUT /control/faults": "begins with a fault script, see docs/sandbox-faults.md",
            "DELETE /control/faults": "nothing goes wrong on purpose any more",
            "GET /control/traffic": "the latest calls, the newest first",
            "GET /control/har": "every call as HAR 1.2, if recording was asked for",
            "GET /control/limits": "what is too much: calls of a caller, calls to Compute, disk encryption sets",
            "PUT /control/limits": "sets it, for what is named; the rest is as in Azure: {\"subscriptionReads\"?, \"compute\"?, ...}",
            "GET /control/evidence": "where each behaviour of this simulation comes from",
            "POST /control/actions": "what people do to keys, roles, principals and policies: {\"action\", ...}",
            "GET /control/event-subscriptions": "who hears of what happens to keys",
            "POST /control/event-subscriptions": "a webhook hears of a vault's keys: {\"vault\", \"endpoint\", \"schema\"?, \"eventTypes\"?}",
            "DELETE /control/event-subscriptions/{id}": "it hears no more",
            "POST /control/event-subscriptions/{id}/deliveries": "events again, in this order: {\"events\": [...], \"topic\"?}",
            "GET /control/marketplace": "the listing, the subscriptions and their operations",
            "PUT /control/marketplace/listing": "what the publisher enters in Partner Center",
            "POST /control/marketplace/purchases": "a customer buys: {\"tenantId\", \"offer\", \"plan\", ...}; answers the landing page",
            "POST /control/marketplace/subscriptions/{id}/actions": "something happens to a subscription: {\"action\", \"deliver\"?, ...}",
            "POST /control/marketplace/deliveries": "webhooks again, in this order: {\"operations\": [...], \"attempts\"?, ...}",
        },
    }))
}

async fn unknown() -> ControlError {
    ControlError::not_found("there is no such call; GET /control lists them")
}
