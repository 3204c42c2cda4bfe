//! Secrets: written and read, which is all that the vendor's own vault needs. The same secret is a resource of Resource
//! Manager, which shows it without its value.
//!
//! Azure Key Vault REST API, "Set Secret" and "Get Secret". Our guess: the words of what cannot be read. Older versions are not
//! kept, and a secret is always enabled and does not expire.

use std::collections::BTreeMap;

use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::key_vault::access::{self, SecretAction};
use crate::names::arm_id;
use crate::state::State;
use crate::state::key_vault::error::VaultError;
use crate::state::resources::described::Described;

use super::Call;

const TYPE: &str = "Microsoft.KeyVault/vaults/secrets";

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::key_vault) struct SetBody {
    value: String,
    #[serde(default)]
    content_type: Option<String>,
    #[serde(default)]
    tags: BTreeMap<String, String>,
}

impl Call<'_> {
    /// `PUT /secrets/{name}`: a new secret, or a new version of it.
    pub(in crate::key_vault) fn set_secret(&self, name: &str, body: SetBody) -> Result<Value, VaultError> {
        let now = self.cloud.clock.now();
        super::making::check_name(name)?;
        self.cloud.change(|state| {
            self.may_secret(state, SecretAction::Set, name)?;
            let id = self.secret_id(name);
            let mut properties =
                json!({ "value": body.value, "version": Uuid::new_v4().simple().to_string() });
            if let Some(content_type) = body.content_type {
                properties["contentType"] = json!(content_type);
            }
            let held = Described {
                id: id.clone(),
                resource_type: TYPE.to_owned(),
                name: name.to_owned(),
                location: None,
                tags: Some(body.tags),
                written: json!({ "properties": properties }).as_object().cloned().unwrap_or_default(),
                unique: Uuid::new_v4(),
                // Of the version.
                created_at: now,
                updated_at: now,
            };
            let shown = self.secret(&held);
            state.arm.described.insert(arm_id::key(&id), held);
            Ok(shown)
        })
    }

    /// `GET /secrets/{name}[/{version}]`.
    pub(in crate::key_vault) fn get_secret(
        &self,
        name: &str,
        version: Option<&str>,
    ) -> Result<Value, VaultError> {
        self.cloud.read(|state| {
            self.may_secret(state, SecretAction::Get, name)?;
            let held = state.arm.described.get(&arm_id::key(&self.secret_id(name)));
            let shown = held.map(|held| (version_of(held), self.secret(held)));
            let found = shown.filter(|(held, _)| version.is_none_or(|wanted| wanted == held));
            found.map(|(_, shown)| shown).ok_or_else(|| {
                VaultError::new(
                    StatusCode::NOT_FOUND,
                    "SecretNotFound",
                    format!(
                        "A secret with (name/id) {name} was not found in this key vault. If you recently deleted this secret you \
                         may be able to recover it using the correct recovery command. For help resolving this issue, please see \
                         https://go.microsoft.com/fwlink/?linkid=2125182"
                    ),
                )
            })
        })
    }

    fn secret(&self, held: &Described) -> Value {
        let facts = self.vault.facts();
        let properties = properties(held);
        let mut shown = json!({
            "value": properties["value"],
            "id": format!("{}/secrets/{}/{}", facts.base_url, held.name, version_of(held)),
            "attributes": {
                "enabled": true,
                "created": held.created_at.unix_timestamp(),
                "updated": held.updated_at.unix_timestamp(),
                "recoveryLevel": facts.recovery_level,
                "recoverableDays": facts.retention_days,
            },
            "tags": held.tags.clone().unwrap_or_default(),
        });
        if let Some(content_type) = properties.get("contentType") {
            shown["contentType"] = content_type.clone();
        }
        shown
    }

    fn secret_id(&self, name: &str) -> String {
        format!("{}/secrets/{name}", self.vault.id)
    }

    fn may_secret(&self, state: &State, action: SecretAction, name: &str) -> Result<(), VaultError> {
        access::check_secret(state, self.vault, self.caller, (action, name), self.cloud.clock.now())
    }
}

/// One that Resource Manager wrote has none.
fn version_of(held: &Described) -> String {
    let version = properties(held).get("version").and_then(Value::as_str);
    version.map_or_else(|| held.unique.simple().to_string(), str::to_owned)
}

fn properties(held: &Described) -> &Value {
    held.written.get("properties").unwrap_or(&Value::Null)
}
