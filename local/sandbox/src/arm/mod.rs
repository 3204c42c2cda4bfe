//! Azure Resource Manager: one gateway in front of the few resource providers that the story needs.
//!
//! The gateway checks what it checks for every provider (token, `api-version`, subscription, role), then hands
//! over. Resources are kept under their lower-cased id and shown in the spelling they were made with.

mod access;
mod api_version;
mod body;
mod custom_roles;
mod deployments;
mod described;
mod disk_encryption_sets;
mod dispatch;
mod enumeration;
mod error;
mod identities;
mod inventory;
mod limits;
mod linked_access;
mod operations;
mod outcomes;
mod permissions;
mod provider;
mod regions;
mod request;
mod resource;
mod resource_groups;
mod resource_providers;
mod role_assignments;
mod role_definitions;
mod stamp;
mod stores;
mod subscriptions;
mod tags;
mod tenancy;
mod vaults;
mod virtual_machines;

use axum::Router;
use axum::extract::{Request, State as RouterState};
use axum::response::Response;

use crate::cloud::SharedCloud;

pub(crate) use disk_encryption_sets::rotation::rotate_all_if_due;
pub(crate) use virtual_machines::power::{advance_clock, next_stop, notice_lost_keys};

/// Everything under `https://management.azure.com`.
///
/// One handler takes all paths apart itself, because ARM compares paths without case and axum's router does not.
pub(crate) fn router(cloud: SharedCloud) -> Router {
    Router::new().fallback(answer).with_state(cloud)
}

async fn answer(RouterState(cloud): RouterState<SharedCloud>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let (asked, now) = (parts.headers.clone(), cloud.clock.now());
    let answered = match request::read_body(body).await {
        // Checking a key means RSA, which is too slow for a thread that serves other connections.
        Ok(body) => tokio::task::spawn_blocking(move || dispatch::answer(&cloud, &parts, body))
            .await
            .unwrap_or_else(|_| request::internal_error()),
        Err(refusal) => request::refuse(&refusal),
    };
    stamp::stamped(answered, &asked, now)
}
