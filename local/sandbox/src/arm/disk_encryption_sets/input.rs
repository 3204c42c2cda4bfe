//! What a client may write about a disk encryption set, and whether it makes sense in itself.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use url::Url;
use uuid::Uuid;

use crate::arm::error::ArmError;
use crate::names::arm_id::ResourceId;
use crate::names::vaults::HSM_SUFFIX;
use crate::state::resources::disk_encryption_set::ActiveKey;
use crate::state::tags::Tags;

/// A PUT or PATCH body. Read-only fields that a client sends back (`id`, `name`, `type`, ...) are passed over.
#[derive(Debug, Deserialize)]
pub(super) struct SetBody {
    pub(super) location: Option<String>,
    #[serde(default)]
    pub(super) tags: Option<Tags>,
    #[serde(default)]
    pub(super) identity: Option<IdentityBody>,
    #[serde(default)]
    pub(super) properties: Option<PropertiesBody>,
}

#[derive(Debug, Deserialize)]
pub(super) struct IdentityBody {
    #[serde(rename = "type")]
    kind: String,
    #[serde(rename = "userAssignedIdentities", default)]
    pub(super) user_assigned: Option<BTreeMap<String, Value>>,
}

/// The properties, where a name that the provider does not know is refused rather than ignored.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct PropertiesBody {
    #[serde(default)]
    active_key: Option<KeyBody>,
    #[serde(default)]
    pub(super) encryption_type: Option<String>,
    #[serde(default, rename = "rotationToLatestKeyVersionEnabled")]
    pub(super) rotation_enabled: Option<bool>,
    #[serde(default)]
    federated_client_id: Option<String>,
    #[serde(default, rename = "provisioningState")]
    _provisioning_state: Option<Value>,
    #[serde(default, rename = "previousKeys")]
    _previous_keys: Option<Value>,
    #[serde(default, rename = "lastKeyRotationTimestamp")]
    _last_key_rotation_timestamp: Option<Value>,
    #[serde(default, rename = "autoKeyRotationError")]
    _auto_key_rotation_error: Option<Value>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct KeyBody {
    key_url: Option<String>,
    #[serde(default)]
    source_vault: Option<SourceVault>,
}

#[derive(Debug, Deserialize)]
struct SourceVault {
    id: Option<String>,
}

/// What is said about the multi-tenant application.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FederatedClient {
    Unsaid,
    Clear,
    Application(Uuid),
}

/// A key URL taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct KeyAddress {
    /// What the data plane calls the vault or the HSM.
    pub(super) vault: String,
    pub(super) key: String,
    pub(super) version: String,
}

impl IdentityBody {
    /// The type in Azure's spelling.
    pub(super) fn kind(&self) -> Result<&'static str, ArmError> {
        let compact: String = self.kind.chars().filter(|letter| !letter.is_whitespace()).collect();
        match compact.to_ascii_lowercase().as_str() {
            "none" => Ok("None"),
            "systemassigned" => Ok("SystemAssigned"),
            "userassigned" => Ok("UserAssigned"),
            "systemassigned,userassigned" => Ok("SystemAssigned, UserAssigned"),
            _ => Err(ArmError::bad_request(
                "InvalidIdentityType",
                format!("The identity type '{}' is not valid.", self.kind),
            )),
        }
    }
}

impl PropertiesBody {
    pub(super) fn federated_client(&self) -> Result<FederatedClient, ArmError> {
        match self.federated_client_id.as_deref() {
            None => Ok(FederatedClient::Unsaid),
            Some("None") => Ok(FederatedClient::Clear),
            Some(text) => Uuid::parse_str(text).map(FederatedClient::Application).map_err(|_| {
                // Our guess: the last words; the beginning has been quoted from the real service.
                ArmError::bad_request(
                    "BadRequest",
                    "Federated client id can only be set to either 'None' or client id of the multi-tenant AAD application.",
                )
            }),
        }
    }

    /// The key, if one is named: its URL in the client's spelling.
    pub(super) fn active_key(&self) -> Result<Option<ActiveKey>, ArmError> {
        let Some(body) = &self.active_key else {
            return Ok(None);
        };
        let key_url =
            body.key_url.clone().ok_or_else(|| missing("diskEncryptionSet.properties.activeKey.keyUrl"))?;
        let source_vault = body.source_vault.as_ref().and_then(|vault| vault.id.clone());
        Ok(Some(ActiveKey { key_url, source_vault }))
    }
}

/// `InvalidParameter`, in the disk provider's words for something left out.
pub(super) fn missing(target: &'static str) -> ArmError {
    let name = target.rsplit('.').next().unwrap_or(target);
    ArmError::invalid_parameter(target, format!("Required parameter '{name}' is missing (null)."))
}

/// Checks the spelling of an encryption type.
pub(super) fn check_encryption_type(given: &str) -> Result<(), ArmError> {
    let known = [
        "EncryptionAtRestWithCustomerKey",
        "EncryptionAtRestWithPlatformAndCustomerKeys",
        "ConfidentialVmEncryptedWithCustomerKey",
    ];
    if known.contains(&given) {
        return Ok(());
    }
    Err(ArmError::invalid_parameter(
        "encryptionType",
        format!(
            "The value '{given}' of parameter 'encryptionType' is invalid. Allowed values: {}.",
            known.join(", ")
        ),
    ))
}

