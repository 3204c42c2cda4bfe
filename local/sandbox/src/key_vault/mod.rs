//! Key Vault's data plane: keys, under the name of each vault.
//!
//! A request without a token is answered with the vault's tenant and region, which is how clients find out where
//! to get one. After that: tenant of the token, firewall, role or access policy, key, state of the key.
//! Paths, bodies and codes: Azure Key Vault REST API; challenge and bodies also as recorded in Microsoft's public
//! test suites.

mod access;
mod calls;
mod crypto;
pub(crate) mod disk_service;
mod paging;
mod passing_time;
mod signatures;
mod wire;

use axum::Router;

use crate::cloud::SharedCloud;
use crate::resources::vault;
use crate::state::State;

pub(crate) use passing_time::{catch_up, next_due, watch};

/// Whether the name `{vault}.vault.azure.net`, or that of an HSM, resolves: the proxy asks before it opens a tunnel.
pub(crate) fn vault_resolves(state: &State, vault: &str) -> bool {
    vault::named(&state.arm, vault).is_some()
}

/// Everything under `https://{vault}.vault.azure.net`.
pub(crate) fn router(cloud: SharedCloud) -> Router {
    Router::new().fallback(wire::answer).with_state(cloud)
}
