//! What a key is like, as far as a disk encryption set cares.

use std::collections::BTreeMap;

use azure_ids::KeyUrl;
use azure_security_keyvault_keys::models::{Key, KeyAttributes, KeyType as SdkKeyType};
use time::OffsetDateTime;

use super::{KeyVaultError, error::missing};

/// The kind of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyType {
    /// RSA, protected by software.
    Rsa,
    /// RSA in a hardware security module.
    RsaHsm,
    /// Anything else (`EC`, `oct-HSM`, ...): of no use for disks.
    Other(String),
}

/// One version of a key, without anything secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyBundle {
    /// The key with its version: always versioned, and always the key that was asked for.
    pub(super) kid: KeyUrl,
    /// The kind of key.
    pub key_type: KeyType,
    /// The length of an RSA key's modulus in bits.
    pub bits: Option<u32>,
    /// Whether the customer left the key switched on. A key that does not say so counts as on, as Key Vault has it.
    pub enabled: bool,
    /// The key cannot wrap before this instant.
    pub not_before: Option<OffsetDateTime>,
    /// The key cannot wrap after this instant.
    pub expires: Option<OffsetDateTime>,
    /// When this version was made.
    pub created: Option<OffsetDateTime>,
    /// What the key may be used for, such as `wrapKey`.
    pub operations: Vec<String>,
    /// The tags of this version.
    pub tags: BTreeMap<String, String>,
    /// How the vault protects the key from deletion, such as `CustomizedRecoverable`.
    pub recovery_level: Option<String>,
}

impl KeyBundle {
    /// The key's URL with the version: what a disk encryption set takes.
    #[must_use]
    pub fn kid(&self) -> &KeyUrl {
        &self.kid
    }

    /// The version: 32 hexadecimal digits.
    #[must_use]
    pub fn version(&self) -> &str {
        self.kid.version().expect("a bundle is only made of a key URL with a version")
    }

    /// Whether the key may be used for an operation, such as `wrapKey`.
    #[must_use]
    pub fn allows(&self, operation: &str) -> bool {
        self.operations.iter().any(|allowed| allowed.eq_ignore_ascii_case(operation))
    }

    /// Whether nobody can destroy the key before its retention ends. `None` if the vault does not say.
    #[must_use]
    pub fn is_purge_protected(&self) -> Option<bool> {
        self.recovery_level.as_deref().map(|level| !level.contains("Purgeable"))
    }

    pub(super) fn read(key: Key, asked: &KeyUrl) -> Result<Self, KeyVaultError> {
        let Key { attributes, key: Some(jwk), tags, .. } = key else { return Err(missing("key")) };
        let kid = jwk.kid.ok_or_else(|| missing("key.kid"))?;
        let kid: KeyUrl = kid.parse().map_err(KeyVaultError::undecodable)?;
        let is_asked = kid.is_same_key(asked)
            && kid.version().is_some()
            && (asked.version().is_none() || asked.version() == kid.version());
        if !is_asked {
            return Err(missing("key.kid of the key that was asked for, with a version"));
        }
        let attributes = attributes.unwrap_or_else(no_attributes);
        Ok(Self {
            kid,
            key_type: match jwk.kty.ok_or_else(|| missing("key.kty"))? {
                SdkKeyType::Rsa => KeyType::Rsa,
                SdkKeyType::RsaHsm => KeyType::RsaHsm,
                other => KeyType::Other(other.to_string()),
            },
            bits: jwk.n.as_deref().map(bit_length),
            enabled: attributes.enabled.unwrap_or(true),
            not_before: attributes.not_before,
            expires: attributes.expires,
            created: attributes.created,
            operations: jwk.key_ops.unwrap_or_default(),
            tags: tags.into_iter().flatten().collect(),
            recovery_level: attributes.recovery_level.map(|level| level.to_string()),
        })
    }
}

fn no_attributes() -> KeyAttributes {
    KeyAttributes::default()
}

/// The length of a big-endian number, which may be written with leading zero bytes.
fn bit_length(number: &[u8]) -> u32 {
    let digits = &number[number.iter().take_while(|byte| **byte == 0).count()..];
    let Some(first) = digits.first() else { return 0 };
    u32::try_from(digits.len() * 8).map_or(u32::MAX, |bits| bits - first.leading_zeros())
}

