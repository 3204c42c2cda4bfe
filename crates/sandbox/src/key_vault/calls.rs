//! The calls on keys, each as one method: may the caller do it, is the key there, do it, show it.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::arm::vaults::Vault;
use crate::state::State;
use crate::tokens::Caller;
use crate::world::World;

use super::access::{self, KeyAction, Origin};
use super::crypto;
use super::error::VaultError;
use super::keys::{KeyVersion, VaultKeys};
use super::material::KeyMaterial;

/// All that an RSA key can do, which is what it may do unless told otherwise.
const EVERY_OPERATION: &[&str] = &["encrypt", "decrypt", "sign", "verify", "wrapKey", "unwrapKey"];

/// One caller at one vault.
pub(super) struct Call<'a> {
    pub(super) world: &'a World,
    pub(super) vault: &'a Vault,
    pub(super) caller: &'a Caller,
}

#[derive(Debug, Deserialize)]
pub(super) struct CreateBody {
    kty: String,
    #[serde(default)]
    key_size: Option<u32>,
    #[serde(default)]
    key_ops: Option<Vec<String>>,
    #[serde(default)]
    attributes: AttributesBody,
    #[serde(default)]
    tags: BTreeMap<String, String>,
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

#[derive(Debug, Deserialize)]
pub(super) struct OperationBody {
    alg: String,
    value: String,
}

impl Call<'_> {
    /// `POST /keys/{name}/create`: a new key, or a new version of an old one.
    pub(super) fn create(&self, name: &str, body: &CreateBody) -> Result<Value, VaultError> {
        self.world.read(|state| self.may(state, KeyAction::Create, Some(name)))?;
        check_name(name)?;
        let bits = key_size(self.vault, body)?;
        check_operations(body.key_ops.as_deref())?;
        self.world.read(|state| self.refuse_deleted(state, name))?;
        // Outside of any lock: a large key takes seconds.
        let version = self.new_version(bits, body)?;
        self.world.change(|state| {
            self.refuse_deleted(state, name)?;
            self.add(state, name, version)
        })
    }

    /// `POST /keys/{name}/rotate`: a new version with the kind, size and use of the newest one.
    pub(super) fn rotate(&self, name: &str) -> Result<Value, VaultError> {
        let newest = self.world.read(|state| {
            self.may(state, KeyAction::Rotate, Some(name))?;
            Ok(self.keys(state)?.live(name)?.version(None)?.clone())
        })?;
        let material = KeyMaterial::generate(newest.bits()).ok_or_else(|| bad_size(newest.bits()))?;
        let fresh = self.version_of(material, newest.key_type, newest.operations, newest.tags)?;
        self.world.change(|state| self.add(state, name, fresh))
    }

    /// `GET /keys/{name}[/{version}]`. A disabled key is shown like any other (recorded).
    pub(super) fn get(&self, name: &str, version: Option<&str>) -> Result<Value, VaultError> {
        self.world.read(|state| {
            self.may(state, KeyAction::Get, Some(name))?;
            let key = self.keys(state)?.live(name)?;
            Ok(key.bundle(key.version(version)?, &self.vault.facts()))
        })
    }

    /// `GET /keys`: every key, by its newest version.
    pub(super) fn list(&self) -> Result<Value, VaultError> {
        self.world.read(|state| {
            self.may(state, KeyAction::List, None)?;
            let facts = self.vault.facts();
            let keys = state.key_vault.keys_of(&self.vault.name).into_iter().flat_map(VaultKeys::all_live);
            let items: Vec<Value> =
                keys.filter_map(|key| Some(key.item(key.versions.last()?, &facts, false))).collect();
            Ok(json!({ "value": items, "nextLink": null }))
        })
    }

