//! One version of a key, and what its vault adds to what is shown of it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::elliptic::EllipticKey;
use super::material::{KeyMaterial, Unfit};

/// One version: its material and what may be done with it. Instants are seconds since 1970, as on the wire.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct KeyVersion {
    pub(crate) version: String,
    pub(crate) key_type: String,
    pub(crate) operations: Vec<String>,
    pub(crate) material: Material,
    #[serde(flatten)]
    pub(crate) public: PublicParts,
    pub(crate) enabled: bool,
    pub(crate) not_before: Option<i64>,
    pub(crate) expires: Option<i64>,
    pub(crate) created: i64,
    pub(crate) updated: i64,
    pub(crate) tags: BTreeMap<String, String>,
}

/// The secret half of a key.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Material {
    Rsa(KeyMaterial),
    P256(EllipticKey),
}

/// The public half, as a JSON Web Key carries it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum PublicParts {
    Rsa { modulus: String, exponent: String },
    P256 { x: String, y: String },
}

impl From<KeyMaterial> for Material {
    fn from(material: KeyMaterial) -> Self {
        Self::Rsa(material)
    }
}

impl Material {
    fn public_parts(&self) -> Result<PublicParts, Unfit> {
        Ok(match self {
            Self::Rsa(material) => {
                let (modulus, exponent) = material.public_parts()?;
                PublicParts::Rsa { modulus, exponent }
            }
            Self::P256(key) => {
                let (x, y) = key.public_parts()?;
                PublicParts::P256 { x, y }
            }
        })
    }

    /// Another of the same kind and size. Takes up to seconds: call it outside of any lock.
    fn another(&self) -> Option<Self> {
        match self {
            Self::Rsa(material) => KeyMaterial::generate(material.bits()).map(Self::Rsa),
            Self::P256(_) => EllipticKey::generate().map(Self::P256),
        }
    }
}

impl PublicParts {
    /// Adds them to a JSON Web Key.
    pub(crate) fn add_to(&self, key: &mut Value) {
        let parts: &[(&str, &str)] = match self {
            Self::Rsa { modulus, exponent } => &[("n", modulus), ("e", exponent)],
            Self::P256 { x, y } => &[("crv", "P-256"), ("x", x), ("y", y)],
        };
        for (name, value) in parts {
            key[*name] = json!(value);
        }
    }
}

impl KeyVersion {
    /// A fresh version that may be used at once and does not expire. None when its material cannot be made or read.
    pub(crate) fn new(
        material: impl Into<Material>,
        key_type: String,
        operations: Vec<String>,
        now: i64,
    ) -> Option<Self> {
        let material = material.into();
        let public = material.public_parts().ok()?;
        Some(Self {
            version: Uuid::new_v4().simple().to_string(),
            key_type,
            operations,
            material,
            public,
            enabled: true,
            not_before: None,
            expires: None,
            created: now,
            updated: now,
            tags: BTreeMap::new(),
        })
    }

    /// A version of the same kind, size and use with new material. Takes up to seconds: call it outside of any lock.
    pub(crate) fn successor(&self, now: i64) -> Option<Self> {
        let material = self.material.another()?;
        let fresh = Self::new(material, self.key_type.clone(), self.operations.clone(), now)?;
        Some(Self { tags: self.tags.clone(), ..fresh })
    }

    /// The length of an RSA key's modulus, or the curve.
    pub(crate) fn size(&self) -> String {
        match &self.material {
            Material::Rsa(material) => material.bits().to_string(),
            Material::P256(_) => "P-256".to_owned(),
        }
    }

    pub(super) fn attributes(&self, facts: &VaultFacts) -> Value {
        let mut attributes = Map::new();
        attributes.insert("enabled".into(), json!(self.enabled));
        if let Some(not_before) = self.not_before {
            attributes.insert("nbf".into(), json!(not_before));
        }
        if let Some(expires) = self.expires {
            attributes.insert("exp".into(), json!(expires));
        }
        attributes.insert("created".into(), json!(self.created));
        attributes.insert("updated".into(), json!(self.updated));
        attributes.insert("recoveryLevel".into(), json!(facts.recovery_level));
        attributes.insert("recoverableDays".into(), json!(facts.retention_days));
        attributes.insert("exportable".into(), json!(false));
        Value::Object(attributes)
    }

    /// Whether the present lies inside the key's window of validity.
    ///
    /// The service forgives a few minutes of clock difference here. Our guess: it is stricter and safer to forgive none.
    pub(crate) fn in_its_time(&self, now: i64) -> bool {
        self.not_before.is_none_or(|start| start <= now) && self.expires.is_none_or(|end| now < end)
    }
}

/// What the vault around a key adds to its JSON.
#[derive(Debug, Clone)]
pub(crate) struct VaultFacts {
    /// `https://{name}.vault.azure.net`, without a slash at the end.
    pub(crate) base_url: String,
    /// How far a deletion can be undone, which tells whether purge protection is on.
    pub(crate) recovery_level: &'static str,
    pub(crate) retention_days: u32,
}

impl VaultFacts {
    /// How long what was deleted can be recovered.
    pub(crate) fn retention_seconds(&self) -> i64 {
        i64::from(self.retention_days) * 86_400
    }
}

/// The tier of deletion protection, in the words of the service.
///
/// 90 days, the longest retention, is called plainly recoverable; a shorter one is called customised.
pub(crate) fn recovery_level(purge_protection: bool, retention_days: u32) -> &'static str {
    match (purge_protection, retention_days) {
        (true, 90..) => "Recoverable",
        (true, _) => "CustomizedRecoverable",
        (false, 90..) => "Recoverable+Purgeable",
        (false, _) => "CustomizedRecoverable+Purgeable",
    }
}
