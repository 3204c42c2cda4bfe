//! Key Vault's data plane: keys, under the name of each vault.
//!
//! A request without a token is answered with the vault's tenant and region, which is how clients find out where
//! to get one. After that: tenant of the token, firewall, role or access policy, key, state of the key.
//! Paths, bodies and codes: Azure Key Vault REST API; challenge and bodies also as recorded in Microsoft's public
//! test suites.

pub(crate) mod access;
mod calls;
mod crypto;
pub(crate) mod disk_service;
mod error;
mod iso_duration;
pub(crate) mod keys;
pub(crate) mod local_roles;
mod material;
mod paging;
mod passing_time;
pub(crate) mod rotation_policy;
mod signatures;
mod wire;

use axum::Router;
use serde::{Deserialize, Serialize};

use crate::arm::vaults;
use crate::state::State;
use crate::tracked::Tracked;
use crate::world::SharedWorld;

use keys::VaultKeys;
pub(crate) use passing_time::{catch_up, watch};

/// The keys of all vaults.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct KeyVaultState {
    /// By name of the vault, in lower case.
    vaults: Tracked<String, VaultKeys>,
}

impl KeyVaultState {
    /// What the vault holds, if it ever held anything.
    fn keys_of(&self, vault: &str) -> Option<&VaultKeys> {
        self.vaults.get(&vault.to_ascii_lowercase())
    }

    /// Every key of a vault that is not deleted.
    pub(crate) fn live_keys<'a>(&'a self, vault: &str) -> impl Iterator<Item = &'a keys::Key> + use<'a> {
        self.keys_of(vault).into_iter().flat_map(VaultKeys::all_live)
    }

    /// Every key of every vault, deleted ones too, with the vault's name in lower case.
    pub(crate) fn every_key(&self) -> impl Iterator<Item = (&str, &keys::Key)> {
        self.vaults.iter().flat_map(|(vault, keys)| keys.all().map(move |key| (vault.as_str(), key)))
    }

    /// A key that is not deleted, to be changed.
    pub(crate) fn live_key_mut(&mut self, vault: &str, key: &str) -> Option<&mut keys::Key> {
        self.vaults.get_mut(&vault.to_ascii_lowercase())?.live_mut(key).ok()
    }

    /// Forgets everything that a vault held.
    pub(crate) fn forget(&mut self, vault: &str) {
        self.vaults.remove(&vault.to_ascii_lowercase());
    }

    fn keys_of_mut(&mut self, vault: &str) -> &mut VaultKeys {
        self.vaults.entry(vault.to_ascii_lowercase()).or_default()
    }
}

/// Whether the name `{vault}.vault.azure.net`, or that of an HSM, resolves: the proxy asks before it opens a tunnel.
pub(crate) fn vault_resolves(state: &State, vault: &str) -> bool {
    vaults::named(&state.arm, vault).is_some()
}

/// Everything under `https://{vault}.vault.azure.net`.
pub(crate) fn router(world: SharedWorld) -> Router {
    Router::new().fallback(wire::answer).with_state(world)
}
