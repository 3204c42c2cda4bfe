//! Keys of a vault as resources, which is how a template makes one. What is done with a key is the data plane's business.
//!
//! Azure REST API descriptions, Microsoft.KeyVault, "Keys - Create If Not Exist": a key that is there is left as it is.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::arm::error::ArmError;
use crate::arm::request::{ArmRequest, ArmResponse, Target};
use crate::cloud::Cloud;
use crate::resources::Resource;
use crate::state::State;
use crate::state::key_vault::elliptic::EllipticKey;
use crate::state::key_vault::key_version::{KeyVersion, Material};
use crate::state::key_vault::keys::Key;
use crate::state::key_vault::material::KeyMaterial;
use crate::state::resources::vault::Vault;

#[derive(Debug, Deserialize)]
struct Write {
    properties: Properties,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Properties {
    kty: String,
    #[serde(default)]
    key_size: Option<u32>,
    #[serde(default)]
    curve_name: Option<String>,
    #[serde(default)]
    key_ops: Option<Vec<String>>,
}

/// `PUT .../keys/{name}`: 200 with the key, whether it is new or was there.
pub(super) fn put(
    cloud: &Cloud,
    request: &ArmRequest,
    target: &Target,
    name: &str,
) -> Result<ArmResponse, ArmError> {
    let Write { properties } = request.json()?;
    check_name(name)?;
    let vault = cloud.read(|state| live(state, target).cloned())?;
    if cloud.read(|state| held(state, &vault, name).is_some_and(|key| key.deleted_at.is_some())) {
        // Our guess: the code and the words; the vault's own are about the same.
        return Err(ArmError::conflict(
            "Conflict",
            format!(
                "Key {name} is currently in a deleted but recoverable state, and its name cannot be reused."
            ),
        ));
    }
    if cloud.read(|state| held(state, &vault, name).is_none()) {
        // Outside of any lock: a large key takes seconds.
        let version = version(properties, cloud.clock.now().unix_timestamp())?;
        cloud.change(|state| {
            if held(state, &vault, name).is_none() {
                state.key_vault.keys_of_mut(&vault.holder()).add_version(name, version);
            }
        });
    }
    get(cloud, target, name)
}

/// `GET .../keys/{name}`.
pub(super) fn get(cloud: &Cloud, target: &Target, name: &str) -> Result<ArmResponse, ArmError> {
    cloud.read(|state| {
        let vault = live(state, target)?;
        let key = held(state, vault, name).filter(|key| key.deleted_at.is_none());
        let shown = key.and_then(|key| shown(vault, key));
        shown.map(ArmResponse::ok).ok_or_else(|| {
            ArmError::resource_not_found("Microsoft.KeyVault/vaults/keys", name, &target.group)
        })
    })
}

/// Microsoft Learn, "Vault name and object name": 1 to 127 letters, digits and hyphens.
fn check_name(name: &str) -> Result<(), ArmError> {
    let letters = name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '-');
    if letters && (1..=127).contains(&name.len()) {
        return Ok(());
    }
    Err(ArmError::bad_request("BadRequest", format!("'{name}' is no name of a key.")))
}

fn live<'s>(state: &'s State, target: &Target) -> Result<&'s Vault, ArmError> {
    state.arm.group(&target.subscription, &target.group)?;
    let vault = Vault::find(&state.arm, &target.id);
    vault.ok_or_else(|| ArmError::resource_not_found(Vault::TYPE, &target.name, &target.group))
}

fn held<'s>(state: &'s State, vault: &Vault, name: &str) -> Option<&'s Key> {
    state.key_vault.keys_of(&vault.holder())?.keys.get(&name.to_ascii_lowercase())
}

fn version(properties: Properties, now: i64) -> Result<KeyVersion, ArmError> {
    let Properties { kty, key_size, curve_name, key_ops } = properties;
    // Our guess: the code and the words.
    let refused = |what: String| ArmError::bad_request("BadRequest", what);
    let (material, operations): (Option<Material>, &[&str]) = match (kty.as_str(), curve_name.as_deref()) {
        ("RSA", _) => {
            let all = &["encrypt", "decrypt", "sign", "verify", "wrapKey", "unwrapKey"];
            (KeyMaterial::generate(key_size.unwrap_or(2048)).map(Material::Rsa), all)
        }
        ("EC", None | Some("P-256")) => (EllipticKey::generate().map(Material::P256), &["sign", "verify"]),
        ("EC", Some(curve)) => {
            return Err(refused(format!(
                "The curve '{curve}' is not supported: the sandbox simulates P-256 only."
            )));
        }
        _ => return Err(refused(format!("The key type '{kty}' is not supported by this vault."))),
    };
    let material = material.ok_or_else(|| refused(format!("The key size {key_size:?} is not supported.")))?;
    let operations = key_ops.unwrap_or_else(|| operations.iter().map(|one| (*one).to_owned()).collect());
    KeyVersion::new(material, kty, operations, now)
        .ok_or_else(|| refused("The key could not be made.".to_owned()))
}

fn shown(vault: &Vault, key: &Key) -> Option<Value> {
    let (newest, facts) = (key.versions.last()?, vault.facts());
    let mut properties = json!({
        "attributes": {
            "enabled": newest.enabled,
            "created": newest.created,
            "updated": newest.updated,
            "exportable": false,
            "recoveryLevel": facts.recovery_level,
        },
        "keyOps": newest.operations,
        "keyUri": key.url(&facts),
        "keyUriWithVersion": key.id(newest, &facts),
        "kty": newest.key_type,
    });
    match &newest.material {
        Material::Rsa(material) => properties["keySize"] = json!(material.bits()),
        Material::P256(_) => properties["curveName"] = json!("P-256"),
    }
    Some(json!({
        "id": format!("{}/keys/{}", vault.id, key.name),
        "name": key.name,
        "type": "Microsoft.KeyVault/vaults/keys",
        "location": vault.location,
        "properties": properties,
        "tags": newest.tags,
    }))
}

/// The spelling of a name that a path was read without.
pub(super) fn named(request: &ArmRequest) -> String {
    request.segments.last().cloned().unwrap_or_default()
}
