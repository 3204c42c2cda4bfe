//! What Key Vault remembers: the keys of every vault.

pub(crate) mod elliptic;
pub(crate) mod error;
pub(crate) mod iso_duration;
pub(crate) mod key_version;
pub(crate) mod keys;
pub(crate) mod local_roles;
pub(crate) mod material;
pub(crate) mod rotation_policy;

use serde::{Deserialize, Serialize};

use crate::tracked::Tracked;

use keys::{Key, VaultKeys};

/// The keys of all vaults.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct KeyVaultState {
    /// By name of the vault, in lower case.
    pub(crate) vaults: Tracked<String, VaultKeys>,
}

impl KeyVaultState {
    /// What the vault holds, if it ever held anything.
    pub(crate) fn keys_of(&self, vault: &str) -> Option<&VaultKeys> {
        self.vaults.get(&vault.to_ascii_lowercase())
    }

    /// Every key of a vault that is not deleted.
    pub(crate) fn live_keys<'a>(&'a self, vault: &str) -> impl Iterator<Item = &'a Key> + use<'a> {
        self.keys_of(vault).into_iter().flat_map(VaultKeys::all_live)
    }

    /// Every key of every vault, deleted ones too, with the vault's name in lower case.
    pub(crate) fn every_key(&self) -> impl Iterator<Item = (&str, &Key)> {
        self.vaults.iter().flat_map(|(vault, keys)| keys.all().map(move |key| (vault.as_str(), key)))
    }

    /// A key that is not deleted, to be changed.
    pub(crate) fn live_key_mut(&mut self, vault: &str, key: &str) -> Option<&mut Key> {
        self.vaults.get_mut(&vault.to_ascii_lowercase())?.live_mut(key).ok()
    }

    /// Forgets everything that a vault held.
    pub(crate) fn forget(&mut self, vault: &str) {
        self.vaults.remove(&vault.to_ascii_lowercase());
    }

    pub(crate) fn keys_of_mut(&mut self, vault: &str) -> &mut VaultKeys {
        self.vaults.entry(vault.to_ascii_lowercase()).or_default()
    }
}