    /// `GET /keys/{name}/versions`: in the order of their ids, which is not the order they were made in. Clients
    /// must not take the last one for the newest.
    pub(super) fn versions(&self, name: &str) -> Result<Value, VaultError> {
        self.world.read(|state| {
            self.may(state, KeyAction::List, Some(name))?;
            let facts = self.vault.facts();
            let key = self.keys(state)?.live(name)?;
            let mut versions: Vec<&KeyVersion> = key.versions.iter().collect();
            versions.sort_by(|left, right| left.version.cmp(&right.version));
            let items: Vec<Value> =
                versions.into_iter().map(|version| key.item(version, &facts, true)).collect();
            Ok(json!({ "value": items, "nextLink": null }))
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
        let now = self.world.clock.now().unix_timestamp();
        self.world.change(|state| {
            self.may(state, KeyAction::Update, Some(name))?;
            let key = state.key_vault.keys_of_mut(&self.vault.name).live_mut(name)?;
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

    /// `POST /keys/{name}/{version}/{wrapkey|unwrapkey|encrypt|decrypt}`.
    pub(super) fn operate(
        &self,
        name: &str,
        version: Option<&str>,
        action: KeyAction,
        body: &OperationBody,
    ) -> Result<Value, VaultError> {
        // Our guess: the words. Values are base64url without padding.
        let value = URL_SAFE_NO_PAD.decode(&body.value).map_err(|_| {
            VaultError::bad_parameter("The property 'value' is not base64url without padding.")
        })?;
        let now = self.world.clock.now();
        // The version is copied out so that RSA does not hold the state.
        let (held, id) = self.world.read(|state| {
            self.may(state, action, Some(name))?;
            let key = self.keys(state)?.live(name)?;
            let held = key.version(version)?;
            Ok((held.clone(), key.id(held, &self.vault.facts())))
        })?;
        let result = crypto::apply(&held, action, &body.alg, &value, now)?;
        Ok(json!({ "kid": id, "value": URL_SAFE_NO_PAD.encode(result) }))
    }

    /// `DELETE /keys/{name}`: recoverable for as long as the vault says.
    pub(super) fn delete(&self, name: &str) -> Result<Value, VaultError> {
        let now = self.world.clock.now().unix_timestamp();
        self.world.change(|state| {
            self.may(state, KeyAction::Delete, Some(name))?;
            let key = state.key_vault.keys_of_mut(&self.vault.name).live_mut(name)?;
            key.deleted_at = Some(now);
            key.deleted_bundle(&self.vault.facts())
        })
    }

    /// `GET /deletedkeys/{name}`.
    pub(super) fn get_deleted(&self, name: &str) -> Result<Value, VaultError> {
        self.world.read(|state| {
            self.may(state, KeyAction::Get, Some(name))?;
            let deleted = self.keys(state)?.deleted(name).ok_or_else(|| not_deleted(name))?;
            deleted.deleted_bundle(&self.vault.facts())
        })
    }

    /// `POST /deletedkeys/{name}/recover`.
    pub(super) fn recover(&self, name: &str) -> Result<Value, VaultError> {
        self.world.change(|state| {
            self.may(state, KeyAction::Recover, Some(name))?;
            let keys = state.key_vault.keys_of_mut(&self.vault.name);
            let key = keys.recover(name).ok_or_else(|| not_deleted(name))?;
            Ok(key.bundle(key.version(None)?, &self.vault.facts()))
        })
    }

    /// `DELETE /deletedkeys/{name}`: for good, unless purge protection forbids it.
    pub(super) fn purge(&self, name: &str) -> Result<(), VaultError> {
        self.world.change(|state| {
            self.may(state, KeyAction::Purge, Some(name))?;
            if self.vault.purge_protection {
                // Our guess: the words.
                return Err(VaultError::new(
                    StatusCode::FORBIDDEN,
                    "Forbidden",
                    "Operation \"purge\" is not allowed because purge protection is enabled for this vault. Key Vault service \
                     will automatically purge it after the retention period has passed.",
                ));
            }
            let purged = state.key_vault.keys_of_mut(&self.vault.name).purge(name);
            purged.map(|_| ()).ok_or_else(|| not_deleted(name))
        })
    }

    fn may(&self, state: &State, action: KeyAction, key: Option<&str>) -> Result<(), VaultError> {
        let now = self.world.clock.now();
        access::check(state, self.vault, self.caller, Origin::Loopback, (action, key), now)
    }

    fn keys<'s>(&self, state: &'s State) -> Result<&'s VaultKeys, VaultError> {
        static NOTHING: VaultKeys = VaultKeys::new();
        Ok(state.key_vault.keys_of(&self.vault.name).unwrap_or(&NOTHING))
    }

    fn refuse_deleted(&self, state: &State, name: &str) -> Result<(), VaultError> {
        if self.keys(state)?.deleted(name).is_none() {
            return Ok(());
        }
        Err(VaultError {
            inner: Some("ObjectIsDeletedButRecoverable"),
            ..VaultError::new(
                StatusCode::CONFLICT,
                "Conflict",
                format!(
                    "Key {name} is currently in a deleted but recoverable state, and its name cannot be reused; in this state, \
                     the key can only be recovered or purged."
                ),
            )
        })
    }

    fn new_version(&self, bits: u32, body: &CreateBody) -> Result<KeyVersion, VaultError> {
        let material = KeyMaterial::generate(bits).ok_or_else(|| bad_size(bits))?;
        let operations = body
            .key_ops
            .clone()
            .unwrap_or_else(|| EVERY_OPERATION.iter().map(|operation| (*operation).to_owned()).collect());
        let mut version = self.version_of(material, body.kty.clone(), operations, body.tags.clone())?;
        version.enabled = body.attributes.enabled.unwrap_or(true);
        version.not_before = body.attributes.nbf;
        version.expires = body.attributes.exp;
        Ok(version)
    }

    fn version_of(
        &self,
        material: KeyMaterial,
        key_type: String,
        operations: Vec<String>,
        tags: BTreeMap<String, String>,
    ) -> Result<KeyVersion, VaultError> {
        let now = self.world.clock.now().unix_timestamp();
        let (modulus, exponent) =
            material.public_parts().map_err(|_| VaultError::bad_parameter("The key could not be made."))?;
        Ok(KeyVersion {
            version: Uuid::new_v4().simple().to_string(),
            key_type,
            operations,
            material,
            modulus,
            exponent,
            enabled: true,
            not_before: None,
            expires: None,
            created: now,
            updated: now,
            tags,
        })
    }

    fn add(&self, state: &mut State, name: &str, version: KeyVersion) -> Result<Value, VaultError> {
        let key = state.key_vault.keys_of_mut(&self.vault.name).add_version(name, version);
        Ok(key.bundle(key.version(None)?, &self.vault.facts()))
    }
}

/// The size asked for, 2048 when none is; the type of key is checked on the way.
fn key_size(vault: &Vault, body: &CreateBody) -> Result<u32, VaultError> {
    match body.kty.as_str() {
        "RSA" => {}
        "RSA-HSM" if vault.sku == "premium" => {}
        // Our guess: the words. A standard vault has no hardware keys; elliptic curves are not simulated.
        other => {
            return Err(VaultError::bad_parameter(format!(
                "The key type '{other}' is not supported by this vault."
            )));
        }
    }
    let bits = body.key_size.unwrap_or(2048);
    if [2048, 3072, 4096].contains(&bits) { Ok(bits) } else { Err(bad_size(bits)) }
}

fn bad_size(bits: u32) -> VaultError {
    VaultError::bad_parameter(format!("The specified RSA key size {bits} is not supported."))
}

/// Microsoft Learn, "Vault name and object name": 1 to 127 letters, digits and hyphens.
fn check_name(name: &str) -> Result<(), VaultError> {
    let letters = name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '-');
    if letters && (1..=127).contains(&name.len()) {
        return Ok(());
    }
    Err(VaultError::bad_parameter(format!("The request URI contains an invalid name: {name}")))
}

fn check_operations(operations: Option<&[String]>) -> Result<(), VaultError> {
    let known = |operation: &&String| EVERY_OPERATION.contains(&operation.as_str());
    match operations.unwrap_or_default().iter().find(|operation| !known(operation)) {
        None => Ok(()),
        Some(unknown) => {
            Err(VaultError::bad_parameter(format!("The property 'key_ops' has an invalid value: {unknown}")))
        }
    }
}

fn not_deleted(name: &str) -> VaultError {
    VaultError::new(StatusCode::NOT_FOUND, "KeyNotFound", format!("Deleted Key not found: {name}"))
}
