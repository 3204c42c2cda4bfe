//! New keys and new versions: made in the vault, brought from elsewhere, or following one that is there.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::StatusCode;
use serde::Deserialize;
use serde_json::Value;

use crate::key_vault::access::KeyAction;
use crate::state::State;
use crate::state::key_vault::elliptic::EllipticKey;
use crate::state::key_vault::error::VaultError;
use crate::state::key_vault::key_version::{KeyVersion, Material};
use crate::state::key_vault::material::{KeyMaterial, RsaParts};
use crate::state::key_vault::rotation_policy::RotationPolicy;
use crate::state::resources::vault::Vault;

use super::{AttributesBody, Call, ELLIPTIC_OPERATIONS, EVERY_OPERATION, check_operations};

#[derive(Debug, Deserialize)]
pub(in crate::key_vault) struct CreateBody {
    kty: String,
    #[serde(default)]
    key_size: Option<u32>,
    #[serde(default)]
    crv: Option<String>,
    #[serde(default)]
    key_ops: Option<Vec<String>>,
    #[serde(default)]
    attributes: AttributesBody,
    #[serde(default)]
    tags: BTreeMap<String, String>,
}

#[derive(Deserialize)]
pub(in crate::key_vault) struct ImportBody {
    #[serde(default, rename = "Hsm", alias = "hsm")]
    hardware: Option<bool>,
    key: JsonWebKey,
    #[serde(default)]
    attributes: AttributesBody,
    #[serde(default)]
    tags: BTreeMap<String, String>,
}

/// An RSA private key as RFC 7518 writes it; a key of another type has other parts, or fewer.
#[derive(Deserialize)]
struct JsonWebKey {
    kty: String,
    #[serde(default)]
    key_ops: Option<Vec<String>>,
    n: Option<String>,
    e: Option<String>,
    d: Option<String>,
    p: Option<String>,
    q: Option<String>,
    dp: Option<String>,
    dq: Option<String>,
    qi: Option<String>,
}