/// Takes a versioned key URL apart. Port 443 may be spelled out.
///
/// Our guess: the code and the words; the rule itself (a version is always required) is the REST API description's.
pub(super) fn key_address(key_url: &str) -> Result<KeyAddress, ArmError> {
    let refused = || {
        ArmError::invalid_parameter(
            "activeKey.keyUrl",
            format!(
                "The value '{key_url}' of parameter 'activeKey.keyUrl' is invalid: a fully versioned key URL of the form \
                 https://{{vault}}.vault.azure.net/keys/{{name}}/{{version}} is required."
            ),
        )
    };
    let url = Url::parse(key_url).map_err(|_| refused())?;
    let host = url.host_str().ok_or_else(refused)?;
    let hsm = host.strip_suffix(".managedhsm.azure.net").map(|name| (name, HSM_SUFFIX));
    let vault = host.strip_suffix(".vault.azure.net").map(|name| (name, ""));
    let (vault, suffix) = vault.or(hsm).ok_or_else(refused)?;
    let plain = url.scheme() == "https" && url.port().is_none() && url.username().is_empty();
    let bare = url.query().is_none() && url.fragment().is_none() && url.password().is_none();
    let parts: Vec<&str> = url.path_segments().into_iter().flatten().collect();
    match parts[..] {
        ["keys", key, version]
            if plain && bare && !key.is_empty() && !version.is_empty() && !vault.contains('.') =>
        {
            Ok(KeyAddress {
                vault: format!("{vault}{suffix}"),
                key: key.to_owned(),
                version: version.to_owned(),
            })
        }
        _ => Err(refused()),
    }
}

/// A source vault may only be named if it is in the subscription of the set, so never for a key of another tenant.
///
/// Our guess: the code and the words; the rule is the REST API description's.
pub(super) fn check_source_vault(key: &ActiveKey, subscription: &str) -> Result<(), ArmError> {
    let Some(vault) = &key.source_vault else {
        return Ok(());
    };
    let parsed = ResourceId::parse(vault).filter(|id| id.resource_type == "microsoft.keyvault/vaults");
    let Some(parsed) = parsed else {
        // Our guess, too: that the service refuses what is no vault's id, such as the nameless one that Azure CLI makes of
        // `--source-vault ""`.
        return Err(ArmError::invalid_parameter(
            "activeKey.sourceVault.id",
            format!(
                "The value '{vault}' of parameter 'activeKey.sourceVault.id' is not the id of a key vault."
            ),
        ));
    };
    if parsed.subscription.eq_ignore_ascii_case(subscription) {
        return Ok(());
    }
    Err(ArmError::invalid_parameter(
        "activeKey.sourceVault.id",
        format!(
            "The key vault '{vault}' is not in the subscription of the disk encryption set. 'sourceVault' cannot be used if \
             the key vault subscription is not the same as the disk encryption set subscription."
        ),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_versioned_key_urls_of_vaults_are_taken() {
        for good in ["https://kv.vault.azure.net/keys/k/v", "https://kv.vault.azure.net:443/keys/k/v"] {
            let parsed = key_address(good).unwrap();
            assert_eq!(
                (parsed.vault.as_str(), parsed.key.as_str(), parsed.version.as_str()),
                ("kv", "k", "v")
            );
        }
        let hostile = [
            "https://kv.vault.azure.net/keys/k",
            "https://kv.vault.azure.net/keys/k/",
            "https://kv.vault.azure.net/secrets/k/v",
            "https://kv.vault.azure.net/keys/k/v/w",
            "https://kv.vault.azure.net:8443/keys/k/v",
            "http://kv.vault.azure.net/keys/k/v",
            "https://kv.vault.azure.net.evil.example/keys/k/v",
            "https://a.b.vault.azure.net/keys/k/v",
            "https://user@kv.vault.azure.net/keys/k/v",
            "https://kv.vault.azure.net/keys/k/v?x=1",
            "not a url",
            "",
        ];
        for bad in hostile {
            assert_eq!(key_address(bad).unwrap_err().code, "InvalidParameter", "{bad}");
        }
    }

    #[test]
    fn the_multi_tenant_application_is_a_guid_or_the_word_none() {
        let said = |text: &str| {
            serde_json::from_value::<PropertiesBody>(serde_json::json!({ "federatedClientId": text }))
                .unwrap()
                .federated_client()
        };
        assert_eq!(said("None"), Ok(FederatedClient::Clear));
        let id = Uuid::from_u128(5);
        assert_eq!(said(&id.to_string()), Ok(FederatedClient::Application(id)));
        for bad in ["", "none", "not-a-guid"] {
            assert_eq!(said(bad).unwrap_err().code, "BadRequest", "{bad}");
        }
        assert_eq!(PropertiesBody::default().federated_client(), Ok(FederatedClient::Unsaid));
    }

    #[test]
    fn a_source_vault_must_share_the_subscription() {
        let key = |vault: &str| ActiveKey { key_url: String::new(), source_vault: Some(vault.into()) };
        let ours = "/subscriptions/S1/resourceGroups/g/providers/Microsoft.KeyVault/vaults/kv";
        assert!(check_source_vault(&key(ours), "s1").is_ok());
        assert!(check_source_vault(&key(ours), "s2").is_err());
        assert!(check_source_vault(&key("nonsense"), "s1").is_err());
        assert!(check_source_vault(&ActiveKey { key_url: String::new(), source_vault: None }, "s2").is_ok());
    }

    #[test]
    fn unknown_properties_are_refused_and_read_only_ones_passed_over() {
        let read_only = r#"{"id":"x","name":"y","type":"z","properties":{"provisioningState":"Succeeded","previousKeys":[]}}"#;
        assert!(serde_json::from_str::<SetBody>(read_only).is_ok());
        assert!(serde_json::from_str::<SetBody>(r#"{"properties":{"federatedClient":"x"}}"#).is_err());
        assert!(serde_json::from_str::<SetBody>(r#"{"properties":{"activeKey":{"keyURL":"x"}}}"#).is_err());
    }
}
