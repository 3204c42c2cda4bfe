//! The calls on keys, each as one method: may the caller do it, is the key there, do it, show it.

mod deleted;
mod local_roles;
mod making;
mod policies;
mod secrets;
mod using;

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use crate::cloud::Cloud;
use crate::state::State;
use crate::state::key_vault::error::VaultError;
use crate::state::key_vault::key_version::KeyVersion;
use crate::state::key_vault::keys::VaultKeys;
use crate::state::resources::vault::Vault;
use crate::tokens::Caller;

use super::access::{self, KeyAction, Origin};
use super::paging::Page;

/// All that an RSA key can do, which is what it may do unless told otherwise.
const EVERY_OPERATION: &[&str] = &["encrypt", "decrypt", "sign", "verify", "wrapKey", "unwrapKey"];
/// The same for a key on an elliptic curve.
const ELLIPTIC_OPERATIONS: &[&str] = &["sign", "verify"];

/// One caller at one vault.
pub(super) struct Call<'a> {
    pub(super) cloud: &'a Cloud,
    pub(super) vault: &'a Vault,
    pub(super) caller: &'a Caller,
}

#[derive(Debug, Deserialize)]
pub(super) struct UpdateBody {
    #[serde(default)]
    key_ops: Option<Vec<String>>,
    #[serde(default)]
    attributes: AttributesBody,
    #[serde(default)]
    tags: Option<BTreeMap<String, String>>,
}

#[derive(Debug, Clone, Default, Deserialize)]
struct AttributesBody {
    #[serde(default)]
    enabled: Option<bool>,
    #[serde(default)]
    nbf: Option<i64>,
    #[serde(default)]
    exp: Option<i64>,
}

impl Call<'_> {
    /// `GET /keys/{name}[/{version}]`. A disabled key is shown like any other (recorded).
    pub(super) fn get(&self, name: &str, version: Option<&str>) -> Result<Value, VaultError> {
        self.cloud.read(|state| {
            self.may(state, KeyAction::Get, Some(name))?;
            let key = self.keys(state).live(name)?;
            Ok(key.bundle(key.version(version)?, &self.vault.facts()))
        })
    }

    /// `GET /keys`: every key, by its newest version.
    pub(super) fn list(&self, page: &Page) -> Result<Value, VaultError> {
        self.cloud.read(|state| {
            self.may(state, KeyAction::List, None)?;
            let facts = self.vault.facts();
            let items = self.keys(state).all_live().filter_map(|key| {
                let item = key.item(key.versions.last()?, &facts, false);
                Some((key.name.to_ascii_lowercase(), item))
            });
            Ok(page.of(&facts.base_url, items))
        })
    }

    /// `GET /keys/{name}/versions`: in the order of their ids, which is not the order they were made in. Clients
    /// must not take the last one for the newest.
    pub(super) fn versions(&self, name: &str, page: &Page) -> Result<Value, VaultError> {
        self.cloud.read(|state| {
            self.may(state, KeyAction::List, Some(name))?;
            let facts = self.vault.facts();
            let key = self.keys(state).live(name)?;
            let mut versions: Vec<&KeyVersion> = key.versions.iter().collect();
            versions.sort_by(|left, right| left.version.cmp(&right.version));
            let items = versions.into_iter().map(|held| (held.version.clone(), key.item(held, &facts, true)));
            Ok(page.of(&facts.base_url, items))
        })
    }

    /// `PATCH /keys/{name}[/{version}]`: only what is named changes.
    pub(super) fn update(
        &self,
        name: &str,
        version: Option<&str>,
        body: UpdateBody,
    ) -> Result<Value, VaultError> {
        check_operations(body.key_ops.as_deref())?;
        let now = self.now();
        self.cloud.change(|state| {
            self.may(state, KeyAction::Update, Some(name))?;
            let key = state.key_vault.keys_of_mut(&self.vault.holder()).live_mut(name)?;
            let held = key.version_mut(version)?;
            held.enabled = body.attributes.enabled.unwrap_or(held.enabled);
            held.not_before = body.attributes.nbf.or(held.not_before);
            held.expires = body.attributes.exp.or(held.expires);
            held.operations = body.key_ops.unwrap_or_else(|| held.operations.clone());
            held.tags = body.tags.unwrap_or_else(|| held.tags.clone());
            held.updated = now;
            Ok(key.bundle(key.version(version)?, &self.vault.facts()))
        })
    }

    fn may(&self, state: &State, action: KeyAction, key: Option<&str>) -> Result<(), VaultError> {
        let now = self.cloud.clock.now();
        access::check(state, self.vault, self.caller, Origin::Loopback, (action, key), now)
    }

    /// Seconds since 1970.
    fn now(&self) -> i64 {
        self.cloud.clock.now().unix_timestamp()
    }

    fn keys<'s>(&self, state: &'s State) -> &'s VaultKeys {
        static NOTHING: VaultKeys = VaultKeys::new();
        state.key_vault.keys_of(&self.vault.holder()).unwrap_or(&NOTHING)
    }
}

fn check_operations(operations: Option<&[String]>) -> Result<(), VaultError> {
    let known = |operation: &&String| EVERY_OPERATION.contains(&operation.as_str());
    match operations.unwrap_or_default().iter().find(|operation| !known(operation)) {
        None => Ok(()),
        Some(unknown) => {
            // Our guess: the words.
            Err(VaultError::bad_parameter(format!("The property 'key_ops' has an invalid value: {unknown}")))
        }
    }
}
