//! Keys and their versions as a vault keeps them, and the JSON they are shown as.
//!
//! Shapes: Azure Key Vault REST API, `KeyBundle`, `KeyItem` and `DeletedKeyBundle`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::state::key_vault::error::VaultError;
use crate::state::key_vault::key_version::{KeyVersion, VaultFacts};
use crate::state::key_vault::rotation_policy::RotationPolicy;
use crate::tracked::Tracked;

/// All keys of one vault. Names are compared without case, as the service does.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct VaultKeys {
    pub(crate) keys: Tracked<String, Key>,
}

/// One key: a name and the versions made under it, oldest first.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Key {
    pub(crate) name: String,
    pub(crate) versions: Vec<KeyVersion>,
    /// Seconds since 1970 at which the key was deleted, while it can still be recovered.
    pub(crate) deleted_at: Option<i64>,
    #[serde(default)]
    pub(crate) rotation_policy: Option<RotationPolicy>,
}

impl VaultKeys {
    /// A vault that holds nothing.
    pub(crate) const fn new() -> Self {
        Self { keys: Tracked::new() }
    }

    /// The key of that name, deleted ones excluded.
    pub(crate) fn live(&self, name: &str) -> Result<&Key, VaultError> {
        self.keys
            .get(&name.to_ascii_lowercase())
            .filter(|key| key.deleted_at.is_none())
            .ok_or_else(|| VaultError::key_not_found(name))
    }

    /// As [`live`](Self::live), to be changed.
    pub(crate) fn live_mut(&mut self, name: &str) -> Result<&mut Key, VaultError> {
        self.keys
            .get_mut(&name.to_ascii_lowercase())
            .filter(|key| key.deleted_at.is_none())
            .ok_or_else(|| VaultError::key_not_found(name))
    }

    /// The key of that name while it is deleted but recoverable.
    pub(crate) fn deleted(&self, name: &str) -> Option<&Key> {
        self.keys.get(&name.to_ascii_lowercase()).filter(|key| key.deleted_at.is_some())
    }

    /// Takes the deletion back.
    pub(crate) fn recover(&mut self, name: &str) -> Option<&Key> {
        let key = self.keys.get_mut(&name.to_ascii_lowercase()).filter(|key| key.deleted_at.is_some())?;
        key.deleted_at = None;
        Some(key)
    }

    /// Forgets a deleted key for good.
    pub(crate) fn purge(&mut self, name: &str) -> Option<Key> {
        self.deleted(name)?;
        self.keys.remove(&name.to_ascii_lowercase())
    }

    /// Adds a version to the key of that name, which is made if it is new.
    pub(crate) fn add_version(&mut self, name: &str, version: KeyVersion) -> &Key {
        let key = self.keys.entry(name.to_ascii_lowercase()).or_insert_with(|| Key {
            name: name.to_owned(),
            versions: Vec::new(),
            deleted_at: None,
            rotation_policy: None,
        });
        key.versions.push(version);
        key
    }

    /// Every key, deleted or not.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Key> {
        self.keys.values()
    }

    /// Every key that is not deleted.
    pub(crate) fn all_live(&self) -> impl Iterator<Item = &Key> {
        self.keys.values().filter(|key| key.deleted_at.is_none())
    }
}

impl Key {
    /// The version asked for; the newest when none is.
    pub(crate) fn version(&self, version: Option<&str>) -> Result<&KeyVersion, VaultError> {
        match version {
            None => self.versions.last(),
            Some(wanted) => self.versions.iter().find(|held| held.version.eq_ignore_ascii_case(wanted)),
        }
        .ok_or_else(|| VaultError::key_not_found(&asked_for(&self.name, version)))
    }

    /// As [`version`](Self::version), to be changed.
    pub(crate) fn version_mut(&mut self, version: Option<&str>) -> Result<&mut KeyVersion, VaultError> {
        let missing = VaultError::key_not_found(&asked_for(&self.name, version));
        match version {
            None => self.versions.last_mut(),
            Some(wanted) => self.versions.iter_mut().find(|held| held.version.eq_ignore_ascii_case(wanted)),
        }
        .ok_or(missing)
    }

    /// Where this version lives.
    pub(crate) fn id(&self, version: &KeyVersion, facts: &VaultFacts) -> String {
        format!("{}/{}", self.url(facts), version.version)
    }

    /// Where the key lives, whatever its version.
    pub(crate) fn url(&self, facts: &VaultFacts) -> String {
        format!("{}/keys/{}", facts.base_url, self.name)
    }

    /// What creating, reading, changing and rotating answer.
    pub(crate) fn bundle(&self, version: &KeyVersion, facts: &VaultFacts) -> Value {
        let mut bundle = json!({
            "key": {
                "kid": self.id(version, facts),
                "kty": version.key_type,
                "key_ops": version.operations,
            },
            "attributes": version.attributes(facts),
        });
        version.public.add_to(&mut bundle["key"]);
        add_tags(&mut bundle, &version.tags);
        bundle
    }