#[cfg(test)]
mod tests {
    use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
    use serde_json::{Value, json};

    use super::*;

    const KID: &str = "https://contoso.vault.azure.net/keys/disks/6e0e609e42384619a19df944faebcc84";

    fn read(key: &Value, asked: &str) -> Result<KeyBundle, KeyVaultError> {
        KeyBundle::read(serde_json::from_value(key.clone()).unwrap(), &asked.parse().unwrap())
    }

    fn modulus(bytes: usize, first: u8) -> String {
        let mut modulus = vec![0x5a; bytes];
        modulus[0] = first;
        BASE64_URL_SAFE_NO_PAD.encode(modulus)
    }

    #[test]
    fn a_bundle_is_read_with_everything_that_a_set_needs() {
        let key = json!({
            "key": {"kid": KID, "kty": "RSA", "key_ops": ["encrypt", "wrapKey", "unwrapKey"], "n": modulus(384, 0x80), "e": "AQAB"},
            "attributes": {"enabled": false, "nbf": 1_700_000_000, "exp": 1_800_000_000, "created": 1_670_818_562,
                "updated": 1_670_818_562, "recoveryLevel": "CustomizedRecoverable+Purgeable", "recoverableDays": 7,
                "exportable": false, "hsmPlatform": "0", "fieldOfTomorrow": {}},
            "tags": {"test": "foo"},
        });
        let bundle = read(&key, "https://contoso.vault.azure.net/keys/Disks").unwrap();
        assert_eq!(
            (bundle.kid().to_string().as_str(), bundle.version()),
            (KID, "6e0e609e42384619a19df944faebcc84")
        );
        assert_eq!((&bundle.key_type, bundle.bits, bundle.enabled), (&KeyType::Rsa, Some(3072), false));
        assert_eq!(bundle.not_before.unwrap().unix_timestamp(), 1_700_000_000);
        assert_eq!(bundle.expires.unwrap().unix_timestamp(), 1_800_000_000);
        assert!(bundle.allows("wrapKey") && bundle.allows("unwrapKey") && !bundle.allows("sign"));
        assert_eq!(bundle.is_purge_protected(), Some(false));
        assert_eq!(bundle.tags, BTreeMap::from([("test".to_owned(), "foo".to_owned())]));
    }

    #[test]
    fn a_bundle_with_little_in_it_is_read_too() {
        let bundle = read(&json!({"key": {"kid": KID, "kty": "EC-HSM"}}), KID).unwrap();
        assert_eq!(bundle.key_type, KeyType::Other("EC-HSM".into()));
        assert_eq!((bundle.bits, bundle.enabled, bundle.is_purge_protected()), (None, true, None));
        let protected = read(
            &json!({"key": {"kid": KID, "kty": "RSA-HSM"}, "attributes": {"recoveryLevel": "CustomizedRecoverable"}}),
            KID,
        );
        assert_eq!(protected.unwrap().is_purge_protected(), Some(true));
    }

    #[test]
    fn a_bundle_of_another_key_is_not_taken() {
        let with = |kid: &str| json!({"key": {"kid": kid, "kty": "RSA"}});
        for kid in [
            "https://contoso.vault.azure.net/keys/disks",
            "https://contoso.vault.azure.net/keys/other/6e0e609e42384619a19df944faebcc84",
            "https://evil.vault.azure.net/keys/disks/6e0e609e42384619a19df944faebcc84",
            "https://evil.example/keys/disks/6e0e609e42384619a19df944faebcc84",
            "https://contoso.vault.azure.net/keys/disks/00000000000000000000000000000000",
        ] {
            assert!(matches!(read(&with(kid), KID), Err(KeyVaultError::Undecodable(_))), "{kid}");
        }
        assert!(matches!(read(&json!({}), KID), Err(KeyVaultError::Undecodable(_))));
    }

    #[test]
    fn leading_zeros_do_not_lengthen_a_key() {
        assert_eq!(bit_length(&[]), 0);
        assert_eq!(bit_length(&[0, 0]), 0);
        assert_eq!(bit_length(&[0, 0x80, 0]), 16);
        assert_eq!(bit_length(&[1, 0]), 9);
    }
}