impl Call<'_> {
    /// `POST /keys/{name}/create`: a new key, or a new version of an old one.
    pub(in crate::key_vault) fn create(&self, name: &str, body: CreateBody) -> Result<Value, VaultError> {
        self.cloud.read(|state| self.may(state, KeyAction::Create, Some(name)))?;
        check_name(name)?;
        check_type(self.vault, &body.kty)?;
        check_operations(body.key_ops.as_deref())?;
        self.cloud.read(|state| self.refuse_deleted(state, name))?;
        // Outside of any lock: a large key takes seconds.
        let material = if is_elliptic(&body.kty) {
            check_elliptic(body.crv.as_deref(), body.key_ops.as_deref())?;
            Material::P256(EllipticKey::generate().ok_or_else(not_made)?)
        } else {
            let bits = body.key_size.unwrap_or(2048);
            Material::Rsa(KeyMaterial::generate(bits).ok_or_else(|| {
                VaultError::bad_parameter(format!("The specified RSA key size {bits} is not supported."))
            })?)
        };
        self.add(name, (body.kty, material), body.key_ops, (body.attributes, body.tags))
    }

    /// `PUT /keys/{name}`: a key that was made elsewhere, as a new key or as a new version of an old one.
    pub(in crate::key_vault) fn import(&self, name: &str, body: ImportBody) -> Result<Value, VaultError> {
        let ImportBody { hardware, key, attributes, tags } = body;
        self.cloud.read(|state| self.may(state, KeyAction::Import, Some(name)))?;
        check_name(name)?;
        // The key is given as the software holds it; `Hsm` says where it is to be kept.
        let kty = if hardware == Some(true) { "RSA-HSM".to_owned() } else { key.kty.clone() };
        check_type(self.vault, &kty)?;
        check_operations(key.key_ops.as_deref())?;
        self.cloud.read(|state| self.refuse_deleted(state, name))?;
        // Our guess: the words.
        let parts = key.parts().filter(|_| !is_elliptic(&key.kty));
        let material = parts.as_ref().and_then(KeyMaterial::import).ok_or_else(|| {
            VaultError::bad_parameter(
                "The key is not an RSA private key of 2048, 3072 or 4096 bits with all its parts: n, e, d, p, q, dp, dq, qi.",
            )
        })?;
        self.add(name, (kty, material.into()), key.key_ops, (attributes, tags))
    }

    /// `POST /keys/{name}/rotate`: a new version with the kind, size and use of the newest one, and with the expiry that
    /// the rotation policy gives (recorded).
    pub(in crate::key_vault) fn rotate(&self, name: &str) -> Result<Value, VaultError> {
        let newest = self.cloud.read(|state| {
            self.may(state, KeyAction::Rotate, Some(name))?;
            Ok(self.keys(state).live(name)?.version(None)?.clone())
        })?;
        let now = self.now();
        let fresh = newest.successor(now).ok_or_else(not_made)?;
        self.cloud.change(|state| {
            let key = state.key_vault.keys_of_mut(&self.vault.holder()).live_mut(name)?;
            let expires = RotationPolicy::expiry_of_new_version(key.rotation_policy.as_ref(), now);
            key.versions.push(KeyVersion { expires, ..fresh });
            Ok(key.bundle(key.version(None)?, &self.vault.facts()))
        })
    }

    fn add(
        &self,
        name: &str,
        (key_type, material): (String, Material),
        operations: Option<Vec<String>>,
        (attributes, tags): (AttributesBody, BTreeMap<String, String>),
    ) -> Result<Value, VaultError> {
        let all = if is_elliptic(&key_type) { ELLIPTIC_OPERATIONS } else { EVERY_OPERATION };
        let every = || all.iter().map(|operation| (*operation).to_owned()).collect();
        let fresh = KeyVersion::new(
            material,
            key_type,
            operations.filter(|some| !some.is_empty()).unwrap_or_else(every),
            self.now(),
        )
        .ok_or_else(not_made)?;
        let version = KeyVersion {
            enabled: attributes.enabled.unwrap_or(true),
            not_before: attributes.nbf,
            expires: attributes.exp,
            tags,
            ..fresh
        };
        self.cloud.change(|state| {
            self.refuse_deleted(state, name)?;
            let key = state.key_vault.keys_of_mut(&self.vault.holder()).add_version(name, version);
            Ok(key.bundle(key.version(None)?, &self.vault.facts()))
        })
    }

    fn refuse_deleted(&self, state: &State, name: &str) -> Result<(), VaultError> {
        if self.keys(state).deleted(name).is_none() {
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
}

impl JsonWebKey {
    fn parts(&self) -> Option<RsaParts> {
        let number =
            |text: &Option<String>| URL_SAFE_NO_PAD.decode(text.as_ref()?.trim_end_matches('=')).ok();
        Some(RsaParts {
            n: number(&self.n)?,
            e: number(&self.e)?,
            d: number(&self.d)?,
            p: number(&self.p)?,
            q: number(&self.q)?,
            dp: number(&self.dp)?,
            dq: number(&self.dq)?,
            qi: number(&self.qi)?,
        })
    }
}

fn is_elliptic(key_type: &str) -> bool {
    matches!(key_type, "EC" | "EC-HSM")
}

/// P-256 unless another curve is named. Our guess: the words, and that operations which no elliptic key has are refused.
fn check_elliptic(curve: Option<&str>, operations: Option<&[String]>) -> Result<(), VaultError> {
    if let Some(other) = curve.filter(|curve| *curve != "P-256") {
        return Err(VaultError::bad_parameter(format!(
            "The curve '{other}' is not supported: the sandbox simulates P-256 only."
        )));
    }
    let can = |operation: &&String| ELLIPTIC_OPERATIONS.contains(&operation.as_str());
    match operations.unwrap_or_default().iter().find(|operation| !can(operation)) {
        None => Ok(()),
        Some(other) => Err(VaultError::bad_parameter(format!(
            "The property 'key_ops' has a value that a key of type EC does not support: {other}"
        ))),
    }
}

/// Our guess: the words. A standard vault has no hardware keys, and an HSM has no others.
fn check_type(vault: &Vault, key_type: &str) -> Result<(), VaultError> {
    match key_type {
        "RSA" | "EC" if !vault.is_hsm() => Ok(()),
        "RSA-HSM" | "EC-HSM" if vault.sku == "premium" || vault.is_hsm() => Ok(()),
        other => {
            Err(VaultError::bad_parameter(format!("The key type '{other}' is not supported by this vault.")))
        }
    }
}

/// Microsoft Learn, "Vault name and object name": 1 to 127 letters, digits and hyphens.
pub(super) fn check_name(name: &str) -> Result<(), VaultError> {
    let letters = name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '-');
    if letters && (1..=127).contains(&name.len()) {
        return Ok(());
    }
    Err(VaultError::bad_parameter(format!("The request URI contains an invalid name: {name}")))
}

fn not_made() -> VaultError {
    VaultError::bad_parameter("The key could not be made.")
}