    /// One line of the list of keys (no version in the id) or of the list of versions.
    pub(crate) fn item(&self, version: &KeyVersion, facts: &VaultFacts, with_version: bool) -> Value {
        let id = match with_version {
            true => self.id(version, facts),
            false => self.url(facts),
        };
        let mut item = json!({ "kid": id, "attributes": version.attributes(facts) });
        add_tags(&mut item, &version.tags);
        item
    }

    /// The newest version together with when it was deleted and when it will be gone for good.
    pub(crate) fn deleted_bundle(&self, facts: &VaultFacts) -> Result<Value, VaultError> {
        let mut bundle = self.bundle(self.version(None)?, facts);
        self.add_deletion(&mut bundle, facts);
        Ok(bundle)
    }

    /// As [`deleted_bundle`](Self::deleted_bundle), without the key: one line of the list of deleted keys.
    pub(crate) fn deleted_item(&self, facts: &VaultFacts) -> Result<Value, VaultError> {
        let mut item = self.item(self.version(None)?, facts, false);
        self.add_deletion(&mut item, facts);
        Ok(item)
    }

    fn add_deletion(&self, shown: &mut Value, facts: &VaultFacts) {
        let deleted_at = self.deleted_at.unwrap_or_default();
        shown["recoveryId"] = json!(format!("{}/deletedkeys/{}", facts.base_url, self.name));
        shown["deletedDate"] = json!(deleted_at);
        shown["scheduledPurgeDate"] = json!(deleted_at + facts.retention_seconds());
    }
}

fn add_tags(target: &mut Value, tags: &BTreeMap<String, String>) {
    if !tags.is_empty() {
        target["tags"] = json!(tags);
    }
}

fn asked_for(name: &str, version: Option<&str>) -> String {
    version.map_or_else(|| name.to_owned(), |version| format!("{name}/{version}"))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::state::key_vault::key_version::recovery_level;
    use crate::state::key_vault::material::KeyMaterial;

    pub(crate) fn a_version(name: &str) -> KeyVersion {
        let operations = vec!["wrapKey".into(), "unwrapKey".into()];
        let material = KeyMaterial::generate(2048).unwrap();
        KeyVersion {
            version: name.into(),
            ..KeyVersion::new(material, "RSA".into(), operations, 100).unwrap()
        }
    }

    fn facts() -> VaultFacts {
        VaultFacts {
            base_url: "https://kv.vault.azure.net".into(),
            recovery_level: "Recoverable",
            retention_days: 90,
        }
    }

    #[test]
    fn the_newest_version_answers_when_none_is_asked_for() {
        let mut keys = VaultKeys::default();
        keys.add_version("Disks", a_version("v1"));
        keys.add_version("disks", a_version("v2"));
        let key = keys.live("DISKS").unwrap();
        assert_eq!(key.version(None).unwrap().version, "v2");
        assert_eq!(key.version(Some("V1")).unwrap().version, "v1");
        assert_eq!(key.version(Some("v3")).unwrap_err().code, "KeyNotFound");
        assert_eq!(key.id(key.version(None).unwrap(), &facts()), "https://kv.vault.azure.net/keys/Disks/v2");
    }

    #[test]
    fn a_deleted_key_is_not_found_until_it_is_recovered() {
        let mut keys = VaultKeys::default();
        keys.add_version("k", a_version("v1"));
        keys.live_mut("k").unwrap().deleted_at = Some(1_000);
        assert_eq!(keys.live("k").unwrap_err().code, "KeyNotFound");
        let shown = keys.deleted("k").unwrap().deleted_bundle(&facts()).unwrap();
        assert_eq!(shown["recoveryId"], "https://kv.vault.azure.net/deletedkeys/k");
        assert_eq!(shown["scheduledPurgeDate"], 1_000 + 90 * 86_400);
        assert!(keys.recover("k").is_some());
        assert!(keys.live("k").is_ok());
        assert!(keys.purge("k").is_none(), "only a deleted key can be purged");
    }

    #[test]
    fn attributes_that_were_never_set_are_not_shown() {
        let mut version = a_version("v1");
        let shown = version.attributes(&facts());
        assert!(shown.get("nbf").is_none() && shown.get("exp").is_none());
        version.expires = Some(7);
        assert_eq!(version.attributes(&facts())["exp"], 7);
    }

    #[test]
    fn the_window_of_validity_includes_its_start_and_not_its_end() {
        let mut version = a_version("v1");
        version.not_before = Some(10);
        version.expires = Some(20);
        let inside: Vec<i64> = [9, 10, 19, 20].into_iter().filter(|now| version.in_its_time(*now)).collect();
        assert_eq!(inside, [10, 19]);
    }

    #[test]
    fn the_recovery_level_tells_purge_protection() {
        let table = [
            (true, 90, "Recoverable"),
            (true, 7, "CustomizedRecoverable"),
            (false, 90, "Recoverable+Purgeable"),
            (false, 7, "CustomizedRecoverable+Purgeable"),
        ];
        for (protected, days, expected) in table {
            assert_eq!(recovery_level(protected, days), expected);
        }
    }
}
